"""The figures of a text, made comparable: a number, amount, time, phone number, e-mail address or link.

An answer may hold no figure that its passages or the question don't hold. 7天, 七天 and ７天 are one figure, so are
1,000 and 1000, 400-800-1234 and 4008001234, 下午4点 and 16:00. What an answer must show is read strictly (the 一 of
一般 is no number), what it may take from is read liberally.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_LINK = re.compile(
    r"(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
    r"|(?<![\w@.-])(?:[A-Za-z0-9-]+\.)+(?:com|cn|net|org|shop|top|vip|cc|io|me)(?![A-Za-z0-9])(?:/[A-Za-z0-9\-._~/?#&=%]*)?"
)
_DATE = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_TIME = re.compile(r"(?<![\d:])(\d{1,2}):(\d{2})(?![\d:])")
_JOINED = re.compile(r"(?<![\d-])\d{3,4}(?:[- ]\d{3,4}){1,3}(?![\d-])")
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(\.\d+)?\s*([万亿]|点|[ap]\.?m\b)?", re.IGNORECASE)
_LATE_BEFORE = re.compile(r"(?:下午|晚上|傍晚|夜里|晚)\s*$")
_LATE_AFTER = re.compile(r"[\d:]+\s*p\.?m", re.IGNORECASE)
_DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+")
_UNIT = re.compile(
    r"\s*(?:个?(?:月|小时|钟头|工作日)|天|日|周|年|号|点|分钟|秒|元|块|角|毛|折|倍|成|%"
    r"|[个件次张条款人位级只盒包箱瓶份期层楼步公斤克升米厘毫])"
)
_UNIT_OF_ONE = re.compile(r"\s*(?:个?(?:月|小时|钟头|工作日)|天|日|周|年|分钟|元|折|倍)")
_ORDER = re.compile(r"[①-⑳❶-❿⒈-⒛㈠-㈩]|\d\ufe0f?\u20e3")
_LIST_MARK = re.compile(r"^[ \t]*(\d{1,2})[.、)）:：](?!\d)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of an answer."""

    shown: str
    readings: tuple[frozenset[str], ...]
    """Each a set of values; one set must be held whole."""


def invented(answer: str, texts: Iterable[str]) -> tuple[str, ...]:
    """The figures of the answer that none of the texts holds, as the answer shows them."""
    held: set[str] = set()
    for text in texts:
        held |= _held(text)
    found = (figure.shown for figure in _figures(answer) if not any(reading <= held for reading in figure.readings))
    return tuple(dict.fromkeys(found))


def _figures(answer: str) -> Iterator[Figure]:
    """What must be held, read strictly."""
    rest = _without_list_marks(answer)
    for pattern, value in ((_MAIL, str.lower), (_LINK, _link)):
        for found in pattern.finditer(rest):
            yield Figure(shown=found.group(), readings=(frozenset({value(found.group())}),))
        rest = pattern.sub(" ", rest)
    rest = unicodedata.normalize("NFKC", rest)
    for pattern, read in ((_DATE, _date), (_TIME, _time), (_JOINED, _joined), (_NUMBER, _number)):
        for found in pattern.finditer(rest):
            yield Figure(shown=found.group().strip(), readings=read(found))
        rest = pattern.sub(lambda found: "\0" * len(found.group()), rest)
    for found in _CHINESE.finditer(rest):
        run = found.group()
        if _means_a_number(run, rest[: found.start()], rest[found.end() :]):
            yield Figure(shown=run, readings=(frozenset({_chinese(run)}),))


def _held(text: str) -> set[str]:
    """All values that a text can be taken to hold, read liberally."""
    held = {mail.lower() for mail in _MAIL.findall(text)}
    for link in _LINK.findall(_MAIL.sub(" ", text)):
        held |= {_link(link), _link(link).partition("/")[0]}
    text = unicodedata.normalize("NFKC", text)
    for pattern, read in ((_DATE, _date), (_TIME, _time), (_JOINED, _joined), (_NUMBER, _number)):
        for found in pattern.finditer(text):
            held.update(*read(found))
    held.update(_canonical(digits) for digits in re.findall(r"\d+(?:\.\d+)?", text))
    for run in _CHINESE.findall(text):
        held.add(_chinese(run))
        held.update(str(_DIGITS[c]) for c in run if c in _DIGITS)  # 七八天 is 7 to 8.
    return held


