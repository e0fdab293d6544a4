"""A shop whose knowledge folder is ingested in a test, with real Chroma and a real database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from service.ingestion.sync import Sync
from service.retrieval import versions
from service.retrieval.dense import VectorStore
from service.retrieval.retriever import Retriever
from service.storage.database import Database
from tests.fakes.embedder import LetterEmbedder
from tests.unit.knowledge_files import folder_with


class Shop:
    """A knowledge folder and what is made of it."""

    def __init__(self, home: Path, database: Database, vectors: VectorStore, embedder: LetterEmbedder) -> None:
        self.home = home
        self.folder = home / "knowledge"
        self.database = database
        self.vectors = vectors
        self.embedder = embedder
        self.retriever = Retriever(database, vectors, embedder, embedder, "default")

    def sync(self, embedder: LetterEmbedder | None = None) -> Sync:
        used = embedder or self.embedder
        return Sync(
            self.database,
            self.vectors,
            used,
            used,
            knowledge_base="default",
            folder=self.folder,
            lock=self.home / "ingest.lock",
        )

    def write(self, files: Mapping[str, str | bytes]) -> None:
        folder_with(self.home, files)

    async def live(self) -> versions.Version | None:
        return await self.database.read(versions.live, "default")

    async def questions(self) -> list[str]:
        live = await self.live()
        return [one.question for one in await self.database.read(versions.passages_of, live.id)] if live else []

    async def answer(self, question: str) -> str:
        return (await self.retriever.retrieve(question)).matches[0].passage.text


@asynccontextmanager
async def opened(home: Path, files: Mapping[str, str | bytes], url: str | None = None) -> AsyncIterator[Shop]:
    database = Database(url or f"sqlite:///{home / 'test.db'}")
    await database.migrate()
    vectors = VectorStore(home / "chroma")
    folder_with(home, files)
    shop = Shop(home, database, vectors, LetterEmbedder())
    try:
        yield shop
    finally:
        await shop.retriever.close()
        vectors.close()
        database.close()
