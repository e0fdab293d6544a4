"""The webhook before the real turns: what a shopper in WeChat sees, with five seconds made 0.4."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service.answering.answer import Answer
from service.channels.wechat.envelope import Credentials
from service.channels.wechat.passive import Timing
from service.channels.wechat.simulator import Outcome, Platform, Rules, pushes
from service.channels.wechat.webhook import wechat_routes
from service.conversation.turn import Turning
from service.conversation.turns import Turns
from service.conversation.wording import answer_follows
from service.storage.database import Database
from tests.builders import a_bot, an_answer
from tests.fakes.served import served

TOKEN, AES_KEY, APP_ID = "token123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx0123456789abcdef"
OPENID = "oXshopper0123456789abcdefghi"
QUICK = Timing(wait=0.28, last_wait=0.2, answer_by=0.36, hold=1.0, last_try_age=0.7)
RULES = Rules(limit_seconds=0.4)


class Answering:
    """Answers every question; the slow one when `slow` is set."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()
        self.asked: list[str] = []

    async def answer(self, question: str, *, deadline_seconds: float) -> Answer:
        self.asked.append(question)
        if question == "慢的问题":
            await self.slow.wait()
        if question == "长的问题":
            return an_answer("这是一句说明，讲退货的运费由谁来出。" * 60)
        return an_answer(f"答：{question}")

    async def approved(self, entry_id: str) -> Answer | None:
        return None

    async def examples(self) -> Sequence[str]:
        return ["怎么退货"]


class Shop:
    def __init__(self, platform: Platform, answering: Answering) -> None:
        self.platform = platform
        self.answering = answering

    async def say(self, content: str) -> Outcome:
        return await self.platform.deliver(pushes.text(OPENID, content))


@asynccontextmanager
async def a_shop(database: Database) -> AsyncIterator[Shop]:
    answering = Answering()
    turns = Turns(database, Turning(a_bot(), answering, 10), "one")
    await turns.start()
    app = FastAPI()
    credentials = Credentials(token=TOKEN, app_id=APP_ID, aes_key=AES_KEY)
    app.include_router(wechat_routes(credentials, turns, timing=QUICK))
    async with (
        served(app) as address,
        Platform(
            token=TOKEN,
            app_id=APP_ID,
            aes_key=AES_KEY,
            gh_id="gh_1",
            mode="safe",
            url=f"{address}/wechat",
            rules=RULES,
        ) as platform,
    ):
        try:
            yield Shop(platform, answering)
        finally:
            answering.slow.set()
            await turns.stop()


async def test_an_answer_for_the_second_try_is_made_once(database: Database) -> None:
    async with a_shop(database) as shop:
        asyncio.get_running_loop().call_later(0.5, shop.answering.slow.set)
        outcome = await shop.say("慢的问题")
    assert outcome.shown == "答：慢的问题"
    assert [made.status for made in outcome.tries] == [None, 200]
    assert shop.answering.asked == ["慢的问题"]


async def test_what_came_too_late_follows_with_the_next_message(database: Database) -> None:
    async with a_shop(database) as shop:
        late = await shop.say("慢的问题")
        assert (late.shown, len(late.tries)) == (answer_follows("zh"), 3)
        shop.answering.slow.set()
        both = await shop.say("快的问题")
    assert both.shown == "关于您问的「慢的问题」：\n答：慢的问题\n\n答：快的问题"


async def test_repeats_at_once_and_later_get_the_same_answer_once_made(database: Database) -> None:
    async with a_shop(database) as shop:
        push = pushes.text(OPENID, "怎么退货")
        outcomes = await asyncio.gather(*(shop.platform.deliver(push) for _ in range(4)))
        outcomes.append(await shop.platform.deliver(push))
    assert {outcome.shown for outcome in outcomes} == {"答：怎么退货"}
    assert shop.answering.asked == ["怎么退货"]


async def test_a_text_too_long_for_wechat_comes_in_parts(database: Database) -> None:
    async with a_shop(database) as shop:
        first, second = await shop.say("长的问题"), await shop.say("继续")
    assert first.fault is None
    assert second.fault is None
    assert first.shown is not None
    assert second.shown is not None


async def test_a_person_gets_the_messages_until_the_bot_is_called_back(database: Database) -> None:
    async with a_shop(database) as shop:
        outcomes = [await shop.say(content) for content in ("转人工", "在吗", "怎么退货")]
        assert [(outcome.transferred, outcome.shown) for outcome in outcomes] == [(True, None)] * 3
        click = await shop.platform.deliver(pushes.click(OPENID, "怎么退货"))
        assert (click.fault, click.shown) == (None, None)
        assert (await shop.say("机器人")).shown is not None
        assert (await shop.say("怎么退货")).shown == "答：怎么退货"
