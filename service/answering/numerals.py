"""Numbers that are written in words made digits: 七天 is 7天, 百分之五 5%, 半个月 0.5个月, seven days 7 days.

A numeral is a number where a unit follows it or where it has a scale. The 一 of 一般, 一起 and 一张 is none; in a text
that an answer may take from, 一张 is 1张 all the same, since the answer may say it so.
"""

import re
from decimal import Decimal

from service.answering.units import UNIT

_DIGITS = dict(
    zip("零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖", (0, 0, 1, 2, 2, *range(3, 10), *range(1, 10)), strict=True)
)
SCALES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "万": 10_000, "亿": 100_000_000}
_NUMERAL = f"[{''.join((*_DIGITS, *SCALES))}]+"
_DIGIT = f"[{''.join(_DIGITS)}]"
_RUN = re.compile(_NUMERAL)
_PERCENT = re.compile(rf"百分之 ?({_NUMERAL}|[\d.]+)")
_POINT = re.compile(rf"({_DIGIT}+)点({_DIGIT}+)(?=(?!分){UNIT})")
_UNIT = re.compile(" ?" + UNIT)
_UNIT_OF_ONE = re.compile(r"个?半?(?:月|星期|礼拜|小时|钟头)|个?工作日|天|日|周|年|分钟|元|块钱|折|倍|公?斤")
_VAGUE = re.compile(r"[统唯]一$|[几数][十百千万]|[上近成][百千]")
"""With the character before: 统一, 几十元, 上百件, and not 晚上十点."""
_AND_A_HALF = re.compile(r"(\d)(个半(?=月|小时|钟头|星期|礼拜)|(?:年|天|小时|周)半)")
_HALF = re.compile(r"(?<![一\d大多])半(?=个?(?:月|小时|钟头|星期|礼拜)|年|天|日|价)")
_TIMES = {"双倍": "2倍", "加倍": "2倍", "翻倍": "2倍", "百分百": "100%"}
_ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ENGLISH = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[ -](?P<and>{'|'.join(_ONES[1:10])}))?|(?P<ones>{'|'.join(_ONES)}))"
    rf"(?=[ -](?:hundred|thousand|{UNIT}))"
)


def in_digits(text: str, *, liberal: bool) -> str:
    """Normalised text with its numbers in digits; `liberal` for one that an answer may take from."""
    for words, digits in _TIMES.items():
        text = text.replace(words, digits)
    text = _PERCENT.sub(lambda found: f"{_number(found[1])}%", text)
    text = _POINT.sub(lambda found: f"{_number(found[1])}.{_number(found[2])}", text)
    text = _RUN.sub(lambda found: _read(found, liberal=liberal), text)
    text = _AND_A_HALF.sub(lambda found: f"{found[1]}.5{found[2].replace('半', '')}", text)
    return _ENGLISH.sub(_english, _HALF.sub("0.5", text))


def canonical(number: str) -> str:
    """Without what makes no difference: 7.0 and 07 are 7."""
    return format(Decimal(number).normalize(), "f")


def _read(found: re.Match[str], *, liberal: bool) -> str:
    run, before, after = found.group(), found.string[: found.start()], found.string[found.end() :]
    if not _means_a_number(run, before, after, liberal=liberal):
        return run
    if len(run) == 2 and not _scaled(run) and not after.startswith("折"):
        return f"{_DIGITS[run[0]]}-{_DIGITS[run[1]]}"  # 七八天 is 7 to 8
    return _number(run)


def _means_a_number(run: str, before: str, after: str, *, liberal: bool) -> bool:
    if _VAGUE.match(before[-1:] + run) or run[0] in "万亿" or (run == "十" and re.match("分(?!钟)", after)):
        return False
    if run == "一" and before.endswith(("送", "赠")):
        return True
    if run in ("一", "二") and not liberal:
        return bool(_UNIT_OF_ONE.match(after))
    if run in ("百", "千"):
        return after.startswith(("元", "块"))
    return bool(_UNIT.match(after)) or (_scaled(run) and any(c in _DIGITS for c in run))


def _scaled(run: str) -> bool:
    return any(c in SCALES for c in run)


def _number(run: str) -> str:
    """一千二百 is 1200, 二〇二六 is 2026, 一万五 is 15000; what is in digits already stays."""
    if run[0] not in _DIGITS and run[0] not in SCALES:
        return run
    if not _scaled(run):
        return "".join(str(_DIGITS[c]) for c in run)
    total = section = digit = 0
    scale = 1
    for c in run:
        if c in _DIGITS:
            digit = _DIGITS[c]
            continue
        scale = SCALES[c] // 10
        if SCALES[c] >= 10_000:
            total = ((total + section + digit) or 1) * SCALES[c]
            section = 0
        else:
            section += (digit or 1) * SCALES[c]
        digit = 0
    # 二百五 is 250: a last digit right behind a scale is of the next lower one, unlike in 二百零五.
    last = digit * scale if run[-2:-1] in SCALES else digit
    return str(total + section + last)


def _english(found: re.Match[str]) -> str:
    if found["ones"]:
        return str(_ONES.index(found["ones"]))
    return str((_TENS.index(found["tens"]) + 2) * 10 + (_ONES.index(found["and"]) if found["and"] else 0))
