"""Which files of the knowledge folder are knowledge, and their bytes.

Left out without a word: hidden files, what editors leave beside a file (~$…, .tmp), the folder's own README and
DEMO.md. Left out and named: kinds that no loader reads, links that lead out of the folder, files that are too large.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.ingestion.loaders.kinds import ADVICE, is_known, kind_of
from service.ingestion.problems import IngestionError, Problem, UnreadableFileError

LARGEST_BYTES = 50 * 1024 * 1024
DEMONSTRATION = "DEMO.md"
"""Its presence says that the folder holds the demonstration shop."""
LEFTOVERS = ("~$", ".")
LEFTOVER_ENDS = (".tmp", ".bak", ".swp", "~", ".crdownload")
SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What was found in the knowledge folder."""

    files: tuple[tuple[str, Path], ...]
    """Path below the folder with forward slashes, and where to read it; in the order of the names."""
    problems: tuple[Problem, ...]
    demonstration: bool


def look_into(root: Path) -> Folder:
    """The folder's knowledge files. Raises IngestionError where there is no folder or nothing in it."""
    if not root.is_dir():
        raise IngestionError(
            f"知识库文件夹 {root} 不存在。正在用的答案没有动。把问答文件放进这个文件夹，或在 KNOWLEDGE_DIR 里写对它的位置。E-K100"
        )
    base = root.resolve()
    files: dict[Path, tuple[str, Path]] = {}
    problems: list[Problem] = []
    for path in sorted(_walk(root), key=lambda path: (path.is_symlink(), path.as_posix())):
        name = _readable(path.relative_to(root))
        real = path.resolve()
        if not real.is_relative_to(base):
            problems.append(_outside(name))
        elif path.is_dir():  # a link to another place in the folder, which is read there
            continue
        elif is_known(name):
            files.setdefault(real, (name, path))
        else:
            problems.append(_unknown(name))
    if not files:
        empty = f"知识库文件夹 {root} 里没有问答文件。正在用的答案没有动。放进 .md、.docx、.xlsx、.csv 或 .txt 文件再运行一次。E-K100"
        raise IngestionError("\n".join([empty, *map(str, problems)]))
    return Folder(
        files=tuple(sorted(files.values())),
        problems=tuple(problems),
        demonstration=(root / DEMONSTRATION).is_file(),
    )


def read(path: Path) -> bytes:
    """A file's bytes. Raises UnreadableFileError."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise UnreadableFileError(
                "E-K108",
                f"有 {size // (1024 * 1024):,} MB，超过 {LARGEST_BYTES // (1024 * 1024)} MB 的上限",
                "删掉里面的大图，或拆成几个文件",
            )
        return path.read_bytes()
    except PermissionError as error:
        raise UnreadableFileError(
            "E-K102", "没有读取权限，或正被别的程序占用", "关掉打开它的程序，或改成可以读取"
        ) from error
    except OSError as error:
        raise UnreadableFileError(
            "E-K102", f"打不开（{error.strerror or error}）", "确认这个文件还在、能打开，再运行一次"
        ) from error


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        here = Path(folder)
        yield from (here / name for name in folders if (here / name).is_symlink())
        yield from (here / name for name in files if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    lower = name.lower()
    return (
        name.startswith(LEFTOVERS)
        or lower.endswith(LEFTOVER_ENDS)
        or lower in SYSTEM_FILES
        or lower.split(".")[0] == "readme"
        or name == DEMONSTRATION
    )


def _readable(path: Path) -> str:
    """The name as text: one that a Chinese Windows packed into a zip may arrive as GB18030 bytes."""
    try:
        path.as_posix().encode()
        return path.as_posix()
    except UnicodeEncodeError:
        return os.fsencode(path.as_posix()).decode("gb18030", "replace")


def _outside(name: str) -> Problem:
    return Problem(
        code="E-K109",
        effect="file",
        file=name,
        what="是指到知识库文件夹外面的链接，没有读取",
        next_step="把文件本身放进来",
    )


def _unknown(name: str) -> Problem:
    return Problem(
        code="E-K101",
        effect="file",
        file=name,
        what="这种文件读不了，已跳过",
        next_step=ADVICE.get(kind_of(name), "能读的是 .md、.docx、.xlsx、.xls、.csv、.txt；不是问答就移到别的文件夹"),
    )
