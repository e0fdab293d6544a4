"""What an operator meets when something is wrong: words with a next step, and a log without a shopper's words."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from service.channels.web.identity import COOKIE
from service.storage.instance import AlreadyRunningError, Instance
from tests.postgres import empty
from tests.scenario.shop import FAQBOT, a_shop

PHONE = "13812345678"
OPENID = "o-shopper-with-a-name"


def faqbot(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command as an operator would run it, with nothing set but what is given; what it said, and its exit code."""
    environ = {"DATA_DIR": str(folder / "data"), "KNOWLEDGE_DIR": str(folder), "PORT": "0", **settings}
    return subprocess.run(
        [FAQBOT, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refuse_writes(database: Path) -> None:
    """As a full disk or a lost right does: nothing can be kept from here on."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        connection.commit()


def test_a_write_that_the_database_refuses_leaves_nothing_of_a_shopper_in_the_log(tmp_path: Path) -> None:
    with a_shop(tmp_path, model=False) as shop, httpx.Client(base_url=shop.address, trust_env=False) as visitor:
        visitor.get("/api/welcome")
        refuse_writes(tmp_path / "data" / "faqbot.db")
        said = visitor.post("/api/messages", json={"id": "0123456789abcdef", "text": f"我的手机号是{PHONE}"})
        shop.push(content=f"我的手机号是{PHONE}", openid=OPENID, tries=1)
        assert shop.service is not None
        shop.service.stop()
        log = shop.log.read_text()
    assert said.status_code == 503
    assert said.json()["detail"].startswith("现在回答不了")
    failed = [json.loads(line) for line in log.splitlines() if '"request.failed"' in line]
    assert failed[0]["error"] == "IntegrityError"
    assert failed[0]["where"].startswith("service.conversation.inbox:")
    assert "Traceback" not in log
    assert PHONE not in log
    assert OPENID not in log
    assert visitor.cookies[COOKIE] not in log


@pytest.mark.parametrize("command", [("serve",), ("ingest",), ("ask", "怎么退货"), ("doctor",)], ids=lambda c: c[0])
def test_a_data_dir_that_is_a_file_is_said_in_words(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "data").write_text("not a folder")
    done = faqbot(tmp_path, *command)
    assert done.returncode == 1
    assert "用不了：它不是文件夹" in done.stdout + done.stderr
    assert "DATA_DIR" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_damaged_database_is_said_in_words(tmp_path: Path, command: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "faqbot.db").write_bytes(b"these are not the bytes of a database " * 200)
    done = faqbot(tmp_path, command)
    assert done.returncode == 1
    assert "faqbot.db 用不了：它不是数据库，或已损坏" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_database_server_that_is_away_is_said_in_words(tmp_path: Path, command: str) -> None:
    done = faqbot(tmp_path, command, DATABASE_URL="postgresql://bot:secret@127.0.0.1:1/shop")
    assert done.returncode == 1
    assert "连不上数据库 postgresql://bot:***@127.0.0.1:1/shop" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stdout + done.stderr
    if command == "doctor":
        assert "跳过 索引：要先解决上面的「数据库」" in done.stdout


def test_doctor_looks_at_an_empty_database_server(tmp_path: Path, postgres_url: str) -> None:
    empty(postgres_url)
    for _ in range(2):  # the first one makes the tables
        done = faqbot(tmp_path, "doctor", DATABASE_URL=postgres_url)
        assert "正常 数据库" in done.stdout
        assert "还没有内容" in done.stdout
        assert "检查本身出了问题" not in done.stdout


def test_vectors_that_are_lost_are_told_and_ingest_makes_them_again(tmp_path: Path) -> None:
    with a_shop(tmp_path, model=False, start=False, mode="plain", WECHAT_APP_ID="", WECHAT_APP_SECRET="") as shop:
        shutil.rmtree(tmp_path / "data" / "chroma")
        told = shop.faqbot("doctor", code=1)
        shop.start()
        shop.faqbot("ingest")
        assert "向量库里的内容丢了或不全" in told
        assert "→ faqbot ingest" in told
        assert "向量齐全" in shop.faqbot("doctor", "--json")
        assert "签收后 7 天内" in shop.say("怎么退货")


def test_a_service_whose_name_another_one_took_stops_and_says_why(tmp_path: Path, postgres_url: str) -> None:
    empty(postgres_url)
    with a_shop(tmp_path, model=False, start=False, DATABASE_URL=postgres_url, INSTANCE_ID="shop") as shop:
        service = subprocess.Popen(
            [FAQBOT, "serve"], env={**os.environ, **shop.settings}, stderr=subprocess.PIPE, text=True
        )
        assert service.stderr is not None
        assert any("停止：Ctrl+C" in line for line in service.stderr), "the service ended"
        other = taken_from_it(postgres_url, Instance(tmp_path / "other", postgres_url, "shop"))
        log = service.communicate(timeout=60)[1]
        other.let_go()
    assert service.returncode == 1
    assert '"instance.lost"' in log
    assert "已经有一个 INSTANCE_ID=shop 的服务在运行" in log
    assert "Traceback" not in log


def taken_from_it(url: str, other: Instance) -> Instance:
    """The service's session is ended, and `other` takes the name before the service looks."""
    engine = create_engine(url)
    for _ in range(5):
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"))
        try:
            return other.take()
        except AlreadyRunningError:
            continue  # it looked just then
        finally:
            engine.dispose()
    raise AssertionError("the name could not be taken")
