"""Golden questions: what shoppers ask, and which passage is right for it, or that none is.

A file is JSON Lines of {"question": "…", "expect": …}; expect is an id, a list of ids of which any will do, or null
where the bot must not answer. Further fields are for whoever keeps the file.
"""

import json
from dataclasses import dataclass
from pathlib import Path


class GoldenError(Exception):
    """The file of golden questions can't be used; the message names the line and what to do."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A question with what is right for it."""

    question: str
    expect: frozenset[str]
    """Ids of passages of which any is right; empty: out of scope, the bot must not answer."""
    line: int

    @property
    def in_scope(self) -> bool:
        """The knowledge holds an answer."""
        return bool(self.expect)


def read_golden(path: Path) -> list[Golden]:
    """The questions of a file, in its order. Raises GoldenError, FileNotFoundError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldenError(f"{path} 不是 UTF-8 编码。另存为 UTF-8 再运行一次。") from error
    except IsADirectoryError as error:
        raise GoldenError(f"{path} 是文件夹。写出其中 .jsonl 文件的名字。") from error
    questions = [
        _golden(line, f"{path} 第 {number} 行", number)
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    if not questions:
        raise GoldenError(f'{path} 里没有问题。一行写一个：{{"question": "怎么退货", "expect": "RET-01"}}')
    return questions


def _golden(line: str, place: str, number: int) -> Golden:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise GoldenError(f"{place}第 {error.colno} 个字起不是 JSON（{error.msg}）。一行只写一个对象。") from error
    if not isinstance(value, dict) or not isinstance(value.get("question"), str) or not value["question"].strip():
        raise GoldenError(f"{place}没有 question。写上顾客的问题。")
    if "expect" not in value:
        raise GoldenError(f"{place}没有 expect。写上应当命中的编号；不该回答的写 null。")
    expect = value["expect"]
    ids = [] if expect is None else [expect] if isinstance(expect, str) else expect
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise GoldenError(f"{place}的 expect 要写一个编号、几个编号的列表，或 null。")
    if expect is not None and not ids:
        raise GoldenError(f"{place}的 expect 是空列表。不该回答的写 null。")
    return Golden(question=value["question"], expect=frozenset(ids), line=number)
