"""Which language a shopper writes in, as far as the bot has words of its own in it."""

import re
from typing import Literal

Language = Literal["zh", "en"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


def language_of(text: str) -> Language:
    """`en` for a text with English words and no Chinese character, else `zh`."""
    return "en" if _LATIN.search(text) and not _CHINESE.search(text) else "zh"
