"""A version in memory: what ranking needs besides Chroma's search, ready to be asked; it never changes.

A passage is found by several texts. An FAQ entry has its standard question, each similar question and the answer; a
section its headings and its body. Texts are numbered through the whole version, a passage's one after the other; the
number is the text's id in Chroma.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.llm.embeddings import Vectors
from service.retrieval.lexical import Floats, Lexicon
from service.retrieval.passages import Passage
from service.text.normalise import match_key

Halves = NDArray[np.float16]
"""Vectors at rest: half the memory, and no ranking differs by it."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which text belongs to which passage."""

    texts: tuple[str, ...]
    starts: NDArray[np.int64]
    """A passage's first text; one more than there are passages."""
    passage_of: NDArray[np.int64]
    told: NDArray[np.bool_]
    """The text is an answer or a body: it tells, where the others ask."""

    def texts_of(self, passages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of these passages' texts, and where each passage's begin among them."""
        lengths = self.starts[passages + 1] - self.starts[passages]
        begins = np.zeros(len(passages), dtype=np.int64)
        np.cumsum(lengths[:-1], out=begins[1:])
        return np.arange(int(lengths.sum())) - np.repeat(begins - self.starts[passages], lengths), begins


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Brings a model's cosines to the scale of the local model's, for which the formulas were made."""

    slope: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Scales:
    """One scale for each view that a question's vector has a part in."""

    dense: Scale = Scale()
    centre: Scale = Scale()


@dataclass(frozen=True, kw_only=True)
class Index:
    """One version's passages with all that ranks them."""

    passages: tuple[Passage, ...]
    layout: Layout
    lexicon: Lexicon
    vectors: Halves
    """[texts, dimension]"""
    centres: Halves
    """[passages, dimension]: the mean direction of each passage's texts."""
    word_vectors: Vectors
    """[words of the lexicon, the local model's dimension]; word 0 is nobody's."""
    hubness: Floats
    scales: Scales
    keys: Mapping[str, tuple[int, ...]]
    """Passages by the match key of their question and of each similar question."""


def assemble(
    passages: tuple[Passage, ...],
    lexicon: Lexicon,
    *,
    vectors: Vectors,
    word_vectors: Vectors,
    hubness: Floats,
    scales: Scales,
) -> Index:
    """An index of the passages; the other arguments are in the order of their layout."""
    shape = layout(passages)
    return Index(
        passages=passages,
        layout=shape,
        lexicon=lexicon,
        vectors=vectors.astype(np.float16),
        centres=centres(vectors, shape).astype(np.float16),
        word_vectors=word_vectors,
        hubness=hubness,
        scales=scales,
        keys=_keys(passages),
    )


def layout(passages: Sequence[Passage]) -> Layout:
    """The texts by which the passages are found."""
    texts: list[str] = []
    told: list[bool] = []
    starts = [0]
    for passage in passages:
        asked = (passage.question, *passage.similar)
        texts += [*asked, passage.text]
        told += [False] * len(asked) + [True]
        starts.append(len(texts))
    bounds = np.array(starts, dtype=np.int64)
    return Layout(
        texts=tuple(texts),
        starts=bounds,
        passage_of=np.repeat(np.arange(len(passages)), np.diff(bounds)),
        told=np.array(told, dtype=np.bool_),
    )


def centres(vectors: Vectors, shape: Layout) -> Vectors:
    """The mean direction of each passage's texts."""
    sums = np.add.reduceat(vectors, shape.starts[:-1], axis=0)
    unit: Vectors = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return unit


def _keys(passages: Sequence[Passage]) -> dict[str, tuple[int, ...]]:
    """FAQ entries by the match key of each way they are asked."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, passage in enumerate(passages):
        if passage.kind == "faq":
            for key in dict.fromkeys(match_key(text) for text in (passage.question, *passage.similar)):
                if key:
                    found[key].append(number)
    return {key: tuple(numbers) for key, numbers in found.items()}
