"""The numbers and bullets that Word shows before a paragraph; its text doesn't hold them.

A numbered list starts anew under each heading: an answer is read alone, whatever Word counted on from above.
"""

from collections import Counter

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.text.paragraph import Paragraph

NESTED = "  "
NO_LIST = "0"


class Numbering:
    """Marks of one document's list paragraphs, asked for in their order."""

    def __init__(self, document: Document) -> None:
        self._formats = _formats(document)
        self._counts: Counter[tuple[str, int]] = Counter()

    def restart(self) -> None:
        """A heading stands here."""
        self._counts.clear()

    def mark(self, paragraph: Paragraph) -> str:
        """`1. `, `· `, or nothing where the paragraph is in no list."""
        found = _list_of(paragraph)
        if found is None:
            return ""
        number, level = found
        indent = NESTED * level
        if self._formats.get((number, level)) in ("bullet", None):
            return f"{indent}· "
        self._counts[number, level] += 1
        for other in [place for place in self._counts if place[0] == number and place[1] > level]:
            del self._counts[other]
        return f"{indent}{self._counts[number, level]}. "


def style_chain(paragraph: Paragraph) -> list[BaseOxmlElement]:
    """Paragraph properties that hold, nearest first: its own, then its style's and those that it is based on."""
    chain: list[BaseOxmlElement] = [paragraph._p]
    style = paragraph.style
    while style is not None and style.element not in chain:
        chain.append(style.element)
        style = style.base_style
    return [properties for element in chain if (properties := element.find(qn("w:pPr"))) is not None]


def _list_of(paragraph: Paragraph) -> tuple[str, int] | None:
    number, level = None, None
    for properties in style_chain(paragraph):
        numbering = properties.find(qn("w:numPr"))
        if numbering is None:
            continue
        number = number or _value(numbering.find(qn("w:numId")))
        level = level or _value(numbering.find(qn("w:ilvl")))
    if number is None or number == NO_LIST:
        return None
    return number, int(level or 0)


def _formats(document: Document) -> dict[tuple[str, int], str]:
    """How each level of each list counts: decimal, bullet, chineseCounting …"""
    try:
        root = document.part.numbering_part.element
    except (KeyError, NotImplementedError):  # a document without lists has no such part
        return {}
    abstract = {
        item.get(qn("w:abstractNumId")): {
            int(level.get(qn("w:ilvl"), "0")): _value(level.find(qn("w:numFmt"))) or "decimal"
            for level in item.findall(qn("w:lvl"))
        }
        for item in root.findall(qn("w:abstractNum"))
    }
    return {
        (item.get(qn("w:numId"), ""), level): form
        for item in root.findall(qn("w:num"))
        for level, form in abstract.get(_value(item.find(qn("w:abstractNumId"))), {}).items()
    }


def _value(element: BaseOxmlElement | None) -> str | None:
    return None if element is None else element.get(qn("w:val"))
