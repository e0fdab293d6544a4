"""Whether there is an index to answer from, whether it is whole, and whether it is the shop's own."""

from collections.abc import Sequence

from service.bots import Bot
from service.operations.checks import Check, Finding, failed, ok, warning
from service.retrieval import versions
from service.retrieval.dense import VectorStore, VectorStoreError
from service.retrieval.index import layout
from service.storage.checks import DATABASE_CHECK
from service.storage.database import Database


def index_checks(
    database: Database,
    vectors: VectorStore,
    bot: Bot,
    embedding_model: str,
    *,
    chroma_url: str | None,
    real_account: bool,
) -> Sequence[Check]:
    """`real_account`: an Official Account is configured, so that real shoppers are answered."""

    async def index() -> Finding:
        version = await database.read(versions.live, bot.name)
        if version is None:
            return failed("还没有内容，机器人答不了任何问题。", "faqbot ingest")
        if version.embedding_model != embedding_model:
            return failed(
                f"索引是用向量模型 {version.embedding_model} 建的，现在设的是 {embedding_model}，只能按字词回答。",
                "faqbot ingest",
            )
        try:
            await vectors.connect()
        except VectorStoreError as error:
            return failed(f"向量库打不开，只能按字词回答：{error}", _reopen(chroma_url))
        passages = await database.read(versions.passages_of, version.id)
        try:  # as ingest looks, so that its advice holds: what is told here, it builds anew
            await vectors.vectors(version.collection, len(layout(passages).texts))
        except VectorStoreError:
            return failed(f"版本 {version.id} 在向量库里的内容丢了或不全，只能按字词回答。", "faqbot ingest")
        entries = sum(passage.kind == "faq" for passage in passages)
        return ok(f"版本 {version.id} 生效中，{entries:,} 条问答，向量齐全")

    async def content() -> Finding:
        version = await database.read(versions.live, bot.name)
        if version is None or not version.demonstration:
            return ok("是你自己的内容") if version else ok("还没有内容")
        if not real_account:
            return ok("演示店铺的内容（还没接公众号，不影响顾客）")
        return warning(
            "公众号已接通，正用演示店铺的内容回答真实顾客。",
            "把 knowledge/ 换成你自己的内容，删掉 DEMO.md，再运行 faqbot ingest",
        )

    return [
        Check(name="索引", run=index, needs=DATABASE_CHECK),
        Check(name="店铺内容", run=content, needs=DATABASE_CHECK),
    ]


def _reopen(chroma_url: str | None) -> str:
    if chroma_url:
        return f"启动 {chroma_url}（CHROMA_URL）上的 Chroma，或去掉 CHROMA_URL 用内置的再运行 faqbot ingest"
    return "把 DATA_DIR 里的 chroma 文件夹移走，再运行 faqbot ingest"
