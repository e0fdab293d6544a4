"""One turn without a model call, through HTTP, all its commits included, against /healthz over the same client.

The service is a process of its own with the demonstration shop's knowledge and no key. This process plays WeChat in
safe mode: one push after the other, each of another shopper and another question, judged by WeChat's rules; and after
each push one /healthz over the same client, a new connection each. A time is that of the request alone. First the
golden questions, which retrieval answers; then standard questions word for word, which are FAQ hits.
"""

import asyncio
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Literal

import httpx

from service.channels.wechat.simulator import KINDS
from service.retrieval import versions
from service.storage.database import Database
from tests.bench.measure import Figure, Report, Yardstick, arguments, percentile, tell
from tests.bench.running import cpu_seconds, memory_mb
from tests.bench.shoppers import KNOWLEDGE_BASE, TimedTransport, questions, wechat
from tests.scenario.shop import REPOSITORY, Shop, a_shop

WARM_UP = 20
Asked = Literal["retrieval", "exact"]
NAMES: dict[Asked, str] = {"retrieval": "golden questions", "exact": "word for word"}


def main() -> None:
    given = arguments(__doc__, turns=300, rounds=3)
    report = Report("one turn without a model")
    with (
        tempfile.TemporaryDirectory(prefix="faqbot-bench-") as folder,
        a_shop(Path(folder), model=False, KNOWLEDGE_DIR=str(REPOSITORY / "knowledge")) as shop,
    ):
        asyncio.run(_measure(report, shop, given.turns, given.rounds))
    report.show(as_json=given.json)


async def _measure(report: Report, shop: Shop, turns: int, rounds: int) -> None:
    asked: dict[Asked, list[str]] = {"retrieval": questions()[:turns], "exact": (await _standard(shop))[:turns]}
    await _turns(shop, asked["retrieval"][:WARM_UP], "warm-up")
    assert shop.service is not None
    for number in range(1, rounds + 1):
        for kind, texts in asked.items():
            used = cpu_seconds(shop.service.pid)
            pushed, health = await _turns(shop, texts, f"{kind}-{number}")
            used = cpu_seconds(shop.service.pid) - used
            tell(f"round {number}, {NAMES[kind]}: p50 {1000 * percentile(pushed, 0.5):.1f} ms")
            for share in (50, 99):
                report.add(f"{kind} p{share}", 1000 * percentile(pushed, share / 100))
                report.add(f"{kind} health p{share}", 1000 * percentile(health, share / 100))
            report.add(f"{kind} cpu", 1000 * used / len(texts))
    for kind, texts in asked.items():
        for share in (50, 99):
            report.figures.append(
                Figure(
                    name=f"{NAMES[kind]} p{share}",
                    value=report.median(f"{kind} p{share}"),
                    unit="ms",
                    yardstick=Yardstick(name=f"/healthz p{share}", value=report.median(f"{kind} health p{share}")),
                    most=15.0 if share == 50 else None,
                )
            )
        report.figures.append(
            Figure(name=f"{NAMES[kind]} CPU of service", value=report.median(f"{kind} cpu"), unit="ms")
        )
        report.notes.append(f"{NAMES[kind]}: {len(texts)} turns a round, {rounds} rounds, medians over the rounds.")
    report.notes.append("CPU is that of a turn with its /healthz.")
    report.figures.append(Figure(name="memory of service (RSS)", value=memory_mb(shop.service.pid), unit="MB"))


async def _turns(shop: Shop, texts: list[str], shoppers: str) -> tuple[list[float], list[float]]:
    """Seconds of each push and of each /healthz."""
    pushing, looking = TimedTransport(), TimedTransport()
    async with wechat(shop, pushing) as platform, httpx.AsyncClient(transport=looking) as client:
        for number, text in enumerate(texts):
            outcome = await platform.deliver(KINDS["text"](f"o-{shoppers}-{number}", content=text))
            assert outcome.fault is None, outcome
            assert outcome.shown or outcome.transferred, outcome
            (await client.get(f"{shop.address}/healthz")).raise_for_status()
    return pushing.seconds, looking.seconds


async def _standard(shop: Shop) -> list[str]:
    """The standard questions of the shop's entries, then their similar ones."""
    with closing(Database(f"sqlite:///{Path(shop.settings['DATA_DIR']) / 'faqbot.db'}")) as database:
        version = await database.read(versions.live, KNOWLEDGE_BASE)
        assert version is not None, "the knowledge was read in"
        known = [each for each in await database.read(versions.passages_of, version.id) if each.kind == "faq"]
    similar = [text for passage in known for text in passage.similar]
    return list(dict.fromkeys([*(passage.question for passage in known), *similar]))


if __name__ == "__main__":
    main()
