"""Plain text: blocks of 问：, 相似问：, 编号：, 分类：, 答：; a file without a 问： is a document of paragraphs.

An answer goes on over lines and empty lines until the next block. A line of its own before the first block is a title
and becomes the entries' category; more than that is a section.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from service.ingestion.loaders.encoding import decode
from service.ingestion.loaders.loader import Entry, Loaded, Section, split_similar
from service.ingestion.loaders.outline import title_of
from service.ingestion.problems import Problem

LABELS = {
    "question": ("问", "问题", "标准问", "Q"),
    "similar": ("相似问", "相似问题", "相似问法", "其他问法", "问法"),
    "number": ("编号",),
    "category": ("分类", "类别"),
    "answer": ("答", "答案", "回答", "A"),
}
KINDS = {label.lower(): kind for kind, labels in LABELS.items() for label in labels}
LABEL = re.compile(r"^\s*(" + "|".join(sorted(KINDS, key=len, reverse=True)) + r")\s*[：:]\s*(.*)$", re.IGNORECASE)
TITLE_LENGTH = 30
SENTENCE_MARKS = re.compile(r"[。！？；!?;]")


@dataclass(kw_only=True)
class _Block:
    line: int
    parts: dict[str, list[str]] = field(default_factory=dict)

    def text(self, kind: str) -> str:
        return "\n".join(self.parts.get(kind, [])).strip()


def load_text(content: bytes, file: str) -> Loaded:
    """Implements `Loader`."""
    lines = decode(content).split("\n")
    preface, blocks = _blocks(lines)
    title = title_of(file)
    is_title = len(preface) == 1 and len(preface[0]) <= TITLE_LENGTH and not SENTENCE_MARKS.search(preface[0])
    found: list[Entry | Section] = []
    problems: list[Problem] = []
    if preface and not (blocks and is_title):
        found.append(Section(headings=(title,), text="\n".join(preface), place="开头" if blocks else "全文"))
    for block in blocks:
        place = f"第 {block.line} 行"
        question, answer = block.text("question").replace("\n", " "), block.text("answer")
        if question and answer:
            found.append(
                Entry(
                    question=question,
                    similar=tuple(split_similar(block.text("similar"))),
                    answer=answer,
                    category=block.text("category") or (preface[0] if preface and is_title else ""),
                    number=block.text("number"),
                    place=place,
                )
            )
        else:
            problems.append(_incomplete(file, place, question))
    return Loaded(found=tuple(found), problems=tuple(problems))


def _blocks(lines: Iterable[str]) -> tuple[list[str], list[_Block]]:
    """The lines before the first block without the empty ones, and the blocks."""
    preface: list[str] = []
    blocks: list[_Block] = []
    kind = ""
    after_gap = True
    for number, line in enumerate(lines, start=1):
        label = LABEL.match(line)
        if label and _is_label(KINDS[label[1].lower()], blocks, after_gap):
            kind = KINDS[label[1].lower()]
            if _begins_block(kind, blocks):
                blocks.append(_Block(line=number))
            blocks[-1].parts.setdefault(kind, []).append(label[2].strip())
        elif blocks:
            blocks[-1].parts[kind].append(line.strip())
        elif line.strip():
            preface.append(line.strip())
        after_gap = not line.strip()
    return preface, blocks


def _is_label(kind: str, blocks: list[_Block], after_gap: bool) -> bool:
    """Within an answer, a line like 编号：12 is the answer's own unless an empty line stands before it."""
    in_answer = bool(blocks) and "answer" in blocks[-1].parts
    if kind == "answer":
        return bool(blocks) and not in_answer
    return kind == "question" or not in_answer or after_gap


def _begins_block(kind: str, blocks: list[_Block]) -> bool:
    if not blocks:
        return True
    parts = blocks[-1].parts
    return "answer" in parts or (kind == "question" and "question" in parts)


def _incomplete(file: str, place: str, question: str) -> Problem:
    missing, label = ("答案", "答") if question else ("问题", "问")
    return Problem(
        code="E-K104" if question else "E-K105",
        effect="part",
        file=file,
        place=place,
        what=f"没有{missing}" + (f"（{question[:20]}）" if question else ""),
        next_step=f"已跳过这一条，其余照常。补上「{label}：」一行，保存即可",
    )
