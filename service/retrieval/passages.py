"""What is retrieved: passages of the shop's knowledge, and how well they match a question."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A retrievable piece of knowledge: an FAQ entry, or a section of a document."""

    id: str
    """The entry's 编号 where staff gave one; else made of its content, so that moving it changes nothing."""
    kind: Literal["faq", "section"]
    """`faq`: `text` is an answer that staff approved word for word. `section`: a piece of a document."""
    question: str
    """An FAQ entry's standard question; a section's headings, joined by ' › '."""
    similar: tuple[str, ...] = ()
    text: str
    category: str = ""
    file: str
    """Path below the knowledge folder, with forward slashes."""
    place: str
    """Where in the file, in staff's words: a heading, or 「退换货」表第 37 行."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A passage that may answer the question."""

    passage: Passage
    score: float
    """What ranks it; comparable within one question only, not a probability."""
    parts: tuple[tuple[str, float], ...] = ()
    """The score's parts by name, for those who want to know why."""


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """What retrieval found for one question, best first."""

    matches: tuple[Match, ...]
    exact: bool
    """The question equals the first passage's question or one of its 相似问, after normalisation."""
    in_scope: float
    """Probability that the knowledge holds the answer at all."""
    confidence: float
    """Probability that the first match answers the question."""
    choices_confidence: float
    """Probability that one of the first three does."""
    version: int | None
    """Id of the index version that answered; None: there is no index yet."""


NOTHING = Retrieved(matches=(), exact=False, in_scope=0.0, confidence=0.0, choices_confidence=0.0, version=None)
