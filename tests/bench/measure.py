"""A bench's figures and how they are shown: value, yardstick of the same run, ratio, goal."""

import argparse
import json
import os
import platform
import statistics
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Unit = Literal["s", "ms", "MB", ""]


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What a figure is held against; measured in the same run, in the figure's unit."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table. Without a goal it is a report."""

    name: str
    value: float
    unit: Unit = ""
    yardstick: Yardstick | None = None
    most: float | None = None
    """Goal: the value is at most this."""
    most_ratio: float | None = None
    """Goal: the value is at most so many times the yardstick."""

    @property
    def ratio(self) -> float | None:
        """Times the yardstick."""
        return self.value / self.yardstick.value if self.yardstick and self.yardstick.value else None

    @property
    def goal(self) -> str:
        """In words; empty for a report."""
        parts = []
        if self.most_ratio is not None:
            parts.append(f"≤ {self.most_ratio:g}×")
        if self.most is not None:
            parts.append(f"≤ {self.most:g} {self.unit}".rstrip())
        return ", ".join(parts)

    @property
    def met(self) -> bool | None:
        """None for a report."""
        if not self.goal:
            return None
        in_value = self.most is None or self.value <= self.most
        in_ratio = self.most_ratio is None or (self.ratio is not None and self.ratio <= self.most_ratio)
        return in_value and in_ratio


@dataclass
class Report:
    """All of one bench. `notes` are lines for the reader; `runs` are the single measurements behind the medians."""

    bench: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    runs: dict[str, list[float]] = field(default_factory=dict)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def median(self, name: str) -> float:
        """Of the runs under this name."""
        return statistics.median(self.runs[name])

    def add(self, name: str, value: float) -> None:
        """One more run under this name."""
        self.runs.setdefault(name, []).append(value)

    def show(self, *, as_json: bool) -> None:
        """On stdout."""
        print(self._as_json() if as_json else self._as_text())

    @property
    def _machine(self) -> str:
        return (
            f"{os.cpu_count()} cores, Python {platform.python_version()}, "
            f"load {self.load_before:.1f} before and {os.getloadavg()[0]:.1f} after"
        )

    def _as_json(self) -> str:
        figures = [asdict(figure) | {"ratio": figure.ratio, "met": figure.met} for figure in self.figures]
        found = {"bench": self.bench, "machine": self._machine, "figures": figures}
        return json.dumps(found | {"notes": self.notes, "runs": self.runs}, ensure_ascii=False)

    def _as_text(self) -> str:
        head = ("figure", "value", "yardstick", "", "ratio", "goal", "")
        rows = [head, *(_row(figure) for figure in self.figures)]
        widths = [max(_width(row[place]) for row in rows) for place in range(len(head))]
        lines = [f"{self.bench} · {self._machine}", ""]
        for row in rows:
            cells = [
                _padded(cell, width, right=place in (1, 3, 4))
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values don't exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def arguments(description: str | None, **numbers: int) -> argparse.Namespace:
    """A bench's arguments: `--json`, and a whole number for each of `numbers`."""
    first = (description or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=first)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    return parser.parse_args()


def tell(text: str) -> None:
    """Progress, for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def _row(figure: Figure) -> tuple[str, ...]:
    yardstick = figure.yardstick
    return (
        figure.name,
        _shown(figure.value, figure.unit),
        yardstick.name if yardstick else "",
        _shown(yardstick.value, figure.unit) if yardstick else "",
        f"{figure.ratio:.2f}×" if figure.ratio is not None else "",
        figure.goal,
        {True: "met", False: "MISSED", None: ""}[figure.met],
    )


def _shown(value: float, unit: Unit) -> str:
    digits = {"s": 2, "ms": 1, "MB": 0, "": 0}[unit]
    return f"{value:,.{digits}f} {unit}".rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
