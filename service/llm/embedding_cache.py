"""Vectors that were had before, kept in the database: only text that changed is embedded again.

A row's key is the model's name and the SHA-256 of the text, so that another model never gets its predecessor's
vectors. Rows that no build used for a month are removed. Shoppers' questions never come here.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
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
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        found = _Found(list(distinct))
        for part in _in_parts(found.keys, KEYS_AT_ONCE):
            for key, vector in await self._database.read(_vectors, self.model, part):
                found.put(key, vector)
        if known := found.done:
            await self._database.run(_touch, self.model, known, self._clock())
        if progress:
            progress(len(known), len(distinct))
        for part in _in_parts(found.missing, TEXTS_AT_ONCE):
            vectors = await self._embedder.embed([distinct[key] for key in part])
            await self._database.run(_keep, self.model, part, vectors, self._clock())
            for key, vector in zip(part, vectors, strict=True):
                found.put(key, vector)
            if progress:
                progress(len(found.done), len(distinct))
        return found.in_order(keys)

    async def forget_unused(self) -> int:
        """Remove the vectors of any model that no build used for a month; how many."""
        return await self._database.run(_forget, self._clock() - UNUSED_SECONDS)


class _Found:
    """One array that fills with vectors by key."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self._rows = {key: row for row, key in enumerate(keys)}
        self._has = np.zeros(len(keys), dtype=np.bool_)
        self._vectors: Vectors = np.empty((0, 0), dtype=np.float32)

    def put(self, key: str, vector: Vectors) -> None:
        if not self._vectors.size:
            self._vectors = np.empty((len(self.keys), len(vector)), dtype=np.float32)
        self._vectors[self._rows[key]] = vector
        self._has[self._rows[key]] = True

    @property
    def done(self) -> list[str]:
        return [key for key, has in zip(self.keys, self._has, strict=True) if has]

    @property
    def missing(self) -> list[str]:
        return [key for key, has in zip(self.keys, self._has, strict=True) if not has]

    def in_order(self, keys: list[str]) -> Vectors:
        return self._vectors if keys == self.keys else self._vectors[[self._rows[key] for key in keys]]


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
