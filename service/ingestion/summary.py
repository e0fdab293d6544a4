"""An ingest's summary told: in Chinese to people, as one JSON object to programs."""

from dataclasses import asdict
from typing import Any

from service.ingestion.sync import Summary

LISTED = 20
"""Changes that are named one by one; with --json all are."""
MARKS = {"added": "＋", "changed": "～", "removed": "－"}


def as_text(summary: Summary) -> str:
    """The summary as lines; the first says what matters."""
    lines = [_headline(summary)]
    sections = f"，政策文档 {summary.sections:,} 段" if summary.sections else ""
    lines.append(f"文件 {summary.files:,} 个，问答 {summary.entries:,} 条{sections}")
    lines.append(
        f"新增 {summary.added:,} · 修改 {summary.changed:,} · 删除 {summary.removed:,} · 没变 {summary.unchanged:,}"
        f" · 跳过 {len(summary.skipped):,}"
    )
    if summary.outcome == "dry_run":
        lines += [f"  {MARKS[change.kind]} {change.question}（{change.file}）" for change in summary.changes[:LISTED]]
        if len(summary.changes) > LISTED:
            lines.append(f"  还有 {len(summary.changes) - LISTED:,} 处，加 --json 看全部")
    if summary.skipped:
        lines += ["", f"跳过 {len(summary.skipped):,} 处：", *(f"  {problem}" for problem in summary.skipped)]
    if summary.warnings:
        lines += ["", f"值得看一眼 {len(summary.warnings):,} 处：", *(f"  {problem}" for problem in summary.warnings)]
    return "\n".join(lines)


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as an object."""
    values = asdict(summary)
    del values["problems"]
    told = {
        name: [{**asdict(problem), "message": str(problem)} for problem in problems]
        for name, problems in (("skipped", summary.skipped), ("warnings", summary.warnings))
    }
    return {**values, **told}


def _headline(summary: Summary) -> str:
    match summary.outcome:
        case "unchanged":
            return "内容没有变化，正在用的答案不动。"
        case "dry_run" if not summary.changes and not summary.rebuilt_because:
            return "试运行：内容没有变化。什么都没有动。"
        case "dry_run":
            again = f"{summary.rebuilt_because}，会重建索引。" if summary.rebuilt_because else ""
            return f"试运行：{again}下面是会发生的变化。什么都没有动。"
        case "switched" if summary.rebuilt_because:
            return f"已生效：{summary.rebuilt_because}，索引已重建。"
        case _:
            return "已生效：机器人从现在起按新内容回答。"
