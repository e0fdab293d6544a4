"""Whether an answer holds a figure that its passages don't hold: a number with its unit, a date, time, phone number or
address.

A number counts with its unit: 7 天 holds no 7 元. What has no unit may be any of that number. Phone numbers, codes and
dates count whole, and so do addresses. What the shopper said may be repeated where the passages hold nothing of that
unit (买了 3 件), but never against them: who remembers 30 天 is not told so where the passages say 7.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from service.answering.addresses import addresses, without_addresses
from service.answering.numerals import SCALES, canonical, in_digits
from service.answering.units import UNIT, unit_of
from service.text.normalise import normalise

Key = tuple[str, str]
"""A value and its unit."""

_CODE_WITH_LETTERS = re.compile(r"(?<![a-z0-9_])(?!(?:am|pm|to|or|and|rmb|cny|usd)[\d-])[a-z_][a-z_-]*\d[a-z0-9_-]*")
_DATE = re.compile(r"(?<!\d)(\d{4}) ?[-/.年] ?(\d{1,2})(?: ?[-/.月] ?(\d{1,2}) ?[日号]?(?!\d)| ?月)")
_DAY = re.compile(r"(?<!\d)(\d{1,2}) ?月 ?(\d{1,2}) ?[日号]")
_DAY_OF_MONTH = re.compile(r"(?<=[每当][月年]) ?(\d{1,2}) ?[日号]")
_TIME = re.compile(r"(?<![\d:])(\d{1,2})(?::(\d{2})|[点时](?:(半)|(\d{1,2})分?))(?![\d:])(?: ?([ap])\.?m)?")
_LONG = re.compile(rf"(?<![\d.,])(?:\+?86[- ]?)?(?:\d{{3,}}(?:[- ]\d{{3,}}){{1,3}}|\d{{7,}})(?!\d|\.\d)(?! ?{UNIT})")
_NUMBER = re.compile(
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<fraction>\.\d+)?"
    rf" ?(?P<scale>[百千万亿](?![克米瓦])|hundred|thousand)?(?:[ -]?(?P<unit>{UNIT}))?"
)
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000}
_BETWEEN = re.compile(r" ?(?:[-–—~/、×x*]+|至|到|和|或|与|to|or|and) ?")
"""Between two numbers that have one unit: 3–5 天, 3、6、12 期."""
_MONEY_BEFORE = re.compile(r"(?:¥|rmb|cny|[满减返赔省])[您你给付了到至额]{0,3} ?$")
_DOLLARS_BEFORE = re.compile(r"\$ ?$")
_GIVEN_BEFORE = re.compile(r"[送赠] ?$")
"""买一送一."""
_ORDINAL_BEFORE = re.compile(r"第 ?$")
_LATE_BEFORE = re.compile(r"(?:下午|傍晚|晚上|晚|夜里)[^,。;\n上早凌]{0,8}$")
_OF_ITS_OWN = re.compile(r" ?(?:[种步类]|个?(?:方面|步骤|办法|方法|方式|情况|条件|原因|选择|地方)|个都)")
"""Behind a number: what an answer itself counts, as in 有两种办法."""
_ORDINALS_OF_ITS_OWN = 5
_ORDER = re.compile(r"[①-⑳❶-❿⒈-⒛㈠-㈩]|\d\ufe0f?\u20e3")
_LIST_MARK = re.compile(r"(?:^|(?<=[\s:：;；。]))[ \t]*[（(]?(\d{1,2})[.、)）:：](?!\d)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a text."""

    shown: str
    needs: frozenset[Key]
    """One of these must be held where an answer has the figure; none: it needs no holding."""
    gives: frozenset[Key]
    """What a passage with the figure holds."""


def invented(answer: str, passages: Iterable[str], question: str = "") -> tuple[str, ...]:
    """The figures of the answer that may not be in it."""
    given = [figure for passage in passages for figure in _figures(passage, liberal=True)]
    held = {key for figure in given for key in figure.gives}
    units = {unit for figure in given for _, unit in figure.needs} | {"address"}
    for figure in _figures(question, liberal=True):
        if all(unit not in units for _, unit in figure.needs):
            held |= figure.gives
    found = [figure for figure in _figures(answer, liberal=False) if figure.needs and not figure.needs & held]
    return tuple(dict.fromkeys(figure.shown for figure in found))


