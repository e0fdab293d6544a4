"""Bodies that no WeChat sends: refused or harmless, never a 5xx, nothing of them in the log."""

import asyncio
import time

import httpx
import structlog
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from service.channels.wechat.envelope import Credentials
from service.channels.wechat.simulator import KINDS
from service.channels.wechat.simulator.crypto import MessageCipher, signature
from service.channels.wechat.webhook import wechat_routes
from tests.fakes.turns_in_memory import TurnsInMemory

TOKEN, AES_KEY, APP_ID, GH_ID = "token123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef", "gh_1"
OPENID = "oXshopper0123456789abcdefghi"
FIELDS = {"text": {"content": "我的电话是13800138000"}, "click": {"key": "退货"}, "event": {"name": "x"}}
VALID = [KINDS[kind](OPENID, **FIELDS.get(kind, {})).to_xml(GH_ID).encode() for kind in KINDS]
NAMES = [b"ToUserName", b"FromUserName", b"CreateTime", b"MsgType", b"MsgId", b"Event", b"EventKey", b"Content"]
PIECES = [
    b"]]>",
    b"<![CDATA[",
    b"<xml>",
    b"</xml>",
    b"&e;",
    b"&#0;",
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b'<!DOCTYPE x [<!ENTITY e "e">]>',
    b"<a>" * 1500,
    b"9" * 500,
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<Content a='1'>",
    "\u202e退😀".encode(),
    *(b"<%s>1</%s>" % (name, name) for name in NAMES),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["insert", "cut", "truncate", "flip", "rename"])):
            case "insert":
                body = body[:at] + draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))) + body[at:]
            case "cut":
                body = body[:at] + body[at + draw(st.integers(1, 60)) :]
            case "truncate":
                body = body[:at]
            case "flip" if at < len(body):
                body = body[:at] + bytes([body[at] ^ draw(st.integers(1, 255))]) + body[at + 1 :]
            case "rename":
                body = body.replace(draw(st.sampled_from(NAMES)), draw(st.sampled_from([b"x", *NAMES])))
    return body


hostile = st.one_of(mutated(), st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8")))


def sent(aes_key: str | None, body: bytes, encrypted: str | None = None) -> tuple[httpx.Response, str]:
    """The response to a rightly signed body, and what was logged meanwhile."""
    app = FastAPI()
    app.include_router(wechat_routes(Credentials(token=TOKEN, app_id=APP_ID, aes_key=aes_key), TurnsInMemory()))
    timestamp = str(int(time.time()))
    query = {"timestamp": timestamp, "nonce": "1", "signature": signature(TOKEN, timestamp, "1")}
    if encrypted is not None:
        query["msg_signature"] = signature(TOKEN, timestamp, "1", encrypted)

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.post("http://bot/wechat", params=query, content=body)

    with structlog.testing.capture_logs() as logs:
        return asyncio.run(post()), str(logs)


def harmless(response: httpx.Response, logs: str) -> None:
    assert response.status_code == 200 or 400 <= response.status_code < 500
    assert "13800138000" not in logs
    assert OPENID not in logs


@given(hostile)
@settings(max_examples=250, deadline=None)
def test_no_signed_plain_body_does_harm(body: bytes) -> None:
    harmless(*sent(None, body))


@given(hostile)
@settings(max_examples=150, deadline=None)
def test_no_encrypted_content_does_harm(inner: bytes) -> None:
    encrypted = MessageCipher(AES_KEY, APP_ID).encrypt(inner.decode("utf-8", "replace"))
    body = f"<xml><ToUserName>{GH_ID}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()
    harmless(*sent(AES_KEY, body, encrypted))


@given(st.one_of(st.text(alphabet="ABCDabcd0129+/=", max_size=200), st.binary(max_size=300).map(lambda raw: raw.hex())))
@settings(max_examples=150, deadline=None)
def test_no_signed_ciphertext_does_harm(encrypted: str) -> None:
    body = f"<xml><ToUserName>{GH_ID}</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
    response, logs = sent(AES_KEY, body, encrypted)
    harmless(response, logs)
    assert response.status_code in (400, 403)
