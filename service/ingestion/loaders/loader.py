"""What every loader gives: the FAQ entries and sections of one file, each with its place, and what is wrong there.

Ids, duplicates across files and the cutting of long sections come later, in `ingestion.passages` and
`ingestion.splitting`: a loader knows one file alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from service.ingestion.problems import Problem, UnreadableFileError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An FAQ entry as staff wrote it."""

    question: str
    similar: tuple[str, ...] = ()
    answer: str
    category: str = ""
    number: str = ""
    """Its 编号, where staff gave one."""
    place: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """The text under one heading of a document, not yet cut to size."""

    headings: tuple[str, ...]
    """From the outermost to its own; never empty."""
    text: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """All that one file holds, in its order."""

    found: tuple[Entry | Section, ...]
    problems: tuple[Problem, ...] = ()


class Loader(Protocol):
    """Reads one kind of file. Implementations are plain functions of the bytes: no clock, no disk, no network."""

    def __call__(self, content: bytes, file: str) -> Loaded:
        """What the file holds; `file` is its path below the knowledge folder. Raises UnreadableFileError."""
        ...


def load_with(loader: Loader, content: bytes, file: str) -> Loaded:
    """What the loader gives: the one place where loaders are called.

    Raises UnreadableFileError, also where a parser met what its author had not thought of: the other files go on. Not
    for MemoryError: it may be another's fault, and whoever calls knows what is left to do.
    """
    try:
        return loader(content, file)
    except (UnreadableFileError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableFileError(
            "E-K111", f"内容读不懂（{type(error).__name__}）", "打开它看看里面的内容，「另存为」一份新的再放回来"
        ) from error


def split_similar(text: str) -> Iterator[str]:
    """相似问 as staff write them: one a line, or split by |."""
    for line in text.replace("｜", "|").replace("|", "\n").splitlines():
        if similar := line.strip().removeprefix("· ").strip():
            yield similar
