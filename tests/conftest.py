"""What every test may use: databases of both kinds."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.storage.database import Database
from tests.postgres import a_server, empty


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server for the whole run; each test that wants it gets an empty schema (see `database`)."""
    with a_server() as url:
        yield url


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
        await asyncio.to_thread(empty, url)
    opened = Database(url)
    await opened.migrate()
    yield opened
    opened.close()
