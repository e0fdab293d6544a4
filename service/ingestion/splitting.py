"""Sections of documents cut to a size that retrieval and a prompt can use; FAQ answers are never cut.

A section is cut between paragraphs, a paragraph between sentences, and a sentence only if it alone is too long. Each
piece begins with the last sentence of the one before, so that a rule and its exception are not torn apart unseen. The
headings are each piece's `question`, so they go with it wherever it goes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_SECTION_TOKENS = 400
"""Longest piece, its overlap included, its headings not."""
OVERLAP_TOKENS = 60
"""Longest sentence that is repeated at the start of the next piece."""
SENTENCE = re.compile(r"[^。！？；!?;\n]*[。！？；!?;]+[”’」』）)】]*|[^。！？；!?;\n]+")

Count = Callable[[str], int]
"""Tokens of a text."""


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    text: str
    tokens: int
    begins_paragraph: bool


def split(text: str, count: Count) -> list[str]:
    """The pieces of a section's text, in order; one, if it is short enough."""
    if count(text) <= MAX_SECTION_TOKENS:
        return [text]
    pieces: list[list[_Sentence]] = [[]]
    for paragraph in text.split("\n"):
        sentences = list(_sentences(paragraph, count))
        whole = _size(sentences)
        if pieces[-1] and sentences and _size(pieces[-1]) + whole > MAX_SECTION_TOKENS:
            # A paragraph that fits a piece of its own stays whole there, if need be without an overlap.
            pieces.append(_overlap(pieces[-1], whole if whole <= MAX_SECTION_TOKENS else sentences[0].tokens))
        for sentence in sentences:
            if pieces[-1] and _size(pieces[-1]) + sentence.tokens > MAX_SECTION_TOKENS:
                pieces.append(_overlap(pieces[-1], sentence.tokens))
            pieces[-1].append(sentence)
    return [_joined(piece) for piece in pieces if piece]


def _sentences(paragraph: str, count: Count) -> Iterator[_Sentence]:
    begins = True
    for match in SENTENCE.finditer(paragraph):
        for text in _bounded(match[0], count):
            # The line break that may join it to the next is counted with it: their sum is never too small.
            yield _Sentence(text=text, tokens=count(text + "\n"), begins_paragraph=begins)
            begins = False


def _bounded(sentence: str, count: Count) -> Iterator[str]:
    if count(sentence + "\n") <= MAX_SECTION_TOKENS or len(sentence) == 1:
        yield sentence
    else:  # no mark to cut at: a table without sentences, or a text in another language
        middle = len(sentence) // 2
        yield from _bounded(sentence[:middle], count)
        yield from _bounded(sentence[middle:], count)


def _size(sentences: list[_Sentence]) -> int:
    return sum(sentence.tokens for sentence in sentences)


def _overlap(piece: list[_Sentence], coming: int) -> list[_Sentence]:
    last = piece[-1]
    fits = last.tokens + coming <= MAX_SECTION_TOKENS
    return [last] if last.tokens <= OVERLAP_TOKENS and fits else []


def _joined(sentences: list[_Sentence]) -> str:
    text = ""
    for sentence in sentences:
        text += ("\n" if text and sentence.begins_paragraph else "") + sentence.text
    return text.strip()
