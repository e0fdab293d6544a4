"""Index versions: built whole or not at all, switched in one commit, cleaned up but never under another process."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, insert, select, update

from service.llm.embeddings import Embedder, EmbeddingError
from service.retrieval import versions
from service.retrieval.building import BuildError, build_version
from service.retrieval.dense import VectorStore, VectorStoreError
from service.retrieval.passages import Passage
from service.retrieval.versions import Version
from service.storage.database import Database
from service.storage.tables import index_versions, passages, version_files, word_vectors
from tests.builders import a_passage
from tests.fakes.embedder import LetterEmbedder

PASSAGES = (
    a_passage("怎么退货", similar=("不想要了", "退货流程")),
    a_passage("多久发货", "当天发。"),
    a_passage("退换货政策 › 运费", "质量问题我们出。", kind="section", id="S-1"),
)


@pytest.fixture
async def vectors(tmp_path: Path) -> AsyncIterator[VectorStore]:
    store = VectorStore(tmp_path / "chroma")
    yield store
    store.close()


async def built(
    database: Database,
    vectors: VectorStore,
    found: tuple[Passage, ...] = PASSAGES,
    embedder: Embedder | None = None,
    *,
    knowledge_base: str = "default",
    live: bool = True,
) -> Version:
    used = embedder or LetterEmbedder()
    version = await build_version(
        database,
        vectors,
        used,
        LetterEmbedder(),
        knowledge_base=knowledge_base,
        passages=found,
        demonstration=False,
    )
    if live:
        await database.run(versions.switch, version)
    return version


async def begun(database: Database) -> Version:
    """A version that isn't whole."""
    return await database.run(
        versions.create, "default", embedding_model="letters/1", dimension=64, demonstration=False
    )


def rows(connection: Connection) -> tuple[int, ...]:
    tables = (index_versions, passages, word_vectors, version_files)
    return tuple(len(connection.execute(select(table)).fetchall()) for table in tables)


async def test_a_version_gives_back_its_passages_and_is_not_live_by_itself(
    database: Database, vectors: VectorStore
) -> None:
    version = await built(database, vectors, live=False)
    assert await database.read(versions.live, "default") is None
    assert await database.read(versions.passages_of, version.id) == PASSAGES
    assert await database.read(versions.entries_of, version.id) == 2
    await database.run(versions.switch, version)
    assert await database.read(versions.live, "default") == version


async def test_each_text_has_its_vector(database: Database, vectors: VectorStore) -> None:
    version = await built(database, vectors)
    texts = ["怎么退货", "不想要了", "退货流程", "签收后 7 天内可退。", "多久发货", "当天发。"]
    expected = await LetterEmbedder().embed([*texts, "退换货政策 › 运费", "质量问题我们出。"])
    assert np.allclose(await vectors.vectors(version.collection, 8), expected, atol=1e-6)
    assert (await vectors.nearest(version.collection, expected[4], 3))[0] == 4


async def test_knowledge_bases_do_not_mix(database: Database, vectors: VectorStore) -> None:
    one = await built(database, vectors)
    other = await built(database, vectors, PASSAGES[:1], knowledge_base="other")
    assert await database.read(versions.live, "default") == one
    assert await database.read(versions.live, "other") == other
    assert await database.read(versions.listed, "other") == (other,)


async def test_a_version_that_is_not_whole_cannot_be_made_live(database: Database) -> None:
    half = await begun(database)
    with pytest.raises(ValueError, match="not whole"):
        await database.run(versions.switch, half)
    assert await database.read(versions.live, "default") is None


async def test_nothing_to_index_is_refused(database: Database, vectors: VectorStore) -> None:
    with pytest.raises(BuildError, match="knowledge folder"):
        await built(database, vectors, ())


async def test_a_build_that_fails_leaves_nothing_and_what_was_live_stays(
    database: Database, vectors: VectorStore
) -> None:
    live = await built(database, vectors)
    before = await database.read(rows)
    failing = LetterEmbedder(model="letters/2")
    failing.fails_after = 2
    with pytest.raises(EmbeddingError):
        await built(database, vectors, embedder=failing)
    words = LetterEmbedder(model="words/1")
    words.fails_after = 0
    with pytest.raises(EmbeddingError):
        await build_version(
            database,
            vectors,
            LetterEmbedder(),
            words,
            knowledge_base="default",
            passages=PASSAGES,
            demonstration=False,
        )
    assert await database.read(rows) == before
    assert await database.read(versions.live, "default") == live


