"""The stored state: brought up to date once, however many begin; in words when it can't be used; readers don't wait."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, make_url, select, text, update

from service.storage.database import Database
from service.storage.errors import StorageError
from service.storage.notices import listen
from service.storage.tables import conversations, embeddings, metadata
from tests.postgres import empty

MIGRATE = """
import asyncio, sys
from service.storage.database import Database
database = Database(sys.argv[1])
print("imported", flush=True)
sys.stdin.readline()
asyncio.run(database.migrate())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without a table, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_url")
    empty(url)
    return url


async def test_the_tables_are_what_the_migrations_make(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    assert await database.read(differences) == []


async def test_many_may_bring_an_empty_database_up_to_date_at_once(empty_url: str) -> None:
    many = [Database(empty_url) for _ in range(4)]
    await asyncio.wait_for(asyncio.gather(*(each.migrate() for each in many)), 60)
    for each in many:
        assert await each.read(lambda connection: connection.execute(select(conversations)).all()) == []
        each.close()


async def test_different_databases_may_be_brought_up_to_date_at_once_in_one_process(tmp_path: Path) -> None:
    """Alembic's context is one for the process; no lock of a database keeps these apart."""
    many = [Database(f"sqlite:///{tmp_path / f'{number}.db'}") for number in range(6)]
    await asyncio.wait_for(asyncio.gather(*(each.migrate() for each in many)), 60)
    for each in many:
        assert await each.read(lambda connection: connection.execute(select(conversations)).all()) == []
        each.close()


def test_processes_that_start_at_once_on_an_empty_database_all_start(empty_url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "imported\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors


async def test_a_reader_waits_for_no_writer(database: Database) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        connection.execute(insert(conversations).values(id="web:default:1"))
        begun.set()
        assert may_end.wait(30)

    writing = asyncio.create_task(database.run(slow))
    await asyncio.to_thread(begun.wait)
    try:
        found = await asyncio.wait_for(database.read(lambda c: c.execute(select(conversations.c.id)).all()), 10)
    finally:
        may_end.set()
        await writing
    assert found == []
    assert await database.read(lambda c: c.execute(select(conversations.c.id)).scalar_one()) == "web:default:1"


async def test_what_one_wrote_the_next_reads_however_many_do_so_at_once(database: Database) -> None:
    await database.run(lambda c: c.execute(insert(conversations), [{"id": str(n), "lease_until": 0} for n in range(8)]))

    async def count_up(conversation: str) -> None:
        for expected in range(1, 26):
            await database.run(
                lambda c: c.execute(
                    update(conversations)
                    .where(conversations.c.id == conversation)
                    .values(lease_until=conversations.c.lease_until + 1)
                )
            )
            got = await database.read(
                lambda c: c.execute(
                    select(conversations.c.lease_until).where(conversations.c.id == conversation)
                ).scalar_one()
            )
            assert got == expected

    await asyncio.gather(*(count_up(str(n)) for n in range(8)))


async def test_a_full_disk_is_said_in_words_and_is_no_fault_of_the_next_write(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'full.db'}")
    await database.migrate()

    def too_much(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))  # as a full disk: no page more than there are
        values = {"model": "m", "sha256": "s", "vector": b"x" * 1_000_000, "used_at": 0}
        connection.execute(insert(embeddings).values(values))

    with pytest.raises(StorageError, match=r"full\.db 用不了：磁盘满了。腾出空间后自动恢复。"):
        await database.run(too_much)

    def little(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
        connection.execute(insert(conversations).values(id="web:default:1"))

    await database.run(little)
    database.close()


async def test_a_session_that_the_server_ends_is_said_in_words_and_the_next_one_works(postgres_url: str) -> None:
    database = Database(postgres_url)
    with pytest.raises(StorageError, match=r"连不上数据库 postgresql://.*确认 PostgreSQL 在运行"):
        await database.run(lambda c: c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
    assert await database.read(lambda c: c.execute(text("SELECT 1")).scalar_one()) == 1
    database.close()


async def test_a_mistake_of_ours_is_not_taken_for_the_databases(database: Database) -> None:
    with pytest.raises(Exception, match="no_such_table") as raised:
        await database.run(lambda c: c.execute(text("INSERT INTO conversations SELECT * FROM no_such_table")))
    assert not isinstance(raised.value, StorageError)


async def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "faqbot.db").write_bytes(b"these are not the bytes of a database " * 200)
    database = Database(f"sqlite:///{tmp_path / 'faqbot.db'}")
    with pytest.raises(StorageError, match=r"faqbot\.db 用不了：它不是数据库，或已损坏。从备份恢复它"):
        await database.migrate()
    database.close()


async def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for place in ("file/faqbot.db", "file/data/faqbot.db"):
        database = Database(f"sqlite:///{tmp_path / place}")
        with pytest.raises(StorageError, match=r"file.* 用不了：它不是文件夹。在 .env 里把 DATA_DIR"):
            await database.migrate()
        database.close()


async def test_a_database_of_a_newer_release_is_left_alone_and_said_in_words(empty_url: str) -> None:
    database = Database(empty_url)
    await database.migrate()
    await database.run(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StorageError, match=r"是更新的版本建的.*升级程序"):
        await database.migrate()
    database.close()


async def test_a_server_that_is_away_is_said_in_words_without_the_password(postgres_url: str) -> None:
    away = make_url(postgres_url).set(port=1, password="secret").render_as_string(hide_password=False)
    database = Database(away)
    for unusable in (database.migrate(), database.read(lambda c: c.execute(text("SELECT 1")).scalar_one())):
        with pytest.raises(StorageError, match=r"连不上数据库 postgresql://.*确认 PostgreSQL 在运行") as refused:
            await unusable
        assert "secret" not in str(refused.value)
    database.close()


async def test_a_user_who_may_not_make_tables_is_said_in_words(postgres_url: str) -> None:
    empty(postgres_url)
    owner = Database(postgres_url)
    await owner.run(lambda c: c.execute(text("CREATE ROLE guest LOGIN")))
    await owner.run(lambda c: c.execute(text("GRANT USAGE ON SCHEMA public TO guest")))
    guest = Database(make_url(postgres_url).set(username="guest").render_as_string(hide_password=False))
    with pytest.raises(StorageError, match=r"permission denied.*能在这个库里建表"):
        await guest.migrate()
    guest.close()
    await owner.run(lambda c: c.execute(text("DROP OWNED BY guest; DROP ROLE guest")))
    owner.close()


async def test_listening_goes_on_after_any_error_of_the_database(postgres_url: str) -> None:
    """An empty name is refused with an error that isn't the connection's, as a standby refuses to listen."""
    listening = asyncio.create_task(listen(postgres_url, "", lambda _: None))
    ended, _ = await asyncio.wait({listening}, timeout=1)
    assert not ended
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_notices_are_heard_again_after_the_session_was_ended(postgres_url: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    database = Database(postgres_url)
    listening = asyncio.create_task(listen(postgres_url, "faqbot_test", heard.put_nowait))

    async def told(what: str) -> str:
        """Said again until it is heard: what is said while nobody listens is lost."""
        while True:
            await database.run(lambda c: c.execute(text("SELECT pg_notify('faqbot_test', :what)"), {"what": what}))
            try:
                return await asyncio.wait_for(heard.get(), 0.2)
            except TimeoutError:
                continue

    assert await asyncio.wait_for(told("one"), 20) == "one"
    await database.run(
        lambda c: c.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        )
    )
    while not heard.empty():
        heard.get_nowait()
    assert await asyncio.wait_for(told("two"), 20) == "two"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    database.close()
