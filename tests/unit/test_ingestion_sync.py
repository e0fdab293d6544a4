"""A folder made the live index version, with real Chroma and a real database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.ingestion.problems import IngestionError
from service.ingestion.summary import as_json, as_text
from service.llm.embeddings import EmbeddingError
from service.retrieval import versions
from service.retrieval.dense import VectorStore, VectorStoreError
from tests.fakes.embedder import LetterEmbedder
from tests.unit.knowledge_files import HEADER, excel
from tests.unit.knowledge_shop import Shop, opened

MARKDOWN = "# 退货\n## 七天无理由怎么退\n相似问：不想要了\n签收后 7 天内可退。\n## 退货运费谁出\n您出。\n"
TABLE = excel(
    {
        "物流": [
            HEADER,
            ("多久发货", "几天能寄", "当天发。", "物流", "SHIP-01"),
            ("用什么快递", "", "中通。", "物流", "SHIP-02"),
        ]
    }
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(tmp_path, {"退货.md": MARKDOWN, "物流.xlsx": TABLE}) as one:
        yield one


async def test_what_stands_in_the_folder_is_answered(shop: Shop) -> None:
    summary = await shop.sync().run()
    assert (summary.outcome, summary.files, summary.entries, summary.added) == ("switched", 2, 4, 4)
    assert summary.problems == ()
    assert await shop.answer("七天无理由怎么退") == "签收后 7 天内可退。"
    assert (await shop.retriever.retrieve("几天能寄")).matches[0].passage.id == "SHIP-01"


async def test_nothing_changed_makes_no_new_version(shop: Shop) -> None:
    first = await shop.sync().run()
    again = await shop.sync().run()
    assert (again.outcome, again.version, again.unchanged) == ("unchanged", first.version, 4)


async def test_an_edit_is_answered_by_a_service_that_runs_and_only_new_text_is_embedded(shop: Shop) -> None:
    await shop.sync().run()
    assert await shop.answer("退货运费谁出") == "您出。"
    asked = len(shop.embedder.texts)
    shop.write({"退货.md": MARKDOWN.replace("您出。", "质量问题我们出。") + "## 保修多久\n一年。\n"})
    summary = await shop.sync().run()
    assert (summary.added, summary.changed, summary.removed, summary.unchanged) == (1, 1, 0, 3)
    assert await shop.answer("退货运费谁出") == "质量问题我们出。"
    fresh = [text for text in shop.embedder.texts[asked:] if len(text) > 4]
    assert {"质量问题我们出。", "保修多久"} <= {*shop.embedder.texts[asked:]}
    assert "七天无理由怎么退" not in fresh


async def test_reordering_changes_places_but_no_entry(shop: Shop) -> None:
    await shop.sync().run()
    head, first, second = MARKDOWN.split("## ")
    shop.write({"退货.md": "## ".join([head, second, first])})
    summary = await shop.sync().run()
    assert (summary.outcome, summary.added, summary.changed, summary.removed) == ("switched", 0, 0, 0)
    assert "没变 4" in as_text(summary)


async def test_what_was_deleted_is_not_answered_any_more(shop: Shop) -> None:
    await shop.sync().run()
    (shop.folder / "物流.xlsx").unlink()
    summary = await shop.sync().run()
    assert (summary.removed, summary.files) == (2, 1)
    assert sorted(await shop.questions()) == ["七天无理由怎么退", "退货运费谁出"]


async def test_a_file_that_cannot_be_read_keeps_its_last_good_passages(shop: Shop) -> None:
    await shop.sync().run()
    shop.write({"物流.xlsx": TABLE[: len(TABLE) // 2], "退货.md": MARKDOWN.replace("您出。", "我们出。")})
    summary = await shop.sync().run()
    assert (summary.outcome, summary.changed, summary.removed, summary.entries) == ("switched", 1, 0, 4)
    assert [(problem.code, problem.effect) for problem in summary.skipped] == [("E-K111", "file")]
    assert "物流.xlsx：打不开" in as_text(summary)
    assert "上次读到的 2 条照常使用" in as_text(summary)
    assert (await shop.retriever.retrieve("多久发货")).matches[0].passage.text == "当天发。"
    again = await shop.sync().run()  # and they are kept from one version to the next
    assert (again.outcome, again.entries, len(again.skipped)) == ("unchanged", 4, 1)


async def test_an_unreadable_file_does_not_stop_a_first_ingest(shop: Shop) -> None:
    shop.write({"坏.docx": b"not a document"})
    summary = await shop.sync().run()
    assert (summary.entries, len(summary.skipped)) == (4, 1)


async def test_a_text_that_a_parser_chokes_on_costs_only_its_file(shop: Shop) -> None:
    shop.write({"深.md": "## 怎么退\n" + "**" * 3000 + "a" + "**" * 3000})
    summary = await shop.sync().run()
    assert (summary.outcome, summary.entries) == ("switched", 4)
    assert [(problem.code, problem.file) for problem in summary.skipped] == [("E-K111", "深.md")]


@pytest.mark.parametrize("leftover", [{}, {"README.md": "x"}, {"坏.docx": b"x"}, {"空.md": "\n"}])
async def test_an_emptied_folder_does_not_wipe_what_is_live(shop: Shop, leftover: dict[str, str | bytes]) -> None:
    first = await shop.sync().run()
    for file in shop.folder.iterdir():
        file.unlink()
    shop.write(leftover)
    with pytest.raises(IngestionError, match="正在用的答案没有动"):
        await shop.sync().run()
    live = await shop.live()
    assert live is not None
    assert live.id == first.version
    assert await shop.answer("退货运费谁出") == "您出。"


async def test_a_missing_folder_does_not_wipe_what_is_live(shop: Shop) -> None:
    await shop.sync().run()
    shop.folder.rename(shop.home / "moved")
    with pytest.raises(IngestionError, match="不存在"):
        await shop.sync().run()
    assert len(await shop.questions()) == 4


async def test_when_no_file_can_be_read_and_nothing_is_live_it_says_why(shop: Shop) -> None:
    shop.write({"物流.xlsx": b"x", "退货.md": "## 怎么退\n"})
    with pytest.raises(IngestionError, match=r"物流\.xlsx：打不开[\s\S]*没有答案"):
        await shop.sync().run()
    assert await shop.live() is None


async def test_a_dry_run_tells_the_same_and_changes_nothing(shop: Shop) -> None:
    first = await shop.sync().run()
    asked = len(shop.embedder.texts)
    shop.write({"退货.md": MARKDOWN.replace("您出。", "我们出。")})
    told = await shop.sync().run(dry_run=True)
    live = await shop.live()
    assert live is not None
    assert (told.outcome, told.changed, live.id, len(shop.embedder.texts)) == ("dry_run", 1, first.version, asked)
    assert "～ 退货运费谁出（退货.md）" in as_text(told)
    done = await shop.sync().run()
    assert (done.changes, done.unchanged) == (told.changes, told.unchanged)


async def test_the_old_version_answers_until_the_new_one_is_whole(shop: Shop) -> None:
    await shop.sync().run()
    shop.write({"退货.md": MARKDOWN.replace("您出。", "我们出。")})
    seen: list[int | None] = []
    answers: list[asyncio.Task[str]] = []

    def look(work: str, done: int, total: int, name: str) -> None:
        answers.append(asyncio.get_running_loop().create_task(shop.answer("退货运费谁出")))
        seen.append(done)

    running = asyncio.create_task(shop.sync().run(progress=look))
    await asyncio.wait([running], return_when=asyncio.FIRST_COMPLETED)
    told = await asyncio.gather(*answers)
    assert len(seen) > 3
    assert set(told) <= {"您出。", "我们出。"}
    assert told[0] == "您出。"
    assert await shop.answer("退货运费谁出") == "我们出。"


async def test_an_interrupted_build_leaves_the_old_version_and_the_next_one_succeeds(shop: Shop) -> None:
    first = await shop.sync().run()
    shop.write({"退货.md": MARKDOWN + "## 保修多久\n整机一年，配件半年。\n"})
    shop.embedder.fails_after = len(shop.embedder.texts)
    with pytest.raises(EmbeddingError):
        await shop.sync().run()
    shop.embedder.fails_after = None
    live = await shop.live()
    assert live is not None
    assert live.id == first.version
    assert await shop.answer("退货运费谁出") == "您出。"
    assert (await shop.sync().run()).added == 1


async def test_a_build_that_was_stopped_leaves_nothing_behind(shop: Shop) -> None:
    first = await shop.sync().run()
    shop.write({"退货.md": MARKDOWN.replace("您出。", "我们出。")})
    stopped: list[str] = []

    def stop(work: str, done: int, total: int, name: str) -> None:
        if work == "indexing" and not stopped:
            stopped.append(work)
            running.cancel()

    running = asyncio.create_task(shop.sync().run(progress=stop))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped
    assert [version.id for version in await shop.database.read(versions.listed, "default")] == [first.version]
    assert await shop.answer("退货运费谁出") == "您出。"
    assert (await shop.sync().run(wait=False)).changed == 1


async def test_another_embedding_model_rebuilds_the_same_content(shop: Shop) -> None:
    await shop.sync().run()
    summary = await shop.sync(LetterEmbedder("other/1")).run()
    live = await shop.live()
    assert live is not None
    assert (summary.outcome, summary.unchanged, live.embedding_model) == ("switched", 4, "other/1")
    assert "向量模型从 letters/1 换成了 other/1" in as_text(summary)


async def test_vectors_that_were_lost_are_built_again_though_nothing_changed(shop: Shop) -> None:
    await shop.sync().run()
    live = await shop.live()
    assert live is not None
    await shop.vectors.drop(live.collection)
    assert (await shop.sync().run()).outcome == "switched"
    assert await shop.answer("退货运费谁出") == "您出。"


async def test_the_mark_of_the_demonstration_shop_goes_with_the_version(shop: Shop) -> None:
    shop.write({"DEMO.md": "demo"})
    await shop.sync().run()
    live = await shop.live()
    assert live is not None
    assert live.demonstration
    (shop.folder / "DEMO.md").unlink()
    assert not (await shop.sync().run()).demonstration


async def test_a_few_old_versions_are_kept(shop: Shop) -> None:
    for number in range(6):
        shop.write({"退货.md": MARKDOWN.replace("您出。", f"{number} 元。")})
        await shop.sync().run()
    assert len(await shop.database.read(versions.listed, "default")) == versions.KEPT


class Crowded(VectorStore):
    """Chroma without the strength to remove anything."""

    async def drop(self, collection: str) -> None:
        raise VectorStoreError("Chroma is away")


async def test_once_the_new_version_is_live_nothing_that_fails_is_the_ingests(tmp_path: Path) -> None:
    async with opened(tmp_path, {"退货.md": MARKDOWN}) as shop:
        for number in range(versions.KEPT):
            shop.write({"退货.md": MARKDOWN.replace("您出。", f"{number} 元。")})
            await shop.sync().run()
        shop.vectors.close()
        shop.vectors = Crowded(tmp_path / "chroma")
        shop.write({"退货.md": MARKDOWN.replace("您出。", "我们出。")})

        with capture_logs() as lines:
            summary = await shop.sync().run()

        live = await shop.live()
        assert live is not None
        assert (summary.outcome, summary.version) == ("switched", live.id)
        [line] = [line for line in lines if line["event"] == "ingestion.not_cleaned_up"]
        assert line["error"] == "VectorStoreError"


async def test_a_second_ingest_waits_for_the_first_or_says_so(shop: Shop) -> None:
    waited: list[str] = []
    first_reads = asyncio.Event()

    async def second() -> str:
        await first_reads.wait()
        with pytest.raises(IngestionError, match="正在运行"):
            await shop.sync().run(wait=False)
        summary = await shop.sync().run(on_wait=lambda: waited.append("waits"))
        return summary.outcome

    def on_progress(work: str, done: int, total: int, name: str) -> None:
        first_reads.set()

    first, outcome = await asyncio.gather(shop.sync().run(progress=on_progress), second())
    assert (first.outcome, outcome, waited) == ("switched", "unchanged", ["waits"])


async def test_the_json_summary_is_plain_and_names_what_was_skipped(shop: Shop) -> None:
    shop.write({"坏.pdf": b"x", "多.csv": "问题,答案\n多久发货,明天。\n"})
    summary = as_json(await shop.sync().run())
    assert {"outcome", "version", "files", "entries", "added", "changed", "removed", "unchanged"} <= set(summary)
    assert [problem["code"] for problem in summary["skipped"]] == ["E-K101", "E-K107"]
    assert all(problem["message"].endswith(problem["code"]) for problem in summary["skipped"])
