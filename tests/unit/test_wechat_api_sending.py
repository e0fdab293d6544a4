"""Customer-service messages: what reaches WeChat, what each of its answers means, and what is sent again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from service.channels.wechat.api import Choice, Sent, Unknown, customer_service
from service.channels.wechat.api.errors import (
    AddressRefusedError,
    BusyError,
    MenuRefusedError,
    MisconfiguredError,
    NotPermittedError,
    PassingError,
    PayloadError,
    QuotaUsedError,
    TokenRefusedError,
    UnexpectedError,
    UnreachableError,
    UserUnreachableError,
    WeChatApiError,
    WindowClosedError,
)
from service.channels.wechat.api.token_rows import Token, claim, store
from service.storage.database import Database
from tests.fakes.wechat_api_faults import Fault
from tests.unit.wechat_accounts import APP_ID, OPENID, a_shop, api_account, closed_port


@pytest_asyncio.fixture
async def rows(tmp_path: Path) -> AsyncIterator[Database]:
    """An embedded database; what differs between the two kinds is tested with the tokens."""
    opened = Database(f"sqlite:///{tmp_path / 'test.db'}")
    await opened.migrate()
    yield opened
    opened.close()


async def test_a_text_reaches_the_shopper_as_it_was_written(rows: Database) -> None:
    text = '七天内可以退😀，路径 C:\\users\\"x"\n第二行\u2028<a href="https://example.com">看</a>'
    async with a_shop(rows) as shop:
        assert await shop.service.send_text(OPENID, text, by_model=False) == Sent()
        assert shop.texts == [text]


async def test_what_wechat_refuses_in_any_text_is_left_out_or_replaced(rows: Database) -> None:
    async with a_shop(rows) as shop:
        await shop.service.send_text(OPENID, "退\x00货\x0b可\ud800以\t\n", by_model=False)
        assert shop.texts == ["退货可?以\t\n"]


async def test_only_a_models_text_is_marked_as_ai_made(rows: Database) -> None:
    async with a_shop(rows) as shop:
        await shop.service.send_text(OPENID, "店里写的", by_model=False)
        await shop.service.send_text(OPENID, "模型写的", by_model=True)
        assert [each["ai"] for each in shop.account.sent] == [False, True]
        assert "aimsgcontext" not in shop.state.arrivals[1][1]


async def test_a_menu_carries_its_choices(rows: Database) -> None:
    async with a_shop(rows) as shop:
        choices = [Choice(id="101", text="有帮助"), Choice(id="102", text="没帮助")]
        assert await shop.service.send_menu(OPENID, "这个回答有帮助吗？", choices, "谢谢") == Sent()
        assert shop.account.sent[0]["msgmenu"] == {
            "head_content": "这个回答有帮助吗？",
            "list": [{"id": "101", "content": "有帮助"}, {"id": "102", "content": "没帮助"}],
            "tail_content": "谢谢",
        }


async def test_an_account_without_menus_is_told_apart_so_that_text_can_be_sent(rows: Database) -> None:
    async with a_shop(rows, menus=False) as shop:
        with pytest.raises(MenuRefusedError, match="E-W162"):
            await shop.service.send_menu(OPENID, "选一个", [Choice(id="1", text="甲")], "")
        assert await shop.service.send_text(OPENID, "选一个：1 甲", by_model=False) == Sent()


CODES = [
    (40001, TokenRefusedError, "E-W140"),
    (40014, TokenRefusedError, "E-W140"),
    (42001, TokenRefusedError, "E-W140"),
    (-1, BusyError, "E-W110"),
    (61450, BusyError, "E-W110"),
    (45011, BusyError, "E-W111"),
    (45009, QuotaUsedError, "E-W112"),
    (45015, WindowClosedError, "E-W115"),
    (45047, WindowClosedError, "E-W116"),
    (40003, UserUnreachableError, "E-W120"),
    (43004, UserUnreachableError, "E-W120"),
    (43019, UserUnreachableError, "E-W120"),
    (48002, UserUnreachableError, "E-W120"),
    (50002, UserUnreachableError, "E-W120"),
    (70000, UserUnreachableError, "E-W120"),
    (48001, NotPermittedError, "E-W130"),
    (48004, MisconfiguredError, "E-W154"),
    (50001, MisconfiguredError, "E-W154"),
    (41001, MisconfiguredError, "E-W154"),
    (40164, AddressRefusedError, "E-W164"),
    (61004, AddressRefusedError, "E-W164"),
    (44004, PayloadError, "E-W160"),
    (45002, PayloadError, "E-W160"),
    (45008, PayloadError, "E-W160"),
    (47001, PayloadError, "E-W160"),
    (40033, PayloadError, "E-W160"),
    (87014, PayloadError, "E-W160"),
    (40200, MenuRefusedError, "E-W162"),
    (99999, UnexpectedError, "E-W199"),
]


@pytest.mark.parametrize(("errcode", "kind", "code"), CODES)
async def test_a_lasting_code_ends_in_its_error_after_few_tries(
    rows: Database, errcode: int, kind: type[WeChatApiError], code: str
) -> None:
    async with a_shop(rows, seconds=3.0) as shop:
        shop.state.always["send"] = Fault(kind="errcode", errcode=errcode)
        with pytest.raises(WeChatApiError) as refused:
            await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert type(refused.value) is kind
        assert (refused.value.code, refused.value.errcode) == (code, errcode)
        assert f"{code}，见 docs/errors.md" in str(refused.value)
        most = 2 if kind is TokenRefusedError else 4 if kind is BusyError else 1
        assert 1 <= shop.calls("send") <= most


TOKEN_CODES = [
    (40013, "E-W150"),
    (40002, "E-W150"),
    (40125, "E-W151"),
    (40001, "E-W151"),
    (41004, "E-W151"),
    (40243, "E-W152"),
    (89503, "E-W153"),
    (89506, "E-W153"),
    (89507, "E-W153"),
    (50001, "E-W154"),
]


@pytest.mark.parametrize(("errcode", "code"), TOKEN_CODES)
async def test_what_is_wrong_with_the_settings_is_said_when_the_token_is_refused(
    rows: Database, errcode: int, code: str
) -> None:
    async with a_shop(rows, token_errcode=errcode) as shop:
        for _ in range(3):
            with pytest.raises(MisconfiguredError, match=code):
                await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert shop.calls("stable_token") == 1, "what only a person can mend is not asked for with every message"
        shop.account.token_errcode = None
        shop.state.clock.offset += 11
        assert await shop.service.send_text(OPENID, "在吗", by_model=False) == Sent()


async def test_the_address_to_allow_is_named_and_once_allowed_sending_goes_on(rows: Database) -> None:
    async with a_shop(rows, refused_address="203.0.113.7") as shop:
        with pytest.raises(AddressRefusedError) as refused:
            await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert refused.value.address == "203.0.113.7"
        assert "203.0.113.7，不在白名单" in str(refused.value)
        shop.account.refused_address = ""
        shop.state.clock.offset += 11
        assert await shop.service.send_text(OPENID, "在吗", by_model=False) == Sent()


async def test_an_account_that_loses_the_api_is_told_so(rows: Database) -> None:
    async with a_shop(rows) as shop:
        assert await shop.service.send_text(OPENID, "还有", by_model=False) == Sent()
        shop.account.verified = False
        with pytest.raises(NotPermittedError):
            await shop.service.send_text(OPENID, "没了", by_model=False)
        assert shop.calls("send") == 2


async def test_the_sixth_message_and_one_after_two_days_find_the_window_closed(rows: Database) -> None:
    async with a_shop(rows) as shop:
        for number in range(5):
            await shop.service.send_text(OPENID, f"第 {number} 条", by_model=False)
        with pytest.raises(WindowClosedError, match="E-W116"):
            await shop.service.send_text(OPENID, "第 6 条", by_model=False)
        shop.writes()
        shop.state.clock.offset += 48 * 3600 + 1
        with pytest.raises(WindowClosedError, match="E-W115"):
            await shop.service.send_text(OPENID, "两天后", by_model=False)
        assert len(shop.texts) == 5


async def test_used_up_calls_say_when_they_come_back(rows: Database) -> None:
    async with a_shop(rows, daily_limit=1) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        with pytest.raises(QuotaUsedError) as used:
            await shop.service.send_text(OPENID, "二", by_model=False)
        assert 0 < used.value.retry_after_seconds <= 86_400
        shop.state.clock.offset += used.value.retry_after_seconds + 1
        assert await shop.service.send_text(OPENID, "三", by_model=False) == Sent()


PASSING = [
    Fault(kind="errcode", errcode=-1),
    Fault(kind="page", status=502),
    Fault(kind="page", status=503),
    Fault(kind="page", status=200),
    Fault(kind="not_json"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}")
async def test_what_was_not_taken_is_sent_again_and_arrives_once(rows: Database, fault: Fault) -> None:
    async with a_shop(rows) as shop:
        shop.plays(fault, fault)
        assert await shop.service.send_text(OPENID, "在吗", by_model=False) == Sent()
        assert (shop.texts, shop.calls("send")) == (["在吗"], 3)


async def test_a_minute_that_is_used_up_is_waited_for_within_reason(rows: Database) -> None:
    async with a_shop(rows) as shop:
        shop.plays(Fault(kind="errcode", errcode=45011))
        assert await shop.service.send_text(OPENID, "在吗", by_model=False) == Sent()
        assert shop.calls("send") == 2


UNKNOWN = [
    Fault(kind="hang"),
    Fault(kind="hang", after=True),
    Fault(kind="reset"),
    Fault(kind="reset", after=True),
    Fault(kind="page", status=504, after=True),
]


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: f"{fault.kind}-{'after' if fault.after else 'before'}")
async def test_what_may_have_arrived_is_not_sent_again_but_reported(rows: Database, fault: Fault) -> None:
    async with a_shop(rows, seconds=1.0) as shop:
        await shop.service.typing(OPENID, True)  # the token is there by now
        shop.plays(fault)
        outcome = await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert isinstance(outcome, Unknown)
        assert "E-W101" in outcome.message
        assert (shop.calls("send"), len(shop.texts)) == (1, int(fault.after))


async def test_a_connection_that_closes_without_a_word_leaves_it_unknown(rows: Database) -> None:
    received: list[bytes] = []
    async with a_shop(rows) as shop:
        await shop.service.typing(OPENID, True)  # the token stands in the database, for a client elsewhere
        async with _listening(received) as url:
            elsewhere = customer_service(api_account(url), rows, clock=shop.state.clock.now)
            outcome = await elsewhere.send_text(OPENID, "在吗", by_model=False)
            await elsewhere.aclose()
    assert isinstance(outcome, Unknown)
    assert len(received) == 1


async def test_it_goes_through_the_environments_proxy_and_a_proxys_refusal_is_no_delivery(
    rows: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []
    now = time.time()
    await rows.run(claim, APP_ID, "a life", refused=None, valid_until=now, now=now, lease_until=now)
    await rows.run(store, APP_ID, "a life", Token(value="a-token", expires_at=now + 7200))
    async with _listening(received, until=b"\r\n\r\n", says=b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.setenv("no_proxy", "elsewhere.example")
        service = customer_service(api_account("https://wechat.example"), rows, seconds=1.5)
        with pytest.raises(UnreachableError, match="E-W100"):
            await service.send_text(OPENID, "在吗", by_model=False)
        await service.aclose()
    assert received[0].startswith(b"CONNECT wechat.example:443 ")
    assert len(received) > 1, "what did not arrive is tried again"


@asynccontextmanager
async def _listening(received: list[bytes], *, until: bytes = b"}}", says: bytes = b"") -> AsyncIterator[str]:
    """A server that reads so far, says that, and closes the connection."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(until))
        writer.write(says)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_is_not_there_is_tried_again_and_then_reported_as_not_reached(rows: Database) -> None:
    async with a_shop(rows) as shop:
        await shop.service.typing(OPENID, True)
        nowhere = api_account(f"http://127.0.0.1:{closed_port()}")
        service = customer_service(nowhere, rows, seconds=2.0, clock=shop.state.clock.now)
        with pytest.raises(UnreachableError, match="E-W100") as failed:
            await service.send_text(OPENID, "在吗", by_model=False)
        await service.aclose()
        assert not failed.value.maybe_arrived


