"""One ingest at a time: on a data folder by a file's lock, on a PostgreSQL, which hosts may share, by a lock of its own.

Both go with the process that holds them, so that one that was killed keeps nobody waiting. PostgreSQL's goes with the
transaction that took it, which therefore stays open, with nothing in it, for as long as the ingest takes.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from filelock import AsyncFileLock, Timeout
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError

from service.ingestion.problems import IngestionError
from service.storage.database import Database

WAITING_SECONDS = 600.0
POLL_SECONDS = 0.1
"""No system wakes who waits for a file's lock with a deadline: it is asked this often."""
SLICE_SECONDS = 2.0
"""PostgreSQL wakes who waits; but a thread waits then, and who presses Ctrl-C shall not wait longer than this."""
LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of a wait that lasted longer than lock_timeout."""

log = structlog.get_logger()


@asynccontextmanager
async def only_one(
    path: Path, database: Database, knowledge_base: str, *, wait: bool, on_wait: Callable[[], None]
) -> AsyncIterator[None]:
    """Holds the locks. Raises IngestionError where another one holds them and `wait` is false, or for too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    async with _only_one_in_folder(path, wait=wait, on_wait=on_wait):
        if database.is_sqlite:
            yield
            return
        async with _only_one_in_database(database, f"ingest {knowledge_base}", wait=wait, on_wait=on_wait):
            yield


@asynccontextmanager
async def _only_one_in_folder(path: Path, *, wait: bool, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    lock = AsyncFileLock(path, poll_interval=POLL_SECONDS)
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise _running() from None
        on_wait()
        try:
            await lock.acquire(timeout=WAITING_SECONDS)
        except Timeout:
            raise _endless() from None
    try:
        yield
    finally:
        await lock.release()


@asynccontextmanager
async def _only_one_in_database(
    database: Database, name: str, *, wait: bool, on_wait: Callable[[], None]
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    released = threading.Event()

    def hold(connection: Connection, seconds: float, taken: asyncio.Future[bool]) -> None:
        got = _take(connection, name, seconds)
        loop.call_soon_threadsafe(taken.set_result, got)
        if got:
            released.wait()

    async def take(seconds: float) -> asyncio.Task[None] | None:
        """The task that holds the lock until `released`; None where another one has it."""
        taken: asyncio.Future[bool] = loop.create_future()
        holding = asyncio.ensure_future(database.run(hold, seconds, taken))
        await asyncio.wait((holding, taken), return_when=asyncio.FIRST_COMPLETED)
        if taken.done() and taken.result():
            return holding
        await holding  # raises what the database said
        return None

    holding: asyncio.Task[None] | None = None
    try:
        holding = await take(0)
        if holding is None and not wait:
            raise _running()
        if holding is None:
            on_wait()
        ends = loop.time() + WAITING_SECONDS
        while holding is None and loop.time() < ends:
            holding = await take(SLICE_SECONDS)
        if holding is None:
            raise _endless()
        yield
    finally:
        released.set()
        if holding is not None:
            await asyncio.wait((holding,))
            if error := holding.exception():  # the session was ended under us; what was done stays done
                log.warning("ingestion.lock_lost", error=type(error).__name__)


def _take(connection: Connection, name: str, seconds: float) -> bool:
    """Whether the lock is this transaction's now."""
    keys = [func.hashtext(key) for key in ("faqbot", name)]
    if not seconds:
        return bool(connection.execute(select(func.pg_try_advisory_xact_lock(*keys))).scalar_one())
    connection.execute(text(f"SET LOCAL lock_timeout = {int(seconds * 1000)}"))
    try:
        connection.execute(select(func.pg_advisory_xact_lock(*keys)))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            return False
        raise
    return True


def _running() -> IngestionError:
    return IngestionError("另一个 faqbot ingest 正在运行，这次没有动任何内容。等它结束再运行。E-K130")


def _endless() -> IngestionError:
    return IngestionError(
        f"另一个 faqbot ingest 运行了 {WAITING_SECONDS / 60:.0f} 分钟还没结束，不再等了。"
        "看看它卡在哪里，结束它再运行。E-K130"
    )
