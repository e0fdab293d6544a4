"""The knowledge folder made the live index version: read, compared, built whole beside the old one, switched.

The old version answers until the one commit that makes the new one live. What can't be read keeps its last good
passages; a folder with nothing in it, or nothing that can be read, changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import Connection, insert, select

from service.ingestion.changes import Change, Changes, compare
from service.ingestion.loaders.loader import Section
from service.ingestion.lock import only_one
from service.ingestion.passages import Collection
from service.ingestion.problems import IngestionError, Problem
from service.ingestion.reading import Knowledge, read_folder
from service.llm.embedding_cache import EmbeddingCache
from service.llm.embeddings import Embedder
from service.llm.tokens import EstimatedTokens, load_tokens
from service.retrieval import versions
from service.retrieval.building import build_version
from service.retrieval.dense import VectorStore, VectorStoreError
from service.retrieval.index import layout
from service.retrieval.passages import Passage
from service.retrieval.versions import Version
from service.storage.database import Database
from service.storage.tables import version_files

Work = Literal["reading", "embedding", "indexing"]
Progress = Callable[[Work, int, int, str], None]
"""What is being done, how much of it, of how much, and the name of what comes next (may be empty)."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What an ingest did, or would do."""

    outcome: Literal["switched", "unchanged", "dry_run"]
    version: int | None
    """Id of the version that is live afterwards; None: there is none yet."""
    files: int
    """Files that are in it, those kept from before included."""
    entries: int
    sections: int
    added: int
    changed: int
    removed: int
    unchanged: int
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    rebuilt_because: str | None
    """Why a version was built although the content is the same; None: it isn't, or none was built."""
    demonstration: bool

    @property
    def skipped(self) -> tuple[Problem, ...]:
        """What was left out."""
        return tuple(problem for problem in self.problems if problem.effect != "warning")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is live all the same, but worth a look."""
        return tuple(problem for problem in self.problems if problem.effect == "warning")


@dataclass(frozen=True, kw_only=True)
class _Live:
    version: Version | None
    passages: tuple[Passage, ...]
    files: dict[str, str]
    """Their SHA-256."""


@dataclass(frozen=True, kw_only=True)
class _Target:
    """The version that the folder asks for."""

    passages: tuple[Passage, ...]
    files: dict[str, str]
    problems: tuple[Problem, ...]
    demonstration: bool


class Sync:
    """Brings a knowledge base in line with its folder. `word_embedder` is the local model."""

    def __init__(
        self,
        database: Database,
        vectors: VectorStore,
        embedder: Embedder,
        word_embedder: Embedder,
        *,
        knowledge_base: str,
        folder: Path,
        lock: Path,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._embedder = embedder
        self._word_embedder = word_embedder
        self._knowledge_base = knowledge_base
        self._folder = folder
        self._lock = lock

    async def run(
        self,
        *,
        dry_run: bool = False,
        wait: bool = True,
        on_wait: Callable[[], None] = lambda: None,
        progress: Progress = lambda work, done, total, name: None,
    ) -> Summary:
        """Read the folder and switch to what it holds; with `dry_run` only say what that would be.

        Raises IngestionError, EmbeddingError, VectorStoreError; what was live stays live.
        """
        if dry_run:  # it changes nothing, so it has nobody to wait for
            return await self._run(dry_run=True, progress=progress)
        locks = only_one(self._lock, self._database, self._knowledge_base, wait=wait, on_wait=on_wait)
        async with locks:
            return await self._run(dry_run=False, progress=progress)

    async def _run(self, *, dry_run: bool, progress: Progress) -> Summary:
        knowledge = await read_folder(self._folder, lambda done, total, name: progress("reading", done, total, name))
        live = await self._live()
        target = await _target(knowledge, live)
        if not target.passages:
            told = "\n".join(str(problem) for problem in target.problems)
            raise IngestionError(
                f"{told}\n知识库文件夹 {self._folder} 里没有一条能用的问答。正在用的答案没有动。按上面的提示改好文件，再运行一次。E-K100".strip()
            )
        differences = compare(live.passages, target.passages)
        is_same = live.version is not None and live.passages == target.passages
        reason = await self._stale(live.version, target) if is_same else None
        if is_same and reason is None:
            return _summary("unchanged" if not dry_run else "dry_run", live.version, target, differences, None)
        if dry_run:
            return _summary("dry_run", live.version, target, differences, reason)
        version = await build_version(
            self._database,
            self._vectors,
            self._embedder,
            self._word_embedder,
            knowledge_base=self._knowledge_base,
            passages=target.passages,
            demonstration=target.demonstration,
            progress=lambda done, total, work: progress(work, done, total, ""),
        )
        await self._database.run(_go_live, version, target.files)
        await self._clean_up()
        return _summary("switched", version, target, differences, reason)

    async def _clean_up(self) -> None:
        """What nobody needs any more. The new version answers already, so a failure here is none of the ingest's.

        What is left over, the next ingest finds again.
        """
        try:
            await versions.clean_up(self._database, self._vectors, self._knowledge_base)
            await EmbeddingCache(self._database, self._embedder).forget_unused()
        except Exception as error:
            log.warning("ingestion.not_cleaned_up", error=type(error).__name__)

    async def _live(self) -> _Live:
        version = await self._database.read(versions.live, self._knowledge_base)
        if version is None:
            return _Live(version=None, passages=(), files={})
        return _Live(
            version=version,
            passages=await self._database.read(versions.passages_of, version.id),
            files=await self._database.read(_files, version.id),
        )

    async def _stale(self, version: Version | None, target: _Target) -> str | None:
        """Why the live version won't do although its content is right; None: it will."""
        if version is None:
            return None
        if version.embedding_model != self._embedder.model:
            return f"向量模型从 {version.embedding_model} 换成了 {self._embedder.model}"
        if version.demonstration != target.demonstration:
            return "演示店铺的标记（DEMO.md）变了"
        try:
            await self._vectors.vectors(version.collection, len(layout(target.passages).texts))
        except VectorStoreError:
            return "向量库里的内容不全"
        return None


