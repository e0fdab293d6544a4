"""Many shoppers at once while the model is slow: WeChat passive, safe mode, its five seconds and three tries.

Service and model are processes of their own; this process is WeChat with all shoppers. 60 shoppers write within 2 s,
every third of them a second question half a second later; the model takes 3 s. Then, as a report, 200 shoppers within
10 s and a model of 6 s. At last each shopper writes once more, which brings whatever still waits.

Expected is what the model answered the same question with before, alone; answers are all different. Of what a shopper
saw in the end: *lost*, no answer to a question is in it; *otherwise*, one that the model didn't make; *twice*, one is in
it more than once; *out of order*, they come in another order than the questions did; *stray*, the model's answer to
somebody else. *Late* ones came only with the shopper's next message. *Asked again*: requests to the model beyond one a
question. *Over* is the time beyond the model's own and the wait for the shopper's own question before.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.answering.wording import AI_LABEL
from service.channels.wechat.simulator import KINDS, Outcome, Platform
from service.conversation import wording
from tests.bench.measure import Figure, Report, Yardstick, arguments, percentile, tell
from tests.bench.running import cpu_seconds, memory_mb
from tests.bench.shoppers import questions, wechat
from tests.scenario.shop import REPOSITORY, Shop, a_shop

SECOND_AFTER = 0.5
ENOUGH = 120
LAST_WORD = "谢谢"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with the answer that the model gives to it."""

    text: str
    answer: str
    """With the label that what a model made carries."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One push and what came of it."""

    asked: Question | None
    """None: the last word."""
    sent: float
    outcome: Outcome

    @property
    def ended(self) -> float:
        return self.sent + self.outcome.seconds


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What went wrong for how many answers, and the seconds over the model's."""

    messages: int
    lost: int
    otherwise: int
    twice: int
    out_of_order: int
    stray: int
    faults: int
    late: int
    over: tuple[float, ...]


def main() -> None:
    given = arguments(__doc__, rounds=3)
    report = Report("burst")
    with (
        tempfile.TemporaryDirectory(prefix="faqbot-bench-") as folder,
        a_shop(Path(folder), KNOWLEDGE_DIR=str(REPOSITORY / "knowledge")) as shop,
    ):
        asyncio.run(_measure(report, shop, given.rounds))
    report.show(as_json=given.json)


async def _measure(report: Report, shop: Shop, rounds: int) -> None:
    async with wechat(shop) as platform:
        known = await _by_the_model(shop, platform)
        tell(f"{len(known)} questions that the model answers, each otherwise")
        for number in range(rounds):
            await _burst(report, shop, platform, known, f"a{number}", shoppers=60, within=2.0, model=3.0, seconds=3)
        await _burst(report, shop, platform, known, "b", shoppers=200, within=10.0, model=6.0, seconds=None)
    assert shop.service is not None
    report.figures.append(Figure(name="memory of service (RSS)", value=memory_mb(shop.service.pid), unit="MB"))
    report.notes.append(f"The burst of 60 ran {rounds} times: counts are sums, times are over all its messages.")
    _conclude(report, rounds)


async def _burst(
    report: Report,
    shop: Shop,
    platform: Platform,
    known: Sequence[Question],
    name: str,
    *,
    shoppers: int,
    within: float,
    model: float,
    seconds: int | None,
) -> None:
    """One burst; every `seconds`-th shopper has a second question."""
    shop.openai.delete("/_control/requests")
    shop.always({"delay_seconds": model})
    alone = await _shopper(platform, f"o-{name}-alone", [known[0]], 0.0)
    shop.openai.delete("/_control/requests")
    shop.always({"delay_seconds": model})
    assert shop.service is not None
    used = cpu_seconds(shop.service.pid)
    coming = []
    for number in range(shoppers):
        ask = [known[number % len(known)]]
        if seconds and number % seconds == 0:
            ask.append(known[(number + shoppers) % len(known)])
        coming.append(_shopper(platform, f"o-{name}-{number}", ask, within * number / shoppers))
    seen = await asyncio.gather(*coming)
    used = cpu_seconds(shop.service.pid) - used
    asked = len(shop.model_requests())
    shop.always({})
    counted = _counted(seen, model, known)
    tell(
        f"{shoppers} shoppers, model {model:g} s: {counted.messages} messages, over p50 {percentile(counted.over, 0.5):.2f} s"
    )
    kind = name[0]
    for what in ("messages", "lost", "otherwise", "twice", "out_of_order", "stray", "faults", "late"):
        report.add(f"{kind} {what}", getattr(counted, what))
    report.add(f"{kind} asked again", asked - counted.messages)
    report.add(f"{kind} cpu", 1000 * used / counted.messages)
    report.runs.setdefault(f"{kind} over", []).extend(1000 * value for value in counted.over)
    report.runs.setdefault(f"{kind} alone", []).extend(1000 * value for value in _counted([alone], model, known).over)


