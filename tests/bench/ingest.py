"""1,000 entries over ten files: a whole new version, one changed file, nothing changed, and memory.

Each round: Chroma's own bare add of the very vectors (a fresh process and folder); an ingest that finds all its
vectors in the cache and builds the version from nothing; one more after an answer in one file was changed; one more
with nothing changed. Rounds are repeated, medians count; a time is that of the work, with Python, libraries and
Chroma's client up on both sides. Then the whole commands as an operator runs them, with process start, and their
memory; and the service with that index, while it answers and while it switches to a new version.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

from service.channels.wechat.simulator import KINDS
from tests.bench.entries import change_one, entries, write_files
from tests.bench.measure import Figure, Report, Yardstick, arguments, tell
from tests.bench.running import Done, memory_mb, module, run
from tests.bench.shoppers import wechat
from tests.scenario.shop import FAQBOT, Shop, a_shop

ASKED = 200
MOST_MB = 400.0
CHILD = "tests.bench.ingesting"


def main() -> None:
    given = arguments(__doc__, rounds=3)
    report = Report("ingest of 1,000 entries")
    with tempfile.TemporaryDirectory(prefix="faqbot-bench-") as name:
        folder = Path(name)
        write_files(folder / "files")
        with a_shop(folder, model=False, start=False, KNOWLEDGE_DIR=str(folder / "files")) as shop:
            _rounds(report, shop, given.rounds)
            _commands(report, shop)
            _serving(report, shop)
    report.show(as_json=given.json)


def _rounds(report: Report, shop: Shop, rounds: int) -> None:
    vectors = shop.folder / "vectors.npy"
    shape = module(CHILD, "vectors", str(vectors), environ=shop.settings)
    phases: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(1, rounds + 1):
        bare = module(CHILD, "add", str(vectors), str(shop.folder / f"bare-{number}"), environ={})
        report.add("bare add", bare["seconds"])
        _only_the_cache(shop)
        for work in ("new version", "one file changed", "nothing changed"):
            if work == "one file changed":
                change_one(shop.folder / "files", f"第 {number} 次修订。")
            found = module(CHILD, "sync", environ=shop.settings)
            _check(found, work)
            report.add(f"{work}, in total", found["seconds"])
            report.add(f"{work}, embedding apart", found["seconds"] - found["embedding"])
            for phase, second in found["phases"].items():
                phases[work][phase].append(second)
        tell(f"round {number}: " + ", ".join(f"{name} {values[-1]:.2f} s" for name, values in report.runs.items()))
    yardstick = Yardstick(name="Chroma's bare add", value=report.median("bare add"))
    for name, most in (
        ("new version, embedding apart", 3.0),
        ("one file changed, embedding apart", None),
        ("one file changed, in total", 1.5),
        ("nothing changed, in total", None),
    ):
        report.figures.append(
            Figure(name=name, value=report.median(name), unit="s", yardstick=yardstick, most_ratio=most)
        )
    report.notes.append(
        f"{shape['vectors']:,} vectors of {shape['dimension']}; {rounds} rounds, medians. Bare add: {_listed(report.runs['bare add'])}."
    )
    for work, found in phases.items():
        ends = report.median(f"{work}, in total")
        told = ", ".join(f"{phase} {median(values):.2f}" for phase, values in found.items())
        report.notes.append(f"{work}, seconds since its beginning: {told}, all ends {ends:.2f}.")


def _check(found: dict[str, Any], work: str) -> None:
    assert found["entries"] == len(entries()), found
    assert found["outcome"] == ("unchanged" if work == "nothing changed" else "switched"), found
    if work == "new version":
        assert found["embedded"] == 0, "the cache holds every vector"


def _only_the_cache(shop: Shop) -> None:
    """As before the first ingest, but for the vectors of every text."""
    data = Path(shop.settings["DATA_DIR"])
    shutil.rmtree(data / "chroma")
    with closing(sqlite3.connect(data / "faqbot.db")) as connection, connection:
        for table in ("live_versions", "passages", "word_vectors", "version_files", "index_versions"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of ours


def _commands(report: Report, shop: Shop) -> None:
    """`faqbot ingest` from spawn to exit."""
    bare = report.median("bare add")
    done: dict[str, Done] = {}
    _only_the_cache(shop)
    done["new version"] = _ingest(shop)
    change_one(shop.folder / "files", "请以包装为准。")
    done["one file changed"] = _ingest(shop)
    done["nothing changed"] = _ingest(shop)
    with closing(sqlite3.connect(Path(shop.settings["DATA_DIR"]) / "faqbot.db")) as connection, connection:
        connection.execute("DELETE FROM embeddings")
    _only_the_cache(shop)
    done["all embedded anew"] = _ingest(shop)
    yardstick = Yardstick(name="Chroma's bare add", value=bare)
    for name, each in done.items():
        figure = Figure(name=f"whole command, {name}", value=each.seconds, unit="s", yardstick=yardstick)
        report.figures.append(figure)
    peak = max(each.peak_mb for each in done.values())
    report.figures.append(Figure(name="ingest, peak memory", value=peak, unit="MB", most=MOST_MB))
    told = ", ".join(f"{name} {each.peak_mb:.0f}" for name, each in done.items())
    report.notes.append(f"Peak memory of the commands, MB: {told}.")


def _ingest(shop: Shop) -> Done:
    return run([FAQBOT, "ingest", "--quiet"], shop.settings)


def _serving(report: Report, shop: Shop) -> None:
    """Memory of the service with that index."""
    with ExitStack() as stack:
        shop.start()
        assert shop.service is not None
        stack.callback(shop.service.stop)
        pid = shop.service.pid
        told = [f"ready {memory_mb(pid):.0f}"]
        asyncio.run(_ask(shop, "first"))
        told.append(f"after {ASKED} questions {memory_mb(pid):.0f} ({memory_mb(pid, 'RssAnon'):.0f} of it not files)")
        report.figures.append(
            Figure(name=f"service, after {ASKED} questions", value=memory_mb(pid), unit="MB", most=MOST_MB)
        )
        change_one(shop.folder / "files", "请以实物为准。")
        _ingest(shop)
        asyncio.run(_ask(shop, "second"))
        report.figures.append(Figure(name="service, after a switch", value=memory_mb(pid), unit="MB", most=MOST_MB))
        report.figures.append(Figure(name="service, its peak", value=memory_mb(pid, "VmHWM"), unit="MB"))
        report.notes.append(f"Memory of the service, MB: {', '.join(told)}.")


async def _ask(shop: Shop, shoppers: str) -> None:
    every = entries()
    async with wechat(shop) as platform:
        for number in range(ASKED):
            text = f"请问{every[number * len(every) // ASKED].similar[1]}呢"
            outcome = await platform.deliver(KINDS["text"](f"o-{shoppers}-{number}", content=text))
            assert outcome.shown or outcome.transferred, outcome


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values) + " s"


if __name__ == "__main__":
    main()
