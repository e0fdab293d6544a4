"""One process for each INSTANCE_ID: two would each free what the other is working.

An embedded instance is known by a lock on a file in DATA_DIR, which the system lets go when the process ends in
whatever way; the file beside it says where the instance answers. On PostgreSQL a session's advisory lock does it.
"""

import json
import os
from pathlib import Path
from typing import Self

import psycopg
from filelock import FileLock, Timeout
from sqlalchemy import make_url


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
        """Raises AlreadyRunningError where another process is this instance."""
        self._note.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            address = self._noted_address()
            raise AlreadyRunningError(
                f"An instance with this DATA_DIR runs already: {address or 'address unknown'}", address
            ) from None
        if self._database_url.startswith("postgresql"):
            try:
                self._take_session()
            except BaseException:
                self._lock.release()
                raise
        return self

    def announce(self, address: str) -> None:
        """Note where this instance answers, for the next one that finds it running."""
        self._note.write_text(json.dumps({"address": address, "pid": os.getpid()}))

    def let_go(self) -> None:
        """Give the right back."""
        self._note.unlink(missing_ok=True)
        if self._session is not None:
            self._session.close()
        self._lock.release()

    def _take_session(self) -> None:
        address = make_url(self._database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._session = psycopg.connect(address, autocommit=True)
        row = self._session.execute(
            "SELECT pg_try_advisory_lock(hashtext(%s))", (f"faqbot {self._instance_id}",)
        ).fetchone()
        if row is None or not row[0]:
            self._session.close()
            raise AlreadyRunningError(
                f"Another process on this database has INSTANCE_ID={self._instance_id}: give each its own", None
            )

    def _noted_address(self) -> str | None:
        try:
            return str(json.loads(self._note.read_text())["address"])
        except (OSError, ValueError, KeyError):
            return None
