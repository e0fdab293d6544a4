"""The access token: one refresh for all, replaced once when refused, never in circles, never in a log."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Awaitable
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from service.channels.wechat.api import Sent, customer_service
from service.channels.wechat.api.errors import MisconfiguredError, TokenRefusedError, UnreachableError, WeChatApiError
from service.channels.wechat.api.token_rows import Awaited, Claimed, Token, claim, may_force, release, store
from service.storage.database import Database
from service.storage.errors import StorageError
from service.storage.tables import wechat_tokens
from tests.fakes.wechat_api_faults import Fault
from tests.unit.wechat_accounts import APP_ID, OPENID, SECRET, Shop, a_shop, api_account

FOREVER = 1e12


async def _burst(shop: Shop) -> list[object]:
    sends = (shop.service.send_text(OPENID, f"第 {number} 条", by_model=False) for number in range(4))
    return list(await asyncio.gather(*sends, return_exceptions=True))


async def _stored(database: Database) -> str:
    query = select(wechat_tokens.c.token).where(wechat_tokens.c.account == APP_ID)
    token: str = await database.read(lambda connection: connection.execute(query).scalar_one())
    return token


async def test_four_sends_at_once_ask_for_one_token(database: Database) -> None:
    async with a_shop(database) as shop:
        assert await _burst(shop) == [Sent()] * 4
        assert (shop.calls("stable_token"), shop.calls("forced"), len(shop.texts)) == (1, 0, 4)


@pytest.mark.parametrize("client_knows", [True, False])
async def test_a_token_that_ends_in_mid_burst_is_renewed_once(database: Database, client_knows: bool) -> None:
    late = 0.0
    async with a_shop(database, clock=lambda state: state.clock.now() - (0 if client_knows else late)) as shop:
        assert await shop.service.send_text(OPENID, "先来一条", by_model=False) == Sent()
        late = 7201.0
        shop.state.clock.offset += late
        assert await _burst(shop) == [Sent()] * 4
        assert (shop.calls("stable_token"), shop.calls("forced"), len(shop.texts)) == (2, 0, 5)
        assert shop.calls("send") == (5 if client_knows else 9), "what was refused as expired is sent once more"


async def test_a_token_is_renewed_in_its_last_minutes_while_sends_use_the_old_one(database: Database) -> None:
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        first = await _stored(database)
        shop.state.clock.offset += 7200 - 299
        await shop.service.send_text(OPENID, "二", by_model=False)
        assert shop.calls("stable_token") == 1, "not at the first moment: all processes would do it at once"
        shop.state.clock.offset += 299 - 45
        shop.plays(Fault(path="stable_token", kind="slow", delay_seconds=0.5))
        shop.writes()
        assert await _burst(shop) == [Sent()] * 4
        assert await _stored(database) == first, "the sends did not wait for it"
        shop.state.clock.offset += 46
        shop.writes()
        assert await shop.service.send_text(OPENID, "三", by_model=False) == Sent()
        assert shop.calls("stable_token") == 2
        assert await _stored(database) != first


async def test_a_renewal_that_fails_harms_no_send_as_long_as_the_old_token_lasts(database: Database) -> None:
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        shop.state.clock.offset += 7200 - 45
        shop.account.refused_address = "203.0.113.7"
        assert await _burst(shop) == [Sent()] * 4


async def test_a_token_that_somebody_replaced_is_fetched_without_force(database: Database) -> None:
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        shop.account.stable.replace()
        assert await _burst(shop) == [Sent()] * 4
        assert (shop.calls("stable_token"), shop.calls("forced")) == (2, 0)


async def test_a_token_that_another_process_has_renewed_is_taken_from_the_database(database: Database) -> None:
    async with a_shop(database) as shop:
        other = customer_service(api_account(shop.url), database, clock=shop.state.clock.now)
        await shop.service.send_text(OPENID, "一", by_model=False)
        await other.send_text(OPENID, "二", by_model=False)
        shop.account.stable.replace()
        await other.send_text(OPENID, "三", by_model=False)
        asked = shop.calls("stable_token")
        await shop.service.send_text(OPENID, "四", by_model=False)
        await other.aclose()
        assert (asked, shop.calls("stable_token"), len(shop.texts)) == (2, 2, 4)


async def test_a_token_that_wechat_gives_and_refuses_is_replaced_by_force_once(database: Database) -> None:
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        shop.plays(Fault(kind="errcode", errcode=40001))
        assert await shop.service.send_text(OPENID, "二", by_model=False) == Sent()
        assert (shop.calls("forced"), shop.texts) == (1, ["一", "二"])


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_lasting_refusal_ends_and_forces_no_more_than_wechat_allows(database: Database, errcode: int) -> None:
    async with a_shop(database) as shop:
        shop.state.always["send"] = Fault(kind="errcode", errcode=errcode)
        with pytest.raises(TokenRefusedError):
            await shop.service.send_text(OPENID, "一", by_model=False)
        assert (shop.calls("send"), shop.calls("stable_token"), shop.calls("forced")) == (2, 3, 1)
        for _ in range(3):
            with pytest.raises(TokenRefusedError) as refused:
                await shop.service.send_text(OPENID, "二", by_model=False)
            assert 0 < refused.value.retry_after_seconds <= 30
        assert (shop.calls("send"), shop.calls("forced")) == (5, 1), "30 s apart"
        shop.state.clock.offset += 31
        with pytest.raises(TokenRefusedError):
            await shop.service.send_text(OPENID, "三", by_model=False)
        assert shop.calls("forced") == 2


async def test_four_lasting_refusals_at_once_force_one_refresh(database: Database) -> None:
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        shop.state.always["send"] = Fault(kind="errcode", errcode=40001)
        outcomes = await _burst(shop)
        assert [type(outcome) for outcome in outcomes] == [TokenRefusedError] * 4
        assert shop.calls("forced") == 1
        assert shop.calls("send") == 1 + 4 * 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_two_processes_make_one_refresh(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    database = Database(url)
    await database.migrate()
    await database.run(lambda connection: connection.execute(wechat_tokens.delete()))
    async with a_shop(database) as shop:
        shop.plays(Fault(path="stable_token", kind="slow", delay_seconds=0.5))
        processes = [await _process(shop.url, url, number) for number in range(2)]
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        results = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
        assert [json.loads(out.splitlines()[-1]) for out, _ in results] == [["Sent", "Sent"]] * 2
        assert (shop.calls("stable_token"), len(shop.texts)) == (1, 4)
    database.close()


async def _process(url: str, database_url: str, number: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.wechat_sending_process",
        json.dumps({"app_id": APP_ID, "app_secret": SECRET, "base_url": url}),
        database_url,
        OPENID,
        str(number),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def test_a_send_that_is_cancelled_does_not_end_the_refresh_that_others_wait_for(database: Database) -> None:
    async with a_shop(database) as shop:
        shop.plays(Fault(path="stable_token", kind="slow", delay_seconds=0.3))
        first = asyncio.create_task(shop.service.send_text(OPENID, "一", by_model=False))
        second = asyncio.create_task(shop.service.send_text(OPENID, "二", by_model=False))
        await shop.state.next_call("stable_token")
        first.cancel()
        assert await second == Sent()
        assert (shop.texts, shop.calls("stable_token")) == (["二"], 1)


@pytest.mark.parametrize("fault", ["page", "not_json", "hang", "reset"])
async def test_asking_for_a_token_is_repeated_whatever_went_wrong(database: Database, fault: str) -> None:
    async with a_shop(database) as shop:
        shop.plays(Fault.model_validate({"path": "stable_token", "kind": fault}))
        assert await shop.service.send_text(OPENID, "一", by_model=False) == Sent()
        assert shop.calls("stable_token") == 2


async def test_a_claim_is_others_again_when_its_process_has_gone(database: Database) -> None:
    def asks(life: str, now: float, refused: str | None = None) -> Awaitable[object]:
        return database.run(claim, "wx1", life, refused=refused, valid_until=now + 300, now=now, lease_until=now + 15)

    assert await asks("a", 1000) == Claimed()
    assert await asks("b", 1014) == Awaited()
    assert await asks("b", 1016) == Claimed()
    assert not await database.run(store, "wx1", "a", Token(value="late", expires_at=9000))
    await database.run(release, "wx1", "a")
    assert await asks("a", 1017) == Awaited(), "what is another's is not released"
    assert await database.run(store, "wx1", "b", Token(value="good", expires_at=8200))
    assert await asks("a", 1018) == Token(value="good", expires_at=8200)
    assert await asks("a", 1018, "good") == Claimed()
    assert await asks("b", 7901) == Claimed(), "a token in its last five minutes is renewed"


async def test_forced_refreshes_are_counted_over_all_processes_and_start_anew_at_beijings_midnight(
    database: Database,
) -> None:
    midnight = 1_800_000_000 // 86_400 * 86_400 + 16 * 3600  # 0:00 in Beijing
    now = float(midnight)
    await database.run(claim, "wx1", "a", refused=None, valid_until=FOREVER, now=now, lease_until=FOREVER)
    for _ in range(20):
        assert await database.run(may_force, "wx1", "a", now) == 0
        assert await database.run(may_force, "wx1", "a", now + 10) == 20
        now += 30
    assert await database.run(may_force, "wx1", "a", now) == midnight + 86_400 - now
    assert await database.run(may_force, "wx1", "a", midnight + 86_400.0) == 0
    assert await database.run(may_force, "wx1", "b", midnight + 90_000.0) == 30, "only who has the claim forces"


async def test_nothing_secret_stands_in_a_log_or_an_error(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    words = "我的电话是 13800138000"
    told: list[str] = []
    secrets = [SECRET, OPENID, words, "13800138000", APP_ID]
    with capture_logs() as lines:
        async with a_shop(database, seconds=1.0) as shop:

            async def send() -> None:
                try:
                    told.append(repr(await shop.service.send_text(OPENID, words, by_model=True)))
                except WeChatApiError as error:
                    told.append("".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)))

            await send()
            for errcode in (40001, -1, 45015, 40164, 48001, 99999):
                shop.state.always["send"] = Fault(kind="errcode", errcode=errcode)
                await send()
            for kind in ("page", "not_json", "reset", "hang"):
                shop.state.always["send"] = Fault.model_validate({"kind": kind})
                await send()
            shop.state.clock.offset += 7300
            shop.account.secret = "another"
            await send()
            token = shop.account.stable.current
            assert token is not None
            secrets += [token.value, *shop.account.stable._former]
    everything = "\n".join([*map(repr, lines), *told, *(record.getMessage() for record in caplog.records)])
    assert len(told) == 12
    assert any("HTTP Request" in record.getMessage() for record in caplog.records), "the client's own log is on"
    assert APP_ID[-4:] in everything
    assert [secret for secret in secrets if secret in everything] == []


async def test_an_account_does_not_show_its_secret() -> None:
    assert SECRET not in repr(api_account("http://127.0.0.1:1"))
    assert "good" not in repr(Token(value="good", expires_at=1))


async def test_a_database_that_fails_does_not_quote_the_token(database: Database) -> None:
    async with a_shop(database) as shop:
        shop.plays(Fault(path="stable_token", kind="slow", delay_seconds=0.3))
        sending = asyncio.create_task(shop.service.send_text(OPENID, "一", by_model=False))
        await shop.state.next_call("stable_token")
        await database.run(lambda connection: wechat_tokens.drop(connection))
        with pytest.raises(StorageError) as failed:
            await sending
        shown = "".join(traceback.format_exception(failed.value))
        assert shop.account.stable.current is not None
        assert shop.account.stable.current.value not in shown
        assert "DATABASE_URL" in shown


async def test_another_process_that_does_not_finish_is_not_waited_for_without_end(database: Database) -> None:
    async with a_shop(database, seconds=0.5) as shop:
        now = shop.state.clock.now()
        await database.run(
            claim, APP_ID, "another life", refused=None, valid_until=FOREVER, now=now, lease_until=now + 15
        )
        with pytest.raises(UnreachableError):
            await shop.service.send_text(OPENID, "一", by_model=False)
        shop.state.clock.offset += 16
        assert await shop.service.send_text(OPENID, "二", by_model=False) == Sent()


async def test_an_appid_that_wechat_does_not_know_is_named_by_its_end(database: Database) -> None:
    async with a_shop(database) as shop:
        stranger = customer_service(api_account(shop.url, app_id="wx0000000000004321"), database)
        with pytest.raises(MisconfiguredError, match="末四位 4321") as refused:
            await stranger.send_text(OPENID, "一", by_model=False)
        await stranger.aclose()
        assert "wx0000" not in str(refused.value)


async def test_a_token_of_another_time_is_not_used_for_long(database: Database) -> None:
    """A row whose token WeChat has forgotten, as after a restored backup."""
    async with a_shop(database) as shop:
        await shop.service.send_text(OPENID, "一", by_model=False)
        await database.run(lambda connection: connection.execute(update(wechat_tokens).values(token="of old")))
        other = customer_service(api_account(shop.url), database, clock=shop.state.clock.now)
        assert await other.send_text(OPENID, "二", by_model=False) == Sent()
        await other.aclose()
        assert shop.calls("forced") == 0
