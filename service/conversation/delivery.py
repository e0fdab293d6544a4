"""What of the kept replies goes into one response, and where a long text is cut.

A response carries one message, and a channel may bound its bytes (WeChat: 2,047 in a passive reply, "Passive user
reply message"). What does not fit waits for the next message that may be answered.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from service.answering.wording import AI_LABEL
from service.conversation.messages import InboundMessage, Reply, Text
from service.conversation.wording import MORE_FOLLOWS, about

_SENTENCE_END = re.compile(r"[。！？!?；;\n]+[」』”’）)]*|\.(?=\s)")
_PAUSE = re.compile(r"[，,、：:\s]")
_WHOLE = re.compile(
    r"<a\s.{0,2000}?</a>|https?://[\w\-.~:/?#@!$&'*+,;=%\[\]()]+|[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255}|\d[\d\-.,]*",
    re.I | re.S,
)
"""What no cut may fall into: links, addresses, numbers."""
LONGEST_WHOLE = 2000
"""Characters of such a thing; what lies further behind a cut can't begin before it."""
_ZWJ = "\u200d"
_JOINERS = frozenset("\u200d\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A reply that the user does not have whole."""

    seq: int
    asked: InboundMessage | None
    """The message it answers, where that is not the one being responded to."""
    reply: Reply
    delivered: int
    """Characters of the reply's text that the user has."""


@dataclass(frozen=True, kw_only=True)
class Composed:
    """One response's text, and how far each kept reply has come with it."""

    text: str
    delivered: dict[int, int]


def compose(kept: Sequence[Kept], limit_bytes: int | None) -> Composed:
    """All kept replies in one text, in order, as far as they fit.

    The first is cut, at a sentence's end, if it does not fit alone; a later one goes whole or waits. What waits is
    announced in a last line.
    """
    delivered = {each.seq: each.delivered for each in kept}
    text = ""
    for each in kept:
        heading, label = _heading(each), _label(each.reply)
        rest = each.reply.text[each.delivered :]
        if not rest.strip():
            delivered[each.seq] = len(each.reply.text)
            continue
        separator = "\n\n" if text else ""
        whole = f"{text}{separator}{heading}{rest.strip()}{label}"
        is_last = each.seq == kept[-1].seq
        if _fits(whole if is_last else whole + MORE_FOLLOWS, limit_bytes):
            text = whole
            delivered[each.seq] = len(each.reply.text)
            continue
        if not text:
            room = (limit_bytes or 0) - len((heading + label + MORE_FOLLOWS).encode())
            length = cut(rest, room)
            text = f"{heading}{rest[:length].strip()}{label}"
            delivered[each.seq] += length
        return Composed(text=text + MORE_FOLLOWS, delivered=delivered)
    return Composed(text=text, delivered=delivered)


def labelled(reply: Reply) -> str:
    """A reply's whole text as the user reads it."""
    return reply.text + _label(reply)


def cut(text: str, limit_bytes: int) -> int:
    """How many characters of `text` to send: at most `limit_bytes` of UTF-8, at the best place for a reader.

    The end of a sentence if one is in the latter two thirds, else of a clause, else anywhere but inside a link, an
    address or a number. At least one character, so that a text always comes to its end.
    """
    fitting = len(text.encode()[:limit_bytes].decode(errors="ignore"))
    if fitting == len(text):
        return fitting
    barred = [(whole.start(), whole.end()) for whole in _WHOLE.finditer(text[: fitting + LONGEST_WHOLE])]
    least = fitting // 3

    def last(pattern: re.Pattern[str]) -> int:
        ends = [found.end() for found in pattern.finditer(text, 0, fitting)]
        return next((end for end in reversed(ends) if not any(a < end < b for a, b in barred)), 0)

    for pattern in (_SENTENCE_END, _PAUSE):
        if (end := last(pattern)) > least:
            return end
    before = [start for start, end in barred if 0 < start < fitting < end]
    end = before[0] if before else fitting
    while end > 1 and (unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] == _ZWJ):
        end -= 1  # one sign of several characters, such as an emoji with its colour
    return max(end, 1)


def _label(reply: Reply) -> str:
    return AI_LABEL if reply.by_model and reply.text else ""


def _heading(kept: Kept) -> str:
    if kept.asked is None or kept.delivered > 0 or not isinstance(kept.asked.content, Text):
        return ""
    return about(kept.asked.content.text)


def _fits(text: str, limit_bytes: int | None) -> bool:
    return limit_bytes is None or len(text.encode()) <= limit_bytes
