"""Which language a shopper writes in, as far as the bot has words of its own in it."""

import re
from typing import Literal

Language = Literal["zh", "en"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_ENGLISH = re.compile(
    r"\b(?:the|a|an|is|are|am|was|my|i|i'm|you|your|it|this|that|do|does|did|can|could|will|would|how|what|when|where|why|"
    r"who|which|order|orders|return|returns|refund|refunds|ship|shipping|shipped|delivery|deliver|please|help|not|no|yes|"
    r"have|has|want|need|to|for|with|of|in|on|from|back|hello|thanks|thank|human|agent|person|invoice|coupon|price|pay|"
    r"payment|track|tracking|buy|exchange|warranty|repair|cancel|broken|hours|phone)\b",
    re.IGNORECASE,
)


def language_of(text: str) -> Language:
    """`en` for a text with English words and no Chinese character, else `zh`.

    Letters alone don't make it English: pinyin, a code, a slip of the hand are a Chinese shopper's as well.
    """
    return "en" if _ENGLISH.search(text) and not _CHINESE.search(text) else "zh"
