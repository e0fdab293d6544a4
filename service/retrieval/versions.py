"""The rows of index versions: which there are, which one is live, what each holds.

A version is written once and never changed. One row a knowledge base says which is live; replacing it is the switch,
one commit, seen by every process at its next question. A process may still be answering from the version before, so
a few stay; a version that was cut off while being built is removed when it is surely nobody's work any more.
"""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from service.llm.embeddings import Vectors
from service.retrieval.dense import VectorStore
from service.retrieval.lexical import Floats
from service.retrieval.passages import Passage
from service.storage.database import Database
from service.storage.tables import index_versions, live_versions, passages, version_files, word_vectors

KEPT = 3
"""Whole versions that stay, the live one included."""
CUT_OFF_SECONDS = 3600.0
"""A version that isn't whole after this long was cut off."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One complete, immutable set of passages and vectors of a knowledge base."""

    id: int
    knowledge_base: str
    collection: str
    embedding_model: str
    dimension: int
    created_at: float
    whole: bool
    demonstration: bool
    """It holds the demonstration shop's content."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the rows of a version hold besides its passages."""

    passages: tuple[Passage, ...]
    hubness: Floats
    words: tuple[str, ...]
    word_vectors: Vectors
    word_model: str
    measured: dict[str, float]


def create(
    connection: Connection, knowledge_base: str, *, embedding_model: str, dimension: int, demonstration: bool
) -> Version:
    """A version that isn't whole yet."""
    version = Version(
        id=0,
        knowledge_base=knowledge_base,
        collection=f"faqbot-{uuid.uuid4().hex}",
        embedding_model=embedding_model,
        dimension=dimension,
        created_at=time.time(),
        whole=False,
        demonstration=demonstration,
    )
    row = {name: value for name, value in asdict(version).items() if name != "id"} | {"measured": "{}"}
    query = insert(index_versions).values(row).returning(index_versions.c.id)
    return replace(version, id=connection.execute(query).scalar_one())


def add_passages(connection: Connection, version: int, found: Sequence[Passage], hubness: Floats) -> None:
    """All passages of a version that isn't whole yet."""
    connection.execute(
        insert(passages),
        [
            {
                "version": version,
                "number": number,
                "id": passage.id,
                "kind": passage.kind,
                "file": passage.file,
                "place": passage.place,
                "question": passage.question,
                "similar": json.dumps(passage.similar, ensure_ascii=False),
                "text": passage.text,
                "category": passage.category,
                "hubness": float(hubness[number]),
            }
            for number, passage in enumerate(found)
        ],
    )


def add_words(connection: Connection, version: int, *, model: str, words: Sequence[str], vectors: Vectors) -> None:
    """The words of a version that isn't whole yet, with their vectors."""
    values = {"model": model, "words": "\n".join(words), "vectors": vectors.astype("<f2").tobytes()}
    row = {**values, "version": version, "dimension": vectors.shape[1]}
    connection.execute(insert(word_vectors).values(row))


def finish(connection: Connection, version: int, measured: dict[str, float]) -> None:
    """The version is whole: the last thing that is written of it."""
    connection.execute(
        update(index_versions).where(index_versions.c.id == version).values(whole=True, measured=json.dumps(measured))
    )


def switch(connection: Connection, version: Version) -> None:
    """Make the version live."""
    if not version.whole:
        raise ValueError(f"Index version {version.id} is not whole: only build_version's result can be made live")
    values = {"version": version.id, "since": time.time()}
    mine = live_versions.c.knowledge_base == version.knowledge_base
    if connection.execute(update(live_versions).where(mine).values(values)).rowcount == 0:
        connection.execute(insert(live_versions).values({**values, "knowledge_base": version.knowledge_base}))


def live(connection: Connection, knowledge_base: str) -> Version | None:
    """The version that answers; None before the first ingest."""
    joined = index_versions.join(live_versions, live_versions.c.version == index_versions.c.id)
    row = connection.execute(
        select(index_versions).select_from(joined).where(live_versions.c.knowledge_base == knowledge_base)
    ).first()
    return _version(row) if row else None


def listed(connection: Connection, knowledge_base: str) -> tuple[Version, ...]:
    """All versions there are, newest first."""
    rows = connection.execute(
        select(index_versions)
        .where(index_versions.c.knowledge_base == knowledge_base)
        .order_by(index_versions.c.id.desc())
    )
    return tuple(_version(row) for row in rows)


def passages_of(connection: Connection, version: int) -> tuple[Passage, ...]:
    """A version's passages in their order."""
    return tuple(_passage(row) for row in _rows(connection, version))


def entries_of(connection: Connection, version: int) -> int:
    """How many FAQ entries a version has."""
    query = select(func.count()).where(and_(passages.c.version == version, passages.c.kind == "faq"))
    return int(connection.execute(query).scalar_one())


def stored(connection: Connection, version: int) -> Stored:
    """All that the rows of a whole version hold."""
    rows = _rows(connection, version)
    words = connection.execute(select(word_vectors).where(word_vectors.c.version == version)).one()
    measured = connection.execute(select(index_versions.c.measured).where(index_versions.c.id == version)).scalar_one()
    return Stored(
        passages=tuple(_passage(row) for row in rows),
        hubness=np.array([row.hubness for row in rows], dtype=np.float32),
        words=tuple(words.words.split("\n")),
        word_model=words.model,
        word_vectors=np.frombuffer(words.vectors, dtype="<f2").reshape(-1, words.dimension).astype(np.float32),
        measured=json.loads(measured),
    )


def remove(connection: Connection, version: int) -> None:
    """Remove a version's rows; its collection must be gone already, so that nothing is left without a row."""
    for table in (passages, word_vectors, version_files):
        connection.execute(delete(table).where(table.c.version == version))
    connection.execute(delete(index_versions).where(index_versions.c.id == version))


async def clean_up(database: Database, vectors: VectorStore, knowledge_base: str) -> tuple[int, ...]:
    """Remove old versions, and those cut off while being built; the ids of those removed."""
    going = await database.read(_superfluous, knowledge_base, time.time())
    for version in going:
        await vectors.drop(version.collection)
        await database.run(remove, version.id)
    return tuple(version.id for version in going)


def _superfluous(connection: Connection, knowledge_base: str, now: float) -> tuple[Version, ...]:
    alive = live(connection, knowledge_base)
    others = [version for version in listed(connection, knowledge_base) if alive is None or version.id != alive.id]
    whole = [version for version in others if version.whole]
    cut_off = [version for version in others if not version.whole and version.created_at < now - CUT_OFF_SECONDS]
    return (*whole[KEPT - 1 :], *cut_off)


def _rows(connection: Connection, version: int) -> Sequence[Row[tuple[object, ...]]]:
    return connection.execute(
        select(passages).where(passages.c.version == version).order_by(passages.c.number)
    ).fetchall()


def _version(row: Row[tuple[object, ...]]) -> Version:
    values = dict(row._mapping)
    del values["measured"]
    return Version(**values)


def _passage(row: Row[tuple[object, ...]]) -> Passage:
    values = dict(row._mapping)
    del values["version"], values["number"], values["hubness"]
    return Passage(**{**values, "similar": tuple(json.loads(values["similar"]))})
