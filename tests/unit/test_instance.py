"""One process for each instance, and what a process does that has lost its right."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from service.storage.errors import StorageError
from service.storage.instance import AlreadyRunningError, Instance


def end_sessions(url: str) -> None:
    """As a restarted server, or a proxy in between, ends every session."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_second_instance_in_the_same_folder_is_told_where_the_first_answers(tmp_path: Path) -> None:
    first = Instance(tmp_path, "sqlite:///x", "one").take()
    first.announce("http://127.0.0.1:8000")
    with pytest.raises(AlreadyRunningError, match="已经在运行") as refused:
        Instance(tmp_path, "sqlite:///x", "one").take()
    assert refused.value.address == "http://127.0.0.1:8000"
    assert first.still_held()
    first.let_go()
    assert not first.still_held()
    Instance(tmp_path, "sqlite:///x", "one").take().let_go()


def test_on_postgresql_two_processes_need_two_names(tmp_path: Path, postgres_url: str) -> None:
    first = Instance(tmp_path / "a", postgres_url, "one").take()
    with pytest.raises(AlreadyRunningError, match="INSTANCE_ID=one"):
        Instance(tmp_path / "b", postgres_url, "one").take()
    other = Instance(tmp_path / "b", postgres_url, "two").take()
    other.let_go()
    first.let_go()


def test_a_database_that_is_away_is_said_in_words_and_leaves_the_folder_free(tmp_path: Path, postgres_url: str) -> None:
    away = make_url(postgres_url).set(port=1, password="secret").render_as_string(hide_password=False)
    with pytest.raises(StorageError, match=r"连不上数据库 postgresql://.*确认 PostgreSQL 在运行") as refused:
        Instance(tmp_path, away, "one").take()
    assert "secret" not in str(refused.value)
    Instance(tmp_path, postgres_url, "one").take().let_go()


@pytest.mark.parametrize("inside", ["", "data"])
def test_a_data_dir_that_is_no_folder_is_said_in_words(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"file.* 用不了：它不是文件夹。在 .env 里把 DATA_DIR"):
        Instance(tmp_path / "file" / inside, "sqlite:///x", "one").take()


def test_a_session_that_the_server_ended_is_noticed_and_taken_again(tmp_path: Path, postgres_url: str) -> None:
    first = Instance(tmp_path / "a", postgres_url, "one").take()
    assert first.still_held()
    end_sessions(postgres_url)
    assert not first.still_held()
    first.retake()
    assert first.still_held()
    with pytest.raises(AlreadyRunningError):
        Instance(tmp_path / "b", postgres_url, "one").take()
    first.let_go()


async def test_a_right_that_another_process_has_by_now_is_given_up(tmp_path: Path, postgres_url: str) -> None:
    first = Instance(tmp_path / "a", postgres_url, "one").take()
    keeping = asyncio.create_task(first.keep(look_seconds=0.5))
    await asyncio.to_thread(end_sessions, postgres_url)
    second = await asyncio.to_thread(Instance(tmp_path / "b", postgres_url, "one").take)
    assert "INSTANCE_ID=one" in await asyncio.wait_for(keeping, 20)
    assert second.still_held()
    second.let_go()
    first.let_go()
