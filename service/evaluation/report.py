"""An evaluation told: to people in Chinese, with counts and intervals; to programs as one JSON object of numbers."""

from collections.abc import Sequence
from typing import Any

from service.evaluation.metrics import Estimate, Metrics, Outcome

SHARES = (
    ("recall_at_1", "第一条就对"),
    ("recall_at_3", "前三条里有"),
    ("recall_at_5", "前五条里有"),
    ("answered", "直接回答"),
    ("wrong_of_answered", "其中答错"),
    ("out_of_scope_answered", "不该答却答了"),
)
SHOWN = 5
"""Passages named for a miss."""


def as_json(metrics: Metrics, misses: Sequence[Outcome] | None = None) -> dict[str, Any]:
    """The report's object: figures as plain numbers (null: nothing to count), their intervals beside them."""
    figures = {name: getattr(metrics, name) for name in Metrics.__dataclass_fields__}
    report: dict[str, Any] = {
        name: value.value if isinstance(value, Estimate) else value for name, value in figures.items()
    }
    report["intervals"] = {
        name: [value.low, value.high]
        for name, value in figures.items()
        if isinstance(value, Estimate) and value.value is not None
    }
    if misses is not None:
        report["misses"] = [_miss(one) for one in misses]
    return report


def as_text(metrics: Metrics, misses: Sequence[Outcome] = ()) -> str:
    """The report as lines."""
    lines = [
        f"问题 {metrics.questions:,} 个：该答的 {metrics.in_scope:,}，不该答的 {metrics.out_of_scope:,}。方括号里是 95% 区间。",
        *(_line(words, getattr(metrics, name)) for name, words in SHARES),
        f"平均倒数排名（MRR）{_figure(metrics.mrr)}",
        f"该答与不该答的区分度（AUROC）{_figure(metrics.auroc)}",
        f"把握与实际的偏差（ECE）{_number(metrics.ece)}",
        f"用时 p50 {_number(metrics.p50_ms, 1)} 毫秒，p99 {_number(metrics.p99_ms, 1)} 毫秒",
    ]
    if misses:
        lines += ["", f"没答好的 {len(misses):,} 个："]
        lines += [f"第 {one.golden.line} 行 {one.golden.question}\n    {_why(one)}" for one in misses]
    return "\n".join(lines)


def missed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What is worth looking at: not right in the first place, or answered though it must not be."""
    return [one for one in outcomes if (one.rank != 1 if one.golden.in_scope else one.is_answered) or one.is_wrong]


def _miss(one: Outcome) -> dict[str, Any]:
    return {
        "line": one.golden.line,
        "question": one.golden.question,
        "expect": sorted(one.golden.expect) or None,
        "found": list(one.ranked[:SHOWN]),
        "rank": one.rank,
        "kind": one.kind,
        "source": one.source,
        "confidence": one.confidence,
    }


def _why(one: Outcome) -> str:
    found = "、".join(one.ranked[:SHOWN]) or "没有找到"
    kind = {"answer": "直接答了", "clarification": "反问了", "offer": "建议转人工"}[one.kind]
    expect = "、".join(sorted(one.golden.expect)) or "不该答"
    rank = f"排第 {one.rank}" if one.rank else "不在其中"
    right = f"应为 {expect}（{rank}）" if one.golden.in_scope else expect
    return f"{right}；{kind}，把握 {one.confidence:.2f}；找到 {found}"


def _line(words: str, estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"{words}：没有可算的问题"
    return f"{words} {estimate.value:.1%}（{estimate.hits:,}/{estimate.of:,}）[{estimate.low:.1%}–{estimate.high:.1%}]"


def _figure(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "无从计算"
    return f"{estimate.value:.3f} [{estimate.low:.3f}–{estimate.high:.3f}]"


def _number(value: float | None, digits: int = 3) -> str:
    return "无从计算" if value is None else f"{value:.{digits}f}"
