"""One response within WeChat's five seconds: answered in time, or held until WeChat gives up the try.

WeChat waits 5 s for the response to a push, then drops the connection and sends the same push again, three times in
all ("被动回复用户消息"); only the response of a try that still stands reaches the shopper. So:

- An answer that is ready is written up to 4.8 s after the request arrived, never later: on a dropped connection it
  would be lost, and be taken for delivered.
- A first or second try without an answer is held past 5 s. An empty response of status 200 would be the answer
  ("假如服务器无法保证在五秒内处理并回复，可以直接回复空串，微信服务器不会对此作任何处理，并且不会发起重试"), and an error page would show
  the shopper a fault notice. Held, the next try comes and finds the same turn.
- The third is known by the age of the message's row, which outlives a restart and is the same in each process; a
  count of tries would be neither. It gets what conversation can say now.
- A failure of ours is held as well: the next try may find the database back.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from service.channels.wechat.wire import TEXT_LIMIT_BYTES, Push
from service.conversation.inbox import Response
from service.conversation.messages import InboundMessage, Text
from service.conversation.turns import Receipt
from service.text.language import Language, language_of

log = structlog.get_logger()

NOTHING = Response(text="", transfer=False)


class Answers(Protocol):
    """What this module needs of the turns (conversation.turns.Turns)."""

    async def receive(self, message: InboundMessage) -> Receipt: ...

    async def response(self, receipt: Receipt, *, seconds: float, limit_bytes: int | None) -> Response | None: ...

    async def response_now(self, receipt: Receipt, *, limit_bytes: int | None, language: Language) -> Response: ...


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds after the arrival of the request, save for `last_try_age`."""

    wait: float = 4.65
    """The answer is waited for until then; what is left is for its commit and encryption."""
    last_wait: float = 4.3
    """The same on the last try, where a notice may still have to be made."""
    answer_by: float = 4.8
    """Nothing is written after it."""
    hold: float = 8.0
    """A try is held until WeChat drops it; a proxy that doesn't tell us so ends here."""
    last_try_age: float = 9.0
    """A message received this long before a try's arrival is on its last: tries come at 0, 5 and 10 s."""
    oldest_try: float = 15.0
    """After this long WeChat has given up."""


@dataclass(frozen=True)
class Arrival:
    """When a request arrived: by the wall clock, to compare with a row, and by one that doesn't jump."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.monotonic() - self._started

    def left(self, until: float) -> float:
        """Seconds left until `until` seconds after the arrival; at least 0."""
        return max(0.0, until - self.seconds)


class Passive:
    """Answers pushes in their own response."""

    def __init__(self, answers: Answers, timing: Timing | None = None) -> None:
        self._answers = answers
        self._timing = timing or Timing()
        self._receiving: set[asyncio.Task[Receipt]] = set()

    async def answer(self, push: Push, arrival: Arrival, dropped: Callable[[], Awaitable[None]]) -> Response | None:
        """What to write now; None: nothing may be written any more (the try was held until it ended).

        `dropped` returns once the other side has dropped the connection.
        """
        gone = asyncio.ensure_future(dropped())
        response = asyncio.create_task(self._response(push, arrival))
        try:
            await asyncio.wait(
                {gone, response},
                timeout=arrival.left(self._timing.answer_by),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if response.done() and not gone.done() and arrival.left(self._timing.answer_by) > 0:
                try:
                    if (ready := response.result()) is not None:
                        return ready
                except Exception as error:  # whatever failed in the turn: the next try may find it mended
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    log.error(
                        "wechat.turn_failed",
                        message=push.message.id,
                        error=type(error).__name__,
                        at=f"{where.filename}:{where.lineno}",
                    )
            await asyncio.wait({gone}, timeout=arrival.left(self._timing.hold))
            return None
        finally:
            gone.cancel()
            response.cancel()
            await asyncio.gather(gone, response, return_exceptions=True)

    async def _response(self, push: Push, arrival: Arrival) -> Response | None:
        receipt = await self._receive(push.message)
        if push.handling == "record":
            return NOTHING
        if self._age(push.message, receipt, arrival) < self._timing.last_try_age:
            return await self._answers.response(
                receipt, seconds=arrival.left(self._timing.wait), limit_bytes=TEXT_LIMIT_BYTES
            )
        ready = await self._answers.response(
            receipt, seconds=arrival.left(self._timing.last_wait), limit_bytes=TEXT_LIMIT_BYTES
        )
        if ready is not None:
            return ready
        content = push.message.content
        language = language_of(content.text) if isinstance(content, Text) else "zh"
        return await self._answers.response_now(receipt, limit_bytes=TEXT_LIMIT_BYTES, language=language)

    def _age(self, message: InboundMessage, receipt: Receipt, arrival: Arrival) -> float:
        """Seconds since WeChat's first try, as far as it can be told.

        The row's age, unless earlier tries never reached us: then WeChat's own CreateTime, if it is as old as tries
        can be and not a clock that differs.
        """
        recorded = (arrival.at - receipt.received_at).total_seconds()
        sent = (arrival.at - message.sent_at).total_seconds() - 1.0  # CreateTime is in whole seconds
        return max(recorded, sent) if sent <= self._timing.oldest_try else recorded

    async def _receive(self, message: InboundMessage) -> Receipt:
        """Recorded to the end, even if this try is dropped meanwhile: half a receipt would leave the conversation
        claimed with nobody at work."""
        receiving = asyncio.create_task(self._answers.receive(message))
        self._receiving.add(receiving)  # the loop itself holds tasks only weakly
        receiving.add_done_callback(self._recorded)
        return await asyncio.shield(receiving)

    def _recorded(self, receiving: asyncio.Task[Receipt]) -> None:
        self._receiving.discard(receiving)
        if not receiving.cancelled():
            receiving.exception()  # seen; whoever still waits for it gets it as well
