"""A question to passages with confidence, from whichever version is live at this moment.

The live version's index is held in memory. Each question reads the one row that names the live version; where it
changed, the new one is loaded beside, once for all who ask, and a question waits for it a moment: if it takes longer,
the former version answers. Where the question's vector can't be had in time, words and characters answer alone, with
the lower confidence that they deserve. A version of another embedding model is never searched with this one's
vectors: `warm` refuses it at start, and while running it is answered from by words. So it is while Chroma can't give the vectors.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from service.llm.embeddings import Embedder, EmbeddingError, Vectors
from service.operations.failures import described
from service.retrieval import versions
from service.retrieval.confidence import EXACT, Own, confidence, confidence_by_words
from service.retrieval.dense import VectorStore, VectorStoreError
from service.retrieval.index import Index, assemble, layout
from service.retrieval.lexical import Lexicon, Terms
from service.retrieval.measuring import from_numbers
from service.retrieval.passages import NOTHING, Match, Passage, Retrieved
from service.retrieval.ranking import NEAREST_TEXTS, Question, candidates, likeness, rank
from service.retrieval.versions import Stored, Version
from service.storage.database import Database
from service.text.normalise import match_key, normalise, without_courtesy
from service.text.spelling import Spelling
from service.text.words import Segmenter, clauses

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()

LONGEST_QUESTION = 2_000
"""Characters that are read of a question."""
LONG_QUESTION_WORDS = 12
"""From so many distinct words on, a question's clauses count beside the whole: it tells a story."""
VECTOR_SECONDS = 1.5
LOAD_SECONDS = 2.0
CHROMA_SECONDS = 10.0
"""For all of a version's vectors."""
RELOAD_SECONDS = 5.0
"""After a version could not be loaded, the next try."""
MATCHES = 10


class IndexMismatchError(Exception):
    """The live version was built with another embedding model; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A version that can be asked."""

    version: Version
    index: Index
    own: Own
    spelling: Spelling
    with_vectors: bool
    """Chroma could give the vectors; if not, words and characters answer alone."""


