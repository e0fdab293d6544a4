"""Another try after a pause, for what may be gone by then, within a limit of time.

This is the only place of the channel where a request is repeated, besides the one repeat with another token.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from service.channels.wechat.api.errors import PassingError, UnreachableError

T = TypeVar("T")
log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.25
GROWTH = 3.0
JITTER = (0.5, 1.5)


async def retried(
    attempt: Callable[[float], Awaitable[T]], *, tries: int, seconds: float, repeatable: bool = False
) -> T:
    """`attempt(seconds that are left)`, up to `tries` times within `seconds`; its last error in the end.

    A request that may have been carried out is repeated only if it is `repeatable`: if a second time does no harm.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    for number in range(1, tries + 1):
        try:
            return await attempt(max(end - loop.time(), 0.0))
        except PassingError as error:
            least = error.pause_seconds
            if isinstance(error, UnreachableError) and error.maybe_arrived and repeatable:
                least = 0.0
            if least is None or number == tries:
                raise
            pause = max(FIRST_PAUSE_SECONDS * GROWTH ** (number - 1) * random.uniform(*JITTER), least)  # noqa: S311
            if loop.time() + pause >= end:
                raise
            log.info("wechat.api_retried", code=error.code, errcode=error.errcode, number=number)
            await asyncio.sleep(pause)
    raise AssertionError("tries is at least 1")
