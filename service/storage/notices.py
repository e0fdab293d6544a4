"""PostgreSQL's LISTEN: what one process commits, the others hear of. SQLite serves one process and needs none."""

import asyncio
from collections.abc import Callable

import psycopg
import structlog

from service.storage.postgres import address

log = structlog.get_logger()

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0


async def listen(url: str, channel: str, on_payload: Callable[[str], None]) -> None:
    """Call `on_payload` with each notice's payload, until cancelled; a lost connection is made again.

    Notices that come while there is no connection are missed: who waits must look at the row in the end.
    """
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(address(url), autocommit=True) as connection:
                await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
                wait = FIRST_WAIT_SECONDS
                async for notice in connection.notifies():
                    on_payload(notice.payload)
        except psycopg.Error as error:  # not the connection's alone: a standby refuses LISTEN until it leads
            log.warning("storage.listening_lost", error=type(error).__name__, retry_seconds=wait)
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
