"""A conversation's turns on both databases: recorded once, answered once, in order, and going on after a kill."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.answering.answer import Answer
from service.conversation import inbox
from service.conversation.inbox import ConversationLostError, Response
from service.conversation.messages import Followed, InboundMessage, Media, Reply, Unfollowed
from service.conversation.turn import Turning
from service.conversation.turns import LEASE, Turns
from service.conversation.wording import answer_follows
from service.storage import tables
from service.storage.database import Database
from tests.builders import a_bot, a_message, an_answer, citations
from tests.postgres import empty

LONG = 20.0
LIMIT = 2047


class Scripted:
    """Answers as a test says: by question, after a gate opens, counting how often it was asked."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []
        self.begun = asyncio.Event()
        self.gates: dict[str, asyncio.Event] = {}
        self.fails = 0

    async def answer(self, question: str, *, deadline_seconds: float) -> Answer:
        self.asked.append(question)
        self.begun.set()
        if question in self.gates:
            await self.gates[question].wait()
        if self.fails > 0:
            self.fails -= 1
            raise RuntimeError("planted")
        return self.answers.get(question) or an_answer(f"答：{question}")

    async def approved(self, entry_id: str) -> Answer | None:
        return an_answer(f"标准答案 {entry_id}")

    async def examples(self) -> Sequence[str]:
        return ["怎么退货", "什么时候发货", "怎么开发票"]

    def hold(self, question: str) -> asyncio.Event:
        self.gates[question] = asyncio.Event()
        return self.gates[question]


Clock = Callable[[], datetime]


@asynccontextmanager
async def running(
    database: Database,
    answers: Scripted,
    instance: str = "one",
    clock: Clock = lambda: datetime.now(UTC),
    **bot: object,
) -> AsyncIterator[Turns]:
    turns = Turns(database, Turning(a_bot(**bot), answers, 10), instance, clock)
    await turns.start()
    try:
        yield turns
    finally:
        for gate in answers.gates.values():
            gate.set()
        await turns.stop()


async def say(turns: Turns, message: InboundMessage, seconds: float = LONG) -> Response | None:
    receipt = await turns.receive(message)
    return await turns.response(receipt, seconds=seconds, limit_bytes=LIMIT)


async def test_a_question_gets_its_answer(database: Database) -> None:
    async with running(database, Scripted()) as turns:
        assert await say(turns, a_message("怎么退货")) == Response(text="答：怎么退货")


async def test_a_repeat_gets_the_very_same_and_is_answered_once(database: Database) -> None:
    answers = Scripted()
    message = a_message("怎么退货")
    async with running(database, answers) as turns:
        first, second = await asyncio.gather(say(turns, message), say(turns, message))
        third = await say(turns, message)
    assert first == second == third == Response(text="答：怎么退货")
    assert answers.asked == ["怎么退货"]


async def test_messages_of_one_shopper_are_answered_in_order_and_nobody_waits_for_another(database: Database) -> None:
    answers = Scripted()
    gate = answers.hold("慢的问题")
    async with running(database, answers) as turns:
        slow = asyncio.create_task(say(turns, a_message("慢的问题")))
        await answers.begun.wait()
        after = asyncio.create_task(say(turns, a_message("快的问题")))
        assert await say(turns, a_message("别人的问题", user="shopper-2")) == Response(text="答：别人的问题")
        assert "快的问题" not in answers.asked
        gate.set()
        assert await slow == Response(text="答：慢的问题")
        await after
    assert answers.asked == ["慢的问题", "别人的问题", "快的问题"]


async def test_a_late_answer_waits_for_the_next_message_and_comes_with_its_answer(database: Database) -> None:
    answers = Scripted()
    gate = answers.hold("慢的问题")
    async with running(database, answers) as turns:
        receipt = await turns.receive(a_message("慢的问题"))
        assert await turns.response(receipt, seconds=0, limit_bytes=LIMIT) is None
        notice = await turns.response_now(receipt, limit_bytes=LIMIT)
        assert notice == Response(text=answer_follows("zh"))
        gate.set()
        both = await say(turns, a_message("快的问题"))
        assert both == Response(text="关于您问的「慢的问题」：\n答：慢的问题\n\n答：快的问题")
        assert await turns.response(receipt, seconds=0, limit_bytes=LIMIT) == notice
        assert await say(turns, a_message("继续")) == Response(text="没有更多内容了，您可以直接提问。")


