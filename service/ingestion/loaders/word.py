"""Word documents: headings and the text below them, as `outline` reads Markdown; tables stay lines of text.

A table whose first row names 问题 and 答案 is an FAQ table, row by row. Numbers and bullets of lists stand in the
document's numbering, not in its text, and are put back. What a reviewer deleted is left out, what was inserted kept.
"""

import io
from collections.abc import Iterator
from zipfile import BadZipFile

from docx import Document
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.oxml.table import CT_Tbl
from docx.oxml.text.paragraph import CT_P
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.table import Table
from docx.text.paragraph import Paragraph

from service.ingestion.loaders.loader import Entry, Loaded, Section
from service.ingestion.loaders.numbering import Numbering, style_chain
from service.ingestion.loaders.office import check_archive, damaged
from service.ingestion.loaders.outline import Block, outline
from service.ingestion.loaders.rows import entries_of, find_header, text_rows
from service.ingestion.problems import Problem

BODY_LEVEL = 9
"""Word's outline level of text that is no heading."""
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
GONE = {qn("w:moveFrom"), FALLBACK}
"""Around text that is shown elsewhere: moved away, or repeated for older programs."""
BREAKS = {qn("w:br"), qn("w:cr")}
CONTENTS = "Table of Contents"


def load_word(content: bytes, file: str) -> Loaded:
    """Implements `Loader`."""
    check_archive(content)
    try:
        document = Document(io.BytesIO(content))
    except (PackageNotFoundError, BadZipFile, KeyError, ValueError, SyntaxError) as error:  # SyntaxError: lxml's
        raise damaged() from error
    blocks: list[Block] = []
    entries: list[Entry | Section] = []
    problems: list[Problem] = []
    numbering = Numbering(document)
    tables = 0
    for item in _items(document.element.body, document):
        if isinstance(item, Paragraph):
            blocks.append(_block(item, numbering))
            continue
        tables += 1
        rows = [[_cell(cell._tc) for cell in row.cells] for row in item.rows]
        header = find_header(rows)
        if header:
            loaded = entries_of(file, rows, header, f"第 {tables} 个表格")
            entries += loaded.found
            problems += loaded.problems
        else:
            blocks.append(Block(text="\n".join(text_rows(rows))))
    rest = outline(file, blocks)
    return Loaded(found=(*rest.found, *entries), problems=(*rest.problems, *problems))


def _items(parent: BaseOxmlElement, document: WordDocument) -> Iterator[Paragraph | Table]:
    """Paragraphs and tables in their order, also those within content controls; not the table of contents."""
    for child in parent.iterchildren():
        if isinstance(child, CT_P):
            yield Paragraph(child, document._body)
        elif isinstance(child, CT_Tbl):
            yield Table(child, document._body)
        elif child.tag == qn("w:sdt") and not _is_contents(child):
            for content in child.findall(qn("w:sdtContent")):
                yield from _items(content, document)
        elif child.tag == qn("w:ins"):
            yield from _items(child, document)


def _is_contents(control: BaseOxmlElement) -> bool:
    return any(gallery.get(qn("w:val")) == CONTENTS for gallery in control.iter(qn("w:docPartGallery")))


def _block(paragraph: Paragraph, numbering: Numbering) -> Block:
    text = _text(paragraph._p)
    level = _level(paragraph)
    if level and text:
        numbering.restart()
        return Block(level=level, text=" ".join(text.split()))
    if (paragraph.style and (paragraph.style.name or "").lower().startswith("toc ")) or not text:
        return Block(text="")
    return Block(text=numbering.mark(paragraph) + text)


def _level(paragraph: Paragraph) -> int:
    """0: text. 1: the document's title. From 2: Word's headings 1, 2 and on."""
    if paragraph.style is not None and paragraph.style.name == "Title":
        return 1
    for properties in style_chain(paragraph):
        outline_level = properties.find(qn("w:outlineLvl"))
        if outline_level is not None:
            value = int(outline_level.get(qn("w:val"), str(BODY_LEVEL)))
            return 0 if value >= BODY_LEVEL else value + 2
    return 0


def _text(paragraph: BaseOxmlElement) -> str:
    """The words of a paragraph as they are shown. python-docx's own `text` misses what a reviewer inserted."""
    parts: list[str] = []
    for run in paragraph.iter(qn("w:r")):
        if any(ancestor.tag in GONE for ancestor in run.iterancestors()):
            continue
        for child in run.iterchildren():
            if child.tag == qn("w:t"):
                parts.append(child.text or "")
            elif child.tag in BREAKS:
                parts.append("\n")
            elif child.tag == qn("w:tab"):
                parts.append(" ")
            elif child.tag == qn("w:noBreakHyphen"):
                parts.append("-")
    return "".join(parts).strip()


def _cell(cell: BaseOxmlElement) -> str:
    return "\n".join(filter(None, (_text(paragraph) for paragraph in cell.iter(qn("w:p"))))).strip()
