"""One response within WeChat's five seconds; the seconds here are tenths of the real ones and less."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.channels.wechat.passive import Arrival, Passive, Timing
from service.channels.wechat.wire import Handling, Push
from service.conversation.inbox import Response
from service.conversation.messages import Content, InboundMessage, Text, Unfollowed, User
from service.conversation.turns import Receipt
from tests.fakes.turns_in_memory import NOTICE, TurnsInMemory

QUICK = Timing(wait=0.2, last_wait=0.1, answer_by=0.3, hold=0.5, last_try_age=9)


def a_push(content: Content | None = None, handling: Handling = "answer") -> Push:
    return Push(
        message=InboundMessage(
            id="wechat:default:1",
            user=User(channel="wechat", account="default", id="oShopper"),
            content=content or Text(text="怎么退货"),
            sent_at=datetime.now(UTC),
            transferable=True,
        ),
        handling=handling,
        gh_id="gh_1",
        encrypted=False,
    )


async def never() -> None:
    await asyncio.Event().wait()


async def answer(turns: TurnsInMemory, push: Push | None = None, arrival: Arrival | None = None) -> Response | None:
    return await Passive(turns, QUICK).answer(push or a_push(), arrival or Arrival(), never)


def test_wechats_own_seconds_leave_room_on_each_side() -> None:
    timing = Timing()
    assert timing.last_wait < timing.wait < timing.answer_by <= 4.8 < 5 < timing.hold
    assert 5 + 1 < timing.last_try_age < 10


async def test_an_answer_that_is_ready_is_given_at_once() -> None:
    arrival = Arrival()
    assert await answer(TurnsInMemory(), arrival=arrival) == Response(text="答：怎么退货")
    assert arrival.seconds < QUICK.last_wait


@pytest.mark.parametrize("age", [0, 5.2])
async def test_a_first_or_second_try_without_an_answer_is_held_and_gets_none(age: float) -> None:
    turns = TurnsInMemory(ready=False)
    await turns.receive(a_push().message)
    turns.grow_older(age)
    arrival = Arrival()
    assert await answer(turns, arrival=arrival) is None
    assert arrival.seconds >= QUICK.hold
    assert turns.deliveries == 0


async def test_a_held_try_ends_when_wechat_drops_it() -> None:
    dropped = asyncio.Event()
    arrival = Arrival()
    asyncio.get_running_loop().call_later(0.35, dropped.set)

    async def until_dropped() -> None:
        await dropped.wait()

    assert await Passive(TurnsInMemory(ready=False), QUICK).answer(a_push(), arrival, until_dropped) is None
    assert 0.35 <= arrival.seconds < QUICK.hold


async def test_the_second_try_gets_the_answer_that_the_first_had_no_time_for() -> None:
    turns = TurnsInMemory(ready=False)
    assert await answer(turns) is None
    turns.finish()
    assert await answer(turns) == Response(text="答：怎么退货")
    assert len(turns.received) == 1


async def test_the_third_try_gets_a_notice_in_time() -> None:
    turns = TurnsInMemory(ready=False)
    await turns.receive(a_push().message)
    turns.grow_older(10)
    arrival = Arrival()
    assert await answer(turns, arrival=arrival) == Response(text=NOTICE)
    assert QUICK.last_wait <= arrival.seconds < QUICK.answer_by


async def test_the_third_try_gets_the_answer_where_there_is_one() -> None:
    turns = TurnsInMemory()
    await turns.receive(a_push().message)
    turns.grow_older(10)
    assert await answer(turns) == Response(text="答：怎么退货")


async def test_the_age_counts_up_to_the_arrival_not_to_the_end_of_a_slow_commit() -> None:
    turns = TurnsInMemory(ready=False)
    await turns.receive(a_push().message)
    turns.grow_older(10)
    arrived_earlier = Arrival(at=datetime.now(UTC) - timedelta(seconds=2))
    assert await answer(turns, arrival=arrived_earlier) is None


async def test_an_answer_that_comes_too_late_to_be_written_is_not() -> None:
    class LateTurns(TurnsInMemory):
        async def response(self, receipt: Receipt, *, seconds: float, limit_bytes: int | None) -> Response | None:
            return await super().response(receipt, seconds=QUICK.answer_by + 0.1, limit_bytes=limit_bytes)

    turns = LateTurns(ready=False)
    asyncio.get_running_loop().call_later(QUICK.answer_by + 0.05, turns.finish)
    assert await answer(turns) is None


async def test_a_try_that_is_dropped_early_takes_no_answer_with_it() -> None:
    turns = TurnsInMemory(ready=False)

    async def at_once() -> None:
        return

    assert await Passive(turns, QUICK).answer(a_push(), Arrival(), at_once) is None
    turns.finish()
    assert turns.deliveries == 0
    assert await answer(turns) == Response(text="答：怎么退货")


async def test_a_dropped_try_does_not_cut_off_the_recording() -> None:
    recording, go_on = asyncio.Event(), asyncio.Event()

    class SlowTurns(TurnsInMemory):
        async def receive(self, message: InboundMessage) -> Receipt:
            recording.set()
            await go_on.wait()
            receipt = await super().receive(message)
            recorded.set()
            return receipt

    recorded = asyncio.Event()
    turns = SlowTurns()
    passive = Passive(turns, QUICK)  # kept: it holds what is being recorded
    waiting = asyncio.create_task(passive.answer(a_push(), Arrival(), never))
    await recording.wait()
    waiting.cancel()
    go_on.set()
    async with asyncio.timeout(1):
        await recorded.wait()
    assert [message.id for message in turns.received] == ["wechat:default:1"]


async def test_a_failure_of_ours_is_held_so_that_the_next_try_can_succeed() -> None:
    class ForgetfulTurns(TurnsInMemory):
        failing = True

        async def receive(self, message: InboundMessage) -> Receipt:
            if self.failing:
                raise OSError("the disk is full")
            return await super().receive(message)

    turns = ForgetfulTurns()
    arrival = Arrival()
    assert await answer(turns, arrival=arrival) is None
    assert arrival.seconds >= QUICK.hold
    turns.failing = False
    assert await answer(turns) == Response(text="答：怎么退货")


async def test_two_tries_at_once_get_the_same_answer() -> None:
    turns = TurnsInMemory(ready=False)
    asyncio.get_running_loop().call_later(0.05, turns.finish)
    first, again = await asyncio.gather(answer(turns), answer(turns))
    assert first == again == Response(text="答：怎么退货")
    assert len(turns.received) == 1


async def test_a_farewell_is_recorded_and_acknowledged_without_waiting_for_an_answer() -> None:
    turns = TurnsInMemory(ready=False)
    push = a_push(Unfollowed(), handling="record")
    assert await answer(turns, push) == Response(text="")
    assert [message.content for message in turns.received] == [Unfollowed()]
    assert turns.deliveries == 0