async def test_a_long_answer_comes_in_parts_on_request(database: Database) -> None:
    text = "".join(f"第 {number} 条，关于退货运费由谁承担的一句说明。" for number in range(60))
    answers = Scripted({"长": an_answer(text)})
    async with running(database, answers) as turns:
        first = await say(turns, a_message("长"))
        second = await say(turns, a_message("继续"))
    assert first is not None
    assert second is not None
    assert len(first.text.encode()) <= LIMIT
    assert first.text.replace("\n（后面还有，回复「继续」查看）", "") + second.text == text


async def test_a_wish_for_a_person_sends_each_message_to_the_desk_until_the_word_for_the_bot(
    database: Database,
) -> None:
    answers = Scripted()
    async with running(database, answers) as turns:
        transfer = Response(text="", transfer=True)
        assert await say(turns, a_message("转人工")) == transfer
        assert await say(turns, a_message("怎么退货")) == transfer
        assert await say(turns, a_message(Media(kind="image", reference="m1"))) == transfer
        back = await say(turns, a_message("机器人"))
        assert back is not None
        assert back.text.startswith("已切换回")
        assert await say(turns, a_message("怎么退货")) == Response(text="答：怎么退货")
    assert answers.asked == ["怎么退货"]


async def test_the_bot_has_the_conversation_again_thirty_minutes_after_the_last_message(database: Database) -> None:
    now = datetime.now(UTC)
    async with running(database, Scripted(), clock=lambda: now) as turns:
        assert (await say(turns, a_message("转人工"))) == Response(text="", transfer=True)
        now += timedelta(minutes=29)
        assert (await say(turns, a_message("还在吗"))) == Response(text="", transfer=True)
        now += timedelta(minutes=29)
        assert (await say(turns, a_message("怎么退货"))) == Response(text="", transfer=True)
        now += timedelta(minutes=31)
        assert (await say(turns, a_message("怎么退货"))) == Response(text="答：怎么退货")


async def test_a_yes_to_the_offer_hands_over(database: Database) -> None:
    offer = Answer(kind="offer", text="要为您转人工吗？", confidence=0.1)
    async with running(database, Scripted({"火星怎么去": offer})) as turns:
        assert await say(turns, a_message("火星怎么去")) == Response(text="要为您转人工吗？")
        assert await say(turns, a_message("是")) == Response(text="", transfer=True)


async def test_a_number_typed_back_gets_the_chosen_entry(database: Database) -> None:
    asked_back = Answer(
        kind="clarification", text="您想问的是哪一个？", confidence=0.5, sources=citations(["怎么退货", "怎么退款"])
    )
    async with running(database, Scripted({"退": asked_back})) as turns:
        await say(turns, a_message("退"))
        assert await say(turns, a_message("7")) == Response(
            text="上面只有 2 个选项，回复 1 到 2 的数字，或换个说法再问一次。"
        )
        assert await say(turns, a_message("2")) == Response(text="标准答案 E-怎么退款")


async def test_an_answer_that_is_ready_only_after_the_handoff_is_not_said(database: Database) -> None:
    answers = Scripted()
    gate = answers.hold("慢的问题")
    async with running(database, answers) as turns:
        slow = await turns.receive(a_message("慢的问题"))
        handoff = await turns.receive(a_message("转人工"))
        gate.set()
        assert await turns.response(handoff, seconds=LONG, limit_bytes=LIMIT) == Response(text="", transfer=True)
        assert await turns.response(slow, seconds=LONG, limit_bytes=LIMIT) == Response(text="", transfer=True)


async def test_where_nobody_can_take_over_the_contact_is_given_and_the_bot_goes_on(database: Database) -> None:
    async with running(database, Scripted()) as turns:
        told = await say(turns, a_message("转人工", transferable=False))
        assert told is not None
        assert "电话 400-000-0000" in told.text
        assert not told.transfer
        assert await say(turns, a_message("怎么退货", transferable=False)) == Response(text="答：怎么退货")


async def test_outside_working_hours_the_next_opening_is_told_and_the_bot_goes_on(database: Database) -> None:
    night = datetime(2026, 11, 24, 23, 0, tzinfo=UTC).replace(hour=15)  # 23:00 in Shanghai
    async with running(database, Scripted(), clock=lambda: night, working_hours="Mo-Su 09:00-21:00") as turns:
        told = await say(turns, a_message("转人工"))
        assert told is not None
        assert "明天 09:00" in told.text
        assert not told.transfer
        assert await say(turns, a_message("怎么退货")) == Response(text="答：怎么退货")


