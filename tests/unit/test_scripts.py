"""The scripts that people type first: how `.venv` comes about, what is skipped, what is said when it fails."""

import os
import re
import shutil
import subprocess
import textwrap
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.installer import mirror_of_pip
from tests.unit.checkouts import FAKE_UV, ROOT, Checkout, a_checkout, with_uv

SHELL_SCRIPTS = [
    *(ROOT / "scripts" / name for name in ("find-python", "lock", "prepare", "run", "test")),
    ROOT / ".ci/run",
]
SHELLS = [found for found in map(shutil.which, ("sh", "bash", "dash")) if found]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return a_checkout(tmp_path)


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_every_script_can_be_run_and_is_read_by_every_shell_here(script: Path) -> None:
    assert os.access(script, os.X_OK)
    for shell in SHELLS:
        assert subprocess.run([shell, "-n", script], capture_output=True, check=False).stderr == b""


# How .venv comes about


def test_the_command_runs_from_anywhere_and_an_edit_takes_effect(checkout: Checkout) -> None:
    made = with_uv(checkout).prepare()
    assert made.returncode == 0, made.stderr
    assert checkout.run(".venv/bin/faqbot").stdout == "first\n"
    checkout.put(checkout.root / "service/cli.py", "def main() -> None:\n    print('second')\n")
    assert checkout.run(".venv/bin/faqbot").stdout == "second\n"
    asked = checkout.run(".venv/bin/python", "-c", "import importlib.metadata as m; print(m.version('faqbot'))")
    assert asked.stdout.strip() in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_command_may_start_processes_of_its_own(checkout: Checkout) -> None:
    code = """
        import multiprocessing
        def main():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(abs, [-1]))
        """
    checkout.put(checkout.root / "service/cli.py", textwrap.dedent(code))
    with_uv(checkout).prepare()
    assert checkout.run(".venv/bin/faqbot").stdout == "[1]\n"


def test_a_second_run_installs_nothing_and_says_so(checkout: Checkout) -> None:
    with_uv(checkout).prepare()
    again = checkout.prepare()
    assert (again.returncode, checkout.syncs()) == (0, 1)
    assert "跳过安装" in again.stderr
    assert again.stdout == ""


def test_the_tests_environment_serves_the_service_too(checkout: Checkout) -> None:
    with_uv(checkout).prepare("requirements-test.txt")
    checkout.prepare("requirements.txt")
    assert checkout.syncs() == 1


def test_a_changed_lock_is_installed_and_a_changed_project_only_linked(checkout: Checkout) -> None:
    with_uv(checkout).prepare()
    checkout.put(checkout.root / "requirements.txt", "# changed\n")
    checkout.prepare()
    assert checkout.syncs() == 2
    project = checkout.root / "pyproject.toml"
    checkout.put(project, project.read_text(encoding="utf-8").replace('faqbot = "service', 'answer = "service'))
    checkout.prepare()
    assert checkout.syncs() == 2
    assert checkout.run(".venv/bin/answer").stdout == "first\n"


def test_a_failure_says_why_and_shows_what_was_said(checkout: Checkout) -> None:
    failed = with_uv(checkout).prepare(UV_EXIT="2", UV_SAYS="error: Failed to fetch: dns error")
    assert failed.returncode == 7
    assert "Failed to fetch: dns error" in failed.stderr
    assert "下载不了" in failed.stderr


@pytest.mark.parametrize("was_whole", [False, True])
def test_what_was_left_halfway_is_made_anew(checkout: Checkout, was_whole: bool) -> None:
    with_uv(checkout)
    if was_whole:
        checkout.prepare()
        checkout.put(checkout.root / "requirements.txt", "# changed\n")
    assert checkout.prepare(UV_EXIT="1").returncode == 1
    (checkout.root / ".venv/written-halfway").touch()
    assert checkout.prepare().returncode == 0
    assert not (checkout.root / ".venv/written-halfway").exists()
    assert checkout.run(".venv/bin/faqbot").stdout == "first\n"


def test_a_checkout_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    with_uv(checkout).prepare()
    moved = Checkout(checkout.root.rename(checkout.root.with_name("moved")), checkout.home)
    assert moved.prepare().returncode == 0
    assert moved.run(".venv/bin/faqbot").stdout == "first\n"


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Checkout) -> None:
    precious = checkout.put(checkout.root / ".venv/precious", "mine")
    refused = with_uv(checkout).prepare()
    assert refused.returncode == 1
    assert "没有动它" in refused.stderr
    assert precious.read_text() == "mine"


def test_pip_does_it_where_uv_is_not(checkout: Checkout) -> None:
    made = checkout.prepare(FAQBOT_INSTALLER="pip")
    assert made.returncode == 0, made.stderr
    assert "pip" in made.stderr
    assert checkout.run(".venv/bin/faqbot").stdout == "first\n"


