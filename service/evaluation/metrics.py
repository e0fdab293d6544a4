"""What the outcomes of golden questions amount to, as numbers with their 95 % intervals.

Shares have Wilson's interval, AUROC Hanley and McNeil's, a mean its normal one. A share of nothing is None, not 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.evaluation.golden import Golden

Z = 1.959964
"""Of the normal distribution, for 95 %."""
BINS = 10


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the bot made of one golden question."""

    golden: Golden
    kind: Literal["answer", "clarification", "offer"]
    confidence: float
    ranked: tuple[str, ...]
    """Ids of what retrieval found, best first."""
    source: str | None
    """Id of the first source that the answer stands on."""
    milliseconds: float

    @property
    def rank(self) -> int | None:
        """From 1, the first right passage's; None: none was found."""
        return next((place for place, one in enumerate(self.ranked, 1) if one in self.golden.expect), None)

    @property
    def is_answered(self) -> bool:
        """The shopper got an answer outright."""
        return self.kind == "answer"

    @property
    def is_wrong(self) -> bool:
        """Answered, though not from what is right."""
        return self.is_answered and self.source not in self.golden.expect


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure and where its true value may lie."""

    value: float | None
    """None: there was nothing to count."""
    low: float | None = None
    high: float | None = None
    hits: int | None = None
    """Of a share: how many, out of `of`."""
    of: int | None = None


def share(hits: int, of: int) -> Estimate:
    """Hits out of so many."""
    if of == 0:
        return Estimate(value=None, hits=0, of=0)
    p = hits / of
    centre = (p + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * math.sqrt(p * (1 - p) / of + Z * Z / (4 * of * of))
    # At the ends rounding would leave a hair's breadth between the value and its interval.
    return Estimate(
        value=p, low=0.0 if hits == 0 else centre - half, high=1.0 if hits == of else centre + half, hits=hits, of=of
    )


def mean(values: Sequence[float]) -> Estimate:
    """Of values between 0 and 1."""
    n = len(values)
    if n == 0:
        return Estimate(value=None)
    average = sum(values) / n
    variance = sum((value - average) ** 2 for value in values) / (n - 1) if n > 1 else 0.25
    half = Z * math.sqrt(variance / n)
    return Estimate(value=average, low=max(0.0, average - half), high=min(1.0, average + half))


def auroc(inside: Sequence[float], outside: Sequence[float]) -> Estimate:
    """How likely one of `inside` is above one of `outside`; a tie is half."""
    n, m = len(inside), len(outside)
    if n == 0 or m == 0:
        return Estimate(value=None)
    tagged = sorted([(value, 1) for value in inside] + [(value, 0) for value in outside])
    ranks = 0.0
    start = 0
    while start < len(tagged):
        end = start
        while end < len(tagged) and tagged[end][0] == tagged[start][0]:
            end += 1
        middle = (start + 1 + end) / 2  # ranks count from 1; those that tie share their middle
        ranks += middle * sum(tag for _, tag in tagged[start:end])
        start = end
    area = (ranks - n * (n + 1) / 2) / (n * m)
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = (area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)) / (n * m)
    half = Z * math.sqrt(max(variance, 0.0))
    return Estimate(value=area, low=max(0.0, area - half), high=min(1.0, area + half))


def ece(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """How far confidence is from the share that is right, over bins of equal width, each by its weight."""
    if not confidences:
        return None
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, is_right in zip(confidences, right, strict=True):
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, is_right))
    off = sum(abs(sum(confidence for confidence, _ in one) - sum(is_right for _, is_right in one)) for one in bins)
    return off / len(confidences)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent don't exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)] if ordered else None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """All figures of one evaluation; the names are those of the JSON report."""

    questions: int
    in_scope: int
    out_of_scope: int
    recall_at_1: Estimate
    recall_at_3: Estimate
    recall_at_5: Estimate
    mrr: Estimate
    """Over in-scope questions: 1 by the rank of the first right passage, 0 where none was found."""
    auroc: Estimate
    """Of confidence, in scope against out of scope."""
    answered: Estimate
    """In-scope questions answered outright."""
    wrong_of_answered: Estimate
    """Of these, those whose first source isn't right."""
    out_of_scope_answered: Estimate
    ece: float | None
    """Of confidence, over all questions, right being that the first passage is; out of scope nothing is."""
    p50_ms: float | None
    p99_ms: float | None


def measure(outcomes: Sequence[Outcome]) -> Metrics:
    """The figures of these outcomes."""
    inside = [one for one in outcomes if one.golden.in_scope]
    outside = [one for one in outcomes if not one.golden.in_scope]
    answered = [one for one in inside if one.is_answered]

    def recall_at(depth: int) -> Estimate:
        return share(sum(one.rank is not None and one.rank <= depth for one in inside), len(inside))

    return Metrics(
        questions=len(outcomes),
        in_scope=len(inside),
        out_of_scope=len(outside),
        recall_at_1=recall_at(1),
        recall_at_3=recall_at(3),
        recall_at_5=recall_at(5),
        mrr=mean([1 / one.rank if one.rank else 0.0 for one in inside]),
        auroc=auroc([one.confidence for one in inside], [one.confidence for one in outside]),
        answered=share(len(answered), len(inside)),
        wrong_of_answered=share(sum(one.is_wrong for one in answered), len(answered)),
        out_of_scope_answered=share(sum(one.is_answered for one in outside), len(outside)),
        ece=ece([one.confidence for one in outcomes], [one.rank == 1 for one in outcomes]),
        p50_ms=percentile([one.milliseconds for one in outcomes], 50),
        p99_ms=percentile([one.milliseconds for one in outcomes], 99),
    )
