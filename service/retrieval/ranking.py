"""How passages are ranked for a question: one fixed formula over six views of a match.

    S = 0.25 dense + 0.30 centre + 0.15 grams + 0.10 bm25 + 0.20 soft - 0.20 hubness

- dense: cosine of the question's vector and the nearest of the passage's texts
- centre: cosine of the question's vector and the mean direction of the passage's texts
- grams: cosine of character 1- and 2-grams, the best of the texts
- bm25: over words and pairs of characters, over the question's own best possible, the best of the texts
- soft: each word of the question meets its likest word in a text (cosine squared from 0.5 up), weighed by rarity
- hubness: mean cosine of the passage to its eleven nearest others, which are near to everything

The weights are fixed, not fitted: fitted ones gained nothing on other shops' questions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.llm.embeddings import Vectors
from service.retrieval.index import Index, Scale
from service.retrieval.lexical import Floats, Terms

WEIGHTS = {"dense": 0.25, "centre": 0.30, "grams": 0.15, "bm25": 0.10, "soft": 0.20, "hubness": -0.20}
LIKE_FROM = 0.5
"""Words whose cosine is below are strangers."""
NEAREST = 11
TOLD = 0.8
ROWS_AT_ONCE = 512
NEAREST_TEXTS = 100
"""Texts that Chroma is asked for; they are of some 25 to 60 passages."""
BY_WORDS = 20


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with what was made of it."""

    terms: Terms
    vector: Vectors | None
    """[dimension]; None where the vectors could not be had."""
    likeness: Floats
    """[words of the terms, words of the vocabulary]: see `likeness`."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Passages, best first, with what made their score."""

    passages: NDArray[np.int64]
    scores: Floats
    views: dict[str, Floats]
    """Each view's values, in the same order."""


def scaled(cosines: Floats, scale: Scale) -> Floats:
    """Cosines on the local model's scale."""
    return cosines if scale == Scale() else np.float32(scale.slope) * cosines + np.float32(scale.shift)


def hubness(vectors: Vectors, centres: Vectors, passage_of: NDArray[np.int64], scale: Scale) -> Floats:
    """For each passage the mean cosine to its nearest others, of whichever of its texts has most.

    The others are met at their centres: as good as at each text, and a quarter of the work.
    """
    others = min(NEAREST, len(centres) - 1)
    most = np.full(len(centres), -np.inf, dtype=np.float32)
    if others < 1:
        return np.zeros(len(centres), dtype=np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        cosines = vectors[block] @ centres.T
        cosines[np.arange(len(cosines)), passage_of[block]] = -np.inf
        nearest = np.partition(cosines, -others, axis=1)[:, -others:]
        np.maximum.at(most, passage_of[block], nearest.mean(axis=1))
    return scaled(most, scale)


def likeness(index: Index, word_vectors: Vectors) -> Floats:
    """How like these words are to each word of the vocabulary; strangers are not at all.

    All of the vocabulary at once: choosing the candidates' words first costs more than it saves.
    """
    cosines = word_vectors @ index.word_vectors.T
    cosines[:, 0] = 0  # nobody's word
    return np.where(cosines >= LIKE_FROM, cosines * cosines, np.float32(0))


def candidates(index: Index, near: NDArray[np.int64], bm25: Floats) -> NDArray[np.int64]:
    """The passages worth ranking: those of the nearest texts, and the best by words."""
    by_words = np.maximum.reduceat(bm25, index.layout.starts[:-1])
    count = min(BY_WORDS, len(by_words))
    return np.union1d(index.layout.passage_of[near], np.argpartition(-by_words, count - 1)[:count])


def rank(index: Index, question: Question, candidates: NDArray[np.int64], bm25: Floats) -> Ranking:
    """The candidates by S; `bm25` is the lexicon's, of all texts."""
    texts, begins = index.layout.texts_of(candidates)

    def best(values: Floats) -> Floats:
        joined = np.where(index.layout.told[texts], values * np.float32(TOLD), values)
        return np.maximum.reduceat(joined, begins)

    views = {
        "grams": best(index.lexicon.gram_cosine(question.terms, texts)),
        "bm25": best(bm25[texts]),
        "soft": best(index.lexicon.soft_match(question.terms, question.likeness, texts)),
        "hubness": index.hubness[candidates],
    }
    if question.vector is not None:
        views["dense"] = best(scaled(index.vectors[texts].astype(np.float32) @ question.vector, index.scales.dense))
        views["centre"] = scaled(index.centres[candidates].astype(np.float32) @ question.vector, index.scales.centre)
    scores = np.zeros(len(candidates), dtype=np.float32)
    for name, values in views.items():
        scores += np.float32(WEIGHTS[name]) * values
    order = np.argsort(-scores, kind="stable")
    return Ranking(
        passages=candidates[order], scores=scores[order], views={name: values[order] for name, values in views.items()}
    )
