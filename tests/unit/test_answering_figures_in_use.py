"""The figures of answers that a model might word from the shop's own knowledge: true ones pass, false ones don't."""

from functools import cache
from pathlib import Path

import pytest

from service.answering.figures import invented
from service.ingestion.loaders.comma import load_csv
from service.ingestion.loaders.excel import load_excel
from service.ingestion.loaders.loader import Entry, Section
from service.ingestion.loaders.markdown import load_markdown
from service.ingestion.loaders.text import load_text

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
LOADERS = {".md": load_markdown, ".txt": load_text, ".csv": load_csv, ".xlsx": load_excel}


@cache
def knowledge() -> tuple[tuple[str, str, str], ...]:
    """Number, title and text of all that the demonstration shop knows."""
    found: list[tuple[str, str, str]] = []
    for file in sorted(KNOWLEDGE.rglob("*.*")):
        if file.stem not in ("README", "DEMO"):
            for one in LOADERS[file.suffix](file.read_bytes(), file.name).found:
                match one:
                    case Entry():
                        found.append((one.number, one.question, one.answer))
                    case Section():
                        found.append(("", " › ".join(one.headings), one.text))
    return tuple(found)


def passages(*numbers: str) -> list[str]:
    """Title and text of these entries."""
    return [text for number, *texts in knowledge() if number in numbers for text in texts]


def test_each_approved_answer_holds_but_its_own_figures() -> None:
    assert len(knowledge()) > 200
    withheld = {text: found for _, title, text in knowledge() if (found := invented(text, [title, text]))}
    assert withheld == {}


TRUE = [
    ("RET-01", "可以的，签收七天内、商品完好就能退。24 小时内会审核，寄回的运费要您承担。"),
    ("RET-02", "从签收的第二天开始数，连着 7 天，节假日也算，截止到第七天的 24:00。"),
    ("RET-03", "没有质量问题，过了 7 日就不能退了；有质量问题，十五天内还可以退换。"),
    ("RET-08", "拍二到四张照片就行；看不出来的，拍个半分钟左右的视频，30 秒以内。"),
    ("RET-11", "仓库签收后七十二小时内，保险公司会赔到您的微信零钱。"),
    ("RET-22", "信用卡要三到五个工作日，储蓄卡 1-3 个工作日，微信零钱 24 小时内到账。"),
    ("RET-23", "仓库签收后 48 小时内验货，合格后二十四小时内退款。超过七十二小时没退，把售后单号发来。"),
    ("SHIP-01", "下午 4 点前付款当天发，之后的第二天发，最晚付款后四十八小时内发出。"),
    ("SHIP-02", "超过 48 小时没发，我们赔您五元无门槛券一张。"),
    ("SHIP-03", "实付满九十九元就包邮，不到 99 块收八块运费；新疆西藏每单 20 元。"),
    ("SHIP-04", "可以发，走 EMS，二十元一单，发出后六到十天送到，20kg 以上的大件暂时到不了。"),
    ("SHIP-07", "可以，结算时选「顺丰」，每单加收十二元，20 公斤以上的大件除外。"),
    ("SHIP-12", "江浙沪皖一到两天，东北西南西北三至五天，新疆西藏 6~10 天，其他省份二到四天。"),
    ("SHIP-18", "没有电梯的话，二楼以下免费，三楼起每层 10 块。"),
    ("SHIP-24", "系统在发货后十五天自动确认，您可以点一次「延长收货」，再加七天。"),
    ("EXC-04", "十五天内可以换新，运费我们出，收到后 48 小时内验货，一般七到十天能换到手。"),
    ("REP-01", "小家电保修 1 年，铁锅锅身三年，置物架六个月，家纺三个月。"),
    ("REP-03", "收到后七个工作日修好寄回；超过十五个工作日还没修好，保修期内换新。"),
    ("ORD-02", "会保留三十分钟，过时自动取消。"),
    ("ORD-12", "限购的活动商品一个账号最多买两件。"),
    ("ORD-13", "买够二十件，或者总额到三千元，就能单独报价，电话 4000000000。"),
    ("PAY-07", "满 500 元可以用信用卡分三、六或十二期。"),
    ("PAY-10", "有一百、二百和五百元三种面额，没激活的 7 天内可以退。"),
    ("MEM-01", "近十二个月实付满一千元是银卡，3000 元金卡，八千元黑卡。"),
    ("MEM-02", "银卡打 9.8 折，金卡九五折，黑卡九二折。"),
    ("CPN-02", "注册后三十天内，有一张满 129 元减 20 元的新人券，可以用一次。"),
    ("PTS-02", "100 积分可以抵一块钱，攒满五百积分才能用，最多抵商品金额的百分之十。"),
    ("INFO-05", "除夕到初三休息，初四早上九点恢复，平时每天早上 9 点到晚上 9 点。"),
    ("USE-08", "可以，铸铁锅别超过 230℃，全钢手柄的别超过二百度。"),
    ("RET-01", "Yes, within seven days of receipt if it is as new. We review it in 24 hours."),
]


@pytest.mark.parametrize(("number", "answer"), TRUE)
def test_what_a_passage_says_may_be_said_in_other_words(number: str, answer: str) -> None:
    assert invented(answer, passages(number)) == ()


FALSE = [
    ("RET-01", "30 天内都可以退。"),
    ("RET-01", "签收后七个工作日内可以退。"),
    ("RET-01", "签收后 7 小时内可以退。"),
    ("RET-01", "半个月内都能退。"),
    ("RET-01", "退货我们赔您 7 元。"),
    ("RET-01", "You can return it within thirty days."),
    ("RET-03", "有质量问题，15 个月内都能退换。"),
    ("RET-22", "信用卡 1–5 天到账。"),
    ("RET-23", "72 小时内验货，48 天内退款。"),
    ("SHIP-01", "晚上 6 点前付款当天发。"),
    ("SHIP-02", "晚发了赔您 48 元。"),
    ("SHIP-02", "晚发了赔您十倍货款。"),
    ("SHIP-03", "满 88 元包邮。"),
    ("SHIP-03", "满 99 件包邮。"),
    ("SHIP-07", "每单加 20 元。"),
    ("SHIP-12", "其他省份两天到，最晚 5 天，新疆 15 天。"),
    ("EXC-02", "每件可以换两次。"),
    ("REP-01", "锅都是三年质保，家电 3 个月，刀具五年。"),
    ("ORD-11", "付款后 7 天内降价，按差价的双倍退您。"),
    ("MEM-02", "金卡全店七折。"),
    ("MEM-02", "黑卡打 9 折。"),
    ("CPN-02", "新人满 20 减 129，另外打八折。"),
    ("CPN-02", "新人券买一送一。"),
    ("PTS-02", "最多能抵百分之九十。"),
    ("INFO-02", "客服电话是 400-000-0001。"),
    ("INFO-02", "退款找我们主管，电话 13800138000。"),
    ("INFO-02", "满 400 元减，客服电话 400-000-0000。"),
    ("INFO-04", "去 evil.xyz/pay 填一下资料。"),
    ("INFO-04", "邮箱是 kefu@example.com.cn。"),
    ("INFO-03", "加微信 kefu_refund_888x，或点 weixin://dl/business/?t=abc。"),
]


@pytest.mark.parametrize(("number", "answer"), FALSE)
def test_what_no_passage_says_is_named(number: str, answer: str) -> None:
    assert invented(answer, passages(number))
