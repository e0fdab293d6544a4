"""What WeChat pushes: every kind of message and event, with its fields and what it may be answered with.

Fields are those of "接收普通消息" and "接收事件推送"; miniprogrampage and bizmsgmenuid, which those pages leave out, are as
SDKs and shops have seen them.
"""

import itertools
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote
from xml.sax.saxutils import escape

_NUMBERS = frozenset({"CreateTime", "MsgId", "Location_X", "Location_Y", "Scale", "Latitude", "Longitude", "Precision"})
_message_numbers = itertools.count(2**62 + secrets.randbelow(2**60))

Takes = Literal["reply or desk", "reply", "nothing"]
"""A message may be answered or handed to the desk, some events only answered, the other events neither."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """One message or event of a shopper; each try of it carries the same fields."""

    openid: str
    type: str
    """MsgType."""
    created: int
    message_number: int | None
    """MsgId; None for events."""
    takes: Takes
    fields: tuple[tuple[str, str], ...]

    def to_xml(self, gh_id: str) -> str:
        """The push in plain XML, to the account with this original id."""
        head = [
            ("ToUserName", gh_id),
            ("FromUserName", self.openid),
            ("CreateTime", str(self.created)),
            ("MsgType", self.type),
        ]
        tail = [("MsgId", str(self.message_number))] if self.message_number is not None else []
        return f"<xml>{''.join(element(name, value) for name, value in (*head, *self.fields, *tail))}</xml>"


def element(name: str, value: str) -> str:
    """One field as WeChat writes it: numbers bare, everything else in CDATA."""
    if name in _NUMBERS:
        return f"<{name}>{escape(value)}</{name}>"
    return f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"


def text(openid: str, content: str, menu_id: str | None = None) -> Push:
    """A text; with `menu_id`, a tap on a choice of a msgmenu."""
    menu = {"bizmsgmenuid": menu_id} if menu_id is not None else {}
    return _message(openid, "text", Content=content, **menu)


def image(openid: str, media_id: str = "media-image-1") -> Push:
    return _message(openid, "image", PicUrl=f"http://mmbiz.qpic.cn/{quote(media_id)}/0", MediaId=media_id)


def voice(openid: str, media_id: str = "media-voice-1") -> Push:
    """Recognition is there and empty: WeChat stopped recognising speech in 2023."""
    return _message(openid, "voice", MediaId=media_id, Format="amr", MediaId16K=f"{media_id}-16k", Recognition="")


def video(openid: str, media_id: str = "media-video-1") -> Push:
    return _message(openid, "video", MediaId=media_id, ThumbMediaId=f"{media_id}-thumb")


def short_video(openid: str, media_id: str = "media-video-2") -> Push:
    return _message(openid, "shortvideo", MediaId=media_id, ThumbMediaId=f"{media_id}-thumb")


def location(openid: str, latitude: float = 23.134521, longitude: float = 113.358803, label: str = "广州市") -> Push:
    return _message(openid, "location", Location_X=str(latitude), Location_Y=str(longitude), Scale="20", Label=label)


def link(openid: str, title: str = "一个链接", url: str = "https://example.com/a?b=1&c=2") -> Push:
    return _message(openid, "link", Title=title, Description="", Url=url)


def mini_program(openid: str, title: str = "一个小程序", page: str = "pages/order?id=1") -> Push:
    return _message(
        openid,
        "miniprogrampage",
        Title=title,
        AppId="wx0000000000000001",
        PagePath=page,
        ThumbUrl="http://mmbiz.qpic.cn/thumb/0",
        ThumbMediaId="media-thumb-1",
    )


def new_kind(openid: str, type: str = "brand_new_type") -> Push:
    """A type of message that no document knows yet."""
    return _message(openid, type)


def subscribe(openid: str, scene: str | None = None) -> Push:
    """The shopper follows; by a code with a scene, EventKey is `qrscene_` and the scene."""
    if scene is None:
        return _event(openid, "subscribe", "reply", EventKey="")
    return _event(openid, "subscribe", "reply", EventKey=f"qrscene_{scene}", Ticket="ticket-1")


def unsubscribe(openid: str) -> Push:
    return _event(openid, "unsubscribe", "nothing", EventKey="")


def scan(openid: str, scene: str = "42") -> Push:
    """A follower scans a code: EventKey is the scene alone."""
    return _event(openid, "SCAN", "reply", EventKey=scene, Ticket="ticket-1")


def click(openid: str, key: str) -> Push:
    return _event(openid, "CLICK", "reply", EventKey=key)


def view(openid: str, url: str = "https://example.com/shop") -> Push:
    return _event(openid, "VIEW", "nothing", EventKey=url, MenuId="1")


def location_report(openid: str, latitude: float = 23.13, longitude: float = 113.35) -> Push:
    return _event(
        openid, "LOCATION", "nothing", Latitude=str(latitude), Longitude=str(longitude), Precision="119.385040"
    )


def event(openid: str, name: str) -> Push:
    """Any other event, such as TEMPLATESENDJOBFINISH or one that no document knows yet."""
    return _event(openid, name, "nothing", EventKey="")


KINDS: dict[str, Callable[..., Push]] = {
    each.__name__: each
    for each in (
        text,
        image,
        voice,
        video,
        short_video,
        location,
        link,
        mini_program,
        new_kind,
        subscribe,
        unsubscribe,
        scan,
        click,
        view,
        location_report,
        event,
    )
}
"""Every kind by its name; a kind takes the openid first and its own fields by keyword."""


def _message(openid: str, type: str, **fields: str) -> Push:
    return Push(
        openid=openid,
        type=type,
        created=int(time.time()),
        message_number=next(_message_numbers),
        takes="reply or desk",
        fields=tuple(fields.items()),
    )


def _event(openid: str, name: str, takes: Takes, **fields: str) -> Push:
    return Push(
        openid=openid,
        type="event",
        created=int(time.time()),
        message_number=None,
        takes=takes,
        fields=(("Event", name), *fields.items()),
    )
