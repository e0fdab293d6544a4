"""Slips of a pinyin keyboard, and the courtesies around a question."""

import pytest

from service.retrieval.lexical import Lexicon
from service.text.normalise import without_courtesy
from service.text.spelling import Spelling
from service.text.words import Segmenter

TEXTS = (
    "优惠券怎么用",
    "退款多久到账",
    "发什么快递",
    "赠品要一起退吗",
    "发票抬头写错了能改吗",
    "预售商品什么时候发货",
    "怎么退货",
)


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    segmenter = Segmenter()
    lexicon = Lexicon(TEXTS, segmenter)
    return Spelling(lexicon.vocabulary, lexicon.pairs, segmenter)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("优惠卷怎么用", "优惠券怎么用"),
        ("推款几天到", "退款几天到"),
        ("快弟几天到", "快递几天到"),
        ("增品要还吗", "赠品要还吗"),
        ("台头写错了", "抬头写错了"),
        ("预受的几号发", "预售的几号发"),
    ],
)
def test_a_slip_becomes_the_shops_own_word(spelling: Spelling, typed: str, meant: str) -> None:
    assert spelling.mend(typed) == meant


@pytest.mark.parametrize("text", ["发飘的感觉", "怎么退货", "权利和义务", "coupon 123", "颓废", "", "会议什么时候开"])
def test_a_real_word_and_what_sounds_like_nothing_of_the_shops_is_left_alone(spelling: Spelling, text: str) -> None:
    assert spelling.mend(text) == text


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("你好,请问床单小了能换吗", "床单小了能换吗"),
        ("麻烦问下退货地址发我一下,谢谢", "退货地址发我一下"),
        ("客服,这个锅能用吗", "这个锅能用吗"),
        ("客服电话多少", "客服电话多少"),
        ("你好", "你好"),
        ("谢谢", "谢谢"),
    ],
)
def test_greeting_and_thanks_around_a_question_are_left_out(text: str, question: str) -> None:
    assert without_courtesy(text) == question