async def test_a_new_follower_is_told_that_a_bot_answers_and_what_to_ask(database: Database) -> None:
    async with running(database, Scripted()) as turns:
        told = await say(turns, a_message(Followed(), transferable=False))
        assert told is not None
        assert "机器人" in told.text
        assert "怎么退货" in told.text
        assert await say(turns, a_message(Unfollowed(), transferable=False)) == Response(text="")


async def test_what_was_open_at_a_kill_is_answered_by_the_next_life_once(database: Database) -> None:
    answers = Scripted()
    answers.hold("被打断的问题")
    killed = Turns(database, Turning(a_bot(), answers, 10), "one")
    await killed.start()
    message = a_message("被打断的问题")
    await killed.receive(message)
    await answers.begun.wait()
    abandon(killed)

    again = Scripted()
    async with running(database, again, "one") as turns:
        assert await say(turns, message) == Response(text="答：被打断的问题")
    assert again.asked == ["被打断的问题"]


async def test_what_was_answered_before_a_kill_is_not_answered_again(database: Database) -> None:
    killed = Turns(database, Turning(a_bot(), Scripted(), 10), "one")
    await killed.start()
    message = a_message("问过的")
    receipt = await killed.receive(message)
    assert await killed.response(receipt, seconds=LONG, limit_bytes=LIMIT) is not None
    abandon(killed)
    again = Scripted()
    async with running(database, again, "one") as turns:
        assert await say(turns, message) == Response(text="答：问过的")
    assert again.asked == []


async def test_another_process_takes_over_when_the_lease_is_over_and_the_first_can_keep_nothing(
    database: Database,
) -> None:
    now = datetime.now(UTC)
    message = a_message("谁来答")
    recorded = await database.run(inbox.record, message, now, "first|life", now + LEASE, working=False)
    assert recorded.claimed
    turn = await database.run(inbox.next_turn, recorded.conversation, "first|life")
    assert turn is not None
    assert await database.run(inbox.adopt, now, "second|life", now + LEASE, held=()) == []
    later = now + LEASE + timedelta(seconds=1)
    assert await database.run(inbox.adopt, later, "second|life", later + LEASE, held=()) == [recorded.conversation]
    with pytest.raises(ConversationLostError):
        await database.run(inbox.answered, turn, Reply(kind="answer", text="晚了"), None, later, "first|life")
    stored = await database.read(lambda c: c.execute(select(tables.inbox.c.reply)).scalar_one())
    assert stored is None


async def test_a_turn_that_fails_again_and_again_ends_in_the_offer_of_a_person(database: Database) -> None:
    answers = Scripted()
    answers.fails = 99
    message = a_message("触发故障")
    async with running(database, answers) as turns:
        receipt = await turns.receive(message)
        for _ in range(3):
            await asyncio.gather(*turns._workers.values())
            await turns._adopt()
        told = await turns.response(receipt, seconds=LONG, limit_bytes=LIMIT)
    assert told is not None
    assert "转人工" in told.text
    assert len(answers.asked) == 2


async def test_on_postgresql_an_answer_by_another_process_is_heard_at_once(
    postgres_url: str, request: pytest.FixtureRequest
) -> None:
    await asyncio.to_thread(empty, postgres_url)
    one, two = Database(postgres_url), Database(postgres_url)
    await one.migrate()
    answers = Scripted()
    gate = answers.hold("慢的问题")
    message = a_message("慢的问题")
    async with running(one, answers, "one") as first, running(two, Scripted(), "two") as second:
        await first.receive(message)
        waiting = asyncio.create_task(say(second, message, seconds=10))
        await asyncio.sleep(0.3)  # the second listens by now
        gate.set()
        async with asyncio.timeout(5):
            assert await waiting == Response(text="答：慢的问题")
    assert answers.asked == ["慢的问题"]
    one.close()
    two.close()


def abandon(turns: Turns) -> None:
    """As a kill does: nothing is freed, nothing said."""
    for task in [*turns._upkeep, *turns._workers.values()]:
        task.cancel()


async def test_a_repeat_after_the_handoff_goes_to_the_desk_even_if_an_answer_was_recorded_for_it(
    database: Database,
) -> None:
    async with running(database, Scripted()) as turns:
        message = a_message("怎么退货")
        assert await say(turns, message) == Response(text="答：怎么退货")
        assert await say(turns, a_message("转人工")) == Response(text="", transfer=True)
        assert await say(turns, message) == Response(text="", transfer=True)


