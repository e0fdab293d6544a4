"""Headings and the text below them made into FAQ entries and sections: one rule for Markdown and Word.

A heading that has text below it is a passage. It is an FAQ entry, whose text is an answer that staff approved, where
it carries a line 相似问： or 编号：, or where its words are a question; else it is a section of a document. Headings
above an entry are its category. Text before the first heading is a section with the file's name.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from service.ingestion.loaders.loader import Entry, Loaded, Section, split_similar
from service.ingestion.problems import Problem

QUESTION = re.compile(
    r"[?？]$|[吗呢]$"
    r"|怎么|怎样|如何|什么|多久|多少|多长|多大|哪|吗|能不能|能否|可不可以|可以|是否|几|谁|为什么|为何|有没有|要不要|是不是"
    r"|会不会|行不行|好不好|咋|啥"
    r"|^(?:how|what|when|where|which|who|why|can|could|do|does|is|are|may|will)\b",
    re.IGNORECASE,
)
"""Words that make a heading a question."""
LABEL = re.compile(r"^(?:· )?(编号|分类|类别|相似问法?|相似问题|其他问法|问法)\s*[：:]\s*(.*)$")
ANSWER = re.compile(r"^(?:答案|回答|答|A)\s*[：:]\s*", re.IGNORECASE)
ORDINAL = re.compile(r"^(?:[（(]?\d{1,3}[)）、]|\d{1,3}\.(?!\d)|[一二三四五六七八九十]{1,3}、|Q\d*[.:：、]|问[：:])\s*")
LIST_ITEM = re.compile(r"^(?:· |\d+[.、]\s?)(.+)$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading (level from 1) or lines of text (level 0), in the order of the document."""

    level: int = 0
    text: str
    where: str = ""
    """第 12 行; empty where the format has no lines."""


@dataclass(kw_only=True)
class _Node:
    """A heading with the text directly below it."""

    headings: tuple[str, ...]
    level: int
    where: str
    parent: "_Node | None" = None
    has_children: bool = False
    lines: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    extension: list[str] = field(default_factory=list)
    """What an entry's own sub-headings add to its answer."""

    @property
    def question(self) -> str:
        return ORDINAL.sub("", self.headings[-1]).strip() or self.headings[-1]

    @property
    def answer(self) -> str:
        lines = [*self.lines, *self.extension]
        if lines:
            lines[0] = ANSWER.sub("", lines[0])
        return "\n".join(lines).strip()

    @property
    def is_marked(self) -> bool:
        return "number" in self.labels or "similar" in self.labels

    @property
    def is_question(self) -> bool:
        return self.level > 0 and QUESTION.search(self.headings[-1]) is not None


def title_of(file: str) -> str:
    """What a file's text without a heading is called."""
    return PurePosixPath(file).stem


def outline(file: str, blocks: Iterable[Block]) -> Loaded:
    """The entries and sections of a document."""
    nodes = list(_nodes(file, blocks))
    for node in nodes:
        node.labels, node.lines = _labels(node.lines)
    found: list[Entry | Section] = []
    problems: list[Problem] = []
    kept: list[_Node] = []
    for node in nodes:
        owner = _marked_ancestor(node)
        if owner is None or node.is_marked or node.is_question:
            kept.append(node)
        else:  # a sub-heading of an entry that staff marked as one: part of its answer
            owner.extension += [node.headings[-1], *node.lines]
    for node in kept:
        place = _place(node)
        text = node.answer
        is_entry = node.is_marked or node.is_question
        if is_entry and text:
            found.append(
                Entry(
                    question=node.question,
                    similar=tuple(split_similar(node.labels.get("similar", ""))),
                    answer=text,
                    category=node.labels.get("category") or " › ".join(node.headings[:-1]),
                    number=node.labels.get("number", ""),
                    place=place,
                )
            )
        elif text:
            found.append(Section(headings=node.headings, text=text, place=place))
        elif node.is_marked or (is_entry and not node.has_children):
            problems.append(
                Problem(
                    code="E-K104",
                    effect="part",
                    file=file,
                    place=place,
                    what="没有答案",
                    next_step="已跳过这一条，其余照常。在标题下面写上答案，保存即可",
                )
            )
    return Loaded(found=tuple(found), problems=tuple(problems))


def _nodes(file: str, blocks: Iterable[Block]) -> Iterator[_Node]:
    open_nodes = [_Node(headings=(title_of(file),), level=0, where="")]
    yield open_nodes[0]
    for block in blocks:
        if block.level == 0 or not block.text:
            open_nodes[-1].lines += block.text.splitlines()
            continue
        while open_nodes[-1].level >= block.level:
            open_nodes.pop()
        parent = open_nodes[-1]
        parent.has_children = True
        above = parent.headings if parent.level else ()
        node = _Node(headings=(*above, block.text), level=block.level, where=block.where, parent=parent)
        open_nodes.append(node)
        yield node


def _labels(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """The labels at the head of a text, and 相似问 wherever it stands; then the text without them."""
    labels: dict[str, str] = {}
    rest: list[str] = []
    listing = False  # 相似问： stands alone, its questions are a list below
    for whole in lines:
        line = whole.strip()
        label = LABEL.match(line)
        item = LIST_ITEM.match(line)
        kind = _kind(label[1]) if label else ""
        if label and (not rest or kind == "similar"):
            value = label[2].strip()
            labels[kind] = "\n".join(filter(None, (labels.get(kind, ""), value))) if kind == "similar" else value
            listing = kind == "similar" and not value
        elif listing and item:
            labels["similar"] = "\n".join(filter(None, (labels["similar"], item[1])))
        elif line:
            listing = False
            rest.append(whole.rstrip())  # a nested list keeps its indent
    return labels, rest


def _kind(label: str) -> str:
    if label == "编号":
        return "number"
    return "category" if label in ("分类", "类别") else "similar"


def _marked_ancestor(node: _Node) -> _Node | None:
    above = node.parent
    while above is not None:
        if above.is_marked:
            return above
        if above.is_question:
            return None
        above = above.parent
    return None


def _place(node: _Node) -> str:
    return f"{node.where}「{node.headings[-1]}」" if node.level else "开头"
