"""`faqbot ingest` and `faqbot eval` as processes: exit codes, what goes to stdout, and two at once."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from service.cli.eval import eval_
from service.cli.ingest import ingest
from tests.fakes.openai_server import FakeOpenAI, Step
from tests.unit.knowledge_files import folder_with

ROOT = Path(__file__).parents[2]
FAQBOT = [sys.executable, "-c", "from service.cli import main; main()"]
MARKDOWN = "# 退货\n## 七天无理由怎么退\n编号：R1\n签收后 7 天内可退。\n## 多久发货\n编号：S1\n当天发。\n"


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "KNOWLEDGE_DIR": str(home / "knowledge"),
        "DATA_DIR": str(home / "data"),
    }


def start(
    home: Path, *arguments: str, command: list[str] = FAQBOT, settings: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*command, *arguments],
        cwd=home,
        env=environment(home) | dict(settings or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finished(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder_with(tmp_path, {"退货.md": MARKDOWN})
    return tmp_path


def test_the_script_ingests_and_eval_measures_what_is_live(home: Path) -> None:
    script = [sys.executable, str(ROOT / "scripts" / "ingest.py")]
    code, out, err = finished(start(home, "--json", command=script))
    assert code == 0, err
    assert json.loads(out)["added"] == 2
    assert "读取文件：共 1" in err

    lines = [
        '{"question": "七天无理由怎么退", "expect": "R1"}',
        '{"question": "今天天气", "expect": null}',
        '{"question": "多久发货", "expect": "X9"}',
    ]
    (home / "golden.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, out, err = finished(start(home, "eval", "golden.jsonl", "--json", "--quiet"))
    assert code == 0, err
    report = json.loads(out)
    assert (report["questions"], report["in_scope"], report["recall_at_1"]) == (3, 2, 0.5)
    assert "X9" in err
    code, _, err = finished(start(home, "eval", "none.jsonl"))
    assert (code, "none.jsonl" in err) == (4, True)


def test_what_was_skipped_and_what_failed_show_in_the_exit_code(home: Path) -> None:
    folder_with(home, {"坏.xlsx": b"not a workbook"})
    code, out, err = finished(start(home, "ingest", "--quiet"))
    assert code == 5, err
    assert "坏.xlsx：打不开" in out
    (home / "knowledge").rename(home / "moved")
    code, out, err = finished(start(home, "ingest"))
    assert (code, out) == (1, "")
    assert "正在用的答案没有动" in err


@pytest.mark.parametrize(("key", "step", "code"), [("wrong", Step(), 6), ("right", Step(status=503), 7)])
def test_a_refused_key_and_a_network_that_fails_have_exit_codes_of_their_own(
    home: Path, key: str, step: Step, code: int
) -> None:
    with FakeOpenAI() as fake:
        fake.always(step)
        settings = {
            "EMBEDDING_MODEL": "text-embedding-3-small",
            "EMBEDDING_BASE_URL": fake.base_url,
            "EMBEDDING_API_KEY": fake.key if key == "right" else key,
        }
        got, out, err = finished(start(home, "ingest", "--quiet", settings=settings))
    assert (got, out) == (code, "")
    assert "正在用的答案没有动" in err
    assert "E-K131" in err


@pytest.mark.parametrize("command", [ingest, eval_])
def test_each_example_of_the_help_runs(home: Path, command: Callable[..., None]) -> None:
    examples = re.findall(r"例：faqbot (.+)", command.__doc__ or "")
    assert len(examples) == 2
    if command is eval_:
        assert finished(start(home, "ingest", "--quiet"))[0] == 0
        shutil.copytree(ROOT / "tests" / "golden", home / "tests" / "golden")
    for example in examples:
        code, out, err = finished(start(home, *example.split(), "--quiet"))
        assert (code, bool(out)) == (0, True), err


def test_two_ingests_at_once_both_succeed(home: Path) -> None:
    results = [finished(process) for process in [start(home, "ingest", "--json"), start(home, "ingest", "--json")]]
    assert [code for code, _, _ in results] == [0, 0], results
    assert sorted(json.loads(out)["outcome"] for _, out, _ in results) == ["switched", "unchanged"]


def test_an_ingest_that_is_killed_does_not_keep_the_next_one_from_its_work(home: Path) -> None:
    process = start(home, "ingest")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("计算向量"):
            break
    process.kill()
    process.communicate()
    code, out, err = finished(start(home, "ingest", "--json", "--no-wait"))
    assert code == 0, err
    assert json.loads(out)["outcome"] == "switched"