async def test_a_wish_for_a_person_does_not_wait_behind_a_slow_answer(database: Database) -> None:
    answers = Scripted()
    gate = answers.hold("慢的问题")
    async with running(database, answers) as turns:
        slow = await turns.receive(a_message("慢的问题"))
        await answers.begun.wait()
        assert await say(turns, a_message("转人工"), seconds=1) == Response(text="", transfer=True)
        gate.set()
        assert await turns.response(slow, seconds=LONG, limit_bytes=LIMIT) == Response(text="", transfer=True)
        assert await say(turns, a_message("怎么退货")) == Response(text="", transfer=True)


async def test_a_lease_that_ran_out_under_our_own_worker_makes_no_second_one(database: Database) -> None:
    now = datetime.now(UTC)
    answers = Scripted()
    gate = answers.hold("慢的问题")
    async with running(database, answers, clock=lambda: now) as turns:
        slow = await turns.receive(a_message("慢的问题"))
        await answers.begun.wait()
        now += LEASE + timedelta(seconds=1)
        quick = await turns.receive(a_message("快的问题"))
        await turns._adopt()
        gate.set()
        assert await turns.response(slow, seconds=LONG, limit_bytes=LIMIT) == Response(text="答：慢的问题")
        assert await turns.response(quick, seconds=LONG, limit_bytes=LIMIT) == Response(text="答：快的问题")
    assert answers.asked == ["慢的问题", "快的问题"]


async def test_a_handoff_is_not_prolonged_after_closing_time(database: Database) -> None:
    now = datetime(2026, 11, 24, 12, 55, tzinfo=UTC)  # 20:55 in Shanghai
    async with running(database, Scripted(), clock=lambda: now, working_hours="Mo-Su 09:00-21:00") as turns:
        assert await say(turns, a_message("转人工")) == Response(text="", transfer=True)
        now += timedelta(minutes=25)
        assert await say(turns, a_message("在吗")) == Response(text="", transfer=True)
        now += timedelta(minutes=6)
        assert await say(turns, a_message("怎么退货")) == Response(text="答：怎么退货")


async def test_a_yes_counts_from_when_the_offer_was_seen(database: Database) -> None:
    now = datetime.now(UTC)
    offer = Answer(kind="offer", text="要为您转人工吗？", confidence=0.1)
    async with running(database, Scripted({"火星怎么去": offer}), clock=lambda: now) as turns:
        receipt = await turns.receive(a_message("火星怎么去"))
        await asyncio.gather(*turns._workers.values())
        now += timedelta(minutes=40)
        assert await turns.response(receipt, seconds=0, limit_bytes=LIMIT) == Response(text="要为您转人工吗？")
        now += timedelta(seconds=5)
        assert await say(turns, a_message("是")) == Response(text="", transfer=True)


async def test_a_second_choice_from_the_same_list_is_understood(database: Database) -> None:
    asked_back = Answer(
        kind="clarification", text="您想问的是哪一个？", confidence=0.5, sources=citations(["怎么退货", "怎么退款"])
    )
    async with running(database, Scripted({"退": asked_back})) as turns:
        await say(turns, a_message("退"))
        assert await say(turns, a_message("2 谢谢")) == Response(text="标准答案 E-怎么退款")
        assert await say(turns, a_message("第一个")) == Response(text="标准答案 E-怎么退货")


async def test_a_person_is_not_offered_where_there_is_no_way_to_one(database: Database) -> None:
    offer = Answer(kind="offer", text="要为您转人工吗？", confidence=0.1)
    async with running(database, Scripted({"火星怎么去": offer}), contact="") as turns:
        told = await say(turns, a_message("火星怎么去", transferable=False))
    assert told is not None
    assert "人工" not in told.text


async def test_a_reply_that_cannot_be_kept_does_not_hold_up_the_conversation(database: Database) -> None:
    async with running(database, Scripted({"坏": an_answer("half a character: \ud800")})) as turns:
        receipt = await turns.receive(a_message("坏"))
        for _ in range(3):
            await asyncio.gather(*turns._workers.values())
            await turns._adopt()
        told = await turns.response(receipt, seconds=LONG, limit_bytes=LIMIT)
        assert told is not None
        assert "转人工" in told.text
        assert await say(turns, a_message("怎么退货")) == Response(text="答：怎么退货")
