"""Markdown: CommonMark with tables, read as tokens; its marks become the plain text that WeChat can show.

Two of CommonMark's rules are off, since staff never mean them: a line of dashes doesn't make a heading of the
paragraph above it, and spaces at the start of a line don't make code of it.
"""

from collections.abc import Iterator
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from service.ingestion.loaders.encoding import decode
from service.ingestion.loaders.loader import Loaded
from service.ingestion.loaders.outline import Block, outline
from service.ingestion.loaders.rows import text_rows

NESTED = "  "


def load_markdown(content: bytes, file: str) -> Loaded:
    """Implements `Loader`."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(["lheading", "code"])
    tree = SyntaxTreeNode(parser.parse(decode(content)))
    return outline(file, (_block(node) for node in tree.children))


def _block(node: SyntaxTreeNode) -> Block:
    where = f"第 {node.map[0] + 1} 行" if node.map else ""
    if node.type == "heading":
        return Block(level=int(node.tag[1:]), text=_inline(node).replace("\n", " ").strip(), where=where)
    return Block(text="\n".join(_lines(node)), where=where)


def _lines(node: SyntaxTreeNode) -> Iterator[str]:
    match node.type:
        case "bullet_list" | "ordered_list":
            first = int(str(node.attrs.get("start", 1)))
            for number, item in enumerate(node.children, start=first):
                yield from _item(f"{number}. " if node.type == "ordered_list" else "· ", item)
        case "fence":
            yield from node.content.splitlines()
        case "table":
            rows = [[_inline(cell) for cell in row.children] for part in node.children for row in part.children]
            yield from text_rows(rows)
        case "html_block":
            yield from _without_tags(node.content).splitlines()
        case "hr":
            return
        case "paragraph" | "heading":
            yield from (line.strip() for line in _inline(node).split("\n"))
        case _:  # a quotation, or what else only holds other blocks
            for child in node.children:
                yield from _lines(child)


def _item(mark: str, item: SyntaxTreeNode) -> Iterator[str]:
    for child in item.children:
        is_list = child.type in ("bullet_list", "ordered_list")
        for line in _lines(child):
            yield f"{NESTED}{line}" if is_list else f"{mark}{line}"
            mark = ""  # the lines after the first, as where staff went on without an empty line, stand by themselves


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text" | "code_inline" | "text_special":
            return node.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "image":
            return node.content  # its description
        case "html_inline":
            return _without_tags(node.content)
        case "link":
            words = "".join(map(_inline, node.children))
            address = str(node.attrs.get("href", ""))
            is_shown = address in words or not address.startswith(("http://", "https://"))
            return words if is_shown else f"{words}（{address}）"
        case _:
            return "".join(map(_inline, node.children))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.words.append("\n")


def _without_tags(html: str) -> str:
    parser = _Words()
    parser.feed(html.replace("<![", "<!"))  # a section such as Word pastes, which HTMLParser stumbles over: a comment
    parser.close()
    return "".join(parser.words)