async def test_progress_tells_of_texts_embedded_and_indexed(database: Database, vectors: VectorStore) -> None:
    told: list[tuple[int, int, str]] = []
    await build_version(
        database,
        vectors,
        LetterEmbedder(),
        LetterEmbedder(),
        knowledge_base="default",
        passages=PASSAGES,
        demonstration=False,
        progress=lambda done, total, what: told.append((done, total, what)),
    )
    assert told[0] == (0, 8, "embedding")
    assert (8, 8, "embedding") in told
    assert told[-1] == (8, 8, "indexing")


async def test_three_whole_versions_are_kept_the_live_one_always(database: Database, vectors: VectorStore) -> None:
    made = [await built(database, vectors, live=number == 0) for number in range(5)]
    removed = await versions.clean_up(database, vectors, "default")
    assert sorted(removed) == [made[1].id, made[2].id]
    assert await database.read(versions.listed, "default") == (made[4], made[3], made[0])
    for version in made[1:3]:
        with pytest.raises(VectorStoreError):
            await vectors.vectors(version.collection, 8)
    assert len(await vectors.vectors(made[0].collection, 8)) == 8
    assert await versions.clean_up(database, vectors, "default") == ()


def age(connection: Connection, version: int) -> None:
    connection.execute(update(index_versions).where(index_versions.c.id == version).values(created_at=0.0))


async def test_a_version_cut_off_long_ago_is_removed_and_one_being_built_is_not(
    database: Database, vectors: VectorStore
) -> None:
    old, fresh = await begun(database), await begun(database)
    await vectors.create(old.collection)
    await database.run(age, old.id)
    assert await versions.clean_up(database, vectors, "default") == (old.id,)
    assert [version.id for version in await database.read(versions.listed, "default")] == [fresh.id]


def remember_a_file(connection: Connection, version: int) -> None:
    connection.execute(insert(version_files).values({"version": version, "file": "退货.md", "sha256": "0" * 64}))


async def test_a_removed_version_takes_the_memory_of_its_files_along(database: Database, vectors: VectorStore) -> None:
    old = await built(database, vectors)
    await database.run(remember_a_file, old.id)
    for _ in range(3):
        await built(database, vectors)
    assert await versions.clean_up(database, vectors, "default") == (old.id,)
    assert (await database.read(rows))[3] == 0


async def test_a_dropped_collection_leaves_no_folder(tmp_path: Path, vectors: VectorStore) -> None:
    random = np.random.default_rng(1).standard_normal((1_200, 8)).astype(np.float32)
    for name in ("first", "second"):
        await vectors.create(name)
        await vectors.add(name, random)
    folders = {path.name for path in (tmp_path / "chroma").iterdir() if path.is_dir()}
    assert len(folders) == 2
    await vectors.drop("first")
    left = {path.name for path in (tmp_path / "chroma").iterdir() if path.is_dir()}
    assert len(left) == 1
    assert left < folders
    assert len(await vectors.vectors("second", 1_200)) == 1_200
    await vectors.drop("first")  # gone already: nothing to say


async def test_vectors_that_are_missing_are_said(vectors: VectorStore) -> None:
    await vectors.create("short")
    await vectors.add("short", np.eye(4, dtype=np.float32))
    with pytest.raises(VectorStoreError, match="faqbot ingest"):
        await vectors.vectors("short", 5)


async def test_a_collection_that_names_an_embedding_function_is_refused(tmp_path: Path) -> None:
    def plant() -> None:
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(str(tmp_path / "chroma"), settings=Settings(anonymized_telemetry=False))
        client.create_collection("strange")  # Chroma's default function, written into the settings

    await asyncio.to_thread(plant)
    store = VectorStore(tmp_path / "chroma")
    with pytest.raises(VectorStoreError, match="embedding function"):
        await store.nearest("strange", np.ones(4, dtype=np.float32), 1)
    store.close()


async def test_a_server_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(VectorStoreError, match="CHROMA_URL"):
        await store.connect()
    store.close()
