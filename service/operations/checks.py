"""What a check is, and running many at once. Each room brings the checks of its own parts; `app` collects them.

A check that needs another one's success waits for it: one fault is told once, and the others say that it hides them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from service.operations.failures import described

Status = Literal["ok", "warning", "failed", "skipped"]

LONGEST_SECONDS = 20.0
"""After this a check counts as failed; the slowest asks an endpoint on the other side of the world."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found, in words for the operator."""

    status: Status
    text: str
    next_step: str = ""
    """One command or one page; empty when there is nothing to do."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that can be looked at, by a name that the operator understands."""

    name: str
    run: Callable[[], Awaitable[Finding]]
    needs: str | None = None
    """Name of an earlier check; where that failed, this one is skipped."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A check's finding, and how long it took."""

    name: str
    finding: Finding
    milliseconds: int


def ok(text: str) -> Finding:
    return Finding(status="ok", text=text)


def warning(text: str, next_step: str) -> Finding:
    return Finding(status="warning", text=text, next_step=next_step)


def failed(text: str, next_step: str) -> Finding:
    return Finding(status="failed", text=text, next_step=next_step)


def skipped(because: str) -> Finding:
    return Finding(status="skipped", text=because)


async def run_checks(checks: Sequence[Check], longest_seconds: float = LONGEST_SECONDS) -> list[Result]:
    """All checks side by side; their results in the checks' order. One that breaks is a finding, not an end."""
    running: dict[str, asyncio.Task[Result]] = {}
    for check in checks:
        needed = running[check.needs] if check.needs else None
        running[check.name] = asyncio.create_task(_run(check, needed, longest_seconds))
    return list(await asyncio.gather(*running.values()))


async def _run(check: Check, needed: asyncio.Task[Result] | None, longest_seconds: float) -> Result:
    if needed and (await needed).finding.status == "failed":
        return Result(name=check.name, finding=skipped(f"要先解决上面的「{check.needs}」"), milliseconds=0)
    began = time.perf_counter()
    try:
        async with asyncio.timeout(longest_seconds):
            finding = await check.run()
    except TimeoutError:
        finding = failed(f"{longest_seconds:g} 秒内没有结果。", "检查网络和地址后再运行 faqbot doctor")
    except Exception as error:
        # The edge of one check: its breaking must not hide what the others found.
        told = described(error)
        finding = failed(
            f"检查本身出了问题：{told['error']}（{told['where'] or '不在本程序里'}）。",
            "其余检查照常有效；把这一行报告给维护者",
        )
    return Result(name=check.name, finding=finding, milliseconds=round((time.perf_counter() - began) * 1000))
