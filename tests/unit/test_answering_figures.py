"""An answer holds no figure that its passages don't hold, however it is written."""

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
        ("请访问shop.example.com", "在shop.example.com 下单"),
        ("ME@Example.com", "me@example.com"),
        ("1. 打开订单\n2. 点申请\n3. 等审核", ""),
        ("①打开订单 ②点申请", ""),
        ("7 日内", "七天内"),
        ("半个月", "0.5 个月"),
        ("一个半月", "1.5 个月"),
        ("一百二十元", "120 块"),
        ("九五折", "打 9.5 折"),
        ("95 折", "九五折"),
        ("20kg", "20 公斤"),
        ("五升", "5L"),
        ("3 到 5 天", "3 天起，最多 5 天"),
        ("3、6、12 期", "3 期、6 期或 12 期"),
        ("每月 18 号", "每月 18 日"),
        ("12 月 31 号", "2026-12-31"),
        ("满 129 元减 20 元", "满 129 减 20"),
        ("晚上 9 点", "9:00–21:00"),
        ("下午 2 点到 6 点", "14:00–18:00"),
        ("9 pm", "21:00"),
        ("within seven days, a 24-hour check, 20 yuan", "7 天，24 小时，20 元"),
        ("有 2 种办法，分 3 步", ""),
        ("两个都可以", ""),
        ("满 99 包邮", "满 99 元包邮"),
        ("第二天起算，第一次", ""),
        ("A4 纸", "用 A4 打印"),
        ("一般会一起寄，第一次购买、万一破损、十分抱歉，统一处理，一点小问题", ""),
        ("几十元、数百件、千万别拆", ""),
    ],
)
def test_a_figure_that_is_held_in_another_writing_is_held(answer: str, text: str) -> None:
    assert invented(answer, [text]) == ()


@pytest.mark.parametrize(
    ("answer", "text", "figure"),
    [
        ("15天内可退", "7 天内可退", "15天"),
        ("十五天内可退", "七天内可退", "15天"),
        ("保修一年", "保修期见说明书", "1年"),
        ("满五百包邮", "满 99 元包邮", "500"),
        ("退 99.5 元", "退 99 元", "99.5 元"),
        ("电话 400-800-1235", "400-800-1234", "400-800-1235"),
        ("电话 13800138000", "有事打电话", "13800138000"),
        ("4:00 前", "16:00 前", "4:00"),
        ("21:00 前", "上午 9:00 起", "21:00"),
        ("16:30 前", "16:00 前", "16:30"),
        ("见 https://evil.example.com/x", "见 https://good.example.com/x", "evil.example.com/x"),
        ("见 https://good.example.com/y", "见 https://good.example.com/x", "good.example.com/y"),
        ("https://good.example.com@evil.xyz", "good.example.com", "good.example.com@evil.xyz"),
        ("去 evil.xyz/pay 付款", "", "evil.xyz/pay"),
        ("看 bit.ly/3xYz", "", "bit.ly/3xyz"),
        ("访问myshop.store", "", "myshop.store"),
        ("evil\u200b．xyz", "", "evil.xyz"),
        ("点 weixin://dl/business/?t=abc", "", "weixin://dl/business/?t=abc"),
        ("点 #小程序://暖灶里/AbC1", "", "小程序://暖灶里/abc1"),
        ("去 1.2.3.4:80/x", "", "1.2.3.4:80/x"),
        ("商城.中国", "", "商城.中国"),
        ("evil.中国", "", "evil.中国"),
        ("找客服@evil.xyz", "", "evil.xyz"),
        ("..evil.xyz", "", "evil.xyz"),
        ("加微信 kefu_refund_888x", "400-800-1888", "kefu_refund_888x"),
        ("赔您 400 元", "电话 400-800-1234", "400 元"),
        ("满 800 元减", "电话 400-800-1234", "800 元"),
        ("电话 400-800", "电话 400-800-1234", "400-800"),
        ("11 月内", "2026-11-01 起", "11 月"),
        ("2027-10-01", "10 月 1 日", "2027-10-01"),
        ("七折", "7 天", "7折"),
        ("九五折", "95 元", "95折"),
        ("7 元", "7 天", "7 元"),
        ("7 个工作日", "7 天", "7 个工作日"),
        ("3 个月", "3 月起", "3 个月"),
        ("18 天", "每月 18 日", "18 天"),
        ("第 30 天", "30 天", "30 天"),
        ("半个月", "1 个月", "0.5个月"),
        ("两年半", "2 年", "2.5年"),
        ("双倍赔", "2 天", "2倍"),
        ("百分之五", "5 元", "5%"),
        ("￥40", "40 天", "40"),
        ("晚上十点", "上午 10 点", "10点"),
        ("送一张", "满 99 元", "1张"),
        ("thirty days", "3 天", "30 days"),
        ("$7", "7 元", "7"),
        ("evil.com", "good.com", "evil.com"),
        ("写信到 a@evil.com", "a@good.com", "a@evil.com"),
        ("2026-10-02", "2026年10月1日", "2026-10-02"),
        ("7. 打开订单", "打开订单", "7"),
        ("1.5万", "1.5 元", "1.5万"),
        ("within 30 days", "7 天", "30 days"),
    ],
)
def test_a_figure_that_is_nowhere_is_invented(answer: str, text: str, figure: str) -> None:
    assert invented(answer, [text, "别的 6 件事"]) == (figure,)


@pytest.mark.parametrize(
    ("answer", "question"),
    [("您买的 3 件可以一起退，7 天内都行", "我买了三件"), ("订单 20261124001 还没发", "订单号 20261124001 发了吗")],
)
def test_what_the_shopper_said_may_be_repeated_where_the_passages_say_nothing_of_the_kind(
    answer: str, question: str
) -> None:
    assert invented(answer, ["签收后 7 天内可退"], question) == ()


@pytest.mark.parametrize(
    ("answer", "question", "figure"),
    [
        ("可以，30 天内都能退", "我记得是 30 天无理由", "30 天"),
        ("可以，三十日内都能退", "我记得是 30 天无理由", "30日"),
        ("对，打 13800138000", "电话是 13800138000 吧", "13800138000"),
        ("对，去 evil.xyz", "去 evil.xyz 退款对吗", "evil.xyz"),
    ],
)
def test_what_the_shopper_said_is_never_repeated_against_the_passages(answer: str, question: str, figure: str) -> None:
    assert invented(answer, ["签收后 7 天内可退，电话 400-800-1234"], question) == (figure,)


def test_each_invented_figure_is_named_once() -> None:
    assert invented("3 天或 3 天，最多 5 天", ["7"]) == ("3 天", "5 天")
