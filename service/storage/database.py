"""One way to the database: a function of a connection, run in a transaction, in a thread that may block.

SQLite has one thread and one connection for all that writes, which is as fast as it goes and never waits for
itself; PostgreSQL has a few. A transaction is committed when the function returns and rolled back when it raises;
no connection leaves the function.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

P = ParamSpec("P")
T = TypeVar("T")

POSTGRES_THREADS = 4
READING = "faqbot_reading"
BUSY_SECONDS = 15
"""How long SQLite waits for another process's write, such as an ingest's."""


class StorageError(Exception):
    """The database can't be used; the message says which and what to do."""


class Database:
    """A database by its SQLAlchemy URL. `close` it in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _engine(url)
        self._threads = ThreadPoolExecutor(1 if self.is_sqlite else POSTGRES_THREADS, thread_name_prefix="database")

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(connection, …)` in one transaction, off the event loop; its result."""

        def in_transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_transaction)

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, for what only reads: on SQLite it waits for no writer."""

        def in_transaction() -> T:
            with self._engine.connect().execution_options(**{READING: True}) as connection, connection.begin():
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_transaction)

    async def migrate(self) -> None:
        """Bring the tables up to this release's. Raises StorageError where the database can't be reached."""

        def upgrade() -> None:
            if self.is_sqlite and (file := make_url(self.url).database):
                Path(file).parent.mkdir(parents=True, exist_ok=True)
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            with self._engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, upgrade)
        except (OperationalError, OSError) as error:
            shown = make_url(self.url).render_as_string(hide_password=True)
            raise StorageError(
                f"The database {shown} can't be opened: {_reason(error)}. Check DATABASE_URL and DATA_DIR."
            ) from error

    def close(self) -> None:
        """Wait for what is running, then let the connections go."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=POSTGRES_THREADS, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # begin by ourselves, below: the driver would begin too late
        cursor = connection.cursor()
        # WAL: readers in other processes don't wait. FULL: a commit survives a power cut; it costs 0.3 ms.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads and then writes never fails half-way because another one wrote.
        reading = connection.get_execution_options().get(READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _reason(error: SQLAlchemyError | OSError | OperationalError) -> str:
    cause = error.orig if isinstance(error, OperationalError) else error
    return str(cause).strip().splitlines()[0]