async def test_a_token_that_does_not_come_in_time_means_that_nothing_was_sent(rows: Database) -> None:
    async with a_shop(rows, seconds=0.5) as shop:
        shop.plays(Fault(path="stable_token", kind="hang"))
        with pytest.raises(UnreachableError, match="E-W100"):
            await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert shop.calls("send") == 0


async def test_a_page_after_all_tries_is_an_error_that_may_pass(rows: Database) -> None:
    async with a_shop(rows, seconds=3.0) as shop:
        shop.state.always["send"] = Fault(kind="page", status=502)
        with pytest.raises(PassingError, match="E-W102"):
            await shop.service.send_text(OPENID, "在吗", by_model=False)
        assert 2 <= shop.calls("send") <= 4


async def test_typing_is_shown_and_not_shown_as_wechat_allows(rows: Database) -> None:
    async with a_shop(rows) as shop:
        assert await shop.service.typing(OPENID, True)
        assert await shop.service.typing(OPENID, True), "it is shown already"
        assert not await shop.service.typing(OPENID, False)
        assert await shop.service.typing(OPENID, True)
        shop.state.clock.offset += 31
        assert not await shop.service.typing(OPENID, True), "no contact in the last 30 s"


async def test_typing_is_never_tried_twice(rows: Database) -> None:
    async with a_shop(rows, seconds=1.0) as shop:
        shop.plays(Fault(path="typing", kind="page"), Fault(path="typing", kind="hang"))
        with pytest.raises(UnreachableError):
            await shop.service.typing(OPENID, True)
        with pytest.raises(UnreachableError):
            await shop.service.typing(OPENID, True)
        assert shop.calls("typing") == 2


async def test_users_who_cannot_be_reached_are_told_apart_from_the_window(rows: Database) -> None:
    async with a_shop(rows) as shop:
        for errcode in (43004, 48002, 50002, 43019):
            shop.account.user(OPENID).errcode = errcode
            with pytest.raises(UserUnreachableError) as unreachable:
                await shop.service.send_text(OPENID, "在吗", by_model=False)
            assert unreachable.value.errcode == errcode
        with pytest.raises(UserUnreachableError):
            await shop.service.send_text("oNobody", "在吗", by_model=False)
        shop.state.acts(APP_ID, OPENID, "unsubscribe")
        shop.account.user(OPENID).errcode = None
        with pytest.raises(WindowClosedError):
            await shop.service.send_text(OPENID, "在吗", by_model=False)
