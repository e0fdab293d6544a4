"""The webhook, called by WeChat's rules over HTTP."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Literal

import httpx
import pytest
import structlog
from fastapi import FastAPI

from service.channels.wechat.envelope import Credentials
from service.channels.wechat.passive import Timing
from service.channels.wechat.simulator import KINDS, Platform, Rules, pushes
from service.channels.wechat.simulator.crypto import signature
from service.channels.wechat.simulator.judgement import Mode
from service.channels.wechat.simulator.platform import Spoilt
from service.channels.wechat.webhook import BODY_LIMIT_BYTES, unconfigured_routes, wechat_routes
from service.conversation.inbox import Response
from service.conversation.messages import InboundMessage
from service.conversation.turns import Receipt
from tests.fakes.served import served
from tests.fakes.turns_in_memory import NOTICE, TurnsInMemory

TOKEN, AES_KEY, APP_ID, GH_ID = "token123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef", "gh_1"
OPENID = "oXshopper0123456789abcdefghi"
MODES: tuple[Mode, ...] = ("plain", "compatible", "safe")
QUICK = Timing(wait=0.2, last_wait=0.15, answer_by=0.25, hold=1.0, last_try_age=0.55)
"""Tries at 0, 0.3 and 0.6 s instead of 0, 5 and 10."""
QUICK_RULES = Rules(limit_seconds=0.3)


def an_app(turns: TurnsInMemory, mode: Mode, timing: Timing | None = None, account: str = "default") -> FastAPI:
    app = FastAPI()
    key = None if mode == "plain" else AES_KEY
    app.include_router(
        wechat_routes(Credentials(token=TOKEN, app_id=APP_ID, aes_key=key), turns, account=account, timing=timing)
    )
    return app


def wechat(app: FastAPI | None, mode: Mode, url: str = "http://bot/wechat", rules: Rules | None = None) -> Platform:
    return Platform(
        token=TOKEN,
        app_id=APP_ID,
        aes_key=AES_KEY,
        gh_id=GH_ID,
        mode=mode,
        url=url,
        rules=rules,
        transport=httpx.ASGITransport(app) if app else None,
    )


async def posted(app: FastAPI, body: bytes | AsyncIterator[bytes], **query: str) -> httpx.Response:
    timestamp = str(int(time.time()))
    signed = {"signature": signature(TOKEN, timestamp, "1"), "timestamp": timestamp, "nonce": "1"} | query
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.post("http://bot/wechat", params=signed, content=body)


@pytest.mark.parametrize("mode", MODES)
async def test_the_server_passes_wechats_verification(mode: Mode) -> None:
    async with wechat(an_app(TurnsInMemory(), mode), mode) as platform:
        assert (await platform.verify()).passed


@pytest.mark.parametrize("spoilt", ["signature", "timestamp"])
async def test_a_verification_that_is_not_wechats_fails(spoilt: Literal["signature", "timestamp"]) -> None:
    async with wechat(an_app(TurnsInMemory(), "plain"), "plain") as platform:
        refused = await platform.verify(spoilt=spoilt)
    assert (refused.passed, refused.status) == (False, 403)


async def test_echostr_is_returned_as_text_that_no_browser_runs() -> None:
    timestamp = str(int(time.time()))
    query = {"signature": signature(TOKEN, timestamp, "1"), "timestamp": timestamp, "nonce": "1"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(TurnsInMemory(), "plain"))) as client:
        response = await client.get("http://bot/wechat", params=query | {"echostr": "<script>1</script>"})
    assert response.text == "<script>1</script>"
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("mode", MODES)
async def test_a_text_is_answered_in_each_mode(mode: Mode) -> None:
    async with wechat(an_app(TurnsInMemory(), mode), mode) as platform:
        outcome = await platform.deliver(pushes.text(OPENID, "怎么退货 ]]> <b>&😀"))
    assert outcome.fault is None
    assert outcome.shown == "答：怎么退货 ]]> <b>&😀"
    assert len(outcome.tries) == 1


KIND_FIELDS = {"text": {"content": "在吗"}, "click": {"key": "退货"}, "event": {"name": "kf_create_session"}}


@pytest.mark.parametrize(("mode", "kind"), list(itertools.product(MODES, KINDS)))
async def test_each_kind_is_answered_where_wechat_takes_an_answer(mode: Mode, kind: str) -> None:
    turns = TurnsInMemory()
    push = KINDS[kind](OPENID, **KIND_FIELDS.get(kind, {}))
    async with wechat(an_app(turns, mode), mode) as platform:
        outcome = await platform.deliver(push)
    assert outcome.fault is None
    assert (outcome.shown is None) == (push.takes == "nothing")
    assert len(turns.received) == (0 if kind in ("view", "location_report", "event") else 1)


@pytest.mark.parametrize("mode", MODES)
async def test_a_message_is_handed_to_the_desk_in_each_mode(mode: Mode) -> None:
    turns = TurnsInMemory(lambda _: Response(text="", transfer=True))
    async with wechat(an_app(turns, mode), mode) as platform:
        outcome = await platform.deliver(pushes.text(OPENID, "人工"))
    assert (outcome.transferred, outcome.shown, outcome.fault) == (True, None, None)


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_to_say_is_acknowledged(mode: Mode) -> None:
    async with wechat(an_app(TurnsInMemory(lambda _: Response(text="")), mode), mode) as platform:
        outcome = await platform.deliver(pushes.text(OPENID, "……"))
    assert (outcome.transferred, outcome.shown, outcome.fault) == (False, None, None)


@pytest.mark.parametrize(
    ("mode", "spoilt"),
    [
        ("plain", "signature"),
        ("plain", "timestamp"),
        ("compatible", "signature"),
        ("compatible", "timestamp"),
        ("compatible", "app_id"),
        ("compatible", "downgrade"),
        ("safe", "signature"),
        ("safe", "timestamp"),
        ("safe", "app_id"),
        ("safe", "downgrade"),
    ],
)
async def test_what_is_not_wechats_is_refused_and_leaves_nothing(mode: Mode, spoilt: Spoilt) -> None:
    turns = TurnsInMemory()
    async with wechat(an_app(turns, mode), mode) as platform:
        push = pushes.text(OPENID, "怎么退货")
        assert await platform.attack(push, spoilt) == 403
        assert turns.received == []
        assert (await platform.deliver(push)).shown == "答：怎么退货"


async def test_a_refusal_is_logged_without_anything_of_the_content() -> None:
    with structlog.testing.capture_logs() as logs:
        async with wechat(an_app(TurnsInMemory(), "plain"), "plain") as platform:
            await platform.attack(pushes.text(OPENID, "我的电话是13800138000"), "signature")
    (line,) = logs
    assert (line["event"], line["status"]) == ("wechat.refused", 403)
    assert "WECHAT_TOKEN" in line["advice"]
    for secret in (OPENID, "13800138000", TOKEN):
        assert secret not in str(logs)


async def test_an_answered_message_is_logged_without_anything_of_the_content() -> None:
    with structlog.testing.capture_logs() as logs:
        async with wechat(an_app(TurnsInMemory(), "safe"), "safe") as platform:
            await platform.deliver(pushes.text(OPENID, "我的电话是13800138000"))
    assert [line["event"] for line in logs] == ["wechat.answered"]
    for secret in (OPENID, "13800138000"):
        assert secret not in str(logs)


async def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not() -> None:
    app = an_app(TurnsInMemory(), "plain")
    push = pushes.text(OPENID, "").to_xml(GH_ID)
    filling = BODY_LIMIT_BYTES - len(push)
    assert (await posted(app, push.replace("</xml>", " " * filling + "</xml>").encode())).status_code == 200
    assert (await posted(app, push.replace("</xml>", " " * (filling + 1) + "</xml>").encode())).status_code == 413


async def test_an_oversized_body_that_does_not_say_its_length_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    assert (await posted(an_app(TurnsInMemory(), "plain"), endless())).status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with served(an_app(TurnsInMemory(), "plain", QUICK)) as address:
        port = int(address.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /wechat HTTP/1.1\r\nHost: bot\r\nContent-Length: 100\r\n\r\n<xml>")
        await writer.drain()
        async with asyncio.timeout(2):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_a_further_account_has_its_own_address_and_conversations() -> None:
    turns = TurnsInMemory()
    async with wechat(an_app(turns, "safe", account="outlet"), "safe", url="http://bot/wechat/outlet") as platform:
        assert (await platform.verify()).passed
        await platform.deliver(pushes.text(OPENID, "在吗"))
    assert turns.received[0].user.conversation == f"wechat:outlet:{OPENID}"


@pytest.mark.parametrize("has_agents", [True, False])
async def test_a_message_can_go_to_the_desk_where_people_are_at_it(has_agents: bool) -> None:
    turns, app = TurnsInMemory(), FastAPI()
    app.include_router(wechat_routes(Credentials(token=TOKEN), turns, has_agents=has_agents))
    async with wechat(app, "plain") as platform:
        await platform.deliver(pushes.text(OPENID, "人工"))
        await platform.deliver(pushes.click(OPENID, "人工"))
    assert [message.transferable for message in turns.received] == [has_agents, False]


async def test_without_an_account_the_address_says_what_is_missing() -> None:
    app = FastAPI()
    app.include_router(unconfigured_routes())
    with structlog.testing.capture_logs() as logs:
        async with wechat(app, "plain") as platform:
            verification = await platform.verify()
    assert verification.status == 404
    assert "WECHAT_TOKEN" in logs[0]["advice"]


async def test_an_answer_in_time_for_the_second_try_reaches_the_shopper_there() -> None:
    turns = TurnsInMemory(ready=False)
    async with served(an_app(turns, "safe", QUICK)) as address:
        asyncio.get_running_loop().call_later(0.4, turns.finish)
        async with wechat(None, "safe", f"{address}/wechat", QUICK_RULES) as platform:
            outcome = await platform.deliver(pushes.text(OPENID, "怎么退货"))
    assert outcome.shown == "答：怎么退货"
    assert [(made.number, made.status) for made in outcome.tries] == [(1, None), (2, 200)]
    assert len(turns.received) == 1


async def test_an_answer_too_late_for_all_three_gives_the_notice_on_the_last() -> None:
    turns = TurnsInMemory(ready=False)
    async with (
        served(an_app(turns, "safe", QUICK)) as address,
        wechat(None, "safe", f"{address}/wechat", QUICK_RULES) as platform,
    ):
        outcome = await platform.deliver(pushes.text(OPENID, "怎么退货"))
    assert outcome.shown == NOTICE
    assert [made.status for made in outcome.tries] == [None, None, 200]
    assert outcome.tries[-1].seconds < QUICK.answer_by


async def test_concurrent_tries_of_one_push_make_one_turn_and_the_same_answer() -> None:
    turns = TurnsInMemory(ready=False)
    async with served(an_app(turns, "safe", QUICK)) as address:
        asyncio.get_running_loop().call_later(0.1, turns.finish)
        async with wechat(None, "safe", f"{address}/wechat", QUICK_RULES) as platform:
            push = pushes.text(OPENID, "怎么退货")
            outcomes = await asyncio.gather(*(platform.deliver(push) for _ in range(5)))
    assert {outcome.shown for outcome in outcomes} == {"答：怎么退货"}
    assert len(turns.received) == 1


async def test_a_try_whose_connection_breaks_takes_no_answer_with_it() -> None:
    turns = TurnsInMemory(ready=False)
    async with served(an_app(turns, "plain", QUICK)) as address:
        asyncio.get_running_loop().call_later(0.15, turns.finish)
        async with wechat(None, "plain", f"{address}/wechat", QUICK_RULES) as platform:
            outcome = await platform.deliver(pushes.text(OPENID, "怎么退货"), drop_after={1: 0.05})
    assert outcome.shown == "答：怎么退货"
    assert turns.deliveries == 1


async def test_a_turn_that_fails_gives_no_error_page_and_the_next_try_the_answer() -> None:
    class FailingOnce(TurnsInMemory):
        failures = 1

        async def receive(self, message: InboundMessage) -> Receipt:
            if self.failures:
                self.failures -= 1
                raise OSError(f"could not write {message}")
            return await super().receive(message)

    with structlog.testing.capture_logs() as logs:
        async with (
            served(an_app(FailingOnce(), "plain", QUICK)) as address,
            wechat(None, "plain", f"{address}/wechat", QUICK_RULES) as platform,
        ):
            outcome = await platform.deliver(pushes.text(OPENID, "怎么退货"))
    assert outcome.shown == "答：怎么退货"
    assert [made.status for made in outcome.tries] == [None, 200]
    assert "wechat.turn_failed" in [line["event"] for line in logs]
    assert OPENID not in str(logs)