class Retriever:
    """Answers from a knowledge base's live version. `word_embedder` is the local model. `close` it in the end."""

    def __init__(
        self,
        database: Database,
        vectors: VectorStore,
        embedder: Embedder,
        word_embedder: Embedder,
        knowledge_base: str,
        *,
        vector_seconds: float = VECTOR_SECONDS,
        load_seconds: float = LOAD_SECONDS,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._embedder = embedder
        self._word_embedder = word_embedder
        self._knowledge_base = knowledge_base
        self._vector_seconds = vector_seconds
        self._load_seconds = load_seconds
        self._segmenter: Segmenter | None = None
        self._loaded: Loaded | None = None
        self._loading: tuple[int, asyncio.Task[None]] | None = None
        self._failed: tuple[int, float] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ranking")

    async def warm(self) -> Version | None:
        """Load the live version and the models it needs; None: there is no index yet.

        Raises IndexMismatchError where the version was built with another embedding model than the configured one.
        """
        version = await self._database.read(versions.live, self._knowledge_base)
        if version is None:
            return None
        if version.embedding_model != self._embedder.model:
            raise IndexMismatchError(
                f"索引是用向量模型 {version.embedding_model} 建的，现在设的是 {self._embedder.model}。"
                "运行 faqbot ingest 重建，或把 EMBEDDING_MODEL 改回去。"
            )
        await self._load(version)
        await self.retrieve("你好")
        return version

    async def retrieve(self, question: str) -> Retrieved:
        """The passages that may answer the question, best first, and how sure that is."""
        loaded = await self._current()
        if loaded is None:
            return NOTHING
        asked = question[:LONGEST_QUESTION]
        if same := loaded.index.keys.get(match_key(asked)):
            return _exact(loaded, same)
        text = loaded.spelling.mend(without_courtesy(normalise(asked)))
        terms = await self._in_thread(loaded.index.lexicon.terms, text)
        vector, word_vectors = await self._embedded(loaded, text, terms)
        near = await self._near(loaded.version, vector)
        return await self._in_thread(_retrieved, loaded, terms, vector, word_vectors, near)

    async def live_version(self) -> Version | None:
        """The version that answers; None before the first ingest."""
        return await self._database.read(versions.live, self._knowledge_base)

    async def passages(self) -> tuple[Passage, ...]:
        """All passages that are live, in the order of the files."""
        loaded = await self._current()
        return loaded.index.passages if loaded else ()

    async def entry(self, entry_id: str) -> Passage | None:
        """One live passage by its id."""
        return next((passage for passage in await self.passages() if passage.id == entry_id), None)

    async def close(self) -> None:
        """Stop what is being loaded and let the thread go."""
        if self._loading:
            self._loading[1].cancel()
            await asyncio.wait([self._loading[1]])
        await asyncio.to_thread(self._thread.shutdown)

    async def _current(self) -> Loaded | None:
        """The live version if it can be had in a moment, else the one before; None: there is none."""
        version = await self._database.read(versions.live, self._knowledge_base)
        if version is None:
            return None
        if self._loaded is None or self._loaded.version.id != version.id or not self._loaded.with_vectors:
            failed = self._failed
            if failed and failed[0] == version.id and time.monotonic() < failed[1] + RELOAD_SECONDS:
                return self._loaded
            if self._loading is None or self._loading[0] != version.id:
                self._loading = (version.id, asyncio.create_task(self._load_or_note(version)))
            await asyncio.wait([self._loading[1]], timeout=self._load_seconds if self._loaded else None)
        return self._loaded

    async def _load_or_note(self, version: Version) -> None:
        try:
            await self._load(version)
        except Exception as error:  # the former version goes on, whatever is wrong with this one
            self._failed = (version.id, time.monotonic())
            log.error("retrieval.version_not_loaded", version=version.id, **described(error))
        finally:
            if self._loading and self._loading[0] == version.id:
                self._loading = None

    async def _load(self, version: Version) -> None:
        began = time.perf_counter()
        stored = await self._database.read(versions.stored, version.id)
        shape = layout(stored.passages)
        vectors = await self._stored_vectors(version, len(shape.texts))
        if vectors is None and self._loaded is not None:
            return  # what answers now knows at least as much; the next try follows
        lexicon = await asyncio.to_thread(self._lexicon, shape.texts)
        word_vectors = await self._words(lexicon, stored)
        measured = from_numbers(stored.measured)
        index = assemble(
            stored.passages,
            lexicon,
            vectors=np.zeros((len(shape.texts), 1), dtype=np.float32) if vectors is None else vectors,
            word_vectors=word_vectors,
            hubness=stored.hubness,
            scales=measured.scales,
        )
        spelling = await asyncio.to_thread(self._spelling, lexicon)
        if self._loading and self._loading[0] != version.id:
            return  # a newer one is on its way
        tell = log.info if self._loaded else log.debug  # the first one is told by who starts the service
        self._loaded = Loaded(
            version=version, index=index, own=measured.own, spelling=spelling, with_vectors=vectors is not None
        )
        tell(
            "retrieval.version_loaded",
            version=version.id,
            passages=len(stored.passages),
            ms=round(1000 * (time.perf_counter() - began)),
        )

    async def _stored_vectors(self, version: Version, count: int) -> Vectors | None:
        """The version's vectors; None where Chroma can't give them, which is tried again in a while."""
        try:
            async with asyncio.timeout(CHROMA_SECONDS):
                vectors = await self._vectors.vectors(version.collection, count)
                await self._vectors.nearest(version.collection, vectors[0], 1)  # Chroma reads its files now, not later
        except (VectorStoreError, TimeoutError) as error:
            self._failed = (version.id, time.monotonic())
            log.error("retrieval.by_words_alone", version=version.id, **described(error))
            return None
        return vectors

    def _lexicon(self, texts: tuple[str, ...]) -> Lexicon:
        if self._segmenter is None:
            self._segmenter = Segmenter()
        return Lexicon(texts, self._segmenter)

    def _spelling(self, lexicon: Lexicon) -> Spelling:
        if self._segmenter is None:
            self._segmenter = Segmenter()
        return Spelling(lexicon.vocabulary, lexicon.pairs, self._segmenter)

    async def _words(self, lexicon: Lexicon, stored: Stored) -> Vectors:
        """The vectors of the lexicon's words: those stored, and new ones where words are cut otherwise than then."""
        if lexicon.vocabulary == stored.words and stored.word_model == self._word_embedder.model:
            return stored.word_vectors
        known = dict(zip(stored.words, stored.word_vectors, strict=True))
        if stored.word_model != self._word_embedder.model:
            known = {}
        missing = [word for word in lexicon.vocabulary if word not in known]
        if missing:
            known.update(zip(missing, await self._word_embedder.embed(missing), strict=True))
        return np.stack([known[word] for word in lexicon.vocabulary])

    async def _embedded(self, loaded: Loaded, question: str, terms: Terms) -> tuple[Vectors | None, Vectors]:
        """The question's vector, None where it can't be had, and those of its words."""
        parts = [question, *(clauses(question) if len(terms.words) >= LONG_QUESTION_WORDS else [])]
        strange = [word for word, number in zip(terms.words, terms.word_numbers, strict=True) if number == 0]
        found = loaded.index.word_vectors[terms.word_numbers]
        vector: Vectors | None = None
        if not loaded.with_vectors:
            fresh = await self._word_embedder.embed(strange) if strange else found[:0]
        elif loaded.version.embedding_model == self._word_embedder.model == self._embedder.model:
            both = await self._word_embedder.embed([*parts, *strange])
            vector, fresh = _one(both[: len(parts)]), both[len(parts) :]
        else:
            vector = await self._remote(loaded.version, parts)
            fresh = await self._word_embedder.embed(strange) if strange else found[:0]
        if strange:
            found[terms.word_numbers == 0] = fresh
        return vector, found

    async def _remote(self, version: Version, parts: list[str]) -> Vectors | None:
        if version.embedding_model != self._embedder.model:
            log.warning("retrieval.other_embedding_model", version=version.id)
            return None
        try:
            async with asyncio.timeout(self._vector_seconds):
                vector = _one(await self._embedder.embed(parts))
        except (EmbeddingError, TimeoutError) as error:
            log.warning("retrieval.no_vector", version=version.id, error=type(error).__name__)
            return None
        return vector if len(vector) == version.dimension else None

    async def _near(self, version: Version, vector: Vectors | None) -> NDArray[np.int64]:
        if vector is not None:
            try:
                async with asyncio.timeout(self._vector_seconds):
                    return await self._vectors.nearest(version.collection, vector, NEAREST_TEXTS)
            except (VectorStoreError, TimeoutError) as error:
                # Those best by words are still ranked by their vectors in memory.
                log.warning("retrieval.chroma_failed", version=version.id, error=type(error).__name__)
        return np.zeros(0, dtype=np.int64)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))


