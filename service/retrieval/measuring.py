"""What is measured of a knowledge base when its version is built, and when a former version's measure still holds.

`Own`: how near the shop's own questions come to entries that aren't theirs, by asking some of them with their entry
left out; confidence compares a shopper's question with it. The scale of another model's cosines (`scaling`). Both
hold for a while: they are measured anew when more than a tenth of the texts has changed since.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from service.llm.embeddings import Vectors
from service.retrieval.confidence import Own
from service.retrieval.index import Index, Scale, Scales
from service.retrieval.passages import Passage
from service.retrieval.ranking import NEAREST_TEXTS, Question, candidates, likeness, rank

SAMPLE = 64
"""Own questions that are asked with their entry left out."""
ENOUGH = 20
USUAL = (0.5, 0.09)
"""Mean and spread where the shop has too few questions to measure; what four FAQs of 60 to 1,000 entries had."""
MOST_CHANGED = 0.1
"""Share of texts that may have come or gone since the measure was taken."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured."""

    own: Own
    scales: Scales
    changed: float
    """Share of texts that came or went since, added up over the versions in between."""

    @property
    def numbers(self) -> dict[str, float]:
        """As it is stored."""
        return {
            "own_mean": self.own.mean,
            "own_spread": self.own.spread,
            "own_similar": self.own.similar,
            "dense_slope": self.scales.dense.slope,
            "dense_shift": self.scales.dense.shift,
            "centre_slope": self.scales.centre.slope,
            "centre_shift": self.scales.centre.shift,
            "changed": self.changed,
        }


def from_numbers(numbers: dict[str, float]) -> Measured:
    """What `Measured.numbers` stored."""
    return Measured(
        own=Own(mean=numbers["own_mean"], spread=numbers["own_spread"], similar=numbers["own_similar"]),
        scales=Scales(
            dense=Scale(slope=numbers["dense_slope"], shift=numbers["dense_shift"]),
            centre=Scale(slope=numbers["centre_slope"], shift=numbers["centre_shift"]),
        ),
        changed=numbers.get("changed", 1.0),  # of a version that didn't say: measured anew by the next build
    )


def still_holds(former: Measured, before: Iterable[str], now: Iterable[str]) -> Measured | None:
    """The former measure for texts that are little changed; None where it must be taken anew."""
    old, new = frozenset(before), frozenset(now)
    changed = former.changed + len(old ^ new) / max(len(new), 1)
    return replace(former, changed=changed) if changed <= MOST_CHANGED else None


def measure_own(index: Index, embedded: Vectors) -> Own:
    """How near the shop's own questions come to entries that aren't theirs."""
    asked = np.flatnonzero(~index.layout.told)
    sample = asked[np.unique(np.linspace(0, len(asked) - 1, SAMPLE).astype(np.int64))]
    near = np.argsort(-(embedded[sample] @ embedded.T), axis=1)[:, :NEAREST_TEXTS]
    questions = [index.lexicon.terms(index.layout.texts[text]) for text in sample]
    words, rows = np.unique(np.concatenate([terms.word_numbers for terms in questions]), return_inverse=True)
    alike = likeness(index, index.word_vectors[words])  # of all at once: a word stands in many
    ends = np.cumsum([len(terms.words) for terms in questions])
    best = []
    for text, nearest, terms, of_words in zip(sample, near, questions, np.split(rows, ends[:-1]), strict=True):
        bm25 = index.lexicon.bm25(terms)
        found = candidates(index, nearest, bm25)
        others = found[found != index.layout.passage_of[text]]
        if len(others):
            question = Question(terms=terms, vector=embedded[text], likeness=alike[of_words])
            best.append(float(rank(index, question, others, bm25).scores[0]))
    mean, spread = USUAL if len(best) < ENOUGH else (float(np.mean(best)), float(np.std(best)))
    return Own(mean=mean, spread=spread, similar=_similar(index.passages))


def _similar(passages: tuple[Passage, ...]) -> float:
    counts = [len(passage.similar) for passage in passages if passage.kind == "faq"]
    return float(np.mean(counts)) if counts else 0.0
