"""What is measured of a version, and that an edit takes it over until much has changed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from service.llm.embeddings import Vectors
from service.retrieval import versions
from service.retrieval.building import build_version
from service.retrieval.confidence import Own
from service.retrieval.dense import VectorStore
from service.retrieval.index import Scale, Scales
from service.retrieval.measuring import Measured, from_numbers, still_holds
from service.retrieval.passages import Passage
from service.retrieval.versions import Stored
from service.storage.database import Database
from tests.builders import a_passage
from tests.fakes.embedder import LetterEmbedder

GOODS = ("砂锅", "菜刀", "床单", "水壶", "枕头", "毛巾", "餐盘", "挂钩", "风扇", "台灯", "围裙", "筷子")
PASSAGES = tuple(
    a_passage(f"{name}怎么保养", f"{name}用温水洗，晾干。", similar=(f"{name}怎么洗", f"{name}脏了怎么办"))
    for name in GOODS
)
MEASURED = Measured(own=Own(mean=0.4, spread=0.1, similar=2.0), scales=Scales(), changed=0.0)


class Narrow(LetterEmbedder):
    """Another model: the same likeness, with all cosines in the upper half."""

    def __init__(self) -> None:
        super().__init__(model="narrow/1")

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = await super().embed(texts)
        vectors[:, 0] += 2
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class Bench:
    """Where versions are built, each one made live."""

    def __init__(self, database: Database, vectors: VectorStore) -> None:
        self.database, self.vectors = database, vectors
        self.words = LetterEmbedder()

    async def publish(self, *found: Passage, embedder: LetterEmbedder | None = None) -> Stored:
        version = await build_version(
            self.database,
            self.vectors,
            embedder or self.words,
            self.words,
            knowledge_base="default",
            passages=found,
            demonstration=False,
        )
        await self.database.run(versions.switch, version)
        return await self.database.read(versions.stored, version.id)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    await database.migrate()
    vectors = VectorStore(tmp_path / "chroma")
    yield Bench(database, vectors)
    vectors.close()
    database.close()


async def test_a_version_is_measured_by_its_own_questions(bench: Bench) -> None:
    measured = from_numbers((await bench.publish(*PASSAGES)).measured)
    assert 0.2 < measured.own.mean < 1.0
    assert measured.own.similar == 2.0
    assert measured.scales == Scales()
    assert measured.changed == 0


async def test_an_edit_takes_measure_and_words_over_and_adds_its_own_words(bench: Bench) -> None:
    first = await bench.publish(*PASSAGES)
    bench.words.texts.clear()
    edited = (*PASSAGES[:-1], a_passage("筷子怎么保养", "筷子要蒸煮消毒。", similar=PASSAGES[-1].similar))
    second = await bench.publish(*edited)
    assert from_numbers(second.measured).own == from_numbers(first.measured).own
    assert from_numbers(second.measured).changed > 0
    assert set(first.words) < set(second.words)
    assert "消毒" in second.words
    assert len(second.words) == len(second.word_vectors)
    assert "筷子要蒸煮消毒。" in bench.words.texts
    assert not set(bench.words.texts) & set(first.words)


async def test_many_edits_are_measured_anew(bench: Bench) -> None:
    await bench.publish(*PASSAGES)
    other = tuple(a_passage(f"{name}多少钱", f"{name}九十九元。") for name in GOODS)
    measured = from_numbers((await bench.publish(*PASSAGES[:4], *other)).measured)
    assert measured.changed == 0
    assert measured.own.similar == pytest.approx(0.5)


async def test_small_edits_add_up_until_it_is_measured_anew(bench: Bench) -> None:
    found = list(PASSAGES)
    await bench.publish(*found)
    changed = []
    for number in range(4):
        found[number] = a_passage(found[number].question, f"第 {number} 次修订。", similar=found[number].similar)
        changed.append(from_numbers((await bench.publish(*found)).measured).changed)
    assert changed[0] > 0
    assert 0 in changed[1:]


async def test_another_models_measure_is_not_taken_over(bench: Bench) -> None:
    alike = tuple(a_passage(f"{name}{name}甲", f"{name}{name}丙", similar=(f"{name}{name}乙",)) for name in GOODS)
    assert from_numbers((await bench.publish(*alike)).measured).scales == Scales()
    measured = from_numbers((await bench.publish(*alike, embedder=Narrow())).measured)
    assert measured.scales.dense.slope > 1.2
    assert measured.scales.dense.shift < 0


async def test_only_new_text_is_embedded_though_all_goes_to_chroma(bench: Bench) -> None:
    await bench.publish(*PASSAGES)
    bench.words.texts.clear()
    await bench.publish(*PASSAGES, a_passage("锅盖丢了能补吗", "可以单买。"))
    assert {"锅盖丢了能补吗", "可以单买。"} <= set(bench.words.texts)
    assert not any(name in text for text in bench.words.texts for name in GOODS)
    live = await bench.database.read(versions.live, "default")
    assert live is not None
    texts = [text for one in PASSAGES for text in (one.question, *one.similar, one.text)]
    expected = await LetterEmbedder().embed([*texts, "锅盖丢了能补吗", "可以单买。"])
    assert await bench.vectors.vectors(live.collection, len(expected)) == pytest.approx(expected, abs=1e-6)


def test_a_measure_is_stored_as_numbers_and_read_back() -> None:
    full = Measured(
        own=Own(mean=0.4, spread=0.1, similar=1.5),
        scales=Scales(dense=Scale(slope=2.0, shift=-0.5), centre=Scale(slope=1.5, shift=-0.2)),
        changed=0.03,
    )
    assert from_numbers(full.numbers) == full


def test_a_measure_holds_while_less_than_a_tenth_came_or_went() -> None:
    before = [str(number) for number in range(100)]
    assert still_holds(MEASURED, before, before) == MEASURED
    little = still_holds(MEASURED, before, [*before[4:], "新"])
    assert little is not None
    assert little.changed == pytest.approx(5 / 97)
    assert still_holds(little, before, [*before[4:], "新"]) is None
    assert still_holds(MEASURED, before, before[:80]) is None
