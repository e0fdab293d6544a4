"""Questions answered from the live version: at once after a switch, and by words where there is no vector."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from service.llm.embeddings import Embedder, LocalEmbedder, Vectors
from service.retrieval import versions
from service.retrieval.building import build_version
from service.retrieval.dense import VectorStore
from service.retrieval.passages import NOTHING, Passage
from service.retrieval.retriever import IndexMismatchError, Retriever
from service.retrieval.versions import Version
from service.storage.database import Database
from tests.builders import a_passage
from tests.fakes.embedder import LetterEmbedder

PASSAGES = (
    a_passage("怎么申请退货", similar=("不想要了怎么退", "退货流程"), id="RET"),
    a_passage("退货运费谁出", "质量问题我们出。", id="FEE"),
    a_passage("下单后多久发货", "当天 16:00 前付款当天发。", similar=("什么时候寄出来",), id="SHIP"),
    a_passage("怎么开发票", "在订单里点申请开票。", similar=("要发票",), id="INV"),
    a_passage("优惠券怎么用", "结算时选。", similar=("优惠券在哪里用",), id="CPN"),
    a_passage("保修多久", "小家电一年。", similar=("坏了能修吗",), id="REP"),
)


class GatedStore(VectorStore):
    """A vector store whose reading waits until it is let through; counts the readings."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = asyncio.Event()
        self.gate.set()
        self.readings = 0

    async def vectors(self, collection: str, count: int) -> Vectors:
        self.readings += 1
        await self.gate.wait()
        return await super().vectors(collection, count)


class SilentEmbedder(LetterEmbedder):
    """An endpoint that gives no answer once it is silenced."""

    def __init__(self) -> None:
        super().__init__(model="remote/1")
        self.silent = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self.silent:
            await asyncio.Event().wait()
        return await super().embed(texts)


class Desk:
    """A database, a store, and a retriever of them."""

    def __init__(self, database: Database, store: GatedStore, embedder: Embedder, words: Embedder) -> None:
        self.database, self.store, self.embedder, self.words = database, store, embedder, words
        self.retriever = self.another()

    def another(
        self, embedder: Embedder | None = None, words: Embedder | None = None, load_seconds: float = 30.0
    ) -> Retriever:
        return Retriever(
            self.database,
            self.store,
            embedder or self.embedder,
            words or self.words,
            "default",
            vector_seconds=1.0,
            load_seconds=load_seconds,
        )

    async def publish(self, *found: Passage) -> Version:
        version = await build_version(
            self.database,
            self.store,
            self.embedder,
            self.words,
            knowledge_base="default",
            passages=found,
            demonstration=False,
        )
        await self.database.run(versions.switch, version)
        return version

    async def best(self, question: str) -> str:
        return (await self.retriever.retrieve(question)).matches[0].passage.id


@pytest.fixture(scope="module")
def local() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[Database, GatedStore]]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    await database.migrate()
    store = GatedStore(tmp_path / "chroma")
    yield database, store
    store.close()
    database.close()


@pytest.fixture
async def desk(opened: tuple[Database, GatedStore], local: LocalEmbedder) -> AsyncIterator[Desk]:
    one = Desk(*opened, local, local)
    yield one
    one.store.gate.set()
    await one.retriever.close()


@pytest.fixture
async def remote_desk(opened: tuple[Database, GatedStore], local: LocalEmbedder) -> AsyncIterator[Desk]:
    one = Desk(*opened, SilentEmbedder(), local)
    yield one
    await one.retriever.close()


async def test_without_an_index_there_is_nothing(desk: Desk) -> None:
    assert await desk.retriever.warm() is None
    assert await desk.retriever.retrieve("怎么退货") is NOTHING


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("买的东西想退掉", "RET"),
        ("退货的运费是我付吗", "FEE"),
        ("啥时候能寄", "SHIP"),
        ("能给开票不", "INV"),
        ("優惠券怎樣使用", "CPN"),
        ("你好，请问优惠卷用不了", "CPN"),
        ("我上周买的电饭煲，今天早上插电没有反应了，能修吗，修要钱吗，多久能修好", "REP"),
    ],
)
async def test_a_shoppers_words_find_the_entry(desk: Desk, question: str, entry: str) -> None:
    await desk.publish(*PASSAGES)
    assert await desk.best(question) == entry


