"""What doctor finds of the stored state, what the service says at its start, and when it is ready."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import delete, make_url

from service.app import Parts, build, checks, web
from service.cli.greeting import greeting
from service.operations.checks import Check, Finding, Result, failed, ok, run_checks, warning
from service.retrieval import versions
from service.retrieval.building import build_version
from service.retrieval.checks import index_checks
from service.retrieval.dense import VectorStore
from service.settings import load_settings
from service.storage.checks import database_check
from service.storage.database import Database
from service.storage.tables import word_vectors
from tests.builders import a_bot, a_passage
from tests.fakes.embedder import LetterEmbedder

ACCOUNT = {"WECHAT_TOKEN": "Token123"}
ADDRESS = "http://127.0.0.1:8000"


def found(finding: Finding) -> Callable[[], Awaitable[Finding]]:
    async def run() -> Finding:
        return finding

    return run


async def published(
    database: Database, vectors: VectorStore, *, model: str = "letters/1", demonstration: bool = False
) -> versions.Version:
    """A live version of two entries, as if `model` had made its vectors."""
    version = await build_version(
        database,
        vectors,
        LetterEmbedder(model),
        LetterEmbedder(),
        knowledge_base="default",
        passages=(a_passage("怎么退货", similar=("不想要了",)), a_passage("多久发货", "当天发。")),
        demonstration=demonstration,
    )
    await database.run(versions.switch, version)
    return version


async def index_found(
    database: Database, vectors: VectorStore, *, chroma_url: str | None = None, model: str = "letters/1"
) -> Finding:
    index, _ = index_checks(database, vectors, a_bot(), model, chroma_url=chroma_url, real_account=False)
    results = await run_checks([database_check(database), index])
    return results[1].finding


@pytest.fixture
async def vectors(tmp_path: Path) -> AsyncIterator[VectorStore]:
    store = VectorStore(tmp_path / "chroma")
    yield store
    store.close()


@asynccontextmanager
async def a_service(folder: Path, **settings: str) -> AsyncIterator[Parts]:
    """Wired, its tables made; nothing read in."""
    parts = build(load_settings({"DATA_DIR": str(folder / "data"), **settings}, env_file=None))
    try:
        await parts.prepare()
        yield parts
    finally:
        await parts.close()


async def test_what_needs_a_failed_check_is_skipped_and_says_which() -> None:
    results = await run_checks(
        [
            Check(name="数据库", run=found(failed("连不上", "启动它"))),
            Check(name="索引", run=found(ok("在")), needs="数据库"),
            Check(name="网络", run=found(ok("通"))),
        ]
    )
    assert [result.finding.status for result in results] == ["failed", "skipped", "ok"]
    assert results[1].finding.text == "要先解决上面的「数据库」"


@pytest.mark.parametrize("finding", [ok("在"), warning("慢", "等等")])
async def test_what_needs_a_check_that_went_well_is_looked_at(finding: Finding) -> None:
    results = await run_checks(
        [Check(name="数据库", run=found(finding)), Check(name="索引", run=found(ok("在")), needs="数据库")]
    )
    assert results[1].finding == ok("在")


async def test_a_check_that_breaks_says_its_type_and_place_and_hides_no_other() -> None:
    async def broken() -> Finding:
        raise KeyError("13812345678")

    async def hangs() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    results = await run_checks(
        [Check(name="甲", run=broken), Check(name="乙", run=hangs), Check(name="丙", run=found(ok("在")))],
        longest_seconds=0.05,
    )
    assert [result.finding.status for result in results] == ["failed", "failed", "ok"]
    assert "KeyError" in results[0].finding.text
    assert "13812345678" not in results[0].finding.text
    assert "--verbose" not in results[0].finding.next_step
    assert "秒内没有结果" in results[1].finding.text


async def test_doctor_brings_an_empty_database_up_to_date_and_finds_no_index(tmp_path: Path) -> None:
    parts = build(load_settings({"DATA_DIR": str(tmp_path)}, env_file=None))
    results = {result.name: result for result in await run_checks(checks(parts))}
    await parts.close()
    assert _told(results["数据库"]) == "ok"
    assert results["索引"].finding.next_step == "faqbot ingest"
    assert not any("检查本身出了问题" in result.finding.text for result in results.values())


async def test_a_damaged_database_is_one_finding_and_not_three(tmp_path: Path) -> None:
    (tmp_path / "faqbot.db").write_bytes(b"no database " * 1000)
    parts = build(load_settings({"DATA_DIR": str(tmp_path)}, env_file=None))
    results = {result.name: result for result in await run_checks(checks(parts))}
    await parts.close()
    assert "已损坏" in results["数据库"].finding.text
    assert [_told(results[name]) for name in ("数据库", "索引", "店铺内容")] == ["failed", "skipped", "skipped"]
    assert _told(results["向量模型"]) == "ok"


async def test_a_whole_index_is_found_whole(database: Database, vectors: VectorStore) -> None:
    version = await published(database, vectors)
    assert (await index_found(database, vectors)) == ok(f"版本 {version.id} 生效中，2 条问答，向量齐全")


async def test_an_index_of_another_embedding_model_is_told(database: Database, vectors: VectorStore) -> None:
    await published(database, vectors)
    finding = await index_found(database, vectors, model="other")
    assert "letters/1" in finding.text
    assert finding.next_step == "faqbot ingest"


async def test_a_collection_that_is_gone_is_told_and_ingest_is_the_way_out(
    database: Database, vectors: VectorStore
) -> None:
    version = await published(database, vectors)
    await vectors.drop(version.collection)
    finding = await index_found(database, vectors)
    assert finding == failed(f"版本 {version.id} 在向量库里的内容丢了或不全，只能按字词回答。", "faqbot ingest")


async def test_a_collection_that_lacks_a_vector_is_told(database: Database, vectors: VectorStore) -> None:
    version = await published(database, vectors)
    whole = await vectors.vectors(version.collection, 5)
    await vectors.drop(version.collection)
    await vectors.create(version.collection)
    await vectors.add(version.collection, whole[:-1])
    assert (await index_found(database, vectors)).next_step == "faqbot ingest"


async def test_a_chroma_folder_that_is_gone_is_told(database: Database, tmp_path: Path) -> None:
    before = VectorStore(tmp_path / "chroma")
    await published(database, before)
    before.close()
    shutil.rmtree(tmp_path / "chroma")
    after = VectorStore(tmp_path / "other")  # Chroma keeps what it knows of a folder for as long as the process lives
    finding = await index_found(database, after)
    after.close()
    assert finding.status == "failed"
    assert finding.next_step == "faqbot ingest"


async def test_a_chroma_server_that_is_away_is_told_with_its_setting(database: Database, tmp_path: Path) -> None:
    embedded = VectorStore(tmp_path / "chroma")
    await published(database, embedded)
    embedded.close()
    url = "http://127.0.0.1:1"
    away = VectorStore(tmp_path / "chroma", url)
    finding = await index_found(database, away, chroma_url=url)
    away.close()
    assert finding.status == "failed"
    assert f"启动 {url}（CHROMA_URL）" in finding.next_step


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, "ok"), (ACCOUNT, "warning"), ({**ACCOUNT, "WECHAT_APP_ID": "wx0123456789abcdef"}, "warning")],
    ids=["no account", "plain mode, a token alone", "with an AppID"],
)
async def test_the_demonstration_shop_on_a_connected_account_is_told(
    tmp_path: Path, settings: dict[str, str], status: str
) -> None:
    async with a_service(tmp_path, **settings) as parts:
        await published(parts.database, parts.vectors, demonstration=True)
        results = {result.name: result for result in await run_checks(checks(parts))}
        lines = "\n".join(await greeting(parts, ADDRESS))
    assert _told(results["店铺内容"]) == status
    assert ("正用演示店铺的内容回答真实顾客" in results["店铺内容"].finding.text) is (status == "warning")
    assert ("注意：现在用演示店铺的内容回答真实顾客" in lines) is (status == "warning")


@pytest.mark.parametrize(
    ("settings", "says", "never"),
    [
        ({}, "还没接", f"{ADDRESS}/wechat"),
        (ACCOUNT, "先在 .env 里设 PUBLIC_URL=", f"{ADDRESS}/wechat"),
        ({**ACCOUNT, "PUBLIC_URL": "https://bot.shop.cn"}, "https://bot.shop.cn/wechat（填到 公众平台", "还差"),
    ],
    ids=["no account", "no public address", "both"],
)
async def test_the_start_names_an_address_for_wechat_only_where_wechat_can_reach_it(
    tmp_path: Path, settings: dict[str, str], says: str, never: str
) -> None:
    async with a_service(tmp_path, **settings) as parts:
        lines = "\n".join(await greeting(parts, ADDRESS))
    assert says in lines
    assert never not in lines
    assert f"{ADDRESS}/chat" in lines


async def test_the_service_is_ready_once_there_is_something_to_answer_from(tmp_path: Path) -> None:
    async with a_service(tmp_path) as parts, _client(parts) as client:
        nothing = await client.get("/readyz")
        version = await published(parts.database, parts.vectors)
        ready = await client.get("/readyz")
    assert nothing.status_code == 503
    assert "faqbot ingest" in nothing.json()["detail"]
    assert ready.json() == {"status": "ready", "index_version": version.id}


async def test_the_service_is_not_ready_while_the_database_is_away(tmp_path: Path, postgres_url: str) -> None:
    away = make_url(postgres_url).set(port=1).render_as_string()
    parts = build(load_settings({"DATA_DIR": str(tmp_path), "DATABASE_URL": away}, env_file=None))
    async with _client(parts) as client:
        answer = await client.get("/readyz")
        alive = await client.get("/healthz")
        welcome = await client.get("/api/welcome")
    await parts.close()
    assert answer.status_code == 503
    assert "数据库用不了" in answer.json()["detail"]
    assert alive.status_code == 200
    assert welcome.json()["examples"] == []


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1"], ids=["collection gone", "server away"])
async def test_vectors_that_are_lost_keep_no_bot_down(tmp_path: Path, url: str | None) -> None:
    async with a_service(tmp_path) as parts:
        version = await published(parts.database, parts.vectors, model=parts.embedder.model)
        await parts.vectors.drop(version.collection)
    async with a_service(tmp_path, **({"CHROMA_URL": url} if url else {})) as parts, _client(parts) as client:
        with structlog.testing.capture_logs() as logs:
            await parts.start()
        assert "error" in [line["log_level"] for line in logs if line["event"].startswith("retrieval.")]
        assert (await client.get("/healthz")).status_code == 200
        await parts.turns.stop()


async def test_an_index_that_cannot_be_read_keeps_no_service_down_and_is_not_ready(tmp_path: Path) -> None:
    async with a_service(tmp_path) as parts, _client(parts) as client:
        version = await published(parts.database, parts.vectors, model=parts.embedder.model)
        await parts.database.run(lambda c: c.execute(delete(word_vectors).where(word_vectors.c.version == version.id)))
        with structlog.testing.capture_logs() as logs:
            await parts.start()
        alive, ready = await client.get("/healthz"), await client.get("/readyz")
        lines = "\n".join(await greeting(parts, ADDRESS))
        await parts.turns.stop()
    assert "retrieval.not_loaded" in [line["event"] for line in logs]
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "索引读不进来" in ready.json()["detail"]
    assert "索引读不进来" in lines


def _told(result: Result) -> str:
    return result.finding.status


def _client(parts: Parts) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(web(parts)), base_url="http://shop")
