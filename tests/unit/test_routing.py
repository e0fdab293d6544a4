"""What a shopper's text is taken for."""

from datetime import UTC, datetime, timedelta

import pytest

from service.conversation.messages import Choice, Reply
from service.conversation.routing import (
    OFFER_STANDS,
    Asks,
    Chooses,
    ChoosesNothing,
    Declines,
    Greets,
    Intent,
    Router,
    Thanks,
    WantsBot,
    WantsMore,
    WantsPerson,
)
from service.settings import HANDOFF_WORDS, RETURN_WORDS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROUTER = Router(HANDOFF_WORDS.split(","), RETURN_WORDS.split(","))
OFFER = Reply(kind="offer", text="要为您转人工吗？")
CHOICES = (Choice(entry_id="A", question="怎么退货"), Choice(entry_id="B", question="退款多久到账"))
CLARIFICATION = Reply(kind="clarification", text="…", choices=CHOICES)


def read(text: str, shown: Reply | None = None, ago: timedelta = timedelta(minutes=1)) -> Intent:
    return ROUTER.read(text, shown, NOW - ago if shown else None, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "人工", "转人工", "人工客服", "客服", "我要人工", "我要找人工客服", "帮我转人工", "请转人工客服谢谢", "能不能转人工", "人工！！！",
        "有没有真人", "我想跟真人说话", "转人工，我要退货", "机器人没用，给我转人工", "人工人工", "麻烦接人工", "人工服务", "轉人工", "human",
        "I want to talk to a human", "please connect me to an agent", "人工客服在吗", "我要投诉，转人工",
        "退货，找客服", "我要人工客服帮我退款", "转人工服务处理退款", "客服在吗", "有客服吗", "人工呢",
    ],
)  # fmt: skip
def test_a_clear_wish_for_a_person_is_understood(text: str) -> None:
    assert read(text) == WantsPerson()


@pytest.mark.parametrize(
    "text",
    [
        "人工费多少", "人工智能是什么", "客服电话是多少", "客服几点上班", "你们的锅是人工打磨的吗", "客服，这个锅能用洗碗机吗", "不要人工",
        "安装要收人工费吗", "上次客服说三天发货怎么还没发", "is the agent fee refundable", "真人试用的图片有吗", "客服回复我了",
        "人工湖旁边有店吗", "我要人工费发票",
    ],
)  # fmt: skip
def test_a_sentence_that_only_contains_the_word_is_a_question(text: str) -> None:
    assert read(text) == Asks(question=text)


@pytest.mark.parametrize("text", ["是", "好的", "可以", "要", "嗯", "YES", "是的。"])
def test_yes_to_an_offer_asks_for_a_person(text: str) -> None:
    assert read(text, OFFER) == WantsPerson()


def test_yes_means_nothing_once_the_offer_is_old() -> None:
    assert read("是", OFFER, OFFER_STANDS + timedelta(seconds=1)) == Greets()


@pytest.mark.parametrize("text", ["不用", "不用了", "不", "算了", "no"])
def test_no_to_an_offer_declines_it(text: str) -> None:
    assert read(text, OFFER) == Declines()


@pytest.mark.parametrize("text", ["2", "２", "第二个", "2.", "选2", "二", "退款多久到账", "退款多久到账？"])
def test_a_choice_is_understood_by_number_or_words(text: str) -> None:
    assert read(text, CLARIFICATION) == Chooses(choice=CHOICES[1])


def test_a_number_without_a_choice_is_told_so() -> None:
    assert read("5", CLARIFICATION) == ChoosesNothing(count=2)


def test_a_number_without_a_question_before_it_is_a_question() -> None:
    assert read("2") == Asks(question="2")


@pytest.mark.parametrize("text", ["都不是", "没有"])
def test_none_of_the_choices_declines(text: str) -> None:
    assert read(text, CLARIFICATION) == Declines()


@pytest.mark.parametrize(
    ("text", "intent"),
    [("机器人", WantsBot()), ("继续", WantsMore()), ("你好", Greets()), ("[微笑]", Greets()), ("谢谢", Thanks())],
)
def test_small_words_are_what_they_are(text: str, intent: Intent) -> None:
    assert read(text) == intent
