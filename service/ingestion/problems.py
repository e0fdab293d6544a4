"""What went wrong while reading the knowledge folder, in the words of the people who edit it.

A problem names the file, the place in it and the one next step, and ends with a code that stays the same when the
words change. Staff read these lines, so they are Chinese.
"""

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "E-K101",  # a file of a type that can't be read
    "E-K102",  # a file that can't be opened: permission, in use, a broken link
    "E-K103",  # a table without a 问题 or an 答案 column
    "E-K104",  # a question without an answer
    "E-K105",  # an answer without a question
    "E-K106",  # a 编号 that stands twice
    "E-K107",  # a question that stands twice
    "E-K108",  # a file that is too large, or grows too large when unpacked
    "E-K109",  # a link that leads out of the folder
    "E-K110",  # a file locked with a password
    "E-K111",  # a file that is damaged, or not what its name says
    "E-K112",  # text in no encoding that is known
    "E-K113",  # a 编号 that is too long
    "E-K114",  # a file that takes too much memory or time to read
    "E-K121",  # a 相似问 that stands under two entries
    "E-K122",  # an answer that WeChat can't show in one message
    "E-K123",  # a column that is not used
    "E-K124",  # a hidden sheet, which is not read
    "E-K125",  # a row whose 内部 is neither 是 nor 否
]


class IngestionError(Exception):
    """The knowledge can't be taken in at all; the message says why and what to do. What was live stays live."""


class UnreadableFileError(Exception):
    """One file can't be read; the others can. The message is the reason, `next_step` what staff can do."""

    def __init__(self, code: Code, reason: str, next_step: str) -> None:
        super().__init__(code, reason, next_step)  # all three, so that it survives the way between processes
        self.code: Code = code
        self.reason = reason
        self.next_step = next_step


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that staff should know about."""

    code: Code
    effect: Literal["file", "part", "warning"]
    """What was left out: a whole file, a part of one (a row, an entry, a sheet), or nothing."""
    file: str
    place: str = ""
    """Where in the file: 「退换货」表第 37 行. Empty: the file as a whole."""
    what: str
    next_step: str

    def __str__(self) -> str:
        gap = " " if self.place and not self.place.startswith("「") else ""
        between = "" if self.place else "："
        return f"{self.file}{gap}{self.place}{between}{self.what}。{self.next_step}。{self.code}"
