"""Who waits for a message to be answered, in this process, and how they are told."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Announcements:
    """Waiting for answers by message id."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def expect(self, message_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the message is answered. Enter before looking at the row, or it may be missed."""
        event = asyncio.Event()
        self._waiting.setdefault(message_id, set()).add(event)
        try:
            yield event
        finally:
            waiting = self._waiting[message_id]
            waiting.discard(event)
            if not waiting:
                del self._waiting[message_id]

    def tell(self, message_id: str) -> None:
        """The message is answered."""
        for event in self._waiting.get(message_id, ()):
            event.set()


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set in time."""
    if not event.is_set() and seconds > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
    return event.is_set()
