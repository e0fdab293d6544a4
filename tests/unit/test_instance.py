"""One process for each instance."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from service.conversation.instance import AlreadyRunningError, Instance


def test_a_second_instance_in_the_same_folder_is_told_where_the_first_answers(tmp_path: Path) -> None:
    first = Instance(tmp_path, "sqlite:///x", "one").take()
    first.announce("http://127.0.0.1:8000")
    with pytest.raises(AlreadyRunningError) as refused:
        Instance(tmp_path, "sqlite:///x", "one").take()
    assert refused.value.address == "http://127.0.0.1:8000"
    first.let_go()
    Instance(tmp_path, "sqlite:///x", "one").take().let_go()


def test_on_postgresql_two_processes_need_two_names(tmp_path: Path, postgres_url: str) -> None:
    first = Instance(tmp_path / "a", postgres_url, "one").take()
    with pytest.raises(AlreadyRunningError, match="INSTANCE_ID=one"):
        Instance(tmp_path / "b", postgres_url, "one").take()
    other = Instance(tmp_path / "b", postgres_url, "two").take()
    other.let_go()
    first.let_go()


def test_a_database_that_is_away_leaves_the_folder_free(tmp_path: Path, postgres_url: str) -> None:
    away = make_url(postgres_url).set(port=1).render_as_string()
    with pytest.raises(psycopg.OperationalError):
        Instance(tmp_path, away, "one").take()
    Instance(tmp_path, postgres_url, "one").take().let_go()
