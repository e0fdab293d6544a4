"""The units that figures are counted in, whatever they are called: 日 and days are 天, 公斤 and kg are one.

What no row names has no unit here, and its number is compared alone.
"""

import re

_SPELLINGS = {
    "天": "天|日|自然日|个自然日|days|day",
    "工作日": "工作日|个工作日|working days|working day|business days|business day",
    "小时": "小时|个小时|钟头|个钟头|hours|hour|hrs|h",
    "分钟": "分钟|minutes|minute|mins|min",
    "秒": "秒|秒钟|seconds|second",
    "点": "点|点钟|时|am|pm|a.m|p.m|o'clock",
    "周": "周|星期|个星期|礼拜|个礼拜|weeks|week",
    "个月": "个月|months|month",
    "月": "月|月份",
    "号": "号",
    "年": "年|周年|years|year",
    "元": "元|块|块钱|圆|人民币|yuan|rmb|cny",
    "美元": "美元|美金|dollars|dollar|usd",
    "角": "角|毛|毛钱",
    "%": "%|percent",
    "折": "折",
    "价": "价",
    "倍": "倍",
    "成": "成",
    "件": "件|个|只|款|样|套|台|条|项|pieces|piece|pcs|items|item",
    "次": "次|遍|回|times|time",
    "张": "张|photos|pictures|coupons",
    "单": "单|笔|订单|个订单|orders|order",
    "积分": "积分|个积分|分|points|point",
    "人": "人|位|名|个人|people",
    "期": "期|instalments|installments",
    "层": "层|楼",
    "字": "字|个字",
    "千克": "千克|公斤|kg|kgs",
    "克": "克|g|grams|gram",
    "升": "升|l|litres|liters",
    "毫升": "毫升|ml",
    "米": "米|m",
    "厘米": "厘米|公分|cm",
    "毫米": "毫米|mm",
    "寸": "寸|英寸|inches|inch",
    "瓦": "瓦|w",
    "伏": "伏|v",
    "度": "度|摄氏度|°c|°",
    "兆": "兆|mb",
} | {alone: alone for alone in "斤 吨 包 袋 盒 箱 瓶 罐 份 杯 片 勺 双 级".split()}
_UNIT_OF = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split("|")}
_BEGINS_A_WORD = {
    "日": "常期用历",
    "天": "然气",
    "时": "间候段效限",
    "点": "击开选进按一",
    "分": "钟开别期类批",
    "期": "间限内待望",
    "人": "工民",
    "位": "置于",
    "名": "称字",
    "包": "装裹邮括含退",
    "单": "独价个",
    "份": "额",
    "只": "能要有需是限支可在收退",
    "条": "件款",
    "件": "数",
    "个": "人",
    "成": "为功本品分交",
    "价": "格",
    "度": "过",
    "级": "别",
}
"""By a unit, what makes another word of it: 99 包邮 is about no 包."""


def _pattern(spelling: str) -> str:
    if spelling in _BEGINS_A_WORD:
        return f"{spelling}(?![{_BEGINS_A_WORD[spelling]}])"
    return re.escape(spelling) + ("(?![a-z])" if spelling[-1].isascii() and spelling[-1].isalpha() else "")


UNIT = f"(?:{'|'.join(_pattern(one) for one in sorted(_UNIT_OF, key=len, reverse=True))})"
"""Pattern of any spelling in normalised text."""


def unit_of(spelling: str) -> str:
    """The unit that is spelled so."""
    return _UNIT_OF[spelling]
