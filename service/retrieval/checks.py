"""Whether there is an index to answer from, and whether it is the shop's own."""

from collections.abc import Sequence

from service.bots import Bot
from service.operations.checks import Check, Finding, failed, ok, warning
from service.retrieval import versions
from service.storage.database import Database


def index_checks(database: Database, bot: Bot, embedding_model: str, *, real_account: bool) -> Sequence[Check]:
    """`real_account`: an Official Account is configured, so that real shoppers are answered."""

    async def live() -> versions.Version | None:
        await database.migrate()
        return await database.read(versions.live, bot.name)

    async def index() -> Finding:
        version = await live()
        if version is None:
            return failed("还没有内容，机器人答不了任何问题。", "faqbot ingest")
        if version.embedding_model != embedding_model:
            return failed(
                f"索引是用向量模型 {version.embedding_model} 建的，现在设的是 {embedding_model}，只能按字词回答。",
                "faqbot ingest",
            )
        entries = await database.read(versions.entries_of, version.id)
        return ok(f"版本 {version.id} 生效中，{entries:,} 条问答")

    async def content() -> Finding:
        version = await live()
        if version is None or not version.demonstration:
            return ok("是您自己的内容") if version else ok("还没有内容")
        if not real_account:
            return ok("演示店铺的内容（还没接公众号，不影响顾客）")
        return warning(
            "公众号已接通，正用演示店铺的内容回答真实顾客。",
            "把 knowledge/ 换成您自己的内容，删掉 DEMO.md，再运行 faqbot ingest",
        )

    return [Check(name="索引", run=index), Check(name="店铺内容", run=content)]
