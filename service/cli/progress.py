"""How far a long command is: a bar on a terminal, plain lines now and then where stderr is a file or a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from service.cli.output import note

LINE_SECONDS = 5.0
"""Between two plain lines."""
SLOW_SECONDS = 1.0
"""A part that is done sooner says nothing at its end."""


class Shows(Protocol):
    """Shows how much is done of how much; `name` is what comes next and may be empty."""

    def __call__(self, work: str, done: int, total: int, name: str = "") -> None: ...


@contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[Shows]:
    """Shows progress on stderr until the block ends; nothing with `quiet`."""
    if quiet:
        yield lambda work, done, total, name="": None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[Shows]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
    from rich.text import Text

    class Pace(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed, left = task.speed, task.time_remaining
            return Text(_pace(speed, left) if speed is not None and left is not None else "", style="dim")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Pace(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(work: str, done: int, total: int, name: str = "") -> None:
            if work not in tasks:
                tasks[work] = progress.add_task(work, total=total, name=name)
            progress.update(tasks[work], completed=done, total=total, name=name)

        yield show


class _Lines:
    def __init__(self) -> None:
        self._work = ""
        self._began = self._told = 0.0

    def __call__(self, work: str, done: int, total: int, name: str = "") -> None:
        now = time.monotonic()
        if work != self._work:
            self._work, self._began, self._told = work, now, now
            note(f"{work}：共 {total:,}")
        elif now - self._told >= LINE_SECONDS or (done == total and now - self._began >= SLOW_SECONDS):
            self._told = now
            speed = done / (now - self._began)
            note(f"{work} {done:,}/{total:,} {_pace(speed, (total - done) / speed if speed else 0)} {name}".rstrip())


def _pace(per_second: float, seconds_left: float) -> str:
    left = f"还要 {seconds_left:.0f} 秒" if seconds_left < 90 else f"还要 {seconds_left / 60:.0f} 分钟"
    return f"每秒 {per_second:,.1f} · {left}"
