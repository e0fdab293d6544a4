"""`faqbot ingest`: what stands in the knowledge folder becomes what the bot answers from."""

from typing import Annotated

import typer

from service.cli.output import Exit, note, quiet_libraries, run, stop


def ingest(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会有哪些变化，不改任何内容")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="另一个 ingest 在运行时不等，直接退出")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="不显示进度")] = False,
) -> None:
    """读入 knowledge/ 里的问答，生效后机器人马上按新内容回答；中途旧内容一直在用。

    例：faqbot ingest

    例：faqbot ingest --dry-run
    """
    import json

    from service.cli.progress import shown_progress
    from service.ingestion.problems import IngestionError
    from service.ingestion.summary import as_json as summary_object
    from service.ingestion.summary import as_text
    from service.ingestion.sync import Summary, Sync
    from service.llm.embeddings import EmbeddingError, EmbeddingRefusedError
    from service.retrieval.building import BuildError
    from service.retrieval.dense import VectorStoreError
    from service.settings import load_settings

    quiet_libraries()

    async def synced() -> Summary:
        from service.app import opened

        settings = load_settings()
        async with opened(settings) as parts:
            sync = Sync(
                parts.database,
                parts.vectors,
                parts.embedder,
                parts.word_embedder,
                knowledge_base=parts.bot.name,
                folder=parts.bot.knowledge_dir,
                lock=settings.data_dir / "ingest.lock",
            )
            with shown_progress(quiet=quiet) as show:
                return await sync.run(
                    dry_run=dry_run,
                    wait=not no_wait,
                    on_wait=lambda: note("另一个 faqbot ingest 正在运行，等它结束再开始……"),
                    progress=lambda work, done, total, name: show(_WORK[work], done, total, name),
                )

    try:
        summary = run(synced)
    except IngestionError as error:
        stop(Exit.FAILED, str(error))
    except EmbeddingError as error:
        code = Exit.REFUSED if isinstance(error, EmbeddingRefusedError) else Exit.NETWORK
        stop(code, f"算不出向量：{error}\n正在用的答案没有动；算好的部分留着，再运行一次会接着算。E-K131")
    except (VectorStoreError, BuildError) as error:
        stop(Exit.FAILED, f"向量库用不了：{error}\n正在用的答案没有动。E-K132")
    if as_json:
        typer.echo(json.dumps(summary_object(summary), ensure_ascii=False))
    else:
        typer.echo(as_text(summary))
    if summary.skipped:
        raise typer.Exit(Exit.PARTLY)


_WORK = {"reading": "读取文件", "embedding": "计算向量", "indexing": "建立索引"}
