"""Vectors that were had before, kept in the database: only text that changed is embedded again.

A row's key is the model's name and the SHA-256 of the text, so that another model never gets its predecessor's
vectors. Rows that no build used for a month are removed. Shoppers' questions never come here.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.llm.embeddings import Embedder, Vectors
from service.storage.database import Database
from service.storage.tables import embeddings

KEYS_AT_ONCE = 500
"""SQLite of old takes at most 999 values in one statement."""
TEXTS_AT_ONCE = 512
"""Embedded, then kept, before the next: what an interruption loses."""
UNUSED_SECONDS = 30 * 86_400.0
TOUCHED_EVERY_SECONDS = 86_400.0
"""`used_at` is this exact: writing it at each build would cost more than it tells."""

Progress = Callable[[int, int], None]
"""Texts that have their vectors, of how many."""


class EmbeddingCache:
    """An embedder that asks the database before it asks the model."""

    def __init__(self, database: Database, embedder: Embedder, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._embedder = embedder
        self._clock = clock

    @property
    def model(self) -> str:
        """The embedder's."""
        return self._embedder.model

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of the texts, in their order; each distinct text is embedded once. Raises EmbeddingError."""
        found = await self.look_up(texts)
        await self.complete(found, progress)
        return found.vectors()

    async def look_up(self, texts: Sequence[str]) -> "Found":
        """What of the texts was embedded before."""
        found = Found(texts)
        for part in _in_parts(found.missing, KEYS_AT_ONCE):
            for key, vector in await self._database.read(_vectors, self.model, part):
                found.put(key, vector)
        if found.count:
            await self._database.run(_touch, self.model, found.done, self._clock())
        return found

    async def complete(self, found: "Found", progress: Progress | None = None) -> None:
        """Embed what is missing and keep it. Raises EmbeddingError."""
        if progress:
            progress(found.count, found.total)
        for part in _in_parts(found.missing, TEXTS_AT_ONCE):
            vectors = await self._embedder.embed([found.text(key) for key in part])
            await self._database.run(_keep, self.model, part, vectors, self._clock())
            for key, vector in zip(part, vectors, strict=True):
                found.put(key, vector)
            if progress:
                progress(found.count, found.total)

    async def forget_unused(self) -> int:
        """Remove the vectors of any model that no build used for a month; how many."""
        return await self._database.run(_forget, self._clock() - UNUSED_SECONDS)


class Found:
    """Texts and those of their vectors that are known so far: one array, a row for each distinct text."""

    def __init__(self, texts: Sequence[str]) -> None:
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        self._distinct = dict(zip(keys, texts, strict=True))
        self._rows = {key: row for row, key in enumerate(self._distinct)}
        self._row_of = np.array([self._rows[key] for key in keys], dtype=np.int64)
        self._has = np.zeros(len(self._distinct), dtype=np.bool_)
        self._vectors: Vectors = np.empty((0, 0), dtype=np.float32)

    @property
    def total(self) -> int:
        """How many distinct texts there are."""
        return len(self._distinct)

    @property
    def count(self) -> int:
        """How many of them have their vector."""
        return int(self._has.sum())

    @property
    def dimension(self) -> int:
        """Of the vectors; 0 while there is none."""
        return int(self._vectors.shape[1])

    @property
    def done(self) -> list[str]:
        """Keys of the texts that have their vector."""
        return [key for key, row in self._rows.items() if self._has[row]]

    @property
    def missing(self) -> list[str]:
        """Keys of the texts that have none yet."""
        return [key for key, row in self._rows.items() if not self._has[row]]

    def text(self, key: str) -> str:
        """The text of a key."""
        return self._distinct[key]

    def put(self, key: str, vector: Vectors) -> None:
        """A text has its vector."""
        if not self._vectors.size:
            self._vectors = np.empty((self.total, len(vector)), dtype=np.float32)
        self._vectors[self._rows[key]] = vector
        self._has[self._rows[key]] = True

    def known(self) -> NDArray[np.bool_]:
        """Which of the texts have their vector, in the order given."""
        known: NDArray[np.bool_] = self._has[self._row_of]
        return known

    def vectors(self, which: NDArray[np.int64] | None = None) -> Vectors:
        """Vectors of these of the texts, by place, or of all; they must be known."""
        if which is None and self.total == len(self._row_of):
            return self._vectors
        return self._vectors[self._row_of if which is None else self._row_of[which]]


def _in_parts(keys: list[str], size: int) -> Iterator[list[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _vectors(connection: Connection, model: str, keys: list[str]) -> list[tuple[str, Vectors]]:
    rows = connection.execute(
        select(embeddings.c.sha256, embeddings.c.vector).where(
            embeddings.c.model == model, embeddings.c.sha256.in_(keys)
        )
    )
    return [(row.sha256, np.frombuffer(row.vector, dtype="<f4")) for row in rows]


def _touch(connection: Connection, model: str, keys: list[str], now: float) -> None:
    for part in _in_parts(keys, KEYS_AT_ONCE):
        connection.execute(
            update(embeddings)
            .where(
                embeddings.c.model == model,
                embeddings.c.sha256.in_(part),
                embeddings.c.used_at < now - TOUCHED_EVERY_SECONDS,
            )
            .values(used_at=now)
        )


def _keep(connection: Connection, model: str, keys: list[str], vectors: Vectors, now: float) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(embeddings).on_conflict_do_nothing(),  # another process may have kept the same text meanwhile
        [
            {"model": model, "sha256": key, "vector": vector.astype("<f4").tobytes(), "used_at": now}
            for key, vector in zip(keys, vectors, strict=True)
        ],
    )


def _forget(connection: Connection, before: float) -> int:
    return connection.execute(delete(embeddings).where(embeddings.c.used_at < before)).rowcount
