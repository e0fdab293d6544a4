"""Which files of the knowledge folder are read."""

import os
from pathlib import Path

import pytest

from service.ingestion.folder import LARGEST_BYTES, look_into, read
from service.ingestion.problems import IngestionError, UnreadableFileError
from tests.unit.knowledge_files import folder_with


def names(root: Path) -> list[str]:
    return [name for name, _ in look_into(root).files]


def test_knowledge_is_read_from_all_levels_in_the_order_of_names(tmp_path: Path) -> None:
    root = folder_with(tmp_path, {"b.md": "b", "a.TXT": "a", "政策/c.docx": "c", "政策/旧/d.csv": "d"})
    assert names(root) == ["a.TXT", "b.md", "政策/c.docx", "政策/旧/d.csv"]


def test_what_is_no_knowledge_is_left_out_without_a_word(tmp_path: Path) -> None:
    silent = [
        "README.md",
        "政策/readme.txt",
        "DEMO.md",
        ".hidden.md",
        ".git/x.md",
        "~$售后.xlsx",
        "售后.md~",
        "Thumbs.db",
        "a.tmp",
    ]
    found = look_into(folder_with(tmp_path, {"a.md": "a", **dict.fromkeys(silent, "x")}))
    assert [name for name, _ in found.files] == ["a.md"]
    assert found.problems == ()
    assert found.demonstration


def test_a_kind_that_is_not_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    found = look_into(folder_with(tmp_path, {"a.md": "a", "旧.doc": "x", "b.zip": "x"}))
    assert [(problem.code, problem.effect, problem.file) for problem in found.problems] == [
        ("E-K101", "file", "b.zip"),
        ("E-K101", "file", "旧.doc"),
    ]
    assert ".docx" in str(found.problems[1])


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    root = folder_with(tmp_path, {"a.md": "a"})
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    found = look_into(root)
    assert [name for name, _ in found.files] == ["a.md"]
    assert [(problem.code, problem.file) for problem in found.problems] == [("E-K109", "link.md"), ("E-K109", "linked")]


def test_files_mounted_as_links_into_a_hidden_folder_are_read_once(tmp_path: Path) -> None:
    root = folder_with(tmp_path, {"..2026/a.md": "a", "b.md": "b"})
    (root / "a.md").symlink_to("..2026/a.md")
    (root / "again.md").symlink_to("b.md")
    assert names(root) == ["a.md", "b.md"]


@pytest.mark.parametrize("files", [{}, {"README.md": "x"}, {"a.pdf": "x"}])
def test_a_folder_without_knowledge_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(IngestionError, match="E-K100"):
        look_into(folder_with(tmp_path, files))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="KNOWLEDGE_DIR"):
        look_into(tmp_path / "none")


def test_a_file_name_in_gbk_bytes_is_readable(tmp_path: Path) -> None:
    root = folder_with(tmp_path, {"a.md": "a"})
    Path(os.fsdecode(os.fsencode(root) + b"/" + "售后.md".encode("gb18030"))).write_text("x", encoding="utf-8")
    assert names(root) == ["a.md", "售后.md"]


def test_a_file_that_is_too_large_or_gone_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.md"
    with large.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    for path, code in ((large, "E-K108"), (tmp_path / "gone.md", "E-K102")):
        with pytest.raises(UnreadableFileError) as error:
            read(path)
        assert error.value.code == code
