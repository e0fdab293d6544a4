"""What two people type for the same words becomes one string; what means something stays apart."""

import pytest

from service.text.normalise import match_key, normalise
from service.text.words import Segmenter, clauses, grams


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        ("什麼時候發貨", "什么时候发货"),
        ("ＡＢＣ１２３，？", "abc123,?"),
        ("退\u200b款\u2060多\ufeff久", "退款多久"),
        ("怎么退货[微笑][捂脸]", "怎么退货"),
        ("谢谢[Smile]/::)", "谢谢"),
        ("好的👌🏻 什么时候发货❤️", "好的 什么时候发货"),
        ("多久\n\n  到账\u3000呢", "多久 到账 呢"),
        ("🙏[玫瑰]/:rose", ""),
        ("退\x00货\x1b\ud800", "退货"),
        ("a\x00b", "ab"),
        ("", ""),
    ],
)
def test_the_same_words_typed_otherwise_become_one_string(typed: str, compared: str) -> None:
    assert normalise(typed) == compared


@pytest.mark.parametrize("text", ["[退款]怎么弄", "[订单号]", "https://v.example/:ok", "[火星文]"])
def test_brackets_and_addresses_that_are_no_face_stay(text: str) -> None:
    assert normalise(text) == text


def test_normalising_twice_changes_nothing() -> None:
    for text in ("什麼時候發貨？[微笑]", "  ＡB  c ", "/::)/::)退款", "ﬁ①㎏"):
        assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("你好，请问怎么退货呢？", "怎么退货"),
        ("怎么退货啊~谢谢", "怎么退货"),
        ("七天无理由，怎么退？", "七天无理由怎么退"),
        ("能退么", "能退吗"),
        ("運費誰出", "运费谁出"),
        ("How do I return it?", "how do i return it"),
    ],
)
def test_the_same_question_has_one_key(one: str, other: str) -> None:
    assert match_key(one) == match_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("可以退款吗", "不可以退款吗"),
        ("满1.5元减", "满15元减"),
        ("1-2天到吗", "12天到吗"),
        ("这是什么", "这是"),
        ("打9折", "打9.5折"),
        ("收到货了", "没收到货"),
        ("亲子围裙有吗", "子围裙有吗"),
        ("hisense的电器修吗", "sense的电器修吗"),
    ],
)
def test_another_question_has_another_key(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


def test_courtesies_alone_keep_a_key_and_faces_alone_have_none() -> None:
    assert match_key("你好") == "你好"
    assert match_key("谢谢") == "谢谢"
    assert match_key("[微笑]？！") == ""


def test_words_leave_punctuation_out() -> None:
    assert Segmenter().words("七天,怎么退货? iphone 15") == ["七天", "怎么", "退货", "iphone", "15"]


def test_a_word_of_the_shops_own_stays_whole() -> None:
    assert "暖灶里" not in Segmenter().words("暖灶里的锅")
    assert "暖灶里" in Segmenter(["暖灶里"]).words("暖灶里的锅")


def test_one_segmenters_words_are_not_anothers() -> None:
    Segmenter(["蓝莓山鸡"])
    assert "蓝莓山鸡" not in Segmenter().words("蓝莓山鸡")


def test_grams_are_characters_and_neighbouring_pairs() -> None:
    assert grams("退货?") == ["退", "货", "退货"]
    assert grams("!?") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("锅收到了,把手是松的,能换吗?", ["锅收到了", "把手是松的", "能换吗"]),
        ("付了1.5元,还没发货", ["付了1.5元", "还没发货"]),
        ("早上下的单 现在能改地址吗", ["早上下的单", "现在能改地址吗"]),
        ("my order is late. where is it?", ["my order is late", "where is it"]),
        ("好,怎么退货", []),
        ("怎么退货", []),
    ],
)
def test_a_story_falls_into_clauses_and_a_plain_question_into_none(text: str, parts: list[str]) -> None:
    assert clauses(text) == parts


def test_clauses_of_a_pasted_page_are_few() -> None:
    assert len(clauses("第一句话很短。" * 300)) == 8
