"""The bot's own words around answers, in the shopper's language; what conversation says stands there.

To shoppers: 您, no 亲, no exclamation marks, never a word of keys, models or networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.text.language import Language

AI_LABEL = "（AI生成）"
"""Ends each text that a model made (人工智能生成合成内容标识办法, in force since 2025-09-01); conversation adds it."""


@dataclass(frozen=True, kw_only=True)
class _Words:
    offer: str
    which: str
    this: str
    none: str
    """With the word that asks for a person in place of {}."""
    excerpt: str


_WORDS: dict[Language, _Words] = {
    "zh": _Words(
        offer="这个问题我不太确定，怕说错。要为您转人工客服吗？回复「是」即可。",
        which="您想问的是哪一个？回复数字即可：",
        this="您想问的是这个吗？是的话回复 1：",
        none="都不是的话，回复「{}」找客服。",
        excerpt="（以上是节选）",
    ),
    "en": _Words(
        offer="I'm not sure about this one and don't want to guess. Shall I pass you to our customer service? Just reply \"yes\".",
        which="Which of these do you mean? Just reply with the number:",
        this="Is this what you mean? If so, reply 1:",
        none='None of these? Reply "{}" to reach our customer service.',
        excerpt="(excerpt)",
    ),
}


def offer(language: Language) -> str:
    """The offer of a person."""
    return _WORDS[language].offer


def clarification(language: Language, choices: Sequence[str], handoff_words: Sequence[str]) -> str:
    """The question back, its choices numbered from 1, and the way out where none of them is meant."""
    words = _WORDS[language]
    lines = [words.which if len(choices) > 1 else words.this]
    lines += [f"{number}. {choice}" for number, choice in enumerate(choices, start=1)]
    # Only a word that the bot then understands; staff can set others.
    understood = [word for word in handoff_words if word.isascii() == (language == "en")] or list(handoff_words)
    if understood:
        lines.append(words.none.format(understood[0]))
    return "\n".join(lines)


def quotation(language: Language, heading: str, text: str, *, cut: bool) -> str:
    """A document's section under its heading; says so where it is cut."""
    quoted = f"{heading}\n{text}" if heading else text
    return f"{quoted}\n{_WORDS[language].excerpt}" if cut else quoted
