"""`faqbot eval`: golden questions asked, and how well they were answered as figures."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import Exit, note, quiet_libraries, run, stop


def eval_(
    file: Annotated[Path, typer.Argument(help='一行一个 {"question": "…", "expect": 编号、编号列表或 null}')],
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
    misses: Annotated[bool, typer.Option("--misses", help="列出没答好的问题")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="不显示进度")] = False,
) -> None:
    """用一批标好答案的问题，量一量机器人答得怎么样。

    例：faqbot eval tests/golden/heldout.jsonl

    例：faqbot eval tests/golden/heldout.jsonl --json --misses
    """
    import json

    from service.cli.progress import shown_progress
    from service.evaluation.golden import GoldenError, read_golden
    from service.evaluation.metrics import Outcome, measure
    from service.evaluation.report import as_json as report_object
    from service.evaluation.report import as_text, missed
    from service.evaluation.runner import run as ask_all
    from service.retrieval import versions
    from service.retrieval.dense import VectorStoreError
    from service.retrieval.retriever import IndexMismatchError
    from service.settings import load_settings

    quiet_libraries("error")
    try:
        golden = read_golden(file)
    except FileNotFoundError:
        stop(Exit.NOT_FOUND, f"没有 {file} 这个文件。写对它的位置再运行一次。")
    except (GoldenError, OSError) as error:
        stop(Exit.FAILED, str(error))

    async def asked() -> tuple[list[Outcome], frozenset[str]]:
        from service.app import opened

        settings = load_settings()
        async with opened(settings) as parts:
            version = await parts.retriever.warm()
            if version is None:
                stop(Exit.NOT_FOUND, "还没有可以回答的内容：先运行 faqbot ingest 读入 knowledge/。")
            passages = await parts.database.read(versions.passages_of, version.id)
            with shown_progress(quiet=quiet) as show:
                outcomes = await ask_all(
                    golden,
                    lambda question: parts.answerer.answer_with_retrieval(
                        question, deadline_seconds=settings.model_timeout_seconds
                    ),
                    lambda done, total: show("提问", done, total),
                )
            return outcomes, frozenset(passage.id for passage in passages)

    try:
        outcomes, known = run(asked)
    except (IndexMismatchError, VectorStoreError) as error:
        stop(Exit.FAILED, f"索引用不了：{error}")
    unknown = sorted({one for question in golden for one in question.expect if one not in known})
    if unknown:
        note(f"正在用的内容里没有这些编号，对应的问题一定算错：{'、'.join(unknown)}。改 {file}，或运行 faqbot ingest。")
    metrics = measure(outcomes)
    if as_json:
        report = report_object(metrics, missed(outcomes) if misses else None)
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        typer.echo(as_text(metrics, missed(outcomes) if misses else ()))
