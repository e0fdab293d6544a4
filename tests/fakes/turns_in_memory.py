"""Turns without rows: each message is answered once, when the test says so, and its repeats get the same answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.conversation.inbox import Response
from service.conversation.messages import InboundMessage, Text
from service.conversation.turns import Receipt
from service.text.language import Language

NOTICE = "答案随下一条消息送达"


def echo(message: InboundMessage) -> Response:
    """A text back; to everything else its type."""
    content = message.content
    return Response(text=f"答：{content.text}" if isinstance(content, Text) else content.type)


class TurnsInMemory:
    """Satisfies passive.Answers."""

    def __init__(self, answer: Callable[[InboundMessage], Response] = echo, *, ready: bool = True) -> None:
        self._answer = answer
        self._ready = asyncio.Event()
        if ready:
            self._ready.set()
        self._age = timedelta()
        self._first: dict[str, datetime] = {}
        self.received: list[InboundMessage] = []
        self.deliveries = 0

    def finish(self) -> None:
        """Every message is answered from now on."""
        self._ready.set()

    def grow_older(self, seconds: float) -> None:
        """Let the rows be that much older than they are."""
        self._age += timedelta(seconds=seconds)

    async def receive(self, message: InboundMessage) -> Receipt:
        if message.id not in self._first:
            self._first[message.id] = datetime.now(UTC)
            self.received.append(message)
        return Receipt(
            message_id=message.id,
            conversation=message.user.conversation,
            received_at=self._first[message.id] - self._age,
        )

    async def response(self, receipt: Receipt, *, seconds: float, limit_bytes: int | None) -> Response | None:
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return None
        self.deliveries += 1
        return self._answer(next(message for message in self.received if message.id == receipt.message_id))

    async def response_now(self, receipt: Receipt, *, limit_bytes: int | None, language: Language = "zh") -> Response:
        return Response(text=NOTICE)
