"""One ingest at a time where hosts share a PostgreSQL."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from service.ingestion.problems import IngestionError
from service.ingestion.sync import Summary
from tests.postgres import empty
from tests.unit.knowledge_shop import opened

MARKDOWN = "# 退货\n## 七天无理由怎么退\n签收后 7 天内可退。\n"


async def test_two_hosts_on_one_postgresql_wait_for_each_other(tmp_path: Path, postgres_url: str) -> None:
    await asyncio.to_thread(empty, postgres_url)
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    async with (
        opened(homes[0], {"退货.md": MARKDOWN}, postgres_url) as one,
        opened(homes[1], {"退货.md": MARKDOWN + "## 保修多久\n一年。\n"}, postgres_url) as two,
    ):
        two.vectors = one.vectors  # as hosts share one Chroma
        waited: list[str] = []
        reads = asyncio.Event()

        async def second() -> Summary:
            await reads.wait()
            with pytest.raises(IngestionError, match="正在运行"):
                await two.sync().run(wait=False)
            return await two.sync().run(on_wait=lambda: waited.append("waits"))

        def on_progress(work: str, done: int, total: int, name: str) -> None:
            reads.set()

        first, then = await asyncio.gather(one.sync().run(progress=on_progress), second())
        assert (first.outcome, then.outcome, then.added, waited) == ("switched", "switched", 1, ["waits"])


async def test_a_lock_that_postgresql_takes_away_is_logged_and_the_ingest_finishes(
    tmp_path: Path, postgres_url: str
) -> None:
    await asyncio.to_thread(empty, postgres_url)
    engine = create_engine(postgres_url)
    holders = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"

    def end_the_session(work: str, done: int, total: int, name: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(holders))

    async with opened(tmp_path, {"退货.md": MARKDOWN}, postgres_url) as shop:
        with capture_logs() as lines:
            summary = await shop.sync().run(progress=end_the_session)
    engine.dispose()
    assert summary.outcome == "switched"
    assert [line["error"] for line in lines if line["event"] == "ingestion.lock_lost"] == ["StorageError"]


async def test_an_ingest_that_fails_gives_the_postgresql_back(tmp_path: Path, postgres_url: str) -> None:
    await asyncio.to_thread(empty, postgres_url)
    async with opened(tmp_path, {"空.md": "\n"}, postgres_url) as shop:
        with pytest.raises(IngestionError, match="没有一条能用"):
            await shop.sync().run()
        shop.write({"退货.md": MARKDOWN})
        assert (await shop.sync().run(wait=False)).outcome == "switched"