@pytest.mark.parametrize(
    ("pip", "uv", "environment", "used"),
    [
        ("[global]\nindex-url = https://near.example/%7Esimple\n", None, {}, "https://near.example/%7Esimple"),
        ("[install]\nindex-url = https://near.example\n", None, {}, "https://near.example"),
        (
            "[global]\nindex-url = https://a.example\n",
            None,
            {"PIP_INDEX_URL": "https://b.example"},
            "https://b.example",
        ),
        ("[global]\nindex-url = https://a.example\n", None, {"UV_DEFAULT_INDEX": "https://b.example"}, None),
        ("[global]\nindex-url = https://a.example\n", "", {}, None),
        ("not a configuration", None, {}, None),
    ],
)
def test_pips_mirror_is_taken_where_uv_has_no_setting_of_its_own(
    tmp_path: Path, pip: str, uv: str | None, environment: dict[str, str], used: str | None
) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(pip)
    if uv is not None:
        (tmp_path / ".config/uv").mkdir()
        (tmp_path / ".config/uv/uv.toml").write_text(uv)
    assert mirror_of_pip(environment, tmp_path, system=tmp_path / "etc") == used


def test_uv_is_told_of_the_mirror(checkout: Checkout) -> None:
    told = FAKE_UV.replace('"$UV_SAYS"', '"index is <$UV_DEFAULT_INDEX>"')
    checkout.put(checkout.bin / "uv", told)
    checkout.prepare(PIP_INDEX_URL="https://near.example")
    assert "index is <https://near.example>" in (checkout.root / ".venv/install.log").read_text(encoding="utf-8")


# scripts/run and scripts/test


def with_command(checkout: Checkout, ingest_ends_with: int) -> Checkout:
    code = f"""
        import sys
        def main():
            print(*sys.argv[1:])
            return {ingest_ends_with} if sys.argv[1] == "ingest" else 0
        """
    checkout.put(checkout.root / "service/cli.py", textwrap.dedent(code))
    return with_uv(checkout)


@pytest.mark.parametrize("code", [0, 5, 7])
def test_run_reads_the_knowledge_and_then_serves(checkout: Checkout, code: int) -> None:
    ran = with_command(checkout, code).script("scripts/run", "--port", "0")
    assert (ran.returncode, ran.stdout) == (0, "ingest\nserve --port 0\n")
    assert ("上一次的索引" in ran.stderr) == (code == 7)


def test_run_does_not_start_with_settings_that_cannot_be_used(checkout: Checkout) -> None:
    ran = with_command(checkout, 3).script("scripts/run")
    assert (ran.returncode, ran.stdout) == (3, "ingest\n")


def with_tools(checkout: Checkout, ruff_ends_with: int = 0) -> Checkout:
    for tool, code in (("ruff", ruff_ends_with), ("mypy", 0), ("pytest", 0)):
        says = f"import os, sys\nprint('{tool}', *sys.argv[1:], os.environ.get('FAQBOT_TEST_REQUIRE_ALL', ''))\nsys.exit({code})\n"
        checkout.put(checkout.root / f"{tool}.py", says)  # `python -m` looks here first
    checkout.prepare("requirements-test.txt")
    checkout.put(checkout.root / ".venv/bin/lint-imports", "#!/bin/sh\necho lint-imports\n")
    return checkout


def test_test_checks_everything_and_ends_with_the_tests(checkout: Checkout) -> None:
    ran = with_tools(with_uv(checkout)).script("scripts/test")
    assert ran.returncode == 0
    lines = [line.split()[0] for line in ran.stdout.splitlines()]
    assert lines == ["ruff", "ruff", "mypy", "mypy", "lint-imports", "pytest"]


def test_test_goes_on_after_a_failure_and_names_it_at_the_end(checkout: Checkout) -> None:
    ran = with_tools(with_uv(checkout), ruff_ends_with=1).script("scripts/test")
    assert ran.returncode == 1
    assert ran.stdout.splitlines()[-1].startswith("pytest")
    assert ran.stderr.splitlines()[-1].endswith("ruff check, ruff format")


def test_test_with_arguments_is_pytest_with_them(checkout: Checkout) -> None:
    ran = with_tools(with_uv(checkout)).script("scripts/test", "tests/unit", "-k", "a b", CI="true")
    assert ran.stdout == "pytest tests/unit -k a b 1\n"


# The locks


def test_the_lock_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", text, re.MULTILINE)
    unmet = [
        need
        for need in map(Requirement, project["dependencies"])
        if not (versions := [version for name, version in locked if name == canonicalize_name(need.name)])
        or not all(need.specifier.contains(version) for version in versions)
    ]
    assert unmet == [], "run scripts/lock"


def test_the_tests_lock_holds_the_whole_of_the_other() -> None:
    def entries(name: str) -> set[str]:
        return set(re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip()))

    assert entries("requirements.txt") <= entries("requirements-test.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_a_lock_names_no_host_and_has_a_hash_for_every_package(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").strip()
    assert not re.search(r"://|^\s*-(?!-hash=sha256:)", text, re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text):
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ; .+)? \\\n +--hash=sha256:[0-9a-f]{64}", entry)
