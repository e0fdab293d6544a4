"""An answer holds no figure that its passages or the question don't hold, however it is written."""

import pytest

from service.answering.figures import invented


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("七天内可退", "签收后 7 天内"),
        ("签收后 7 天内", "七天无理由"),
        ("７天", "7天"),
        ("满 1,000 元", "满1000元"),
        ("满 1000 元包邮", "满 1,000 元包邮"),
        ("99 元", "99.00 元"),
        ("一千二百元", "1200元"),
        ("二百五", "250 克"),
        ("二百零五克", "205克"),
        ("十五天", "15天"),
        ("两件", "2 件"),
        ("2个月", "两个月"),
        ("1.5万", "15,000"),
        ("百分之五", "5%"),
        ("7到8天", "七八天"),
        ("电话 400-800-1234", "4008001234"),
        ("4008001234", "400-800-1234"),
        ("3-5 天", "3–5 天"),
        ("3000-5000元", "3000–5000元"),
        ("2026-10-01", "2026年10月1日"),
        ("16点前", "16:00 前"),
        ("下午4点前", "16:00 前"),
        ("before 4:00 p.m.", "16:00 前"),
        ("16:00", "下午4点"),
        ("见 https://a.example.com/x", "在https://a.example.com/x，申请"),
        ("ME@Example.com", "me@example.com"),
        ("1. 打开订单\n2. 点申请\n3. 等审核", ""),
        ("①打开订单 ②点申请", ""),
        ("一般会一起寄，第一次购买、万一破损、十分抱歉，统一处理，一点小问题", ""),
        ("几十元、数百件、千万别拆", ""),
    ],
)
def test_a_figure_that_is_held_in_another_writing_is_held(answer: str, text: str) -> None:
    assert invented(answer, [text]) == ()


@pytest.mark.parametrize(
    ("answer", "text", "figure"),
    [
        ("15天内可退", "7 天内可退", "15"),
        ("十五天内可退", "七天内可退", "十五"),
        ("保修一年", "保修期见说明书", "一"),
        ("满五百包邮", "满 99 元包邮", "五百"),
        ("退 99.5 元", "退 99 元", "99.5"),
        ("电话 400-800-1235", "400-800-1234", "400-800-1235"),
        ("电话 13800138000", "有事打电话", "13800138000"),
        ("4:00 前", "16:00 前", "4:00"),
        ("21:00 前", "上午 9:00 起", "21:00"),
        ("16:30 前", "16:00 前", "16:30"),
        ("见 https://evil.example.com/x", "见 https://good.example.com/x", "https://evil.example.com/x"),
        ("evil.com", "good.com", "evil.com"),
        ("写信到 a@evil.com", "a@good.com", "a@evil.com"),
        ("2026-10-02", "2026年10月1日", "2026-10-02"),
        ("7. 打开订单", "打开订单", "7"),
        ("1.5万", "1.5 元", "1.5万"),
        ("within 30 days", "7 天", "30"),
    ],
)
def test_a_figure_that_is_nowhere_is_invented(answer: str, text: str, figure: str) -> None:
    assert invented(answer, [text, "别的 6 件事"]) == (figure,)


def test_the_question_may_bring_a_figure() -> None:
    assert invented("买 300 元可以", ["满 99 元包邮", "买300块包邮吗"]) == ()


def test_each_invented_figure_is_named_once() -> None:
    assert invented("3 天或 3 天，最多 5 天", ["7"]) == ("3", "5")
