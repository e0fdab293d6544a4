"""Another embedding model's cosines brought to the scale for which the ranking's weights and the priors were made.

Models differ in what cosine strangers have (0.1 here, 0.4 there) and in how far above that the related stand. Both
are measured when a version is built, on the shop's own texts: related are a question and the rest of its entry,
strangers are a question and other entries. One straight line for each view then makes the two means of the
configured model those of the local one. Where nothing can be told apart, cosines stay as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.llm.embeddings import Vectors
from service.retrieval.index import Layout, Scale, Scales

PASSAGES = 150
"""As many passages are embedded by both models."""
FEWEST = 3
SMALLEST_GAP = 0.02
"""Related and strangers must be this far apart for a line to mean anything."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """Mean cosines of one model, for one view."""

    strangers: float
    related: float


def sample_of(shape: Layout) -> NDArray[np.int64]:
    """Numbers of all texts of evenly chosen passages."""
    count = len(shape.starts) - 1
    chosen = np.unique(np.linspace(0, count - 1, PASSAGES).astype(np.int64))
    return shape.texts_of(chosen)[0]


def measure_scales(shape: Layout, texts: NDArray[np.int64], vectors: Vectors, yardstick: Vectors) -> Scales:
    """Scales for the model of `vectors` (of all texts) by the local model's `yardstick` (of these texts)."""
    owners = shape.passage_of[texts]
    if len(np.unique(owners)) < FEWEST:
        return Scales()
    asked = ~shape.told[texts]
    theirs = _means(vectors[texts], owners, asked)
    ours = _means(yardstick, owners, asked)
    return Scales(dense=_line(theirs[0], ours[0]), centre=_line(theirs[1], ours[1]))


def _means(vectors: Vectors, owners: NDArray[np.int64], asked: NDArray[np.bool_]) -> tuple[Means, Means]:
    """For the dense view and for the centre view."""
    rows = np.flatnonzero(asked)
    starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    column = np.searchsorted(owners[starts], owners[rows])
    cosines = vectors[rows] @ vectors.T
    cosines[np.arange(len(rows)), rows] = -1.0  # a text is not its own relation
    best = np.maximum.reduceat(cosines, starts, axis=1)
    sums = np.add.reduceat(vectors, starts, axis=0)
    centre = vectors[rows] @ _unit(sums).T
    rest = _unit(sums[column] - vectors[rows])
    centre[np.arange(len(rows)), column] = (vectors[rows] * rest).sum(axis=1)
    return _mean(best, column), _mean(centre, column)


def _mean(cosines: Vectors, own: NDArray[np.int64]) -> Means:
    mine = np.zeros(cosines.shape, dtype=np.bool_)
    mine[np.arange(len(own)), own] = True
    return Means(strangers=float(cosines[~mine].mean()), related=float(cosines[mine].mean()))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def _line(theirs: Means, ours: Means) -> Scale:
    if theirs.related - theirs.strangers < SMALLEST_GAP or ours.related - ours.strangers < SMALLEST_GAP:
        return Scale()
    slope = (ours.related - ours.strangers) / (theirs.related - theirs.strangers)
    return Scale(slope=slope, shift=ours.strangers - slope * theirs.strangers)
