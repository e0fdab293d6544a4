"""Golden questions, the figures made of them, and how they are told."""

import json
import math
from pathlib import Path

import pytest

from service.answering.answer import Answer, Citation
from service.evaluation.golden import Golden, GoldenError, read_golden
from service.evaluation.metrics import Outcome, auroc, ece, mean, measure, percentile, share
from service.evaluation.report import as_json, as_text, missed
from service.evaluation.runner import run
from service.retrieval.passages import Match, Passage, Retrieved

CONTRACT = (
    "questions in_scope out_of_scope recall_at_1 recall_at_3 recall_at_5 mrr auroc answered wrong_of_answered "
    "out_of_scope_answered ece p50_ms p99_ms"
).split()


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "golden.jsonl"
    path.write_bytes(text.encode())
    return path


def an_outcome(expect: str, ranked: str, **changes: object) -> Outcome:
    values: dict[str, object] = {
        "golden": Golden(question="怎么退", expect=frozenset(expect.split()), line=1),
        "kind": "answer",
        "confidence": 0.9,
        "ranked": tuple(ranked.split()),
        "source": ranked.split()[0] if ranked else None,
        "milliseconds": 10.0,
    }
    return Outcome(**(values | changes))  # type: ignore[arg-type]


def test_an_id_a_list_of_ids_and_null_are_read(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        '\ufeff{"question": "怎么退", "expect": "R1", "note": 1}\r\n\r\n'
        '{"question": "多久", "expect": ["R1", "R2"]}\n{"question": "天气", "expect": null}',
    )
    assert [(golden.line, sorted(golden.expect), golden.in_scope) for golden in read_golden(path)] == [
        (1, ["R1"], True),
        (3, ["R1", "R2"], True),
        (4, [], False),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "不是 JSON"),
        ('["怎么退", "R1"]', "没有 question"),
        ('{"question": " ", "expect": "R1"}', "没有 question"),
        ('{"question": "怎么退"}', "没有 expect"),
        ('{"question": "怎么退", "expect": 3}', "编号"),
        ('{"question": "怎么退", "expect": []}', "空列表"),
    ],
)
def test_a_line_that_is_wrong_is_named_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(GoldenError, match=f"第 2 行.*{said}"):
        read_golden(a_file(tmp_path, '{"question": "a", "expect": null}\n' + line))


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="没有问题"):
        read_golden(a_file(tmp_path, "\n\n"))


def test_a_share_has_wilsons_interval() -> None:
    found = share(8, 10)
    assert found.low is not None
    assert found.high is not None
    assert (round(found.low, 3), round(found.high, 3)) == (0.490, 0.943)
    assert share(0, 0).value is None
    assert (share(0, 9).low, share(9, 9).high) == (0.0, 1.0)


def test_auroc_counts_ties_as_half() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.2]).value == 1.0
    assert auroc([0.5], [0.5]).value == 0.5
    assert auroc([0.9, 0.5, 0.1], [0.5]).value == pytest.approx(0.5)
    assert auroc([], [0.5]).value is None


def test_aurocs_interval_is_hanley_and_mcneils() -> None:
    inside = [float(value) for value in range(20, 70)]
    outside = [float(value) for value in range(50)]
    found = auroc(inside, outside)
    assert found.value is not None
    assert found.low is not None
    area, n = found.value, 50
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = math.sqrt((area * (1 - area) + (n - 1) * (q1 - area**2 + q2 - area**2)) / n**2)
    assert found.low == pytest.approx(area - 1.96 * error, abs=1e-4)


def test_ece_weighs_each_bins_distance() -> None:
    assert ece([1.0, 1.0], [True, True]) == 0.0
    assert ece([0.85, 0.85, 0.15, 0.15], [True, False, False, False]) == pytest.approx((0.35 + 0.15) / 2)
    assert ece([], []) is None


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99), percentile([], 50)) == (
        50,
        99,
        7,
        None,
    )


def test_a_mean_has_an_interval_around_it() -> None:
    found = mean([1.0, 0.5, 0.0])
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_recall_rank_and_wrong_answers_are_counted_apart() -> None:
    metrics = measure(
        [
            an_outcome("A", "A B"),
            an_outcome("A C", "B C A", kind="clarification"),
            an_outcome("A", "B C D E A", source="B"),
            an_outcome("A", "", kind="offer", confidence=0.1),
            an_outcome("", "A", kind="offer", confidence=0.2),
            an_outcome("", "A", confidence=0.95),
        ]
    )
    assert (metrics.questions, metrics.in_scope, metrics.out_of_scope) == (6, 4, 2)
    assert [x.value for x in (metrics.recall_at_1, metrics.recall_at_3, metrics.recall_at_5)] == [0.25, 0.5, 0.75]
    assert metrics.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 5 + 0) / 4)
    assert (metrics.answered.value, metrics.wrong_of_answered.value, metrics.out_of_scope_answered.value) == (
        0.5,
        0.5,
        0.5,
    )


def test_the_json_report_has_the_contracts_figures_as_numbers() -> None:
    outcomes = [an_outcome("A", "A B"), an_outcome("", "A", kind="offer", confidence=0.2)]
    report = json.loads(json.dumps(as_json(measure(outcomes), missed(outcomes))))
    assert set(report) == {*CONTRACT, "intervals", "misses"}
    assert all(isinstance(report[name], int | float) for name in CONTRACT)
    assert all(low <= report[name] <= high for name, (low, high) in report["intervals"].items())
    assert report["misses"] == []


def test_the_text_report_names_counts_intervals_and_misses() -> None:
    outcomes = [an_outcome("A", "B A"), an_outcome("", "A")]
    text = as_text(measure(outcomes), missed(outcomes))
    assert "第一条就对 0.0%（0/1）" in text
    assert "没答好的 2 个" in text
    assert "应为 A（排第 2）" in text


def test_figures_of_nothing_are_said_to_be_none() -> None:
    outcomes = [an_outcome("A", "A", kind="offer")]
    report = as_json(measure(outcomes))
    assert report["wrong_of_answered"] is None
    assert report["auroc"] is None
    assert "没有可算的问题" in as_text(measure(outcomes))


async def test_each_question_is_asked_and_timed_by_itself() -> None:
    passage = Passage(id="R1", kind="faq", question="怎么退", text="能退。", file="a.md", place="")

    async def ask(question: str) -> tuple[Answer, Retrieved]:
        retrieved = Retrieved(
            matches=(Match(passage=passage, score=1.0),),
            exact=False,
            in_scope=0.9,
            confidence=0.8,
            choices_confidence=0.9,
            version=1,
        )
        answer = Answer(kind="answer", text="能退。", confidence=0.8, sources=(Citation(passage=passage, score=1.0),))
        return answer, retrieved

    ticks = iter([0.0, 0.010, 1.0, 1.030])
    seen: list[tuple[int, int]] = []
    questions = [Golden(question=question, expect=frozenset({"R1"}), line=1) for question in ("怎么退", "能退吗")]
    outcomes = await run(questions, ask, lambda done, total: seen.append((done, total)), lambda: next(ticks))
    assert [round(outcome.milliseconds) for outcome in outcomes] == [10, 30]
    assert [(outcome.ranked, outcome.source, outcome.kind) for outcome in outcomes] == [(("R1",), "R1", "answer")] * 2
    assert seen == [(1, 2), (2, 2)]
