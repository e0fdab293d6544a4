"""Vectors: the local model, an endpoint with all that can go wrong there, and the cache in the database."""

from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest

from service.llm.embedding_cache import EmbeddingCache
from service.llm.embeddings import EmbeddingError, LocalEmbedder
from service.llm.endpoint_embedder import EndpointEmbedder
from service.storage.database import Database
from tests.fakes.embedder import LetterEmbedder
from tests.fakes.openai_server import KEY, FakeOpenAI


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as one:
        yield one


@pytest.fixture
async def control(fake: FakeOpenAI) -> AsyncIterator[httpx.AsyncClient]:
    root = fake.base_url.removesuffix("/v1")
    async with httpx.AsyncClient(base_url=f"{root}/_control") as client:
        await client.delete("/requests")
        yield client


@pytest.fixture
async def endpoint(fake: FakeOpenAI) -> AsyncIterator[EndpointEmbedder]:
    embedder = an_endpoint(fake.base_url)
    yield embedder
    await embedder.close()


def an_endpoint(base_url: str, *, model: str = "text-embedding-3-small", key: str = KEY) -> EndpointEmbedder:
    return EndpointEmbedder(
        model=model, base_url=base_url, api_key=key, batch=4, timeout_seconds=5, retry_pause_seconds=0
    )


async def received(control: httpx.AsyncClient) -> list[list[str]]:
    return [one["body"]["input"] for one in (await control.get("/requests")).json()["requests"]]


def a_body(vectors: list[list[float]]) -> str:
    rows = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return httpx.Response(200, json={"object": "list", "model": "m", "data": rows, "usage": usage}).text


@pytest.fixture(scope="module")
def local() -> LocalEmbedder:
    return LocalEmbedder()


async def test_the_local_model_gives_unit_vectors_that_know_paraphrases(local: LocalEmbedder) -> None:
    vectors = await local.embed(["什么时候发货", "几天能寄出来", "今天天气不错"])
    assert vectors.shape == (3, 512)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


async def test_the_local_model_takes_traditional_wide_and_invisible_for_the_same(local: LocalEmbedder) -> None:
    plain, other = await local.embed(["什么时候发货?", "什麼時候\u200b發貨？"])
    assert plain @ other > 0.999


async def test_the_local_model_embeds_what_is_empty_or_endless(local: LocalEmbedder) -> None:
    vectors = await local.embed(["", "[微笑]", "退货" * 50_000])
    assert np.isfinite(vectors).all()
    assert np.allclose(vectors[0], vectors[1])


