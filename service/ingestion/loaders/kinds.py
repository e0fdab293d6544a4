"""Which loader reads which file, by the end of its name."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath

from service.ingestion.loaders.apart import Apart
from service.ingestion.loaders.comma import load_csv
from service.ingestion.loaders.excel import load_excel
from service.ingestion.loaders.loader import Loaded, Loader, load_with
from service.ingestion.loaders.markdown import load_markdown
from service.ingestion.loaders.text import load_text
from service.ingestion.loaders.word import load_word

KINDS: Mapping[str, Loader] = {
    ".md": load_markdown,
    ".markdown": load_markdown,
    ".txt": load_text,
    ".csv": load_csv,
}
KINDS_APART: Mapping[str, Loader] = {".docx": load_word, ".xlsx": load_excel, ".xls": load_excel}
"""Binary formats, parsed in a process of their own."""
ADVICE: Mapping[str, str] = {
    ".doc": "打开它，「另存为」.docx",
    ".wps": "打开它，「另存为」.docx",
    ".et": "打开它，「另存为」.xlsx",
    ".xlsm": "打开它，「另存为」.xlsx",
    ".xlsb": "打开它，「另存为」.xlsx",
    ".pdf": "把其中的文字整理到 Word 或 Markdown",
}


def kind_of(file: str) -> str:
    """The end of the file's name, in lower case."""
    return PurePosixPath(file).suffix.lower()


def is_known(file: str) -> bool:
    """There is a loader for it."""
    return kind_of(file) in KINDS or kind_of(file) in KINDS_APART


async def load(file: str, content: bytes, apart: Apart) -> Loaded:
    """What the file holds. Raises UnreadableFileError; KeyError for a kind that isn't known."""
    kind = kind_of(file)
    if kind in KINDS_APART:
        return await apart.load(KINDS_APART[kind], content, file)
    return await asyncio.to_thread(load_with, KINDS[kind], content, file)