async def _target(knowledge: Knowledge, live: _Live) -> _Target:
    has_sections = any(isinstance(found, Section) for file in knowledge.files for found in file.loaded.found)
    # The same size whatever model answers: another key must not move the cuts. Its vocabulary is 65 MB, so only if.
    tokens = await asyncio.to_thread(load_tokens) if has_sections else EstimatedTokens()
    collection = Collection(tokens.count)
    files = {file.file: file.sha256 for file in knowledge.files}
    for file in knowledge.files:
        collection.add(file.file, file.loaded)
    unread: list[Problem] = []
    for unreadable in knowledge.unreadable:
        kept = collection.keep(passage for passage in live.passages if passage.file == unreadable.file)
        if kept:
            files[unreadable.file] = live.files.get(unreadable.file, "")
        still = f"上次读到的 {kept:,} 条照常使用" if kept else "其余文件照常"
        unread.append(
            Problem(
                code=unreadable.error.code,
                effect="file",
                file=unreadable.file,
                what=unreadable.error.reason,
                next_step=f"{still}。{unreadable.error.next_step}",
            )
        )
    collection.check()
    return _Target(
        passages=tuple(sorted(collection.passages, key=lambda passage: passage.file)),
        files=files,
        problems=(*knowledge.problems, *unread, *collection.problems),
        demonstration=knowledge.demonstration,
    )


def _summary(
    outcome: Literal["switched", "unchanged", "dry_run"],
    version: Version | None,
    target: _Target,
    differences: Changes,
    reason: str | None,
) -> Summary:
    entries = sum(passage.kind == "faq" for passage in target.passages)
    return Summary(
        outcome=outcome,
        version=version.id if version else None,
        files=len(target.files),
        entries=entries,
        sections=len(target.passages) - entries,
        added=differences.count("added"),
        changed=differences.count("changed"),
        removed=differences.count("removed"),
        unchanged=differences.unchanged,
        changes=differences.changes,
        problems=target.problems,
        rebuilt_because=reason,
        demonstration=target.demonstration,
    )


def _go_live(connection: Connection, version: Version, files: dict[str, str]) -> None:
    """One commit: from here on everybody answers from the new version."""
    connection.execute(
        insert(version_files),
        [{"version": version.id, "file": file, "sha256": sha256} for file, sha256 in files.items()],
    )
    versions.switch(connection, version)


def _files(connection: Connection, version: int) -> dict[str, str]:
    rows = connection.execute(
        select(version_files.c.file, version_files.c.sha256).where(version_files.c.version == version)
    )
    return {row.file: row.sha256 for row in rows}
