"""From a ranking to probabilities: is the answer here at all, is the first passage right, is it among the first three.

Two factors, each a logistic model of a few features:

    P(first right) = P(in scope) * P(first right | in scope)

- scope: z (the best S against the best S that the shop's own texts reach with their entry left out), the first
  passage's centre, and the rarity share of question words that no text has
- which: margins of the first passage over all others in dense, centre and soft, and its softmax share (temperature
  0.05) among the first ten

The coefficients were fitted by logistic regression on three labelled English FAQ sets (62, 23 and 150 entries), each
counting the same, once for each number of similar questions an entry: 0, 2, 5; the last with the demonstration shop's
questions in `tests/golden/tuning.jsonl` as a fourth set. Between these the log odds are interpolated. Expected
calibration error with 80 % of the questions in scope, which the coefficients assume: 0.02 on the English sets and 0.05
on `tests/golden/heldout.jsonl`; on two sets of Chinese bank customers' questions that took no part, of nearly
indistinguishable entries, 0.06 and 0.15 (too sure).

Where the vectors could not be had, `confidence_by_words` has a smaller model of the same two factors, fitted on the
same sets with the dense views left out; on Chinese it was too sure by 0.04 to 0.11.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from service.retrieval.ranking import Ranking

EXACT = 0.99
"""A question that equals an approved one, word for word."""
TEMPERATURE = 0.05
AMONG = 10
LARGEST_FEATURE = 4.0
SPREAD_FLOOR = 0.02

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """A logistic model of standardised features."""

    means: Numbers
    spreads: Numbers
    weights: Numbers
    intercept: float

    def log_odds(self, features: Numbers) -> float:
        """Log odds; a feature counts up to four spreads from its mean."""
        standard = (np.array(features) - self.means) / np.array(self.spreads)
        return float(np.clip(standard, -LARGEST_FEATURE, LARGEST_FEATURE) @ self.weights) + self.intercept


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The models for FAQs with so many similar questions an entry."""

    similar: float
    scope: Logistic
    which: Logistic
    in_three: Logistic


Fitted = tuple[Numbers, Numbers, Numbers, float]
"""Means, spreads, weights, intercept."""


def _prior(similar: float, scope: Fitted, which: Fitted, three: tuple[Numbers, float]) -> Prior:
    means, spreads, weights, intercept = which
    return Prior(
        similar=similar,
        scope=Logistic(means=scope[0], spreads=scope[1], weights=scope[2], intercept=scope[3]),
        which=Logistic(means=means, spreads=spreads, weights=weights, intercept=intercept),
        in_three=Logistic(means=means, spreads=spreads, weights=three[0], intercept=three[1]),
    )


PRIORS = (
    _prior(
        0.0,
        ((0.306, 0.538, 0.434), (1.326, 0.168, 0.236), (1.468, 0.745, -0.145), 2.375),
        ((0.086, 0.086, 0.032, 0.609), (0.114, 0.114, 0.129, 0.260), (0.319, 0.319, 0.344, 0.580), 0.403),
        ((0.084, 0.084, 0.246, 0.892), 1.511),
    ),
    _prior(
        2.0,
        ((0.481, 0.596, 0.298), (1.369, 0.177, 0.248), (1.684, 0.885, -0.141), 2.570),
        ((0.104, 0.106, 0.068, 0.674), (0.117, 0.116, 0.130, 0.255), (0.000, 1.224, 0.403, 0.474), 1.755),
        ((0.000, 0.231, 0.186, 1.299), 3.262),
    ),
    _prior(
        5.0,
        ((0.749, 0.639, 0.221), (1.464, 0.178, 0.249), (1.767, 0.934, -0.320), 2.708),
        ((0.115, 0.114, 0.094, 0.730), (0.120, 0.114, 0.141, 0.243), (0.171, 1.159, 0.388, 0.529), 2.694),
        ((0.415, 0.499, 0.643, 0.830), 4.622),
    ),
)
"""For each: of scope, of which (mean, spread, weight of each feature, intercept), of in three (weights, intercept)."""


BY_WORDS = Prior(
    similar=0.0,
    scope=Logistic(means=(0.397, 0.293), spreads=(0.107, 0.247), weights=(1.769, -0.376), intercept=2.330),
    which=Logistic(
        means=(0.418, 0.081, 0.324), spreads=(0.099, 0.083, 0.183), weights=(0.175, 0.888, 0.458), intercept=0.433
    ),
    in_three=Logistic(
        means=(0.418, 0.081, 0.324), spreads=(0.099, 0.083, 0.183), weights=(0.081, 0.0, 1.595), intercept=1.528
    ),
)
WORDS_WEIGHT = 0.45
"""What the weights of grams, bm25 and soft add up to: S over it is comparable to the whole S."""
WORDS_TEMPERATURE = 0.1


@dataclass(frozen=True, kw_only=True)
class Own:
    """What the knowledge base is like, measured when its version was built."""

    mean: float
    """Of the best S of its own questions, their entry left out."""
    spread: float
    similar: float
    """Similar questions an entry."""


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """Three probabilities."""

    in_scope: float
    first: float
    one_of_three: float


def confidence(ranking: Ranking, unknown: float, own: Own) -> Confidence:
    """How sure one can be of a ranking that has the dense views; `unknown` is the question's."""
    z = (float(ranking.scores[0]) - own.mean) / (own.spread + SPREAD_FLOOR)
    scope = (z, float(ranking.views["centre"][0]), unknown)
    margins = (_margin(ranking.views[name]) for name in ("dense", "centre", "soft"))
    which = (*margins, _share(ranking.scores, TEMPERATURE))
    lower, upper, share = _between(own.similar)

    def blend(one: float, other: float) -> float:
        return _probability((1 - share) * one + share * other)

    return _joined(
        blend(lower.scope.log_odds(scope), upper.scope.log_odds(scope)),
        blend(lower.which.log_odds(which), upper.which.log_odds(which)),
        blend(lower.in_three.log_odds(which), upper.in_three.log_odds(which)),
    )


def confidence_by_words(ranking: Ranking, unknown: float) -> Confidence:
    """How sure one can be of a ranking that knows words and characters alone."""
    scores = ranking.scores / np.float32(WORDS_WEIGHT)
    which = (float(scores[0]), _margin(scores), _share(scores, WORDS_TEMPERATURE))
    return _joined(
        _probability(BY_WORDS.scope.log_odds((float(scores[0]), unknown))),
        _probability(BY_WORDS.which.log_odds(which)),
        _probability(BY_WORDS.in_three.log_odds(which)),
    )


def _joined(in_scope: float, first: float, three: float) -> Confidence:
    return Confidence(in_scope=in_scope, first=in_scope * first, one_of_three=in_scope * max(first, three))


def _probability(log_odds: float) -> float:
    return 1 / (1 + float(np.exp(-log_odds)))


def _margin(values: NDArray[np.float32]) -> float:
    return float(values[0] - values[1:].max()) if len(values) > 1 else float(values[0])


def _share(scores: NDArray[np.float32], temperature: float) -> float:
    top = np.exp((scores[:AMONG] - scores[0]) / np.float32(temperature))
    return float(top[0] / top.sum())


def _between(similar: float) -> tuple[Prior, Prior, float]:
    for lower, upper in pairwise(PRIORS):
        if similar <= upper.similar:
            return lower, upper, (similar - lower.similar) / (upper.similar - lower.similar)
    return PRIORS[-1], PRIORS[-1], 0.0
