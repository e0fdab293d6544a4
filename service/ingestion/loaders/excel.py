"""Excel workbooks, .xlsx and .xls: every visible sheet is an FAQ table.

A merged cell counts for each of its rows. Sheets that staff have hidden are not told to shoppers. Numbers come as
floating point and lose their .0 here: 13800138000.0 is a phone number.
"""

import datetime
import io

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from service.ingestion.loaders.loader import Loaded
from service.ingestion.loaders.office import OLD_FORMAT, check_archive, damaged, locked
from service.ingestion.loaders.rows import entries_of, find_header
from service.ingestion.problems import Problem, UnreadableFileError

LONGEST_INTEGER = 1e17
"""Below it every integral float is shown digit for digit."""

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def load_excel(content: bytes, file: str) -> Loaded:
    """Implements `Loader`."""
    if not (content.startswith(OLD_FORMAT) and file.lower().endswith(".xls")):
        check_archive(content)
    try:
        with CalamineWorkbook.from_object(io.BytesIO(content)) as workbook:
            return _sheets(workbook, file)
    except PasswordError as error:
        raise locked() from error
    except (CalamineError, OSError) as error:
        raise damaged() from error


def _sheets(workbook: CalamineWorkbook, file: str) -> Loaded:
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    tables = 0
    for sheet in workbook.sheets_metadata:
        if sheet.typ is not SheetTypeEnum.WorkSheet:
            continue
        rows = _rows(workbook.get_sheet_by_name(sheet.name))
        if not any(map(any, rows)):
            continue
        header = find_header(rows)
        place = f"「{sheet.name}」表"
        if sheet.visible is not SheetVisibleEnum.Visible:
            if header:
                problems.append(_hidden(file, place))
        elif header:
            tables += 1
            loaded.append(entries_of(file, rows, header, place))
        else:
            problems.append(_no_header(file, place))
    if not tables:
        raise UnreadableFileError(
            "E-K103",
            "没有一张表的第一行写着「问题」和「答案」" if problems else "里面是空的",
            "第一行写上列名：问题、相似问、答案、分类，次序不限，保存即可",
        )
    return Loaded(
        found=tuple(found for one in loaded for found in one.found),
        problems=(*problems, *(problem for one in loaded for problem in one.problems)),
    )


def _rows(sheet: CalamineSheet) -> list[list[str]]:
    rows = [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if top < len(rows) and left < len(rows[top]):
            value = rows[top][left]
            for row in rows[top : bottom + 1]:
                for column in range(left, min(right + 1, len(row))):
                    row[column] = value
    return rows


def _text(cell: Cell) -> str:
    match cell:
        case bool():
            return "是" if cell else "否"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < LONGEST_INTEGER else repr(cell)
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else f"{cell:%Y-%m-%d %H:%M}"
        case datetime.time():
            return f"{cell:%H:%M}"
        case str():
            return cell.replace("\r\n", "\n").strip()
        case _:
            return str(cell)


def _no_header(file: str, place: str) -> Problem:
    return Problem(
        code="E-K103",
        effect="part",
        file=file,
        place=place,
        what="的第一行没有「问题」和「答案」两个列名",
        next_step="已跳过这张表。是问答就在第一行写上列名；不是就隐藏这张表，以后不再提醒",
    )


def _hidden(file: str, place: str) -> Problem:
    return Problem(
        code="E-K124",
        effect="warning",
        file=file,
        place=place,
        what="是隐藏的，没有读取",
        next_step="要让它生效，在 Excel 里取消隐藏再保存",
    )
