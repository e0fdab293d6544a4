"""WeChat's messages and replies in XML, to and from the values that conversation works with.

What arrives is described in "接收普通消息" and "接收事件推送"; what may be answered, in "被动回复用户消息". Who sent it was settled by
`envelope`. Whatever WeChat sends and this release has no words for is `Unknown`, never an error: an error page
would show the shopper WeChat's own fault notice. What can't be WeChat's (ids, times, places out of all bounds) is.
"""

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from wechatpy import events, messages, parse_message
from wechatpy.replies import TextReply, TransferCustomerServiceReply

from service.channels.wechat.envelope import Letter
from service.channels.wechat.errors import WireError
from service.conversation.inbox import Response
from service.conversation.messages import (
    Card,
    Content,
    Followed,
    InboundMessage,
    Location,
    Media,
    MenuClick,
    Scanned,
    Text,
    Unfollowed,
    Unknown,
    User,
)

TEXT_LIMIT_BYTES = 2047
"""Longer text in a passive reply shows the shopper a fault notice instead (seen by many, in no document)."""
SUCCESS = "success"
EARLIEST, LATEST = 1_300_000_000, 4_102_444_800
"""CreateTime from 2011, when Official Accounts didn't exist yet, to 2100."""

Handling = Literal["answer", "record", "ignore"]
"""What a push is owed: an answer; to be remembered, though WeChat takes no answer; or `success` and nothing else."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """One push of WeChat: the message, and what it takes to answer it."""

    message: InboundMessage
    handling: Handling
    gh_id: str
    """The account's original id (ToUserName): a reply comes from it."""
    encrypted: bool


def from_letter(letter: Letter, account: str, *, has_agents: bool = True) -> Push:
    """The push in a letter that came to `account`, at whose desk people answer or not.

    Raises WireError 400 for what can't be WeChat's.
    """
    gh_id = _id(letter.fields, "ToUserName")
    openid = _id(letter.fields, "FromUserName")
    created = _create_time(letter.fields)
    try:
        received = parse_message(letter.body)
        content = _content(received, letter.fields)
    except WireError:
        raise
    except (
        Exception
    ) as error:  # wechatpy on a malformed body: KeyError, TypeError, AttributeError, ValueError, RecursionError …
        raise WireError(400, f"the message can't be read ({type(error).__name__})") from None
    is_event = letter.fields.get("MsgType", "").lower() == "event"
    number = _event_id(letter.fields) if is_event else _message_id(letter.fields)
    return Push(
        message=InboundMessage(
            id=f"wechat:{account}:{number}",
            user=User(channel="wechat", account=account, id=openid),
            content=content,
            sent_at=created,
            transferable=has_agents and not is_event,
        ),
        handling=_handling(content, is_event),
        gh_id=gh_id,
        encrypted=letter.encrypted,
    )


def to_xml(response: Response, push: Push, now: float) -> str | None:
    """The reply in XML; None where there is nothing to say, which WeChat is told by `success`."""
    address = {"source": push.gh_id, "target": push.message.user.id, "time": int(now)}
    if response.transfer and push.message.transferable:
        return _rendered(TransferCustomerServiceReply(**address))
    text = _printable(response.text)
    if not text.strip():
        return None  # an empty Content shows the shopper a fault notice
    # A section can't hold its own end: "]]>" is divided over two, and reads as one again.
    return _rendered(TextReply(content=text.replace("]]>", "]]]]><![CDATA[>"), **address))


def _content(received: Any, fields: dict[str, str]) -> Content:
    match received:
        case messages.TextMessage():  # a tap on a msgmenu's choice too: its words, with bizmsgmenuid beside them
            return Text(text=_text(received.content))
        case messages.ImageMessage():
            return Media(kind="image", reference=_reference(received))
        case messages.VoiceMessage():
            return Media(kind="voice", reference=_reference(received))
        case messages.VideoMessage() | messages.ShortVideoMessage():
            return Media(kind="video", reference=_reference(received))
        case messages.LocationMessage():
            return Location(
                latitude=_degrees(received.location_x, "Location_X", 90),
                longitude=_degrees(received.location_y, "Location_Y", 180),
                label=_text(received.label),
            )
        case messages.LinkMessage():
            return Card(title=_text(received.title), url=_text(received.url))
        case messages.MiniProgramPageMessage():
            page = f"miniprogram:{_text(received.app_id)}/{_text(received.page_path)}"
            return Card(title=_text(received.title), url=page)
        case events.SubscribeScanEvent():  # subscribe with EventKey qrscene_…, which wechatpy has cut off
            return Followed(scene=_text(received.scene_id))
        case events.SubscribeEvent():
            return Followed()
        case events.UnsubscribeEvent():
            return Unfollowed()
        case events.ScanEvent():
            return Scanned(scene=_text(received.scene_id))
        case events.ClickEvent():
            return MenuClick(key=_text(received.key))
        case _:
            name = fields.get("Event") or fields.get("MsgType") or ""
            return Unknown(name=re.sub(r"[^A-Za-z0-9_]", "", name)[:64])


def _handling(content: Content, is_event: bool) -> Handling:
    """WeChat takes an answer to a message, and to subscribe, SCAN and CLICK; to no other event."""
    match content:
        case Unfollowed():
            return "record"
        case Unknown() if is_event:
            return "ignore"
        case _:
            return "answer"


def _id(fields: dict[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not re.fullmatch(r"[A-Za-z0-9_@.-]{1,64}", value):
        raise WireError(400, f"{name} is missing or not an id of WeChat's")
    return value


def _message_id(fields: dict[str, str]) -> str:
    value = fields.get("MsgId", "")
    if not re.fullmatch(r"[0-9]{1,20}", value) or not 0 < int(value) < 2**64:
        raise WireError(400, "MsgId is missing or not a 64-bit number")
    return str(int(value))


def _event_id(fields: dict[str, str]) -> str:
    """An event has no MsgId. WeChat says to tell repeats by FromUserName and CreateTime; two different events may
    come within one second, so what happened goes in as well."""
    parts = (fields.get(name, "") for name in ("FromUserName", "CreateTime", "Event", "EventKey"))
    return "event-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _create_time(fields: dict[str, str]) -> datetime:
    value = fields.get("CreateTime", "")
    if not re.fullmatch(r"[0-9]{1,12}", value) or not EARLIEST <= int(value) <= LATEST:
        raise WireError(400, "CreateTime is missing or not a time in seconds")
    return datetime.fromtimestamp(int(value), UTC)


def _text(value: Any) -> str:
    """wechatpy gives None for an empty element, and a list or dict for one that is doubled or has attributes."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError(400, "a field of the message is not plain text")
    return value


def _reference(received: Any) -> str:
    value = _text(received.media_id)
    if not 0 < len(value) <= 512:
        raise WireError(400, "MediaId is missing or too long")
    return value


def _degrees(value: Any, name: str, most: float) -> float:
    try:
        degrees = float(_text(value))
    except ValueError:
        raise WireError(400, f"{name} is not a number") from None
    if not math.isfinite(degrees) or abs(degrees) > most:
        raise WireError(400, f"{name} is not a place on earth")
    return degrees


def _printable(text: str) -> str:
    """Without the characters that XML has no form for: one of them would make the whole reply unreadable."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _rendered(reply: Any) -> str:
    xml: str = reply.render()
    return xml
