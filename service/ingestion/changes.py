"""What differs between the knowledge that is live and the knowledge as it was just read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.retrieval.passages import Passage


@dataclass(frozen=True, kw_only=True)
class Change:
    """One passage that is new, different or gone."""

    kind: Literal["added", "changed", "removed"]
    id: str
    question: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All of them, and how many passages are as they were."""

    changes: tuple[Change, ...]
    unchanged: int

    def count(self, kind: Literal["added", "changed", "removed"]) -> int:
        """How many of this kind."""
        return sum(change.kind == kind for change in self.changes)


def compare(before: Sequence[Passage], after: Sequence[Passage]) -> Changes:
    """By id. A passage that only moved, in its file or to another one, is as it was."""
    old = {passage.id: passage for passage in before}
    new = {passage.id: passage for passage in after}
    changes = [
        _change("changed" if passage.id in old else "added", passage)
        for passage in after
        if passage.id not in old or _content(old[passage.id]) != _content(passage)
    ]
    changes += [_change("removed", passage) for passage in before if passage.id not in new]
    return Changes(changes=tuple(changes), unchanged=len(after) - sum(change.kind != "removed" for change in changes))


def _content(passage: Passage) -> tuple[object, ...]:
    return passage.kind, passage.question, passage.similar, passage.text, passage.category


def _change(kind: Literal["added", "changed", "removed"], passage: Passage) -> Change:
    return Change(kind=kind, id=passage.id, question=passage.question, file=passage.file)