async def test_a_clear_question_is_surer_than_a_vague_one_and_that_than_a_strange_one(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    clear = await desk.retriever.retrieve("保修时间多久")
    vague = await desk.retriever.retrieve("退货")
    strange = await desk.retriever.retrieve("今天北京的天气怎么样")
    assert clear.confidence > vague.confidence > strange.confidence
    assert strange.confidence < 0.1
    assert clear.in_scope > 0.8


@pytest.mark.parametrize("question", ["退货流程", "退货流程？？", "你好，请问退貨流程呢[微笑]"])
async def test_an_approved_question_in_other_spelling_is_exact(desk: Desk, question: str) -> None:
    version = await desk.publish(*PASSAGES)
    found = await desk.retriever.retrieve(question)
    assert found.exact
    assert found.matches[0].passage == PASSAGES[0]
    assert found.confidence > 0.95
    assert found.version == version.id


async def test_what_only_resembles_an_approved_question_is_not_exact(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    for question in ("不退货流程", "退货流程图", "质量问题我们出。"):
        assert not (await desk.retriever.retrieve(question)).exact


@pytest.mark.parametrize(
    "question",
    ["", "？？？", "🙏", "退货" * 30_000, "a" * 5_000, "退\ud800货\x00", "'; DROP TABLE passages; --", "\n\n"],
)
async def test_whatever_is_typed_gets_passages_and_probabilities(desk: Desk, question: str) -> None:
    await desk.publish(*PASSAGES)
    found = await desk.retriever.retrieve(question)
    assert found.matches
    assert 0 <= found.confidence <= found.choices_confidence <= found.in_scope <= 1


async def test_a_single_passage_can_be_found(desk: Desk) -> None:
    await desk.publish(a_passage("怎么退货"))
    found = await desk.retriever.retrieve("想退货")
    assert [match.passage.question for match in found.matches] == ["怎么退货"]


async def test_scores_fall_and_their_parts_are_told(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    found = await desk.retriever.retrieve("退货要自己付运费吗")
    scores = [match.score for match in found.matches]
    assert scores == sorted(scores, reverse=True)
    assert {name for name, _ in found.matches[0].parts} == {"dense", "centre", "grams", "bm25", "soft", "hubness"}


async def test_the_question_after_a_switch_is_answered_from_the_new_version(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    assert await desk.best("退货运费谁出") == "FEE"
    newer = await desk.publish(a_passage("退货运费谁出", "您出。", id="NEW"))
    found = await desk.retriever.retrieve("退货运费谁出")
    assert (found.matches[0].passage.text, found.version) == ("您出。", newer.id)


async def test_a_version_is_loaded_once_for_all_who_ask(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    found = await asyncio.gather(*(desk.retriever.retrieve("怎么退货") for _ in range(20)))
    assert {one.matches[0].passage.id for one in found} == {"RET"}
    assert desk.store.readings == 1


async def test_while_a_new_version_takes_long_to_load_the_former_answers(desk: Desk) -> None:
    hasty = desk.another(load_seconds=0.05)
    former = await desk.publish(*PASSAGES)
    await hasty.warm()
    newer = await desk.publish(*PASSAGES[:2])
    desk.store.gate.clear()
    assert (await hasty.retrieve("怎么退货")).version == former.id
    assert (await hasty.retrieve("怎么退货")).version == former.id
    desk.store.gate.set()
    async with asyncio.timeout(30):
        while (await hasty.retrieve("怎么退货")).version != newer.id:
            pass
    assert desk.store.readings == 2
    await hasty.close()


async def test_a_new_version_that_cannot_be_loaded_leaves_the_former_answering(desk: Desk) -> None:
    former = await desk.publish(*PASSAGES)
    await desk.retriever.warm()
    broken = await desk.publish(*PASSAGES[:2])
    await desk.store.drop(broken.collection)
    assert (await desk.retriever.retrieve("怎么退货")).version == former.id
    mended = await desk.publish(*PASSAGES[:3])
    assert (await desk.retriever.retrieve("怎么退货")).version == mended.id


async def test_a_start_without_chroma_answers_by_words_and_with_vectors_once_there_is_a_new_version(desk: Desk) -> None:
    version = await desk.publish(*PASSAGES)
    await desk.store.drop(version.collection)
    started = desk.another()
    await started.warm()
    found = await started.retrieve("优惠券怎么使用")
    assert found.matches[0].passage.id == "CPN"
    assert "dense" not in dict(found.matches[0].parts)
    await desk.publish(*PASSAGES)
    assert "dense" in dict((await started.retrieve("优惠券怎么使用")).matches[0].parts)
    await started.close()


async def test_without_chroma_what_is_in_memory_answers(desk: Desk) -> None:
    version = await desk.publish(*PASSAGES)
    await desk.retriever.warm()
    await desk.store.drop(version.collection)
    found = await desk.retriever.retrieve("优惠券怎么使用")
    assert found.matches[0].passage.id == "CPN"
    assert "dense" in dict(found.matches[0].parts)


async def test_without_a_vector_in_time_words_answer_less_sure(remote_desk: Desk) -> None:
    await remote_desk.publish(*PASSAGES)
    usual = await remote_desk.retriever.retrieve("优惠券怎么使用")
    assert isinstance(remote_desk.embedder, SilentEmbedder)
    remote_desk.embedder.silent = True
    alone = await remote_desk.retriever.retrieve("优惠券怎么使用")
    assert alone.matches[0].passage.id == usual.matches[0].passage.id == "CPN"
    assert "dense" not in dict(alone.matches[0].parts)
    assert 0 < alone.confidence < usual.confidence


async def test_an_endpoint_that_fails_leaves_words_to_answer(remote_desk: Desk) -> None:
    await remote_desk.publish(*PASSAGES)
    assert isinstance(remote_desk.embedder, SilentEmbedder)
    remote_desk.embedder.fails_after = 0
    assert await remote_desk.best("优惠券怎么使用") == "CPN"
    assert (await remote_desk.retriever.retrieve("退货流程")).exact


async def test_another_embedding_model_is_refused_at_start_and_never_mixed(desk: Desk) -> None:
    await desk.publish(*PASSAGES)
    other = LetterEmbedder(model="remote/2")
    changed = desk.another(embedder=other)
    with pytest.raises(IndexMismatchError, match="faqbot ingest"):
        await changed.warm()
    found = await changed.retrieve("优惠券怎么使用")
    assert found.matches[0].passage.id == "CPN"
    assert "dense" not in dict(found.matches[0].parts)
    assert other.texts == []
    await changed.close()


async def test_words_of_an_older_local_model_are_embedded_anew(remote_desk: Desk) -> None:
    await remote_desk.publish(*PASSAGES)
    words = LetterEmbedder(model="words/2")
    newer = remote_desk.another(words=words)
    assert (await newer.retrieve("优惠券怎么使用")).matches[0].passage.id == "CPN"
    assert "优惠券" in words.texts
    await newer.close()


async def test_a_models_other_scale_of_cosines_changes_confidence_little(
    opened: tuple[Database, GatedStore], local: LocalEmbedder
) -> None:
    class Narrow:
        """The local model with all its cosines squeezed into 0.7 to 1."""

        model = "narrow/1"

        async def embed(self, texts: Sequence[str]) -> Vectors:
            vectors = await local.embed(texts)
            offset = np.full((len(vectors), 1), np.sqrt(0.7), dtype=np.float32)
            return np.hstack([vectors * np.float32(np.sqrt(0.3)), offset])

    desk = Desk(*opened, local, local)
    questions = ("保修时间多久", "今天北京的天气怎么样", "啥时候能寄")
    await desk.publish(*PASSAGES)
    plain = [await desk.retriever.retrieve(question) for question in questions]
    squeezed = Desk(*opened, Narrow(), local)
    await squeezed.publish(*PASSAGES)
    other = [await squeezed.retriever.retrieve(question) for question in questions]
    for one, same in zip(plain, other, strict=True):
        assert one.confidence < 0.1 or one.matches[0].passage == same.matches[0].passage
        assert same.confidence == pytest.approx(one.confidence, abs=0.1)
    await desk.retriever.close()
    await squeezed.retriever.close()