async def _shopper(platform: Platform, openid: str, asks: Sequence[Question], after: float) -> list[Seen]:
    """All that one shopper sees, in the order of its arrival; the last word comes when all else is over."""

    async def push(question: Question | None, wait: float) -> Seen:
        await asyncio.sleep(wait)
        sent = time.monotonic()
        outcome = await platform.deliver(KINDS["text"](openid, content=question.text if question else LAST_WORD))
        return Seen(asked=question, sent=sent, outcome=outcome)

    waits = [after + SECOND_AFTER * place for place in range(len(asks))]
    seen = await asyncio.gather(*(push(question, wait) for question, wait in zip(asks, waits, strict=True)))
    return [*seen, await push(None, 0.0)]


def _counted(shoppers: Sequence[Sequence[Seen]], model: float, known: Sequence[Question]) -> Counted:
    lost = otherwise = twice = out_of_order = stray = faults = late = 0
    over = []
    for seen in shoppers:
        asked = [each.asked for each in seen if each.asked]
        faults += sum(each.outcome.fault is not None for each in seen)
        shown = [(each, each.outcome.shown or "") for each in sorted(seen, key=lambda each: each.ended)]
        expected = [question.answer for question in asked]
        came = [answer for answer in expected for _, text in shown for _ in range(text.count(answer))]
        missing = [each for each in seen if each.asked and each.asked.answer not in came]
        others = sum(_answers_otherwise(each) for each in missing)
        if len(missing) > others and _holds_more(seen[-1], [question for question in asked if question.answer in came]):
            others += 1  # it came with the last word
        lost += len(missing) - others
        otherwise += others
        twice += sum(came.count(answer) > 1 for answer in expected)
        everything = "\n".join(text for _, text in shown)
        places = [everything.find(answer) for answer in expected if answer in everything]
        out_of_order += places != sorted(places)
        stray += sum(question.answer in everything for question in known if question not in asked)
        free = 0.0
        for each in seen:
            if each.asked is None:
                late += sum(answer in (each.outcome.shown or "") for answer in expected)
            elif each.asked.answer in (each.outcome.shown or ""):
                over.append(each.ended - max(each.sent, free) - model)
                free = each.ended
    messages = sum(len(seen) - 1 for seen in shoppers)
    return Counted(
        messages=messages,
        lost=lost,
        otherwise=otherwise,
        twice=twice,
        out_of_order=out_of_order,
        stray=stray,
        faults=faults,
        late=late,
        over=tuple(over),
    )


def _answers_otherwise(seen: Seen) -> bool:
    return (seen.outcome.shown or "") not in ("", wording.answer_follows("zh"))


def _holds_more(last: Seen, answered: Sequence[Question]) -> bool:
    """Whether the last word brought more than thanks and the answers to these."""
    text = (last.outcome.shown or "").replace(wording.thanks("zh"), "")
    for question in answered:
        text = text.replace(wording.about(question.text), "").replace(question.answer, "")
    return bool(text.strip())


async def _by_the_model(shop: Shop, platform: Platform) -> list[Question]:
    """Golden questions that the model answers at the first try, with what it answers; no answer holds another."""
    found: list[Question] = []
    for number, text in enumerate(questions(in_scope=True)):
        shop.openai.delete("/_control/requests")
        shown = (await platform.deliver(KINDS["text"](f"o-before-{number}", content=text))).shown or ""
        if AI_LABEL not in shown or len(shop.model_requests()) != 1:
            continue
        answer = shown[: shown.index(AI_LABEL) + len(AI_LABEL)].strip()
        if not any(answer in other.answer or other.answer in answer for other in found):
            found.append(Question(text=text, answer=answer))
        if len(found) == ENOUGH:
            break
    return found


def _conclude(report: Report, rounds: int) -> None:
    for kind, name, is_goal in (("a", "60 in 2 s, model 3 s", True), ("b", "200 in 10 s, model 6 s", False)):
        runs = {what: sum(report.runs[f"{kind} {what}"]) for what in _COUNTS}
        report.figures.append(Figure(name=f"{name}: messages", value=runs["messages"]))
        for what in _COUNTS[1:]:
            goal = 0.0 if is_goal and what in ("lost", "twice", "out_of_order", "stray") else None
            report.figures.append(Figure(name=f"{name}: {what.replace('_', ' ')}", value=runs[what], most=goal))
        over, alone = sorted(report.runs[f"{kind} over"]), report.runs[f"{kind} alone"]
        yardstick = Yardstick(name="one shopper alone", value=percentile(alone, 0.5))
        for share in (0.5, 0.99):
            figure = Figure(
                name=f"{name}: over p{100 * share:g}",
                value=percentile(over, share),
                unit="ms",
                yardstick=yardstick if share == 0.5 else None,
            )
            report.figures.append(figure)
        report.figures.append(Figure(name=f"{name}: CPU a message", value=report.median(f"{kind} cpu"), unit="ms"))


_COUNTS = ("messages", "lost", "otherwise", "twice", "out_of_order", "stray", "asked again", "faults", "late")


if __name__ == "__main__":
    main()