async def test_an_endpoint_is_asked_in_batches_and_answers_in_order(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    texts = [f"第{n}个问题" for n in range(10)]
    vectors = await endpoint.embed(texts)
    assert [len(batch) for batch in await received(control)] == [4, 4, 2]
    assert vectors.shape == (10, 1536)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert np.allclose(vectors[7], (await endpoint.embed([texts[7]]))[0], atol=1e-6)


async def test_an_endpoint_gets_normalised_texts_and_never_an_empty_one(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await endpoint.embed(["什麼時候發貨？", "[微笑]", "退" * 5_000])
    (batch,) = await received(control)
    assert batch[0] == "什么时候发货?"
    assert batch[1] == "-"
    assert len(batch[2]) == 2_000


async def test_an_endpoint_that_takes_fewer_texts_at_once_gets_fewer(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await control.post("/next", json=[{"status": 400}])
    vectors = await endpoint.embed([f"问题{n}" for n in range(6)])
    assert len(vectors) == 6
    assert [len(batch) for batch in await received(control)] == [4, 2, 2, 2]


async def test_a_text_that_an_endpoint_refuses_by_itself_is_an_error(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await control.post("/always", json={"status": 400})
    with pytest.raises(EmbeddingError, match="EMBEDDING_MODEL"):
        await endpoint.embed(["一", "二"])


@pytest.mark.parametrize("step", [{"status": 429}, {"status": 500}, {"status": 503}, {"cut_body": True}])
async def test_a_passing_failure_is_tried_again(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient, step: dict[str, object]
) -> None:
    await control.post("/next", json=[step, step])
    assert (await endpoint.embed(["怎么退货"])).shape == (1, 1536)
    assert len(await received(control)) == 3


async def test_a_lasting_failure_ends_after_three_tries_in_words(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await control.post("/always", json={"status": 503})
    with pytest.raises(EmbeddingError, match="试了 3 次") as failed:
        await endpoint.embed(["怎么退货"])
    assert len(await received(control)) == 3
    assert "怎么退货" not in str(failed.value)


async def test_a_wrong_key_is_said_and_not_tried_again(fake: FakeOpenAI, control: httpx.AsyncClient) -> None:
    embedder = an_endpoint(fake.base_url, key="sk-wrong")
    with pytest.raises(EmbeddingError, match="EMBEDDING_API_KEY") as failed:
        await embedder.embed(["怎么退货"])
    assert "sk-wrong" not in str(failed.value)
    await embedder.close()


async def test_an_unknown_model_is_said(fake: FakeOpenAI) -> None:
    embedder = an_endpoint(fake.base_url, model="no-such-model")
    with pytest.raises(EmbeddingError, match="没有模型 no-such-model"):
        await embedder.embed(["怎么退货"])
    await embedder.close()


@pytest.mark.parametrize(
    "body",
    [a_body([[1.0, 0.0]]), a_body([[0.0, 0.0]] * 2), a_body([[]] * 2), a_body([[1.0], [1.0, 2.0]]), '{"data": 7}'],
    ids=["too few", "no length", "no numbers", "ragged", "no list"],
)
async def test_an_answer_that_holds_no_vectors_is_an_error(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient, body: str
) -> None:
    await control.post("/next", json=[{"raw_body": body}])
    with pytest.raises(EmbeddingError, match="向量模型"):
        await endpoint.embed(["一", "二"])


async def test_an_endpoint_that_changes_its_dimension_is_refused(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await endpoint.embed(["怎么退货"])
    await control.post("/next", json=[{"raw_body": a_body([[1.0, 0.0]])}])
    with pytest.raises(EmbeddingError, match="先前是 1536 维"):
        await endpoint.embed(["怎么退货"])


async def test_vectors_that_are_not_of_unit_length_are_made_so(
    endpoint: EndpointEmbedder, control: httpx.AsyncClient
) -> None:
    await control.post("/next", json=[{"raw_body": a_body([[3.0, 4.0]])}])
    assert np.allclose(await endpoint.embed(["怎么退货"]), [[0.6, 0.8]])


async def test_only_text_that_changed_is_embedded_again(database: Database) -> None:
    embedder = LetterEmbedder()
    cache = EmbeddingCache(database, embedder)
    first = await cache.embed(["怎么退货", "多久发货", "怎么退货"])
    assert embedder.texts == ["怎么退货", "多久发货"]
    assert np.allclose(first[0], first[2])
    again = await cache.embed(["多久发货", "运费谁出", "怎么退货"])
    assert embedder.texts[2:] == ["运费谁出"]
    assert np.allclose(again[[0, 2]], first[[1, 0]])


async def test_another_models_vectors_are_never_taken(database: Database) -> None:
    await EmbeddingCache(database, LetterEmbedder()).embed(["怎么退货"])
    other = LetterEmbedder(model="letters/2")
    await EmbeddingCache(database, other).embed(["怎么退货"])
    assert other.texts == ["怎么退货"]


async def test_thousands_of_texts_are_cached_and_counted(database: Database) -> None:
    embedder = LetterEmbedder()
    cache = EmbeddingCache(database, embedder)
    texts = [f"问题 {n}" for n in range(2_500)]
    told: list[tuple[int, int]] = []
    await cache.embed(texts, lambda done, total: told.append((done, total)))
    assert told[0] == (0, 2_500)
    assert told[-1] == (2_500, 2_500)
    vectors = await cache.embed(texts)
    assert len(embedder.texts) == 2_500
    assert np.allclose(vectors, await LetterEmbedder().embed(texts))


async def test_what_was_embedded_before_a_failure_is_kept(database: Database) -> None:
    texts = [f"问题 {n}" for n in range(1_200)]
    failing = LetterEmbedder()
    failing.fails_after = 1_100
    with pytest.raises(EmbeddingError):
        await EmbeddingCache(database, failing).embed(texts)
    healthy = LetterEmbedder()
    await EmbeddingCache(database, healthy).embed(texts)
    assert 0 < len(healthy.texts) < 300


async def test_vectors_that_nobody_used_for_a_month_are_forgotten(database: Database) -> None:
    now = 1_000_000_000.0
    embedder = LetterEmbedder()
    cache = EmbeddingCache(database, embedder, clock=lambda: now)
    await cache.embed(["旧的", "还在用的"])
    now += 20 * 86_400
    await cache.embed(["还在用的"])
    now += 15 * 86_400
    assert await cache.forget_unused() == 1
    await cache.embed(["还在用的", "旧的"])
    assert embedder.texts == ["旧的", "还在用的", "旧的"]
