"""Vectors from an OpenAI-compatible endpoint.

In a file of its own: `openai` takes half a second and 45 MB, so it is imported only where an endpoint is configured.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import numpy as np
import openai

from service.llm.embeddings import PLACEHOLDER, EmbeddingError, EmbeddingRefusedError, Vectors
from service.text.normalise import normalise

LONGEST_REMOTE = 2_000
"""Characters sent to an endpoint, within the 8,192 tokens of common models whatever the language."""
REMOTE_BATCH = 64
"""Texts of one request at first; halved where an endpoint refuses so many (some take 10)."""
REMOTE_TRIES = 3


class EndpointEmbedder:
    """An OpenAI-compatible endpoint. `close` it in the end.

    Retries are made here and nowhere else: the client is told to make none.
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
        self._name = model
        self._batch = batch
        self._pause = retry_pause_seconds
        self._dimension: int | None = None
        self._base_url = base_url
        self._client = openai.AsyncOpenAI(
            base_url=base_url, api_key=api_key or "none", timeout=timeout_seconds, max_retries=0
        )

    @property
    def model(self) -> str:
        """The model's name and where it is: one name at two addresses need not be one model. `/1`: how texts are made ready."""
        return f"{self._name}@{urlsplit(self._base_url).netloc}/1"

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
                        f"{self._base_url} 拒绝了一段文字（{error.status_code}）。检查 EMBEDDING_MODEL。"
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
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                raise  # perhaps too many texts at once, which `embed` knows what to do about
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                if attempt == REMOTE_TRIES:
                    raise EmbeddingError(
                        f"{self._base_url} 试了 {REMOTE_TRIES} 次都没有给出向量（{type(error).__name__}）。"
                        "检查网络和 EMBEDDING_BASE_URL，或稍后再试。"
                    ) from error
                await asyncio.sleep(self._pause * 2 ** (attempt - 1))
            except openai.APIStatusError as error:
                raise self._refused(error.status_code) from error
            except (openai.OpenAIError, ValueError) as error:  # a body that can't be read; UnicodeError is one too
                raise self._malformed(f"读不懂的内容（{type(error).__name__}）") from error
        try:
            rows = sorted(response.data, key=lambda item: item.index)
            vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        except (TypeError, ValueError, AttributeError) as error:
            raise self._malformed("不是向量的内容") from error
        return self._checked(vectors, len(batch))

    def _checked(self, vectors: Vectors, expected: int) -> Vectors:
        if vectors.ndim != 2 or len(vectors) != expected or vectors.shape[1] == 0:
            raise self._malformed(f" {expected} 段文字对应的形状 {vectors.shape}")
        if self._dimension not in (None, vectors.shape[1]):
            raise self._malformed(f" {vectors.shape[1]} 维的向量，先前是 {self._dimension} 维")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise self._malformed("没有长度的向量")
        self._dimension = int(vectors.shape[1])
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _refused(self, status: int) -> EmbeddingError:
        if status in (401, 403):
            return EmbeddingRefusedError(
                f"{self._base_url} 不接受密钥（{status}）。检查 EMBEDDING_API_KEY 或 OPENAI_API_KEY。"
            )
        if status == 402:
            return EmbeddingRefusedError(f"{self._base_url} 的账户余额用完（402）。充值后自动恢复。")
        if status == 404:
            return EmbeddingError(
                f"{self._base_url} 没有模型 {self._name}。检查 EMBEDDING_MODEL 和 EMBEDDING_BASE_URL。"
            )
        return EmbeddingError(f"{self._base_url} 拒绝了请求（{status}）。检查 EMBEDDING_MODEL 和 EMBEDDING_BASE_URL。")

    def _malformed(self, what: str) -> EmbeddingError:
        return EmbeddingError(
            f"{self._base_url} 回的是{what}。检查 {self._name} 是不是向量模型，EMBEDDING_BASE_URL 对不对。"
        )
