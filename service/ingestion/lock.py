"""One ingest at a time on a data folder, across processes; the system frees the lock of one that was killed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import AsyncFileLock, Timeout

from service.ingestion.problems import IngestionError

WAITING_SECONDS = 600.0
POLL_SECONDS = 0.1
"""No system wakes who waits for a file's lock with a deadline: it is asked this often."""


@asynccontextmanager
async def only_one(path: Path, *, wait: bool, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Holds the lock. Raises IngestionError where another one holds it and `wait` is false, or for too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = AsyncFileLock(path, poll_interval=POLL_SECONDS)
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise IngestionError("另一个 faqbot ingest 正在运行，这次没有动任何内容。等它结束再运行。E-K130") from None
        on_wait()
        try:
            await lock.acquire(timeout=WAITING_SECONDS)
        except Timeout:
            raise IngestionError(
                f"另一个 faqbot ingest 运行了 {WAITING_SECONDS / 60:.0f} 分钟还没结束，不再等了。看看它卡在哪里，结束它再运行。E-K130"
            ) from None
    try:
        yield
    finally:
        await lock.release()
