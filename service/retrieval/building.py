"""Passages made into a new index version: embedded, stored, measured; whole in the end, but not yet live.

What is costly for ranking is worked out here, once: hubness, the vectors of all words, what is measured of the whole
(`measuring`). An edit costs little: text that was embedded before is not embedded again and goes to Chroma while the
rest is embedded, words and measures are taken over from the live version.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from sqlalchemy import Connection

from service.llm.embedding_cache import EmbeddingCache, Found
from service.llm.embeddings import Embedder, Vectors
from service.retrieval import versions
from service.retrieval.dense import VectorStore
from service.retrieval.index import Layout, Scales, assemble, centres, layout
from service.retrieval.lexical import Floats, Lexicon
from service.retrieval.measuring import Measured, from_numbers, measure_own, still_holds
from service.retrieval.passages import Passage
from service.retrieval.ranking import hubness
from service.retrieval.scaling import measure_scales, sample_of
from service.retrieval.versions import Stored, Version
from service.storage.database import Database
from service.text.normalise import normalise
from service.text.words import Segmenter

Work = Literal["embedding", "indexing"]
Progress = Callable[[int, int, Work], None]
"""How much is done, of how much, of what."""


class BuildError(Exception):
    """A version can't be built; the message says why."""


async def build_version(
    database: Database,
    vectors: VectorStore,
    embedder: Embedder,
    word_embedder: Embedder,
    *,
    knowledge_base: str,
    passages: tuple[Passage, ...],
    demonstration: bool,
    progress: Progress = lambda done, total, what: None,
) -> Version:
    """A new whole version that is not yet live (`versions.switch`). `word_embedder` is the local model.

    Raises BuildError, EmbeddingError, VectorStoreError; what was written by then is removed.
    """
    if not passages:
        raise BuildError("There is no passage to build an index of: is the knowledge folder empty?")
    build = _Build(database, vectors, embedder, word_embedder, passages, progress)
    found = await build.cache.look_up(build.shape.texts)
    if not found.count:  # nothing to begin with, and the dimension isn't known either
        await build.embed(found)
    version = await database.run(
        versions.create,
        knowledge_base,
        embedding_model=embedder.model,
        dimension=found.dimension,
        demonstration=demonstration,
    )
    embedding = asyncio.create_task(build.embed(found))
    indexing = asyncio.create_task(build.index(version, found, embedding))
    try:
        await embedding
        measured = await build.write(version, found.vectors())
        await indexing
        await database.run(versions.finish, version.id, measured.numbers)
    except BaseException:
        embedding.cancel()
        await asyncio.gather(embedding, indexing, return_exceptions=True)
        await vectors.drop(version.collection)
        await database.run(versions.remove, version.id)
        raise
    return replace(version, whole=True)


class _Build:
    """One version being built."""

    def __init__(
        self,
        database: Database,
        vectors: VectorStore,
        embedder: Embedder,
        word_embedder: Embedder,
        passages: tuple[Passage, ...],
        progress: Progress,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._passages = passages
        self._progress = progress
        self.shape = layout(passages)
        self.cache = EmbeddingCache(database, embedder)
        self._words = EmbeddingCache(database, word_embedder)

    async def embed(self, found: Found) -> None:
        """Embed the texts that are missing."""
        await self.cache.complete(found, lambda done, total: self._progress(done, total, "embedding"))

    async def index(self, version: Version, found: Found, embedding: "asyncio.Task[None]") -> None:
        """Give Chroma the vectors that are known, then those that `embedding` brings."""
        known = found.known()
        first, rest = np.flatnonzero(known), np.flatnonzero(~known)
        total = len(known)

        def tell(done: int) -> None:
            if embedding.done():  # one thing at a time for who watches
                self._progress(done, total, "indexing")

        await self._vectors.create(version.collection)
        await self._vectors.add(version.collection, found.vectors(first), first, tell)
        await embedding
        tell(len(first))
        await self._vectors.add(version.collection, found.vectors(rest), rest, lambda done: tell(len(first) + done))

    async def write(self, version: Version, embedded: Vectors) -> Measured:
        """Everything of the version that stands in the database but the measure, which is returned."""
        former = await self._database.read(self._former, version)
        before = layout(former.passages).texts if former else ()
        measured = still_holds(from_numbers(former.measured), before, self.shape.texts) if former else None
        if former and measured:
            await self._take_over_words(version, former, before)
            hubs = await self._hubs(embedded, measured.scales)
        else:
            measured, hubs = await self._measure(version, embedded)
        await self._database.run(versions.add_passages, version.id, self._passages, hubs)
        return measured

    def _former(self, connection: Connection, version: Version) -> Stored | None:
        """The live version, if its words and measures are of the same models."""
        live = versions.live(connection, version.knowledge_base)
        if live is None or live.embedding_model != version.embedding_model:
            return None
        former = versions.stored(connection, live.id)
        return former if former.word_model == self._words.model else None

    async def _take_over_words(self, version: Version, former: Stored, before: tuple[str, ...]) -> None:
        """The former version's words and those of the texts that are new; words that went are no harm."""
        fresh = await asyncio.to_thread(_words_of, self.shape, frozenset(before), frozenset(former.words))
        vectors = former.word_vectors
        if fresh:
            vectors = np.concatenate([vectors, await self._words.embed(fresh)])
        await self._add_words(version, (*former.words, *fresh), vectors)

    async def _measure(self, version: Version, embedded: Vectors) -> tuple[Measured, Floats]:
        lexicon = await asyncio.to_thread(Lexicon, self.shape.texts, Segmenter())
        word_vectors = await self._words.embed(lexicon.vocabulary)
        await self._add_words(version, lexicon.vocabulary, word_vectors)
        scales = Scales()
        if self.cache.model != self._words.model:
            chosen = sample_of(self.shape)
            yardstick = await self._words.embed([self.shape.texts[text] for text in chosen])
            scales = await asyncio.to_thread(measure_scales, self.shape, chosen, embedded, yardstick)
        hubs = await self._hubs(embedded, scales)
        index = assemble(
            self._passages, lexicon, vectors=embedded, word_vectors=word_vectors, hubness=hubs, scales=scales
        )
        own = await asyncio.to_thread(measure_own, index, embedded)
        return Measured(own=own, scales=scales, changed=0.0), hubs

    async def _hubs(self, embedded: Vectors, scales: Scales) -> Floats:
        middles = centres(embedded, self.shape)
        return await asyncio.to_thread(hubness, embedded, middles, self.shape.passage_of, scales.centre)

    async def _add_words(self, version: Version, words: tuple[str, ...], vectors: Vectors) -> None:
        await self._database.run(versions.add_words, version.id, model=self._words.model, words=words, vectors=vectors)


def _words_of(shape: Layout, before: frozenset[str], known: frozenset[str]) -> tuple[str, ...]:
    """The words of texts that are new, without those that are known."""
    segmenter = Segmenter()
    texts = (text for text in shape.texts if text not in before)
    return tuple(
        dict.fromkeys(word for text in texts for word in segmenter.words(normalise(text)) if word not in known)
    )
