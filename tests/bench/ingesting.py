"""What `tests.bench.ingest` measures in a fresh process: one ingest, or Chroma's own bare add of the same vectors.

    python -m tests.bench.ingesting sync             with the service's settings in the environment
    python -m tests.bench.ingesting vectors FILE     writes the live version's vectors to FILE
    python -m tests.bench.ingesting add FILE FOLDER  adds those vectors to a new collection in FOLDER

prints one JSON object. On both sides Chroma is imported and its client open before the time begins.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings

from service.app import opened
from service.ingestion.sync import Sync
from service.llm.embeddings import Embedder, Vectors
from service.retrieval import versions
from service.settings import load_settings
from tests.bench.shoppers import KNOWLEDGE_BASE


class TimedEmbedder:
    """Another embedder, with the time that it took; implements `Embedder`."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.seconds = 0.0
        self.texts = 0

    @property
    def model(self) -> str:
        return self._inner.model

    async def embed(self, texts: Sequence[str]) -> Vectors:
        began = time.perf_counter()
        vectors = await self._inner.embed(texts)
        self.seconds += time.perf_counter() - began
        self.texts += len(texts)
        return vectors


async def sync() -> dict[str, Any]:
    """One ingest: its seconds, those of the embedder in it, and when each part of its work was first heard of."""
    settings = load_settings(env_file=None)
    phases: dict[str, float] = {}
    async with opened(settings) as parts:
        await parts.vectors.connect()
        embedder = TimedEmbedder(parts.embedder)
        began = time.perf_counter()

        def progress(work: str, done: int, total: int, _: str) -> None:
            now = time.perf_counter() - began
            phases.setdefault(f"{work} begins", now)
            if done == total:
                phases.setdefault(f"{work} ends", now)

        summary = await Sync(
            parts.database,
            parts.vectors,
            embedder,
            embedder,
            knowledge_base=KNOWLEDGE_BASE,
            folder=parts.bot.knowledge_dir,
            lock=settings.data_dir / "ingest.lock",
        ).run(progress=progress)
        seconds = time.perf_counter() - began
    return {
        "outcome": summary.outcome,
        "entries": summary.entries,
        "seconds": seconds,
        "embedding": embedder.seconds,
        "embedded": embedder.texts,
        "phases": phases,
    }


async def vectors(file: Path) -> dict[str, Any]:
    """Write the live version's vectors."""
    async with opened(load_settings(env_file=None)) as parts:
        version = await parts.database.read(versions.live, KNOWLEDGE_BASE)
        assert version is not None, "the knowledge was read in"
        passages = await parts.database.read(versions.passages_of, version.id)
        count = sum(2 + len(passage.similar) for passage in passages)
        found = await parts.vectors.vectors(version.collection, count)
    np.save(file, found)
    return {"vectors": len(found), "dimension": found.shape[1]}


def add(file: Path, folder: Path) -> dict[str, Any]:
    """Chroma's bare add, in the largest batches that it takes."""
    found = np.load(file)
    client = chromadb.PersistentClient(path=str(folder), settings=ChromaSettings(anonymized_telemetry=False))
    batch = client.get_max_batch_size()
    began = time.perf_counter()
    collection = client.create_collection("bare", embedding_function=None, metadata={"hnsw:space": "cosine"})
    for start in range(0, len(found), batch):
        part = found[start : start + batch]
        collection.add(ids=[str(number) for number in range(start, start + len(part))], embeddings=part)
    return {"seconds": time.perf_counter() - began}


def main() -> None:
    match sys.argv[1:]:
        case ["sync"]:
            found = asyncio.run(sync())
        case ["vectors", file]:
            found = asyncio.run(vectors(Path(file)))
        case ["add", file, folder]:
            found = add(Path(file), Path(folder))
        case _:
            sys.exit(__doc__)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
