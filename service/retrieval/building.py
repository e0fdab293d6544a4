"""Passages made into a new index version: embedded, stored, measured; whole in the end, but not yet live.

What is costly for ranking is worked out here, once: hubness, the vectors of all words, how near the shop's own
questions are to entries that aren't theirs (`Own`), and for another model than the local one the scale of its
cosines. Text that was embedded before is not embedded again. Chroma's part and the rest run side by side.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from service.llm.embedding_cache import EmbeddingCache
from service.llm.embeddings import Embedder, Vectors
from service.retrieval import versions
from service.retrieval.confidence import Own
from service.retrieval.dense import VectorStore
from service.retrieval.index import Index, Scales, assemble, centres, layout
from service.retrieval.lexical import Lexicon
from service.retrieval.passages import Passage
from service.retrieval.ranking import NEAREST_TEXTS, Question, candidates, hubness, likeness, rank
from service.retrieval.scaling import measure_scales, sample_of, to_numbers
from service.retrieval.versions import Version
from service.storage.database import Database
from service.text.words import Segmenter

Work = Literal["embedding", "indexing"]
Progress = Callable[[int, int, Work], None]
"""How much is done, of how much, of what."""

SAMPLE = 64
"""Own questions that are asked with their entry left out."""
ENOUGH = 20
USUAL = (0.5, 0.09)
"""Mean and spread where the shop has too few questions to measure; what four FAQs of 60 to 1,000 entries had."""


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
    shape = layout(passages)
    embedded = await EmbeddingCache(database, embedder).embed(
        shape.texts, lambda done, total: progress(done, total, "embedding")
    )
    version = await database.run(
        versions.create,
        knowledge_base,
        embedding_model=embedder.model,
        dimension=embedded.shape[1],
        demonstration=demonstration,
    )
    try:
        progress(0, len(embedded), "indexing")
        added = asyncio.create_task(_add(vectors, version, embedded, progress))
        try:
            measured = await _write(database, version, passages, embedded, embedder, word_embedder)
        finally:
            await asyncio.wait([added])
        added.result()
        await database.run(versions.finish, version.id, measured)
    except BaseException:
        await vectors.drop(version.collection)
        await database.run(versions.remove, version.id)
        raise
    return replace(version, whole=True)


async def _add(vectors: VectorStore, version: Version, embedded: Vectors, progress: Progress) -> None:
    await vectors.create(version.collection)
    await vectors.add(version.collection, embedded, lambda done: progress(done, len(embedded), "indexing"))


async def _write(
    database: Database,
    version: Version,
    passages: tuple[Passage, ...],
    embedded: Vectors,
    embedder: Embedder,
    word_embedder: Embedder,
) -> dict[str, float]:
    """Everything of the version that stands in the database; what was measured."""
    shape = layout(passages)
    lexicon = await asyncio.to_thread(Lexicon, shape.texts, Segmenter())
    words = EmbeddingCache(database, word_embedder)
    word_vectors = await words.embed(lexicon.vocabulary)
    await database.run(
        versions.add_words, version.id, model=words.model, words=lexicon.vocabulary, vectors=word_vectors
    )
    scales = Scales()
    if embedder.model != word_embedder.model:
        chosen = sample_of(shape)
        yardstick = await words.embed([shape.texts[text] for text in chosen])
        scales = await asyncio.to_thread(measure_scales, shape, chosen, embedded, yardstick)
    middles = centres(embedded, shape)
    hubs = await asyncio.to_thread(hubness, embedded, middles, shape.passage_of, scales.centre)
    await database.run(versions.add_passages, version.id, passages, hubs)
    index = assemble(passages, lexicon, vectors=embedded, word_vectors=word_vectors, hubness=hubs, scales=scales)
    return to_numbers(await asyncio.to_thread(_own, index, embedded), scales)


def _own(index: Index, embedded: Vectors) -> Own:
    """How near the shop's own questions come to entries that aren't theirs."""
    asked = np.flatnonzero(~index.layout.told)
    sample = asked[np.unique(np.linspace(0, len(asked) - 1, SAMPLE).astype(np.int64))]
    near = np.argsort(-(embedded[sample] @ embedded.T), axis=1)[:, :NEAREST_TEXTS]
    questions = [index.lexicon.terms(index.layout.texts[text]) for text in sample]
    words, rows = np.unique(np.concatenate([terms.word_numbers for terms in questions]), return_inverse=True)
    alike = likeness(index, index.word_vectors[words])  # of all at once: a word stands in many
    ends = np.cumsum([len(terms.words) for terms in questions])
    best = []
    for text, nearest, terms, of_words in zip(sample, near, questions, np.split(rows, ends[:-1]), strict=True):
        bm25 = index.lexicon.bm25(terms)
        found = candidates(index, nearest, bm25)
        others = found[found != index.layout.passage_of[text]]
        if len(others):
            question = Question(terms=terms, vector=embedded[text], likeness=alike[of_words])
            best.append(float(rank(index, question, others, bm25).scores[0]))
    similar = [len(passage.similar) for passage in index.passages if passage.kind == "faq"]
    usual = USUAL if len(best) < ENOUGH else (float(np.mean(best)), float(np.std(best)))
    return Own(mean=usual[0], spread=usual[1], similar=float(np.mean(similar)) if similar else 0.0)
