"""One way to the database: a function of a connection, run in a transaction, in a thread that may block.

SQLite has one thread for all that writes, which is as fast as it goes and never waits for itself, and one for what
only reads, which waits for no writer; PostgreSQL has a few for both. A transaction is committed when the function
returns and rolled back when it raises; no connection leaves the function.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DatabaseError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from service.storage.errors import database_unusable
from service.storage.postgres import with_patience

P = ParamSpec("P")
T = TypeVar("T")

POSTGRES_THREADS = 4
READING = "faqbot_reading"
BUSY_SECONDS = 15
"""How long SQLite waits for another process's write, such as an ingest's."""
MIGRATION_LOCK = ("faqbot", "migrations")
"""Two keys: never the same as an instance's, which has one."""

_migrating = threading.Lock()
"""Alembic's context is one for the whole process."""


class Database:
    """A database by its SQLAlchemy URL. `close` it in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _engine(url)
        self._threads = ThreadPoolExecutor(1 if self.is_sqlite else POSTGRES_THREADS, thread_name_prefix="database")
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="reading") if self.is_sqlite else self._threads

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(connection, …)` in one transaction, off the event loop; its result.

        Raises StorageError where the database can't do it now: full, locked, damaged, away.
        """
        return await self._in(self._threads, False, lambda connection: work(connection, *args, **kwargs))

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, for what only reads: on SQLite it waits for no writer."""
        return await self._in(self._readers, True, lambda connection: work(connection, *args, **kwargs))

    async def migrate(self) -> None:
        """Bring the tables up to this release's. Raises StorageError where that can't be done."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._upgrade)

    def close(self) -> None:
        """Wait for what is running, then let the connections go."""
        self._threads.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    async def _in(self, threads: ThreadPoolExecutor, reading: bool, work: Callable[[Connection], T]) -> T:
        def in_transaction() -> T:
            try:
                with self._engine.connect().execution_options(**{READING: reading}) as connection, connection.begin():
                    return work(connection)
            except DatabaseError as error:
                if _is_outage(error):
                    raise database_unusable(self.url, error) from error
                raise
            except InterfaceError as error:
                raise database_unusable(self.url, error) from error

        return await asyncio.get_running_loop().run_in_executor(threads, in_transaction)

    def _upgrade(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            if self.is_sqlite and (file := make_url(self.url).database):
                Path(file).parent.mkdir(parents=True, exist_ok=True)
            with _migrating, self._engine.begin() as connection:
                if not self.is_sqlite:  # another process may be starting on the same empty database
                    connection.execute(select(func.pg_advisory_xact_lock(*map(func.hashtext, MIGRATION_LOCK))))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except (SQLAlchemyError, CommandError, OSError) as error:
            raise database_unusable(self.url, error) from error


def _is_outage(error: DatabaseError) -> bool:
    """The database's own trouble. The other kinds are a mistake of ours in what it was asked."""
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR":  # such as a table that isn't there
        return False
    return isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError


def _engine(url: str) -> Engine:
    # hide_parameters: an error's message would repeat a shopper's words, and a log might keep it.
    if not url.startswith("sqlite"):
        return create_engine(with_patience(url), pool_size=POSTGRES_THREADS, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # begin by ourselves, below: the driver would begin too late
        cursor = connection.cursor()
        # WAL: readers don't wait for a writer. FULL: a commit survives a power cut; it costs 0.3 ms.
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
