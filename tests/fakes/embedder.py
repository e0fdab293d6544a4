"""An embedder for tests: vectors of hashed characters, so that likeness in letters is likeness in vectors, at once."""

import zlib
from collections.abc import Sequence

import numpy as np

from service.llm.embeddings import EmbeddingError, Vectors

DIMENSION = 64


class LetterEmbedder:
    """Implements `Embedder`; counts what it is asked, and fails when told to."""

    def __init__(self, model: str = "letters/1") -> None:
        self.model = model
        self.texts: list[str] = []
        self.fails_after: int | None = None
        """Texts after which there are no more vectors."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        if self.fails_after is not None and len(self.texts) > self.fails_after:
            raise EmbeddingError("the endpoint is away")
        vectors = np.full((len(texts), DIMENSION), 0.01, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for pair in (text[place : place + 2] for place in range(len(text))):
                row[zlib.crc32(pair.encode()) % DIMENSION] += 1
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit
