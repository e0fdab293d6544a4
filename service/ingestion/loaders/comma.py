"""CSV: an FAQ table in a text file, its cells split by commas, semicolons or tabs, whichever its header is split by.

Rows are counted as Excel shows them: a cell of several lines is still one row.
"""

import csv
import io

from service.ingestion.loaders.encoding import decode
from service.ingestion.loaders.loader import Loaded
from service.ingestion.loaders.rows import Header, Rows, entries_of, find_header
from service.ingestion.problems import UnreadableFileError

DELIMITERS = (",", ";", "\t", "，")
LONGEST_CELL = 1_000_000
"""Characters; a longer one is a quotation mark that was never closed."""


def load_csv(content: bytes, file: str) -> Loaded:
    """Implements `Loader`."""
    rows, header = _table(decode(content))
    return entries_of(file, rows, header)


def _table(text: str) -> tuple[Rows, Header]:
    fault: csv.Error | None = None
    for delimiter in DELIMITERS:
        try:
            header = find_header(_rows(text, delimiter, at_most=20))
            if header:
                return _rows(text, delimiter), header
        except csv.Error as error:
            fault = fault or error
    if fault:
        raise UnreadableFileError(
            "E-K111",
            f"{fault}引号没有成对，后面的内容分不清是哪一格",
            "用 Excel 打开检查这一行，另存为「CSV UTF-8」或 .xlsx 再放回来",
        )
    raise UnreadableFileError(
        "E-K103",
        "第一行没有「问题」和「答案」两个列名" if text.strip() else "里面是空的",
        "第一行写上列名：问题、相似问、答案、分类，次序不限，保存即可",
    )


def _rows(text: str, delimiter: str, at_most: int | None = None) -> list[list[str]]:
    """Raises csv.Error that names the place."""
    csv.field_size_limit(LONGEST_CELL)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            rows.append(row)
            if at_most is not None and len(rows) >= at_most:
                break
    except csv.Error as error:
        raise csv.Error(f"从第 {len(rows) + 1} 行起") from error
    return rows