def _figures(text: str, *, liberal: bool) -> Iterator[Figure]:
    """Each kind is taken out of the text before the next is looked for, so that none is split."""
    rest = normalise(_without_list_marks(text))
    for address in addresses(rest):
        yield _figure(address, (address, "address"))
    rest = in_digits(without_addresses(rest), liberal=liberal)
    for pattern, read in (
        (_CODE_WITH_LETTERS, _code),
        (_DATE, _date),
        (_DAY, _day),
        (_DAY_OF_MONTH, _day_of_month),
        (_TIME, _time),
        (_LONG, _code),
    ):
        yield from map(read, pattern.finditer(rest))
        rest = pattern.sub(lambda found: "\0" * len(found.group()), rest)
    yield from _quantities(rest)


def _figure(shown: str, *needs: Key, gives: Iterable[Key] = ()) -> Figure:
    return Figure(shown=shown.strip(), needs=frozenset(needs), gives=frozenset((*needs, *gives)))


def _code(found: re.Match[str]) -> Figure:
    code = re.sub(r"[ -]", "", found.group()).removeprefix("+").removeprefix("86" if "+86" in found.group() else "")
    return _figure(found.group(), (code, "code"))


def _date(found: re.Match[str]) -> Figure:
    year, month, day = (canonical(part) if part else "" for part in found.groups())
    within = ((f"{month}-{day}", "day"),) if day else ()
    return _figure(found.group(), (f"{year}-{month}-{day}", "date"), gives=(*within, (year, "年")))


def _day(found: re.Match[str]) -> Figure:
    return _figure(found.group(), (f"{canonical(found[1])}-{canonical(found[2])}", "day"))


def _day_of_month(found: re.Match[str]) -> Figure:
    return _figure(found.group(), (canonical(found[1]), "号"))


def _time(found: re.Match[str]) -> Figure:
    _, minute, half, minutes, half_day = found.groups()
    return _at(found, f"{'30' if half else minute or minutes:0>2}", late=half_day == "p")


def _at(found: re.Match[str], minute: str, *, late: bool) -> Figure:
    """下午4点 and 4 pm are 16:00; where they stand, an answer may say 4 点 too."""
    hour = int(found[1])
    said = (f"{hour}:{minute}", "time")
    if hour < 12 and (late or _LATE_BEFORE.search(found.string[: found.start()])):
        return _figure(found.group(), (f"{hour + 12}:{minute}", "time"), gives=(said,))
    return _figure(found.group(), said)


def _quantities(text: str) -> Iterator[Figure]:
    unit_behind, begin_behind = "", len(text)
    figures: list[Figure] = []
    for found in reversed(list(_NUMBER.finditer(text))):
        unit = unit_of(found["unit"]) if found["unit"] else _unit_before(text[: found.start()])
        if not unit and _BETWEEN.fullmatch(text, found.end(), begin_behind):
            unit = unit_behind
        unit_behind, begin_behind = unit, found.start()
        figures.append(_quantity(found, unit))
    yield from reversed(figures)


def _unit_before(before: str) -> str:
    if _MONEY_BEFORE.search(before):
        return "元"
    if _GIVEN_BEFORE.search(before):
        return "送"
    return "美元" if _DOLLARS_BEFORE.search(before) else ""


def _quantity(found: re.Match[str], unit: str) -> Figure:
    number = Decimal(found["digits"].replace(",", "") + (found["fraction"] or ""))
    if scale := found["scale"]:
        number *= SCALES.get(scale) or _ENGLISH_SCALES[scale]
    if unit == "折" and number >= 10:
        number /= 10  # 九五折 and 95 折 are 9.5 折
    value = canonical(str(number))
    if _ORDINAL_BEFORE.search(found.string[: found.start()]):
        ordinal = (value, "第" + unit)
        return Figure(
            shown=found.group(),
            needs=frozenset() if number <= _ORDINALS_OF_ITS_OWN else frozenset((ordinal,)),
            gives=frozenset((ordinal, (value, ""))),
        )
    if unit == "点":
        return _at(found, "00", late=(found["unit"] or "").startswith("p"))
    if _OF_ITS_OWN.match(found.string, found.end("scale") if scale else found.end("digits")):
        return Figure(shown=found.group(), needs=frozenset(), gives=frozenset(((value, ""),)))
    if unit == "天" and found["unit"] == "日":  # 18 日 may be a date, 7 日 a time
        return _figure(found.group(), (value, unit), (value, "号"), gives=((value, ""),))
    return _figure(found.group(), (value, unit), gives=((value, ""),))


def _without_list_marks(text: str) -> str:
    """Without ① and keycaps, and without 1. 2. 3. where they count on."""
    expected = 1

    def drop(mark: re.Match[str]) -> str:
        nonlocal expected
        if int(mark[1]) != expected:
            return mark.group()
        expected += 1
        return ""

    return _LIST_MARK.sub(drop, _ORDER.sub(" ", text))