def _one(vectors: Vectors) -> Vectors:
    """The vector of a question by those of the whole and of its clauses, which the whole blurs where it is long."""
    if len(vectors) == 1:
        whole: Vectors = vectors[0]
        return whole
    middle: Vectors = vectors[0] + vectors[1:].mean(axis=0)
    return middle / max(float(np.linalg.norm(middle)), 1e-9)


def _exact(loaded: Loaded, same: tuple[int, ...]) -> Retrieved:
    """The entries that are asked word for word: there is nothing to embed, to search or to rank."""
    return Retrieved(
        matches=tuple(Match(passage=loaded.index.passages[number], score=1.0) for number in same),
        exact=True,
        in_scope=EXACT,
        confidence=EXACT,
        choices_confidence=EXACT,
        version=loaded.version.id,
    )


def _retrieved(
    loaded: Loaded,
    terms: Terms,
    vector: Vectors | None,
    word_vectors: Vectors,
    near: NDArray[np.int64],
) -> Retrieved:
    index = loaded.index
    bm25 = index.lexicon.bm25(terms)
    question = Question(terms=terms, vector=vector, likeness=likeness(index, word_vectors))
    ranking = rank(index, question, candidates(index, near, bm25), bm25)
    if vector is not None:
        sure = confidence(ranking, terms.unknown, loaded.own)
    else:
        sure = confidence_by_words(ranking, terms.unknown)
    return Retrieved(
        matches=tuple(
            Match(
                passage=index.passages[passage],
                score=float(ranking.scores[place]),
                parts=tuple((name, float(values[place])) for name, values in ranking.views.items()),
            )
            for place, passage in enumerate(ranking.passages[:MATCHES])
        ),
        exact=False,
        in_scope=sure.in_scope,
        confidence=sure.first,
        choices_confidence=sure.one_of_three,
        version=loaded.version.id,
    )
