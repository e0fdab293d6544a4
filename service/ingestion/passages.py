"""What the loaders found in all files made into the passages of one index version: ids, duplicates, sizes.

An id stays the same when entries are reordered or moved to another file: it is the 编号 where staff gave one, else made
of the question. A section's is made of its file, its headings and the number of its piece.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from service.ingestion.loaders.loader import Entry, Loaded, Section
from service.ingestion.problems import Code, Problem
from service.ingestion.splitting import Count, split
from service.retrieval.passages import Passage
from service.text.normalise import match_key

LONGEST_NUMBER = 100
"""Characters of a 编号."""
WECHAT_BYTES = 2047
"""Longest text message of WeChat; a longer answer comes in parts."""
SEPARATOR = " › "
ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class _Place:
    file: str
    place: str

    def __str__(self) -> str:
        gap = "" if self.place.startswith("「") else " "
        return f"{self.file}{gap}{self.place}"


class Collection:
    """Passages as they come in, file after file; what stands twice is left out and named."""

    def __init__(self, count: Count) -> None:
        self.passages: list[Passage] = []
        self.problems: list[Problem] = []
        self._count = count
        self._ids: dict[str, _Place] = {}
        self._questions: dict[str, _Place] = {}
        self._pieces: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def add(self, file: str, loaded: Loaded) -> None:
        """What a loader found in a file."""
        self.problems += loaded.problems
        for found in loaded.found:
            if isinstance(found, Section):
                self._add_section(file, found)
            else:
                self._add_entry(file, found)

    def keep(self, passages: Iterable[Passage]) -> int:
        """The last good passages of a file that can't be read now, but for those that stand elsewhere by now."""
        kept = 0
        for passage in passages:
            key = match_key(passage.question) if passage.kind == "faq" else ""
            if passage.id in self._ids or (key and key in self._questions):
                continue
            place = _Place(file=passage.file, place=passage.place)
            self._ids[passage.id] = place
            if key:
                self._questions[key] = place
            self.passages.append(passage)
            kept += 1
        return kept

    def check(self) -> None:
        """Look at all entries together, once the last file is in; what staff should know becomes a problem."""
        owners: dict[str, Passage] = {match_key(p.question): p for p in self.passages if p.kind == "faq"}
        for passage in self.passages:
            for similar in passage.similar:
                owner = owners.setdefault(match_key(similar), passage)
                if owner is not passage:
                    self.problems.append(_ambiguous(passage, similar, owner))

    def _add_entry(self, file: str, entry: Entry) -> None:
        here = _Place(file=file, place=entry.place)
        key = match_key(entry.question) or entry.question
        if len(entry.number) > LONGEST_NUMBER:
            self.problems.append(_skipped("E-K113", here, f"的编号太长（{len(entry.number)} 个字）", "把编号改短"))
            return
        identity = entry.number or "q-" + _digest(key)
        if identity in self._ids and entry.number:
            what = f"的编号 {entry.number} 和 {self._ids[identity]}重复"
            self.problems.append(_skipped("E-K106", here, what, "给其中一条换个编号"))
            return
        if key in self._questions:
            what = f"的问题和 {self._questions[key]}重复（{entry.question[:20]}）"
            self.problems.append(_skipped("E-K107", here, what, "两处合成一条，或改成不同的问题"))
            return
        self._ids[identity] = here
        self._questions[key] = here
        if len(entry.answer.encode()) > WECHAT_BYTES:
            self.problems.append(_long(here, entry.answer))
        self.passages.append(
            Passage(
                id=identity,
                kind="faq",
                question=entry.question,
                similar=_distinct(entry.similar, key),
                text=entry.answer,
                category=entry.category,
                file=file,
                place=entry.place,
            )
        )

    def _add_section(self, file: str, section: Section) -> None:
        for text in split(section.text, self._count):
            self._pieces[file, section.headings] += 1
            number = self._pieces[file, section.headings]
            identity = "s-" + _digest("\n".join((file, *section.headings, str(number))))
            self._ids[identity] = _Place(file=file, place=section.place)
            self.passages.append(
                Passage(
                    id=identity,
                    kind="section",
                    question=SEPARATOR.join(section.headings),
                    text=text,
                    category=SEPARATOR.join(section.headings[:-1]),
                    file=file,
                    place=section.place if number == 1 else f"{section.place}（第 {number} 段）",
                )
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def _distinct(similar: Iterable[str], question: str) -> tuple[str, ...]:
    """相似问 without those that ask the same in the same words, as the question or as each other."""
    seen = {question}
    kept: list[str] = []
    for text in similar:
        key = match_key(text)
        if key and key not in seen:
            seen.add(key)
            kept.append(text)
    return tuple(kept)


def _skipped(code: Code, here: _Place, what: str, next_step: str) -> Problem:
    return Problem(
        code=code,
        effect="part",
        file=here.file,
        place=here.place,
        what=what,
        next_step=f"已跳过这一条，其余照常。{next_step}，保存即可",
    )


def _ambiguous(passage: Passage, similar: str, owner: Passage) -> Problem:
    return Problem(
        code="E-K121",
        effect="warning",
        file=passage.file,
        place=passage.place,
        what=f"的相似问「{similar}」在{_Place(file=owner.file, place=owner.place)}也有",
        next_step="顾客这样问时分不清该答哪一条，留在最合适的一条里",
    )


def _long(here: _Place, answer: str) -> Problem:
    return Problem(
        code="E-K122",
        effect="warning",
        file=here.file,
        place=here.place,
        what=f"的答案有 {len(answer):,} 个字，微信一条消息放不下，会分成几条发",
        next_step="能短就短，手机上读着轻松",
    )