def _without_list_marks(answer: str) -> str:
    """Without ① and keycaps, and without 1. 2. 3. at the beginning of lines where they count on."""
    expected = 1

    def drop(mark: re.Match[str]) -> str:
        nonlocal expected
        if int(mark[1]) != expected:
            return mark.group()
        expected += 1
        return ""

    return _LIST_MARK.sub(drop, _ORDER.sub(" ", answer))


def _link(link: str) -> str:
    bare = link.rstrip(".,;:!?)'").lower()
    return re.sub(r"^https?://", "", bare).rstrip("/")


def _canonical(number: str) -> str:
    # A long one is an identifier or a phone number, whose leading zeros count.
    if len(number) >= 7 and number.isdigit():
        return number
    return format(Decimal(number).normalize(), "f")


def _date(found: re.Match[str]) -> tuple[frozenset[str], ...]:
    return (frozenset(_canonical(part) for part in found.groups()),)


def _time(found: re.Match[str]) -> tuple[frozenset[str], ...]:
    hour, minute = _canonical(found[1]), found[2]
    parts = frozenset({hour}) if minute == "00" else frozenset({hour, _canonical(minute)})
    return (frozenset({f"{hour}:{minute}"}), parts, *_afternoon(found, hour, minute))


def _afternoon(found: re.Match[str], hour: str, minute: str) -> tuple[frozenset[str], ...]:
    """The reading of 下午4点 and 4 pm as 16:00."""
    before, after = found.string[: found.start()], found.string[found.start() :]
    late = _LATE_BEFORE.search(before) or _LATE_AFTER.match(after)
    return (frozenset({f"{int(hour) + 12}:{minute}"}),) if late and int(hour) < 12 else ()


def _joined(found: re.Match[str]) -> tuple[frozenset[str], ...]:
    parts = re.findall(r"\d+", found.group())
    whole = frozenset({"".join(parts)})
    # 3000-5000 may be a range, written with another dash where it comes from; three parts are a phone number.
    return (whole, frozenset(map(_canonical, parts))) if len(parts) == 2 else (whole,)


def _number(found: re.Match[str]) -> tuple[frozenset[str], ...]:
    plain = found[1].replace(",", "") + (found[2] or "")
    after = (found[3] or "").lower()
    if after in _SCALES:
        return (frozenset({_canonical(str(Decimal(plain) * _SCALES[after]))}),)
    value = _canonical(plain)
    if after and value.isdigit() and len(value) <= 2:
        return (frozenset({value}), frozenset({f"{value}:00"}), *_afternoon(found, value, "00"))
    return (frozenset({value}),)


def _means_a_number(run: str, before: str, after: str) -> bool:
    """Whether a run of Chinese numerals in an answer states a number, as in 七天, and not in 一般, 第一, 万一, 几十元."""
    if before.endswith("百分之"):
        return True
    if before.endswith(("第", "统", "唯", "几", "数")) or run.startswith("万"):
        return False
    if run == "一":
        return bool(_UNIT_OF_ONE.match(after))
    if run in _SCALES and run != "十":
        return False
    scaled = any(c in _SCALES for c in run) and any(c in _DIGITS for c in run)
    return scaled or bool(_UNIT.match(after))


def _chinese(run: str) -> str:
    """A run of Chinese numerals as a number: 一千二百 is 1200, 二〇二六 is 2026, 一万五 is 15000."""
    if not any(c in _SCALES for c in run):
        return _canonical("".join(str(_DIGITS[c]) for c in run))
    total = section = digit = 0
    scale = 1
    for c in run:
        if c in _DIGITS:
            digit = _DIGITS[c]
            continue
        scale = _SCALES[c] // 10
        if _SCALES[c] >= 10_000:
            total = ((total + section + digit) or 1) * _SCALES[c]
            section = 0
        else:
            section += (digit or 1) * _SCALES[c]
        digit = 0
    # 二百五 is 250: a last digit right behind a scale is of the next lower one, unlike in 二百零五.
    last = digit * scale if run[-2:-1] in _SCALES else digit
    return _canonical(str(total + section + last))
