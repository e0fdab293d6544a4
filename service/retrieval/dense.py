"""The one door to Chroma: vectors and their numbers, a collection an index version, nothing else.

Embedded in this process, or a server on a private network. Chroma blocks, so it runs in threads of its own. It is
never given an embedding function, and a collection that names one is refused: Chroma would build that function from
the stored settings, which a strange data folder could carry. Versions before the release used here keep the HNSW
folder of a deleted collection; `drop` sweeps it.
"""

import asyncio
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from service.llm.embeddings import Vectors

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

P = ParamSpec("P")
T = TypeVar("T")

ADDED_AT_ONCE = 1_000
READ_AT_ONCE = 100
"""Chroma makes a Python object of each number on the way: more at once is no faster and takes up to 100 MB."""
THREADS = 2
"""One may be adding a new version while the other answers."""


class VectorStoreError(Exception):
    """Chroma can't be used; the message says which and what to do."""


class VectorStore:
    """Chroma in the folder, or at the URL where one is given. `close` it in the end."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._folder = folder
        self._url = url
        self._client: ClientAPI | None = None
        self._open: dict[str, Collection] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="chroma")
        self._connecting = asyncio.Lock()

    async def connect(self) -> None:
        """Open it now. Raises VectorStoreError."""
        async with self._connecting:
            if self._client is None:
                self._client = await self._run(self._connected)

    async def create(self, collection: str) -> None:
        """A new, empty collection for vectors that are compared by cosine."""
        client = await self._ready()

        def create() -> None:
            self._open[collection] = client.create_collection(
                collection, embedding_function=None, metadata={"hnsw:space": "cosine"}
            )

        await self._run(create)

    async def add(
        self,
        collection: str,
        vectors: Vectors,
        numbers: NDArray[np.int64] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Add vectors under these numbers, or those of their places; `progress` hears how many of them are in."""
        client = await self._ready()
        batch = min(await self._run(client.get_max_batch_size), ADDED_AT_ONCE)
        ids = [str(number) for number in (range(len(vectors)) if numbers is None else numbers)]
        for start in range(0, len(vectors), batch):
            some = slice(start, start + batch)

            def add(some: slice = some) -> None:
                self._collection(client, collection).add(ids=ids[some], embeddings=vectors[some])

            await self._run(add)
            if progress:
                progress(min(start + batch, len(vectors)))

    async def nearest(self, collection: str, vector: Vectors, count: int) -> NDArray[np.int64]:
        """Numbers of the nearest vectors, nearest first."""
        client = await self._ready()

        def query() -> list[str]:
            found = self._collection(client, collection).query(
                query_embeddings=vector[np.newaxis], n_results=count, include=[]
            )
            return found["ids"][0]

        return np.array([int(number) for number in await self._run(query)], dtype=np.int64)

    async def vectors(self, collection: str, count: int) -> Vectors:
        """The first `count` vectors, all there should be. Raises VectorStoreError where some are missing."""
        client = await self._ready()

        def get() -> Vectors:
            values = np.empty((0, 0), dtype=np.float32)
            for start in range(0, count, READ_AT_ONCE):
                ids = [str(number) for number in range(start, min(start + READ_AT_ONCE, count))]
                found = self._collection(client, collection).get(ids=ids, include=["embeddings"])
                part = np.asarray(found["embeddings"], dtype=np.float32)
                if len(part) != len(ids):
                    raise VectorStoreError(
                        f"The collection {collection} lacks {len(ids) - len(part)} of its vectors from {start} on: "
                        "run faqbot ingest to build anew"
                    )
                if start == 0:
                    values = np.empty((count, part.shape[1]), dtype=np.float32)
                values[[int(number) for number in found["ids"]]] = part
            return values

        return await self._run(get)

    async def drop(self, collection: str) -> None:
        """Remove a collection; one that isn't there is as good as removed."""
        from chromadb.errors import NotFoundError

        client = await self._ready()

        def delete() -> None:
            self._open.pop(collection, None)
            try:
                client.delete_collection(collection)
            except NotFoundError:
                return
            if self._url is None:
                _sweep(self._folder)

        await self._run(delete)

    def close(self) -> None:
        """Wait for what is running, then let Chroma go."""
        self._threads.shutdown(wait=True)
        self._open.clear()
        self._client = None

    async def _ready(self) -> "ClientAPI":
        if self._client is None:
            await self.connect()
        assert self._client is not None  # noqa: S101  # connect has set it or raised
        return self._client

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        from chromadb.errors import ChromaError

        def guarded() -> T:
            try:
                return work(*args, **kwargs)
            except (ChromaError, ValueError, OSError) as error:
                raise VectorStoreError(f"{self._where()} failed: {type(error).__name__}: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)

    def _connected(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        if self._url is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return chromadb.PersistentClient(path=str(self._folder), settings=quiet)
        parts = urlsplit(self._url)
        secure = parts.scheme == "https"
        return chromadb.HttpClient(
            host=parts.hostname or "localhost", port=parts.port or (443 if secure else 8000), ssl=secure, settings=quiet
        )

    def _collection(self, client: "ClientAPI", name: str) -> "Collection":
        if name not in self._open:
            collection = client.get_collection(name, embedding_function=None)
            if collection.configuration_json.get("embedding_function") is not None:
                raise VectorStoreError(
                    f"The collection {name} names an embedding function, which ours never do: this data folder is not "
                    "from faqbot. Move it away and run faqbot ingest."
                )
            self._open[name] = collection
        return self._open[name]

    def _where(self) -> str:
        return f"Chroma at {self._url} (CHROMA_URL)" if self._url else f"Chroma in {self._folder} (DATA_DIR)"


def _sweep(folder: Path) -> None:
    """Remove the folders of collections that are gone, by Chroma's own list of segments.

    Folders are listed before segments: a collection that another process makes meanwhile has its segment first.
    """
    found = [entry for entry in folder.iterdir() if entry.is_dir() and _is_uuid(entry.name)]
    try:
        connection = sqlite3.connect(f"file:{folder / 'chroma.sqlite3'}?mode=ro", uri=True)
        try:
            alive = {str(row[0]) for row in connection.execute("SELECT id FROM segments")}
        finally:
            connection.close()
    except sqlite3.Error:  # another release of Chroma keeps its list elsewhere: then nothing is swept
        return
    for entry in found:
        if alive and entry.name not in alive:
            shutil.rmtree(entry, ignore_errors=True)


def _is_uuid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
