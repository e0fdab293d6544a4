"""Knowledge files as staff's programs write them, built for a test."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docx import Document
from docx.document import Document as WordDocument
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

Cell = str | int | float | bool | None
HEADER = ("问题", "相似问", "答案", "分类", "编号")


def excel(
    sheets: Mapping[str, Sequence[Sequence[Cell]]], change: Callable[[Mapping[str, Worksheet]], object] | None = None
) -> bytes:
    """A workbook with these sheets; `change` does to them what rows can't say."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    made: dict[str, Worksheet] = {}
    for name, rows in sheets.items():
        made[name] = workbook.create_sheet(name)
        for row in rows:
            made[name].append(list(row))
    if change:
        change(made)
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def word(write: Callable[[WordDocument], None]) -> bytes:
    """A Word document that `write` fills."""
    document = Document()
    write(document)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def folder_with(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A knowledge folder below `root`."""
    folder = root / "knowledge"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
