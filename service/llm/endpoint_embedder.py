"""Vectors from an OpenAI-compatible endpoint, in a file of its own: `openai` is imported where one is configured."""

import asyncio
from collections.abc import Sequence

import numpy as np
import openai

from service.llm.embeddings import PLACEHOLDER, EmbeddingError, Vectors
from service.text.normalise import normalise

LONGEST_REMOTE = 2_000
"""Characters sent to an endpoint, within the 8,192 tokens of common models whatever the language."""
REMOTE_BATCH = 64
"""Texts of one request at first; halved where an endpoint refuses so many (some take 10)."""
REMOTE_TRIES = 3


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
