"""An FAQ table as rows of cells: which column is which, and one entry a row. CSV, Excel and Word's tables share it.

The first row names the columns, in any order: 问题 and 答案, and may be 相似问, 分类, 编号, 内部. A line or two above it,
as a title, does no harm.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.ingestion.loaders.loader import Entry, Loaded, split_similar
from service.ingestion.problems import Problem

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "question": ("问题", "标准问", "标准问题", "question"),
    "similar": ("相似问", "相似问题", "相似问法", "问法", "其他问法", "similar"),
    "answer": ("答案", "回答", "答复", "answer"),
    "category": ("分类", "类别", "category"),
    "number": ("编号", "id"),
    "internal": ("内部", "internal"),
}
HEADER_ROWS = 5
"""The header is looked for in this many first rows."""
INTERNAL = {"是", "y", "yes", "true", "1", "内部"}
PUBLIC = {"", "否", "n", "no", "false", "0"}
"""Whatever else stands in the 内部 column keeps its row from shoppers: whoever wrote 内部资料 didn't mean them."""

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Header:
    """Where the columns are; numbers count from 0."""

    row: int
    columns: Mapping[str, int]
    unknown: tuple[str, ...]
    """Names of columns that are not used."""


def find_header(rows: Rows) -> Header | None:
    """The row that names a 问题 and an 答案 column; None where there is none."""
    names = {name: column for column, aliases in COLUMNS.items() for name in aliases}
    for number, row in enumerate(rows[:HEADER_ROWS]):
        columns: dict[str, int] = {}
        unknown: list[str] = []
        for place, cell in enumerate(row):
            name = _column_name(cell)
            if name in names:
                columns.setdefault(names[name], place)
            elif name:
                unknown.append(cell.strip())
        if "question" in columns and "answer" in columns:
            return Header(row=number, columns=columns, unknown=tuple(unknown))
    return None


def entries_of(file: str, rows: Rows, header: Header, table: str = "") -> Loaded:
    """One entry for each row below the header; `table` is its name with 「」 and what it is: 「退换货」表."""
    found: list[Entry] = []
    faulty: list[tuple[int, str]] = []  # row, and which cell is missing
    unclear: dict[str, list[int]] = {}  # what stands in 内部, and the rows
    for number in range(header.row + 1, len(rows)):
        cells = {
            name: rows[number][column].strip() if column < len(rows[number]) else ""
            for name, column in header.columns.items()
        }
        internal = cells.get("internal", "")
        if not any(cell.strip() for cell in rows[number]) or _folded(internal) in INTERNAL:
            continue
        if _folded(internal) not in PUBLIC:
            unclear.setdefault(internal, []).append(number)
            continue
        if cells["question"] and cells["answer"]:
            found.append(
                Entry(
                    question=cells["question"],
                    similar=tuple(split_similar(cells.get("similar", ""))),
                    answer=cells["answer"],
                    category=cells.get("category", ""),
                    number=cells.get("number", ""),
                    place=f"{table}第 {number + 1} 行",
                )
            )
        else:
            faulty.append((number, "answer" if cells["question"] else "question"))
    problems = [_unused(file, table, header)] if header.unknown else []
    problems += [_missing(file, table, header, rows, number, cell, len(found)) for number, cell in faulty]
    problems += [_unclear(file, table, header, value, numbers) for value, numbers in unclear.items()]
    return Loaded(found=tuple(found), problems=tuple(problems))


def text_rows(rows: Rows) -> list[str]:
    """Any other table as lines of text, each cell behind its column's name, so that a line can stand alone."""
    filled = [[" ".join(cell.split()) for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return []
    names = filled[0]
    if len(filled) == 1 or len(names) < 2 or not all(names):
        return ["，".join(cell for cell in _unrepeated(row) if cell) for row in filled]
    return ["；".join(f"{name}：{cell}" for name, cell in zip(names, row, strict=False) if cell) for row in filled[1:]]


def _unrepeated(row: list[str]) -> list[str]:
    """A cell that spans columns comes once for each of them."""
    return [cell for place, cell in enumerate(row) if place == 0 or cell != row[place - 1]]


def _column_name(cell: str) -> str:
    name = _folded(cell)
    for noise in ("*", "(必填)", "(选填)", " ", ":"):
        name = name.replace(noise, "")
    return name


def _folded(cell: str) -> str:
    return unicodedata.normalize("NFKC", cell).strip().lower()


def _unclear(file: str, table: str, header: Header, value: str, numbers: Sequence[int]) -> Problem:
    address = f"{_letters(header.columns['internal'])}{numbers[0] + 1}"
    return Problem(
        code="E-K125",
        effect="part",
        file=file,
        place=f"{table}第 {'、'.join(str(number + 1) for number in numbers)} 行",
        what=f"的「内部」写的是「{_short(value)}」，不是「是」或「否」",
        next_step=f"已当作内部内容，顾客看不到，其余照常。要给顾客看就把 {address} 改成「否」，不给就改成「是」，保存即可",
    )


def _missing(file: str, table: str, header: Header, rows: Rows, number: int, cell: str, good: int) -> Problem:
    other = "question" if cell == "answer" else "answer"
    column = header.columns[other]
    hint = rows[number][column].strip() if column < len(rows[number]) else ""
    shown = f"（{_short(hint)}）" if hint else ""
    if not hint:
        cell = "question"
    address = f"{_letters(header.columns[cell])}{number + 1}"
    return Problem(
        code="E-K104" if cell == "answer" else "E-K105",
        effect="part",
        file=file,
        place=f"{table}第 {number + 1} 行",
        what=f"没有{'答案' if cell == 'answer' else '问题'}{shown}",
        next_step=f"已跳过这一行，其余 {good} 行照常。填好 {address} 保存即可",
    )


def _unused(file: str, table: str, header: Header) -> Problem:
    return Problem(
        code="E-K123",
        effect="warning",
        file=file,
        place=f"{table}第 {header.row + 1} 行",
        what="有几列不会用到：" + "、".join(header.unknown),
        next_step="会用到的列名是 问题、相似问、答案、分类、编号、内部；写错了就改过来，不需要用的不用管",
    )


def _short(text: str, length: int = 20) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}……"


def _letters(column: int) -> str:
    """Excel's name of a column: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
