"""The whole knowledge folder read: what each file holds, and which files could not be read."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.ingestion.folder import look_into, read
from service.ingestion.loaders.apart import Apart
from service.ingestion.loaders.kinds import load
from service.ingestion.loaders.loader import Loaded
from service.ingestion.problems import Problem, UnreadableFileError

Progress = Callable[[int, int, str], None]
"""Files read, of how many, and which is next."""


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """A file that could be read."""

    file: str
    sha256: str
    loaded: Loaded


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file that could not."""

    file: str
    error: UnreadableFileError


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The folder as it is now; files in the order of their names."""

    files: tuple[ReadFile, ...]
    unreadable: tuple[Unreadable, ...]
    problems: tuple[Problem, ...]
    """Of the folder; a file's own are with the file."""
    demonstration: bool


async def read_folder(root: Path, progress: Progress) -> Knowledge:
    """Read every knowledge file. Raises IngestionError where there is none."""
    folder = await asyncio.to_thread(look_into, root)
    files: list[ReadFile] = []
    unreadable: list[Unreadable] = []
    async with Apart() as apart:
        for done, (file, path) in enumerate(folder.files):
            progress(done, len(folder.files), file)
            try:
                content = await asyncio.to_thread(read, path)
                loaded = await load(file, content, apart)
            except UnreadableFileError as error:
                unreadable.append(Unreadable(file=file, error=error))
            else:
                files.append(ReadFile(file=file, sha256=hashlib.sha256(content).hexdigest(), loaded=loaded))
        progress(len(folder.files), len(folder.files), "")
    return Knowledge(
        files=tuple(files),
        unreadable=tuple(unreadable),
        problems=folder.problems,
        demonstration=folder.demonstration,
    )
