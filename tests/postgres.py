"""A PostgreSQL server of the tests' own: Debian's binaries, a fresh folder, a free port, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

REQUIRE_ALL = os.environ.get("FAQBOT_TEST_REQUIRE_ALL") == "1"


def binaries() -> Path | None:
    """The folder with initdb and postgres, newest release first; None where they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextmanager
def a_server() -> Iterator[str]:
    """The URL of a running server's empty database."""
    folder = binaries()
    if folder is None:
        if REQUIRE_ALL:
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="faqbot-pg-") as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        as_user: dict[str, Any] = {"cwd": home}
        if os.geteuid() == 0:  # the server refuses to run as root
            postgres = pwd.getpwnam("postgres")
            os.chown(home, postgres.pw_uid, postgres.pw_gid)
            as_user |= {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        data = f"{home}/data"
        make: list[str | Path] = [
            folder / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "faqbot",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]
        subprocess.run(make, check=True, capture_output=True, **as_user)
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, "-p", port, "-k", home, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        try:
            ready: list[str | Path] = [folder / "pg_isready", "-h", "127.0.0.1", "-p", port, "-t", "30", "-q"]
            for _ in range(200):
                if subprocess.run(ready, check=False).returncode == 0:
                    break
                with pytest.raises(subprocess.TimeoutExpired):  # still alive, and a moment has passed
                    server.wait(timeout=0.1)
            yield f"postgresql+psycopg://faqbot@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)


def empty(url: str) -> None:
    """Drop all tables of the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
