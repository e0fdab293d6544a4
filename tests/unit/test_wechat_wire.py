"""WeChat's messages and replies in XML, to and from the values of conversation."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from service.channels.wechat import wire
from service.channels.wechat.document import fields_of
from service.channels.wechat.envelope import Letter
from service.channels.wechat.errors import WireError
from service.channels.wechat.simulator import pushes
from service.conversation.inbox import Response
from service.conversation.messages import (
    Card,
    Content,
    Followed,
    Location,
    Media,
    MenuClick,
    Scanned,
    Text,
    Unfollowed,
    Unknown,
)

GH_ID, OPENID = "gh_0123456789ab", "oXshopper-_0123456789abcdefg"
NOW = 1764000000


def read(body: str, account: str = "default", *, encrypted: bool = False) -> wire.Push:
    raw = body.encode()
    letter = Letter(body=raw, encrypted=encrypted, fields=fields_of(raw))
    return wire.from_letter(letter, account)


def received(push: pushes.Push) -> wire.Push:
    return read(push.to_xml(GH_ID))


def a_text(**changed: str | None) -> str:
    fields: dict[str, str | None] = {
        "ToUserName": GH_ID,
        "FromUserName": OPENID,
        "CreateTime": str(NOW),
        "MsgType": "text",
        "Content": "怎么退货",
        "MsgId": "23456789012345678",
    }
    return "<xml>" + "".join(f"<{k}>{v}</{k}>" for k, v in (fields | changed).items() if v is not None) + "</xml>"


def refusal(body: str) -> WireError:
    with pytest.raises(WireError) as refused:
        read(body)
    return refused.value


def fields(xml: str | None) -> dict[str, str]:
    assert xml is not None
    return {child.tag: child.text or "" for child in ElementTree.fromstring(xml)}  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("push", "content"),
    [
        (pushes.text(OPENID, "怎么退货"), Text(text="怎么退货")),
        (pushes.text(OPENID, "a]]>b <xml> & 😀"), Text(text="a]]>b <xml> & 😀")),
        (pushes.text(OPENID, ""), Text(text="")),
        (pushes.text(OPENID, "有用", menu_id="101"), Text(text="有用")),
        (pushes.image(OPENID, "m1"), Media(kind="image", reference="m1")),
        (pushes.voice(OPENID, "m2"), Media(kind="voice", reference="m2")),
        (pushes.video(OPENID, "m3"), Media(kind="video", reference="m3")),
        (pushes.short_video(OPENID, "m4"), Media(kind="video", reference="m4")),
        (pushes.location(OPENID, 23.1, 113.3, "广州"), Location(latitude=23.1, longitude=113.3, label="广州")),
        (pushes.location(OPENID, 0, 0, ""), Location(latitude=0, longitude=0, label="")),
        (pushes.link(OPENID, "标题", "https://a.cn/?b=1&c=2"), Card(title="标题", url="https://a.cn/?b=1&c=2")),
        (
            pushes.mini_program(OPENID, "订单", "pages/order?id=1"),
            Card(title="订单", url="miniprogram:wx0000000000000001/pages/order?id=1"),
        ),
        (pushes.new_kind(OPENID, "brand_new_type"), Unknown(name="brand_new_type")),
    ],
)
def test_a_message_of_each_kind_is_understood_answered_and_may_go_to_the_desk(
    push: pushes.Push, content: Content
) -> None:
    result = received(push)
    assert result.message.content == content
    assert result.message.id == f"wechat:default:{push.message_number}"
    assert result.message.transferable
    assert result.handling == "answer"


@pytest.mark.parametrize(
    ("push", "content", "handling"),
    [
        (pushes.subscribe(OPENID), Followed(scene=""), "answer"),
        (pushes.subscribe(OPENID, "shelf-3"), Followed(scene="shelf-3"), "answer"),
        (pushes.scan(OPENID, "42"), Scanned(scene="42"), "answer"),
        (pushes.click(OPENID, "怎么退货"), MenuClick(key="怎么退货"), "answer"),
        (pushes.unsubscribe(OPENID), Unfollowed(), "record"),
        (pushes.view(OPENID), Unknown(name="VIEW"), "ignore"),
        (pushes.location_report(OPENID), Unknown(name="LOCATION"), "ignore"),
        (pushes.event(OPENID, "TEMPLATESENDJOBFINISH"), Unknown(name="TEMPLATESENDJOBFINISH"), "ignore"),
        (pushes.event(OPENID, "never_seen_event"), Unknown(name="never_seen_event"), "ignore"),
    ],
)
def test_an_event_of_each_kind_is_understood_and_never_goes_to_the_desk(
    push: pushes.Push, content: Content, handling: str
) -> None:
    result = received(push)
    assert result.message.content == content
    assert result.handling == handling
    assert not result.message.transferable
    assert result.message.id.startswith("wechat:default:event-")
    assert OPENID not in result.message.id


def test_who_and_when_are_kept() -> None:
    push = read(a_text(), account="second", encrypted=True)
    assert push.message.user.conversation == f"wechat:second:{OPENID}"
    assert push.message.id == "wechat:second:23456789012345678"
    assert push.message.sent_at == datetime.fromtimestamp(NOW, UTC)
    assert (push.gh_id, push.encrypted) == (GH_ID, True)


def test_a_repeated_event_has_the_same_id_and_another_event_in_the_same_second_another() -> None:
    click = pushes.click(OPENID, "怎么退货")
    assert received(click).message.id == received(click).message.id
    others = [
        pushes.click(OPENID, "运费谁出"),
        pushes.click("oSomebodyElse", "怎么退货"),
        pushes.scan(OPENID, "怎么退货"),
    ]
    ids = {received(other).message.id for other in (click, *others)}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MsgId", None),
        ("MsgId", ""),
        ("MsgId", "0"),
        ("MsgId", "-1"),
        ("MsgId", "1e9"),
        ("MsgId", "１２"),
        ("MsgId", str(2**64)),
        ("MsgId", "9" * 400),
        ("CreateTime", None),
        ("CreateTime", "0"),
        ("CreateTime", "-1764000000"),
        ("CreateTime", "99999999999"),
        ("CreateTime", "9" * 400),
        ("CreateTime", "1764000000.5"),
        ("FromUserName", None),
        ("FromUserName", ""),
        ("FromUserName", "o" * 65),
        ("FromUserName", "o\tb"),
        ("FromUserName", "用户"),
        ("ToUserName", None),
        ("ToUserName", "gh 1"),
        ("MsgType", None),
        ("Content", "<b>退货</b>"),
    ],
)
def test_what_cannot_be_wechats_is_refused(field: str, value: str | None) -> None:
    assert refusal(a_text(**{field: value})).status == 400
    assert isinstance(read(a_text()).message.content, Text)


@pytest.mark.parametrize("field", ["MsgId", "FromUserName", "CreateTime", "MsgType", "Content"])
def test_a_doubled_field_is_refused_by_name(field: str) -> None:
    doubled = a_text().replace("</xml>", f"<{field}>1</{field}></xml>")
    assert refusal(doubled).reason == f"{field} stands more than once"


@pytest.mark.parametrize(("x", "y"), [("91", "0"), ("0", "181"), ("nan", "0"), ("1e309", "0"), ("北", "0"), ("", "0")])
def test_a_place_that_is_not_on_earth_is_refused(x: str, y: str) -> None:
    body = a_text(MsgType="location", Content=None, Location_X=x, Location_Y=y, Scale="20", Label="")
    assert refusal(body).status == 400


@pytest.mark.parametrize("media_id", [None, "", "m" * 513])
def test_a_picture_that_cannot_be_fetched_is_refused(media_id: str | None) -> None:
    assert refusal(a_text(MsgType="image", Content=None, MediaId=media_id)).status == 400


def test_a_message_without_recognition_is_read_like_one_with_an_empty_one() -> None:
    without = read(a_text(MsgType="voice", Content=None, MediaId="m", Format="amr"))
    assert without.message.content == Media(kind="voice", reference="m")


@pytest.mark.parametrize("name", ["__class__", "../text", "x" * 3000, "新类型"])
def test_the_name_of_something_unknown_is_kept_short_and_harmless(name: str) -> None:
    content = read(a_text(MsgType=name, Content=None)).message.content
    assert isinstance(content, Unknown)
    assert len(content.name) <= 64
    assert content.name == "" or content.name.isidentifier()


def test_a_text_reply_goes_back_the_way_the_message_came() -> None:
    assert fields(wire.to_xml(Response(text="七天内可退"), read(a_text()), NOW)) == {
        "ToUserName": OPENID,
        "FromUserName": GH_ID,
        "CreateTime": str(NOW),
        "MsgType": "text",
        "Content": "七天内可退",
    }


@pytest.mark.parametrize(
    "text", ["a]]>b", "]]>", "]]]]>>", '<a href="https://a.cn/?b=1&c=2">链接</a>\n第二行 😀', "{x}"]
)
def test_no_text_breaks_the_reply(text: str) -> None:
    assert fields(wire.to_xml(Response(text=text), read(a_text()), NOW))["Content"] == text


def test_characters_that_xml_has_no_form_for_are_left_out() -> None:
    xml = wire.to_xml(Response(text="退\x00\x0b\x1b货\ud800\ufffe"), read(a_text()), NOW)
    assert fields(xml)["Content"] == "退货"


@pytest.mark.parametrize("text", ["", "  \n", "\x00"])
def test_nothing_to_say_is_no_reply(text: str) -> None:
    assert wire.to_xml(Response(text=text), read(a_text()), NOW) is None


def test_a_message_is_handed_to_the_desk() -> None:
    xml = wire.to_xml(Response(text="", transfer=True), read(a_text()), NOW)
    assert fields(xml) == {
        "ToUserName": OPENID,
        "FromUserName": GH_ID,
        "CreateTime": str(NOW),
        "MsgType": "transfer_customer_service",
    }


def test_an_event_is_not() -> None:
    assert wire.to_xml(Response(text="", transfer=True), received(pushes.click(OPENID, "人工")), NOW) is None
