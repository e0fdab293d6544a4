"""What a check is, and running many at once. Each room brings the checks of its own parts; `app` collects them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

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
    return list(await asyncio.gather(*(_run(check, longest_seconds) for check in checks)))


async def _run(check: Check, longest_seconds: float) -> Result:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(longest_seconds):
            finding = await check.run()
    except TimeoutError:
        finding = failed(f"{longest_seconds:g} 秒内没有结果。", "检查网络和地址后再运行 faqbot doctor")
    except Exception as error:
        # The edge of one check: its breaking must not hide what the others found.
        finding = failed(f"检查本身出了问题：{type(error).__name__}", "faqbot doctor --verbose 看详情")
    return Result(name=check.name, finding=finding, milliseconds=round((time.perf_counter() - began) * 1000))
