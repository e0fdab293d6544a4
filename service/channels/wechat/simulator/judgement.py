"""What WeChat makes of a response to a push: text for the shopper, a message for the desk, nothing, or the fault notice.

Stricter than "被动回复用户消息" where that is silent and shops have seen faults: a text above 2,047 bytes or empty, names
that are not swapped, a reply to an event that takes none. Kinds of reply that the service doesn't send are refused.
"""

from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from service.channels.wechat.simulator.crypto import MessageCipher, UnreadableError, signature
from service.channels.wechat.simulator.pushes import Push

Mode = Literal["plain", "compatible", "safe"]
FAULT_NOTICE = "该公众号提供的服务出现故障，请稍后再试"
CLOCK_TOLERANCE_SECONDS = 3600


class FaultError(Exception):
    """The shopper sees the fault notice; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One Official Account as WeChat knows it."""

    token: str
    app_id: str
    aes_key: str
    gh_id: str
    mode: Mode

    @property
    def cipher(self) -> MessageCipher:
        return MessageCipher(self.aes_key, self.app_id)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A response that WeChat accepts."""

    shown: str | None
    """The text that the shopper sees; None: nothing."""
    transferred: bool


def judge(account: Account, push: Push, status: int, body: bytes, *, text_limit_bytes: int, now: float) -> Judgement:
    """Raises FaultError for a response that WeChat doesn't accept."""
    if status != 200:
        raise FaultError(f"the status is {status}, not 200")
    if body in (b"", b"success"):
        return Judgement(shown=None, transferred=False)
    reply = _fields(body)
    if "Encrypt" in reply:
        if account.mode == "plain":
            raise FaultError("the reply is encrypted, the account is in plain mode")
        reply = _fields(_decrypted(account, reply).encode())
    elif account.mode == "safe":
        raise FaultError("the reply is plain, the account is in safe mode")
    if push.takes == "nothing":
        raise FaultError(f"{dict(push.fields).get('Event')} takes no reply")
    _check_address(account, push, reply, now)
    match reply.get("MsgType"):
        case "text":
            content = reply.get("Content", "")
            if not content.strip():
                raise FaultError("Content is empty")
            if len(content.encode()) > text_limit_bytes:
                raise FaultError(f"Content has {len(content.encode())} bytes, more than {text_limit_bytes}")
            return Judgement(shown=content, transferred=False)
        case "transfer_customer_service":
            if push.takes != "reply or desk":
                raise FaultError("an event can't be handed to the desk")
            return Judgement(shown=None, transferred=True)
        case other:
            raise FaultError(f"MsgType is {other!r}")


def _check_address(account: Account, push: Push, reply: dict[str, str], now: float) -> None:
    if reply.get("ToUserName") != push.openid:
        raise FaultError("ToUserName is not the shopper's openid: names must be swapped")
    if reply.get("FromUserName") != account.gh_id:
        raise FaultError("FromUserName is not the account's original id: names must be swapped")
    created = reply.get("CreateTime", "")
    if not (created.isascii() and created.isdigit()) or abs(int(created) - now) > CLOCK_TOLERANCE_SECONDS:
        raise FaultError("CreateTime is not the present time in seconds")


def _decrypted(account: Account, reply: dict[str, str]) -> str:
    encrypted, timestamp, nonce = (reply.get(name, "") for name in ("Encrypt", "TimeStamp", "Nonce"))
    if not (timestamp.isdigit() and nonce):
        raise FaultError("TimeStamp or Nonce of the encrypted reply is missing")
    if reply.get("MsgSignature") != signature(account.token, timestamp, nonce, encrypted):
        raise FaultError("MsgSignature does not fit")
    try:
        return account.cipher.decrypt(encrypted)
    except UnreadableError as error:
        raise FaultError(f"Encrypt can't be read: {error}") from None


def _fields(body: bytes) -> dict[str, str]:
    try:
        root = ElementTree.fromstring(body.decode())  # noqa: S314 - the body is from the service that is being tried
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise FaultError(f"the body is not XML: {error}") from None
    if root.tag != "xml":
        raise FaultError(f"the root element is {root.tag!r}")
    names = [child.tag for child in root]
    if len(set(names)) != len(names):
        raise FaultError("an element stands twice")
    return {child.tag: child.text or "" for child in root}
