"""What answering makes of a question and passages: plain values."""

from dataclasses import dataclass
from typing import Literal

from service.retrieval.passages import Passage


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A passage that the answer stands on, or that is offered as a choice."""

    passage: Passage
    score: float


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an answer took of the model."""

    calls: int = 0
    tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(calls=self.calls + other.calls, tokens=self.tokens + other.tokens)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, a question back with choices, or the finding that a person should be offered."""

    kind: Literal["answer", "clarification", "offer"]
    text: str
    """Whole, as the shopper reads it; a clarification has its numbered choices in it."""
    confidence: float
    """Calibrated probability that the first source answers the question."""
    sources: tuple[Citation, ...] = ()
    """Best first. A clarification's are its choices, in their order."""
    by_model: bool = False
    """A model worded it, so that it carries the label that the rules ask for."""
    usage: Usage = Usage()
