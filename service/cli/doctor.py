"""`faqbot doctor`: looks at every part and says what is wrong and what to do."""

from typing import Annotated

import typer

from service.cli.output import Exit, note, quiet_libraries, run


def doctor(as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 列表")] = False) -> None:
    """检查设置、索引、模型、公众号，每个问题给出一步做法。

    例：faqbot doctor

    例：faqbot doctor --json
    """
    import json
    from dataclasses import asdict

    from service.operations.checks import Result, run_checks
    from service.settings import load_settings

    quiet_libraries("error")

    async def checked() -> list[Result]:
        from service.app import build, checks

        parts = build(load_settings())
        try:
            return await run_checks(checks(parts))
        finally:
            await parts.close()

    results = run(checked)
    if as_json:
        typer.echo(
            json.dumps(
                [{"name": r.name, **asdict(r.finding), "milliseconds": r.milliseconds} for r in results],
                ensure_ascii=False,
            )
        )
    else:
        for result in results:
            typer.echo(f"{_MARKS[result.finding.status]} {result.name}：{result.finding.text}")
            if result.finding.next_step:
                typer.echo(f"     → {result.finding.next_step}")
    count = sum(result.finding.status == "failed" for result in results)
    if count:
        note(f"{count} 项需要处理。")
        raise typer.Exit(Exit.FAILED)
    note("没有需要处理的问题。")


_MARKS = {"ok": "正常", "warning": "注意", "failed": "不行", "skipped": "跳过"}
