"""The right to work on the stored state: one process for each INSTANCE_ID, or two would free each other's work.

An embedded instance is known by a lock on a file in DATA_DIR, which the system lets go when the process ends in
whatever way; the file beside it says where the instance answers. On PostgreSQL a session's advisory lock does it: it
goes with the session, so whoever has it must look whether it still does.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Self

import psycopg
import structlog
from filelock import FileLock, Timeout

from service.storage.errors import StorageError, folder_unusable, unreachable
from service.storage.postgres import address

LOOK_SECONDS = 5.0

log = structlog.get_logger()


class AlreadyRunningError(Exception):
    """Another process holds the instance; `address` says where it answers, if that is known."""

    def __init__(self, message: str, address: str | None) -> None:
        super().__init__(message)
        self.address = address


class Instance:
    """The right to be this instance, from `take` to `let_go`."""

    def __init__(self, data_dir: Path, database_url: str, instance_id: str) -> None:
        self._lock = FileLock(data_dir / "serve.lock")
        self._note = data_dir / "serve.json"
        self._database_url = database_url
        self._instance_id = instance_id
        self._session: psycopg.Connection | None = None

    def take(self) -> Self:
        """Raises AlreadyRunningError where another process is this instance, StorageError where that can't be known."""
        folder = self._note.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            where = self._noted_address()
            raise AlreadyRunningError(
                f"这个 DATA_DIR（{folder}）的服务已经在运行：{where or '地址未知'}。"
                "先停掉它再启动；要同时开两个，给另一个设自己的 DATA_DIR。",
                where,
            ) from None
        except OSError as error:
            raise folder_unusable(folder, error) from error
        if self._database_url.startswith("postgresql"):
            try:
                self._take_session()
            except BaseException:
                self._lock.release()
                raise
        return self

    def announce(self, address: str) -> None:
        """Note where this instance answers, for the next one that finds it running."""
        try:
            self._note.write_text(json.dumps({"address": address, "pid": os.getpid()}))
        except OSError as error:
            raise folder_unusable(self._note.parent, error) from error

    def still_held(self) -> bool:
        """Whether the right is still ours: a file's lock stays, a session may have been ended by its server."""
        if self._session is None:
            return self._lock.is_locked
        try:
            self._session.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def retake(self) -> None:
        """Take a lost right again.

        Raises AlreadyRunningError where another process has it by now, StorageError where the database is away.
        """
        if self._session is not None:
            self._session.close()
        self._take_session()

    async def keep(self, look_seconds: float = LOOK_SECONDS) -> str:
        """Look after the right, and take it again when it is lost; returns why, once another process has it.

        While the database is away nobody can have it, and it is tried again.
        """
        while True:
            await asyncio.sleep(look_seconds)
            if await asyncio.to_thread(self.still_held):
                continue
            try:
                await asyncio.to_thread(self.retake)
            except AlreadyRunningError as error:
                log.error("instance.lost", instance=self._instance_id)
                return str(error)
            except StorageError:
                log.warning("instance.database_away", retry_seconds=look_seconds)
            else:
                log.warning("instance.taken_again", instance=self._instance_id)

    def let_go(self) -> None:
        """Give the right back."""
        self._note.unlink(missing_ok=True)
        if self._session is not None:
            self._session.close()
        self._lock.release()

    def _take_session(self) -> None:
        try:
            self._session = psycopg.connect(address(self._database_url), autocommit=True)
            row = self._session.execute(
                "SELECT pg_try_advisory_lock(hashtext(%s))", (f"faqbot {self._instance_id}",)
            ).fetchone()
        except psycopg.Error as error:
            raise unreachable(self._database_url, error) from error
        if row is None or not row[0]:
            self._session.close()
            raise AlreadyRunningError(
                f"同一个数据库上已经有一个 INSTANCE_ID={self._instance_id} 的服务在运行。"
                "先停掉它再启动；要同时开两个，在 .env 里给每个设自己的 INSTANCE_ID。",
                None,
            )

    def _noted_address(self) -> str | None:
        try:
            return str(json.loads(self._note.read_text())["address"])
        except (OSError, ValueError, KeyError):
            return None
