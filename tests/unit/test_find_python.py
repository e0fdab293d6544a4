"""Which Python the scripts take, and what they say on a system that has none for them."""

from pathlib import Path

import pytest

from tests.unit.checkouts import Checkout, a_checkout, with_uv


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return a_checkout(tmp_path)


def test_of_several_pythons_the_newest_that_is_well_tried_is_taken(checkout: Checkout) -> None:
    for minor in (11, 13, 14):
        checkout.python(f"python3.{minor}", (3, minor, 1))
    assert checkout.find() == str(checkout.bin / "python3.13")


def test_the_youngest_is_taken_where_it_is_the_only_one(checkout: Checkout) -> None:
    only = checkout.python("python3.14", (3, 14, 0))
    assert checkout.find() == str(only)


def test_a_shim_that_fails_does_not_hide_a_python_behind_it(checkout: Checkout) -> None:
    checkout.put(checkout.bin / "python3.12", "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    behind = checkout.python("python3.12", (3, 12, 1), folder="behind it")
    assert checkout.find(PATH=f"{checkout.bin}:{behind.parent}") == str(behind)


def test_a_python_that_pyenv_has_but_does_not_show_is_found(checkout: Checkout) -> None:
    hidden = checkout.python("python3", (3, 12, 1), folder=".pyenv/versions/3.12.1/bin")
    assert checkout.find() == str(hidden)


def test_a_python_built_without_sqlite_is_passed_over(checkout: Checkout) -> None:
    checkout.python("python3.13", (3, 13, 0), lacks=("sqlite3",))
    whole = checkout.python("python3.11", (3, 11, 2))
    assert checkout.find() == str(whole)


def test_what_an_environment_stands_on_comes_before_a_newer_one(checkout: Checkout) -> None:
    checkout.python("python3.13", (3, 13, 0))
    base = checkout.python("python", (3, 11, 2), folder="base")
    (checkout.root / ".venv/bin").mkdir(parents=True)
    (checkout.root / ".venv/bin/python").symlink_to(base)
    assert checkout.find() == str(base)


def test_a_python_named_by_hand_is_taken_or_refused_but_never_replaced(checkout: Checkout) -> None:
    checkout.python("python3.13", (3, 13, 0))
    named = checkout.python("mine", (3, 11, 2))
    assert checkout.find(PYTHON=str(named)) == str(named)
    old = checkout.python("old", (3, 9, 1))
    refused = checkout.run("scripts/find-python", PYTHON=str(old))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "3.9.1（太旧）" in refused.stderr


def test_uv_does_without_what_debian_ships_apart(checkout: Checkout) -> None:
    bare = checkout.python("python3.11", (3, 11, 2), lacks=("ensurepip",))
    refused = checkout.run("scripts/find-python")
    assert refused.returncode == 1
    assert "apt-get install -y python3.11-venv" in refused.stderr
    with_uv(checkout)
    assert checkout.find() == str(bare)
    assert checkout.find(FAQBOT_INSTALLER="pip") == ""


@pytest.mark.parametrize(
    ("system", "has", "line"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"', (3, 10, 12), "ppa:deadsnakes/ppa"),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"', None, "apt-get install -y python3 python3-venv"),
        ('ID=ubuntu\nVERSION_ID="20.04"', (3, 8, 10), "uv python install"),
        ('ID=debian\nVERSION_ID="13"', None, "apt-get install -y python3 python3-venv"),
        ('ID=debian\nVERSION_ID="11"', (3, 9, 2), "uv python install"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="21"', (3, 10, 12), "uv python install"),
        ('ID=fedora\nVERSION_ID="45"', (3, 15, 0), "dnf install -y python3.13"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', (3, 9, 18), "dnf install -y python3.12"),
        ('ID="openEuler"\nVERSION_ID="24.03"', None, "dnf install -y python3"),
        ('ID="openEuler"\nVERSION_ID="22.03"', (3, 9, 9), "uv python install"),
        ('ID="anolis"\nID_LIKE="rhel fedora centos"\nVERSION_ID="8.9"', (3, 6, 8), "dnf install -y python3.11"),
        ("ID=arch", None, "pacman -S --needed python"),
        ("ID=arch", (3, 15, 0), "uv python install"),
        ("ID=alpine\nVERSION_ID=3.22.1", None, "musl"),
        ("ID=something", None, "uv python install"),
    ],
)
def test_without_a_python_the_line_for_this_system_is_said(
    checkout: Checkout, system: str, has: tuple[int, int, int] | None, line: str
) -> None:
    checkout.system(system)
    if has:
        checkout.python("python3", has)
    said = checkout.run("scripts/find-python")
    assert (said.returncode, said.stdout) == (1, "")
    # The advice that fits comes first; uv is the second way on every system.
    first = next(text for text in said.stderr.splitlines() if text.startswith("  ") or "musl" in text)
    assert line in (said.stderr if line == "musl" else first)
    assert "3.11" in said.stderr


def test_a_mac_is_told_of_homebrew(checkout: Checkout) -> None:
    assert "brew install python@3.13" in checkout.run("scripts/find-python", FAQBOT_KERNEL="Darwin").stderr
