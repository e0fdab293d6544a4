"""`.env.example` has a line for every setting, with its default; so it can't say what is no longer so."""

import re
from itertools import pairwise
from pathlib import Path

from service.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SETTING = re.compile(r"# ([A-Z][A-Z0-9_]*)=(.*)")
NAMES = list(Settings.model_fields)
# The others are unset, empty, or made when asked for: an example stands in their line.
HAVE_DEFAULT = {
    name
    for name, field in Settings.model_fields.items()
    if field.default_factory is None and field.default not in (None, "")
}


def _lines() -> list[str]:
    return EXAMPLE.read_text(encoding="utf-8").splitlines()


def _shown() -> list[tuple[str, str]]:
    return [(found[1].lower(), found[2]) for line in _lines() if (found := SETTING.fullmatch(line))]


def test_each_setting_is_shown_once_in_the_order_of_the_class() -> None:
    assert [name for name, _ in _shown()] == NAMES


def test_a_copy_of_it_sets_nothing() -> None:
    assert [line for line in _lines() if line and not line.startswith("#")] == []


def test_what_is_shown_is_accepted_and_is_the_default_where_there_is_one(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(f"{name.upper()}={value}" for name, value in _shown()), encoding="utf-8")
    settings, defaults = load_settings({}, env_file), load_settings({}, None)
    same = {name for name in NAMES if getattr(settings, name) == getattr(defaults, name)}
    assert same == HAVE_DEFAULT


def test_a_chinese_sentence_stands_above_each_and_says_where_the_value_is_an_example() -> None:
    lines = _lines()
    above = {found[1].lower(): before for before, line in pairwise(lines) if (found := SETTING.fullmatch(line))}
    assert {name for name, sentence in above.items() if not re.match(r"# .*[\u4e00-\u9fff].*[。：]", sentence)} == set()
    assert {name for name, sentence in above.items() if not sentence.endswith("例：")} == HAVE_DEFAULT
