"""WeChat's rules as the simulator holds them, against servers that keep or break them."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from service.channels.wechat.simulator import KINDS, Platform, Rules, pushes
from service.channels.wechat.simulator.crypto import MessageCipher, UnreadableError, signature
from service.channels.wechat.simulator.judgement import Account, FaultError, Judgement, Mode, judge
from service.channels.wechat.simulator.pushes import Push, element
from tests.fakes.served import served

# The example values of WeChat's page on message encryption.
TOKEN, AES_KEY, APP_ID = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
GH_ID, OPENID = "gh_1", "oXshopper0123456789abcdefghi"
NOW = 1764000000.0
TEXT = pushes.text(OPENID, "怎么退货")


def account(mode: Mode = "plain") -> Account:
    return Account(token=TOKEN, app_id=APP_ID, aes_key=AES_KEY, gh_id=GH_ID, mode=mode)


def a_reply(**changed: str | None) -> str:
    fields: dict[str, str | None] = {
        "ToUserName": OPENID,
        "FromUserName": GH_ID,
        "CreateTime": str(int(NOW)),
        "MsgType": "text",
        "Content": "七天内可退",
    }
    return "<xml>" + "".join(element(k, v) for k, v in (fields | changed).items() if v is not None) + "</xml>"


def sealed(inner: str, *, key: str = AES_KEY, app_id: str = APP_ID, **changed: str) -> str:
    encrypted = MessageCipher(key, app_id).encrypt(inner)
    fields = {
        "Encrypt": encrypted,
        "MsgSignature": signature(TOKEN, str(int(NOW)), "77", encrypted),
        "TimeStamp": str(int(NOW)),
        "Nonce": "77",
    }
    return "<xml>" + "".join(element(k, v) for k, v in (fields | changed).items()) + "</xml>"


def judged(body: str | bytes, push: Push = TEXT, mode: Mode = "plain", status: int = 200) -> Judgement:
    raw = body.encode() if isinstance(body, str) else body
    return judge(account(mode), push, status, raw, text_limit_bytes=2047, now=NOW)


def fault(body: str | bytes, push: Push = TEXT, mode: Mode = "plain", status: int = 200) -> str:
    with pytest.raises(FaultError) as raised:
        judged(body, push, mode, status)
    return str(raised.value)


def test_wechats_own_vectors() -> None:
    assert signature(TOKEN, "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"
    encrypted = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    assert signature(TOKEN, "1713424427", "415670741", encrypted) == "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
    assert MessageCipher(AES_KEY, APP_ID).decrypt(encrypted) == '{"demo_resp":"good luck"}'


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 20_000])
def test_what_is_encrypted_can_be_read(length: int) -> None:
    cipher = MessageCipher(AES_KEY, APP_ID)
    assert cipher.decrypt(cipher.encrypt("退" * length)) == "退" * length


@pytest.mark.parametrize(("key", "app_id"), [("B" * 43, APP_ID), (AES_KEY, "wxother")])
def test_another_accounts_message_cannot_be_read(key: str, app_id: str) -> None:
    with pytest.raises(UnreadableError):
        MessageCipher(AES_KEY, APP_ID).decrypt(MessageCipher(key, app_id).encrypt("退货"))


def test_a_text_is_shown() -> None:
    assert judged(a_reply()) == Judgement(shown="七天内可退", transferred=False)


@pytest.mark.parametrize("body", [b"", b"success"])
@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_an_acknowledgement_shows_nothing_in_each_mode(body: bytes, mode: Mode) -> None:
    assert judged(body, mode=mode) == Judgement(shown=None, transferred=False)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (a_reply(ToUserName=GH_ID, FromUserName=OPENID), "swapped"),
        (a_reply(FromUserName=APP_ID), "swapped"),
        (a_reply(CreateTime=None), "CreateTime"),
        (a_reply(CreateTime="1700000000"), "CreateTime"),
        (a_reply(CreateTime="yesterday"), "CreateTime"),
        (a_reply(MsgType=None), "MsgType"),
        (a_reply(MsgType="markdown"), "MsgType"),
        (a_reply(Content=None), "empty"),
        (a_reply(Content=""), "empty"),
        (a_reply(Content=" \n"), "empty"),
        (a_reply(Content="退" * 682 + "ab"), "2048 bytes"),
        (a_reply() + "x", "not XML"),
        (a_reply().replace("</xml>", "<MsgType>text</MsgType></xml>"), "twice"),
        (a_reply().replace("xml>", "reply>"), "root"),
        ('{"ToUserName": "o"}', "not XML"),
        ("success\n", "not XML"),
        ("<html>", "not XML"),
        (b"\xff", "not XML"),
    ],
)
def test_a_reply_that_breaks_a_rule_shows_the_fault_notice(body: str | bytes, reason: str) -> None:
    assert reason in fault(body)


def test_a_text_of_exactly_the_limit_is_shown() -> None:
    assert judged(a_reply(Content="退" * 682 + "a")).shown == "退" * 682 + "a"


@pytest.mark.parametrize("status", [204, 301, 400, 500, 503])
def test_any_status_but_200_is_a_fault(status: int) -> None:
    assert str(status) in fault("success", status=status)


def test_safe_mode_takes_an_encrypted_reply_alone() -> None:
    assert judged(sealed(a_reply()), mode="safe").shown == "七天内可退"
    assert "plain" in fault(a_reply(), mode="safe")


def test_compatible_mode_takes_either() -> None:
    assert judged(sealed(a_reply()), mode="compatible").shown == "七天内可退"
    assert judged(a_reply(), mode="compatible").shown == "七天内可退"


def test_plain_mode_takes_no_encrypted_reply() -> None:
    assert "plain mode" in fault(sealed(a_reply()))


@pytest.mark.parametrize(
    "body",
    [
        sealed(a_reply(), MsgSignature="0" * 40),
        sealed(a_reply(), Nonce="78"),
        sealed(a_reply(), TimeStamp=""),
        sealed(a_reply(), key="B" * 43),
        sealed(a_reply(), app_id="wxother"),
        sealed("success"),
        sealed(a_reply(Content="")),
    ],
)
def test_an_ill_made_encrypted_reply_is_a_fault(body: str) -> None:
    assert fault(body, mode="safe")


def test_a_message_may_go_to_the_desk_and_an_event_may_not() -> None:
    transfer = a_reply(MsgType="transfer_customer_service", Content=None)
    assert judged(transfer) == Judgement(shown=None, transferred=True)
    assert "desk" in fault(transfer, pushes.click(OPENID, "人工"))


def test_an_event_that_takes_no_reply_takes_an_acknowledgement() -> None:
    for push in (pushes.unsubscribe(OPENID), pushes.view(OPENID), pushes.location_report(OPENID)):
        assert "takes no reply" in fault(a_reply(), push)
        assert judged("success", push).shown is None


def test_a_scanned_code_has_its_prefix_on_subscribing_only() -> None:
    assert ("EventKey", "qrscene_7") in pushes.subscribe(OPENID, "7").fields
    assert ("EventKey", "7") in pushes.scan(OPENID, "7").fields


def test_each_message_has_a_number_of_its_own_of_64_bits() -> None:
    numbers = {pushes.text(OPENID, "在吗").message_number for _ in range(100)}
    assert len(numbers) == 100
    assert all(number is not None and 0 < number < 2**63 for number in numbers)
    assert all(push(OPENID).message_number is None for push in (pushes.subscribe, pushes.unsubscribe, pushes.scan))


def answering(respond: Callable[[int], Response | None], requests: list[Request]) -> FastAPI:
    """A server that answers its n-th request so; None: not in time."""
    app = FastAPI()

    @app.post("/wechat")
    async def receive(request: Request) -> Response:
        await request.body()
        requests.append(request)
        response = respond(len(requests))
        if response is None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response(status_code=503)
        return response

    return app


def good() -> Response:
    return Response(a_reply(CreateTime=str(int(time.time()))))


def platform(url: str, rules: Rules, clock: Callable[[], float] = time.time) -> Platform:
    return Platform(
        token=TOKEN,
        app_id=APP_ID,
        aes_key=AES_KEY,
        gh_id=GH_ID,
        mode="plain",
        url=f"{url}/wechat",
        rules=rules,
        clock=clock,
    )


def test_wechats_figures_are_the_defaults() -> None:
    rules = Rules()
    assert (rules.limit_seconds, rules.tries, rules.text_limit_bytes, rules.mark_fail_seconds) == (5.0, 3, 2047, 60.0)


async def test_a_push_ends_with_its_first_answer() -> None:
    requests: list[Request] = []
    async with served(answering(lambda _: good(), requests)) as url, platform(url, Rules(limit_seconds=0.2)) as wechat:
        outcome = await wechat.deliver(TEXT)
    assert (outcome.shown, outcome.fault, outcome.seen) == ("七天内可退", None, "七天内可退")
    assert len(requests) == 1


async def test_an_unanswered_push_is_tried_three_times_with_the_same_fields() -> None:
    requests: list[Request] = []
    async with served(answering(lambda _: None, requests)) as url, platform(url, Rules(limit_seconds=0.1)) as wechat:
        outcome = await wechat.deliver(TEXT)
    assert [made.status for made in outcome.tries] == [None] * 3
    assert all(0.1 <= made.seconds < 0.2 for made in outcome.tries)
    assert outcome.fault is not None
    assert outcome.seen == "该公众号提供的服务出现故障，请稍后再试"
    assert wechat.failures == 3
    bodies = {await request.body() for request in requests}
    assert bodies == {TEXT.to_xml(GH_ID).encode()}
    assert len({request.query_params["nonce"] for request in requests}) == 3


async def test_an_answer_to_a_later_try_counts() -> None:
    requests: list[Request] = []
    respond = lambda number: good() if number == 3 else None  # noqa: E731 - shortest so
    async with served(answering(respond, requests)) as url, platform(url, Rules(limit_seconds=0.1)) as wechat:
        outcome = await wechat.deliver(TEXT)
    assert outcome.shown == "七天内可退"
    assert 0.2 <= outcome.seconds < 0.4


async def test_a_bad_answer_ends_the_tries_with_the_fault_notice() -> None:
    requests: list[Request] = []
    app = answering(lambda _: Response('{"text": "七天内可退"}'), requests)
    async with served(app) as url, platform(url, Rules(limit_seconds=0.2)) as wechat:
        outcome = await wechat.deliver(TEXT)
    assert outcome.fault is not None
    assert outcome.shown is None
    assert len(requests) == 1


async def test_a_connection_can_be_dropped_early_on_one_try() -> None:
    requests: list[Request] = []
    respond = lambda number: good() if number == 2 else None  # noqa: E731 - shortest so
    async with served(answering(respond, requests)) as url, platform(url, Rules(limit_seconds=5)) as wechat:
        outcome = await wechat.deliver(TEXT, drop_after={1: 0.05})
    assert outcome.shown == "七天内可退"
    assert outcome.tries[1].after_seconds < 1


async def test_a_server_that_is_not_there_is_tried_at_the_same_pace() -> None:
    async with served(FastAPI()) as url:
        pass
    async with platform(url, Rules(limit_seconds=0.1)) as wechat:
        outcome = await wechat.deliver(TEXT)
    assert outcome.fault is not None
    assert [round(made.after_seconds, 1) for made in outcome.tries] == [0.0, 0.1, 0.2]


async def test_many_failures_hold_the_pushes_back_for_a_minute() -> None:
    requests: list[Request] = []
    now = 0.0
    app = answering(lambda _: Response(status_code=500), requests)
    async with served(app) as url, platform(url, Rules(mark_fail_after=2), clock=lambda: now) as wechat:
        assert not (await wechat.deliver(TEXT)).held_back
        assert not (await wechat.deliver(TEXT)).held_back
        assert (await wechat.deliver(TEXT)).held_back
        now = 59.9
        assert (await wechat.deliver(TEXT)).held_back
        now = 60.0
        assert not (await wechat.deliver(TEXT)).held_back
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("body", "passed"), [("{echostr}", True), ("{echostr}\n", False), ('"{echostr}"', False), ("", False)]
)
async def test_verification_wants_echostr_and_nothing_else(body: str, passed: bool) -> None:
    app = FastAPI()

    @app.get("/wechat")
    async def verify(echostr: str) -> Response:
        return Response(body.replace("{echostr}", echostr))

    async with served(app) as url, platform(url, Rules()) as wechat:
        assert (await wechat.verify()).passed is passed


def test_the_fake_process_plays_pushes_and_answers_for_tokens() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.wechat_platform", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        asyncio.run(_play(address))
    finally:
        process.terminate()
        process.wait(10)


async def _play(address: str) -> None:
    requests: list[Request] = []
    async with served(answering(lambda _: good(), requests)) as url, httpx.AsyncClient(base_url=address) as control:
        await control.put(
            "/play/accounts/shop",
            json={
                "token": TOKEN,
                "app_id": APP_ID,
                "aes_key": AES_KEY,
                "gh_id": GH_ID,
                "mode": "plain",
                "url": f"{url}/wechat",
            },
        )
        pushed = {"account": "shop", "kind": "text", "openid": OPENID, "fields": {"content": "怎么退货"}}
        (first,) = (await control.post("/play/push", json=pushed)).json()
        assert (first["shown"], first["fault"], len(first["tries"])) == ("七天内可退", None, 1)
        again = (await control.post("/play/push", json={"account": "shop", "again": first["push"], "copies": 2})).json()
        assert [outcome["shown"] for outcome in again] == ["七天内可退"] * 2
        assert len({await request.body() for request in requests}) == 1

        async def token(**asked: object) -> dict[str, object]:
            body = {"grant_type": "client_credential", "appid": APP_ID, "secret": "the-secret"} | asked
            response = await control.post("/cgi-bin/stable_token", json=body)
            assert response.status_code == 200
            answer: dict[str, object] = response.json()
            return answer

        await control.put("/play/api", json={"app_id": APP_ID, "app_secret": "the-secret"})
        assert (await token())["expires_in"] == 7200
        assert (await token(appid="wxother"))["errcode"] == 40013
        wrong = await token(secret="wrong")
        assert wrong["errcode"] == 40125
        assert " rid: " in str(wrong["errmsg"])
        await control.put(
            "/play/api", json={"app_id": APP_ID, "app_secret": "the-secret", "refused_address": "1.2.3.4"}
        )
        refused = await token()
        assert refused["errcode"] == 40164
        assert str(refused["errmsg"]).startswith("invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: ")


def test_the_fake_can_play_every_kind() -> None:
    needed = {"text": {"content": "在吗"}, "click": {"key": "k"}, "event": {"name": "x"}}
    for name, kind in KINDS.items():
        assert kind(OPENID, **needed.get(name, {})).to_xml(GH_ID).startswith("<xml><ToUserName>")
