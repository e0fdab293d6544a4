"""`faqbot ask`: one question answered as a shopper would be, without a trace in any conversation."""

from typing import Annotated

import typer

from service.cli.output import Exit, note, quiet_libraries, run, stop


def ask(
    question: Annotated[str, typer.Argument(help="顾客会问的一句话")],
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
) -> None:
    """像顾客一样问一句，看机器人怎么答、依据是哪一条。

    例：faqbot ask "怎么退货"

    例：faqbot ask "退款多久到账" --json
    """
    import json
    import time
    from dataclasses import asdict

    from service.conversation.delivery import labelled
    from service.conversation.messages import Reply
    from service.settings import load_settings

    quiet_libraries()

    async def answered() -> tuple[Reply, int]:
        from service.app import opened

        async with opened(load_settings()) as parts:
            if await parts.retriever.live_version() is None:
                stop(Exit.NOT_FOUND, "还没有可以回答的内容：先运行 faqbot ingest 读入 knowledge/。")
            began = time.perf_counter()
            reply = await parts.turning.reply_to(question)
            return reply, round((time.perf_counter() - began) * 1000)

    reply, milliseconds = run(answered)
    text = labelled(reply)
    if as_json:
        found = {
            "reply": text,
            "kind": reply.kind,
            "confidence": reply.confidence,
            "sources": [asdict(source) for source in reply.sources],
            "llm_calls": reply.llm_calls,
            "tokens": reply.tokens,
            "milliseconds": milliseconds,
        }
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(text)
    for source in reply.sources:
        note(f"依据：{source.title}（{source.file}，编号 {source.entry_id}）")
    confidence = "" if reply.confidence is None else f" · 把握 {reply.confidence:.0%}"
    note(f"{_KINDS[reply.kind]}{confidence} · {milliseconds:,} ms · 调用模型 {reply.llm_calls} 次")


_KINDS = {"answer": "直接回答", "clarification": "反问", "offer": "建议转人工", "handoff": "转人工", "notice": "提示"}
