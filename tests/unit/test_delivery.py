"""Cutting and joining what goes into one response."""

from hypothesis import given
from hypothesis import strategies as st

from service.answering.wording import AI_LABEL
from service.conversation.delivery import Kept, compose, cut
from service.conversation.messages import Reply
from service.conversation.wording import MORE_FOLLOWS
from tests.builders import a_message

LIMIT = 2047


def kept(text: str, seq: int = 1, asked: str | None = None, delivered: int = 0, by_model: bool = False) -> Kept:
    reply = Reply(kind="answer", text=text, by_model=by_model)
    return Kept(seq=seq, asked=a_message(asked) if asked else None, reply=reply, delivered=delivered)


def test_a_short_reply_goes_whole_and_as_it_is() -> None:
    composed = compose([kept("签收后 7 天内可退。")], LIMIT)
    assert composed.text == "签收后 7 天内可退。"
    assert composed.delivered == {1: 11}


def test_two_replies_that_fit_go_together_and_say_what_the_earlier_one_belongs_to() -> None:
    composed = compose([kept("七天内可退。", 1, asked="怎么退货"), kept("三天到账。", 2)], LIMIT)
    assert composed.text == "关于您问的「怎么退货」：\n七天内可退。\n\n三天到账。"
    assert MORE_FOLLOWS not in composed.text


def test_a_second_reply_that_does_not_fit_waits_whole_and_is_announced() -> None:
    first, second = "甲。" * 200, "乙。" * 200
    composed = compose([kept(first, 1, asked="甲？"), kept(second, 2)], LIMIT)
    assert first in composed.text
    assert "乙" not in composed.text
    assert composed.text.endswith(MORE_FOLLOWS)
    assert composed.delivered == {1: len(first), 2: 0}


def test_a_text_too_long_is_cut_at_a_sentence_end_and_its_rest_follows() -> None:
    sentence = "这一条说明了退货时运费由谁来承担的规则。"
    text = sentence * 60
    first = compose([kept(text)], LIMIT)
    assert len(first.text.encode()) <= LIMIT
    assert first.text.removesuffix(MORE_FOLLOWS).endswith("。")
    second = compose([kept(text, delivered=first.delivered[1])], LIMIT)
    assert first.text.removesuffix(MORE_FOLLOWS) + second.text == text


def test_each_part_of_a_text_by_a_model_carries_the_label() -> None:
    text = "模型写的一句话。" * 150
    first = compose([kept(text, by_model=True)], LIMIT)
    assert first.text.removesuffix(MORE_FOLLOWS).endswith(AI_LABEL)
    assert len(first.text.encode()) <= LIMIT
    assert compose([kept(text, delivered=first.delivered[1], by_model=True)], LIMIT).text.endswith(AI_LABEL)


def test_a_text_by_staff_carries_no_label() -> None:
    assert AI_LABEL not in compose([kept("员工写的。")], LIMIT).text


def test_no_cut_falls_into_a_link_or_a_number() -> None:
    for whole in ("https://shop.example.com/returns/how?x=1", "400-000-0000", '<a href="https://a.example/x">退货</a>'):
        text = "退" * 20 + whole + "完"
        for limit in range(61, 60 + len(whole)):
            assert cut(text, limit) == 20, (whole, limit)


def test_an_empty_reply_adds_nothing() -> None:
    composed = compose([kept("", 1, asked="继续"), kept("三天到账。", 2)], LIMIT)
    assert composed.text == "三天到账。"


@given(text=st.text(min_size=1, max_size=400), limit=st.integers(min_value=4, max_value=200))
def test_parts_fit_and_come_to_an_end_and_lose_no_character(text: str, limit: int) -> None:
    parts = []
    rest = text
    while rest:
        length = cut(rest, limit)
        assert length >= 1
        assert len(rest[:length].encode()) <= max(limit, 4)
        parts.append(rest[:length])
        rest = rest[length:]
    assert "".join(parts) == text


def test_a_very_long_text_is_cut_without_reading_all_of_it() -> None:
    whole = "能" * 400_000
    read = min(len(whole), 2047 // 3)
    assert cut(whole, LIMIT) == read
    assert cut("a" * 400_000 + "@example.com", LIMIT) == LIMIT
