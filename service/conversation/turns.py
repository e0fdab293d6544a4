"""Who works a conversation's turns, and who waits for their replies.

A message is recorded in one commit, which also claims its conversation if nobody has it; whoever has it works its
inbox in order, one turn at a time, and keeps each reply in a second commit, which also names the next turn; a third
commit takes the delivery (`inbox.deliver`). A kill between any two leaves rows from which another life goes on:
nothing is lost, and an id that is there already is never answered twice.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from service.conversation import inbox, wording
from service.conversation.announcements import Announcements, within
from service.conversation.handoff import Decision
from service.conversation.inbox import ConversationLostError, Response, Turn
from service.conversation.messages import InboundMessage
from service.conversation.turn import Turning
from service.operations.failures import described
from service.storage.database import Database
from service.storage.errors import StorageError
from service.storage.notices import listen
from service.text.language import Language

log = structlog.get_logger()

LEASE = timedelta(seconds=20)
"""How long a process that stopped without a word keeps its conversations from others."""
LOOK_SECONDS = LEASE.total_seconds() / 4
MOST_FAILURES = 2
"""Tries of one turn before the user is offered a person instead."""
TURN_SPARE_SECONDS = 15.0
"""On top of what the model may take; a part that hangs for longer counts as a failure of the turn."""
STOP_SECONDS = 25.0
"""How long a stopping process goes on working the turns that it has begun."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The message is recorded: it can't be lost, and may be acknowledged."""

    message_id: str
    conversation: str
    received_at: datetime
    """When it came for the first time; later tries and restarts don't change it."""


class Turns:
    """All conversations' turns, as far as this process works them. `start` before use, `stop` in the end."""

    def __init__(
        self,
        database: Database,
        turning: Turning,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._turning = turning
        self._instance = instance
        self._life = f"{instance}|{uuid.uuid4().hex}"
        self._clock = clock
        self._announcements = Announcements()
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._upkeep: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Free what a former life of this instance held, take up what is open, and look after it from now on."""
        await self._database.run(inbox.free, self._instance)
        await self._adopt()
        self._upkeep.append(asyncio.create_task(self._look_after()))
        if not self._database.is_sqlite:
            hear = listen(self._database.url, inbox.ANSWERED_CHANNEL, self._announcements.tell)
            self._upkeep.append(asyncio.create_task(hear))

    async def stop(self) -> None:
        """Let begun turns end, for a while; what is open then is taken up by the next start."""
        if self._workers:
            _, late = await asyncio.wait(self._workers.values(), timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)
        await self._database.run(inbox.free, self._instance)

    async def receive(self, message: InboundMessage) -> Receipt:
        """Record a message, once however often it comes; it is being worked when this returns.

        A clear wish for a person doesn't wait for what is being answered before it.
        """
        now = self._clock()
        working = message.user.conversation in self._workers
        recorded = await self._database.run(inbox.record, message, now, self._life, now + LEASE, working=working)
        if recorded.claimed:
            self._work(recorded.conversation)
        elif wish := self._turning.wish_for_person(message, recorded.received_at):
            await self._database.run(inbox.hand_over, message.id, wish.reply, wish.until, now)
        return Receipt(
            message_id=recorded.message_id, conversation=recorded.conversation, received_at=recorded.received_at
        )

    async def response(self, receipt: Receipt, *, seconds: float, limit_bytes: int | None) -> Response | None:
        """What to answer the message with, as soon as it is ready; None if that takes longer than `seconds`.

        The delivery counts as made: the same message again gets the very same response.
        """
        with self._announcements.expect(receipt.message_id) as answered:
            response = await self._deliver(receipt, limit_bytes, None)
            if response is None:
                await within(answered, seconds)  # told or not, the row decides: another process may have answered
                response = await self._deliver(receipt, limit_bytes, None)
            return response

    async def response_now(self, receipt: Receipt, *, limit_bytes: int | None, language: Language = "zh") -> Response:
        """What can be said at once: the reply, else what else waits for the user, else that the answer follows."""
        response = await self._deliver(receipt, limit_bytes, wording.answer_follows(language))
        assert response is not None, "with a notice there is always something to say"  # noqa: S101
        return response

    async def _deliver(self, receipt: Receipt, limit_bytes: int | None, notice: str | None) -> Response | None:
        return await self._database.run(inbox.deliver, receipt.message_id, self._clock(), limit_bytes, notice)

    def _work(self, conversation: str) -> None:
        task = asyncio.create_task(self._work_inbox(conversation))
        self._workers[conversation] = task

        def done(_: asyncio.Task[None]) -> None:
            if self._workers.get(conversation) is task:
                del self._workers[conversation]

        task.add_done_callback(done)

    async def _work_inbox(self, conversation: str) -> None:
        try:
            turn = await self._database.run(inbox.next_turn, conversation, self._life)
            while turn:
                turn = await self._run(turn)
        except ConversationLostError:
            log.warning("turns.conversation_lost")
        except Exception as error:
            # The outermost edge of a conversation's work: it must not take other shoppers' with it, and the rows
            # have all that another try needs.
            log.error("turns.failed", **described(error))
            with suppress(Exception):
                await self._database.run(inbox.release, conversation, self._life)

    async def _run(self, turn: Turn) -> Turn | None:
        try:
            return await self._answer(turn)
        except (ConversationLostError, StorageError):
            raise  # not this turn's fault
        except Exception:
            # Also a reply that can't be kept: counted, or it would be tried for ever and hold up all behind it.
            await self._database.run(inbox.failed, turn)
            raise

    async def _answer(self, turn: Turn) -> Turn | None:
        began = self._clock()
        decision = await self._decide(turn)
        following = await self._database.run(
            inbox.answered, turn, decision.reply, decision.handed_over_until, self._clock(), self._life
        )
        self._announcements.tell(turn.message.id)
        log.info(
            "turn.answered",
            turn=turn.seq,
            kind=decision.reply.kind,
            calls=decision.reply.llm_calls,
            tokens=decision.reply.tokens,
            ms=round((self._clock() - began).total_seconds() * 1000),
        )
        return following

    async def _decide(self, turn: Turn) -> Decision:
        if turn.failures >= MOST_FAILURES:
            return self._turning.gave_up(turn)
        async with asyncio.timeout(self._turning.deadline_seconds + TURN_SPARE_SECONDS):
            return await self._turning.decide(turn)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                held = list(self._workers)
                await self._database.run(inbox.renew, held, self._life, self._clock() + LEASE)
                await self._adopt()
            except Exception as error:
                # The database may be away for a while; the look must go on when it is back.
                log.error("turns.upkeep_failed", **described(error))

    async def _adopt(self) -> None:
        now = self._clock()
        for conversation in await self._database.run(
            inbox.adopt, now, self._life, now + LEASE, held=frozenset(self._workers)
        ):
            self._work(conversation)
