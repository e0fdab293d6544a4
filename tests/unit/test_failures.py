"""What a fault leaves in the log and says to whoever asked: nothing that a shopper wrote."""

import logging
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from sqlalchemy import insert
from starlette.types import Message, Receive, Scope, Send

from service.app import build, web
from service.channels.web.identity import COOKIE
from service.operations.failures import WithoutWords, described, without_words
from service.operations.guard import UNAVAILABLE, Guard
from service.settings import load_settings
from service.storage.database import Database
from service.storage.tables import inbox

PHONE = "13812345678"
COOKIE_VALUE = "ab" * 16


async def refused_write(database: Database) -> Exception:
    """A row that the database refuses, with a shopper's words in it."""
    row = {"id": f"web:default:{PHONE}", "message": f"我的手机号是{PHONE}", "received_at": 0, "state": None}
    with pytest.raises(Exception, match="state") as raised:
        await database.run(lambda c: c.execute(insert(inbox).values(conversation="nobody", **row)))
    assert "SQL parameters hidden" in str(raised.value)
    return raised.value


async def test_a_refused_row_is_logged_by_type_and_place_and_not_by_what_it_held(database: Database) -> None:
    error = await refused_write(database)
    told = described(error)
    assert told["error"] == "IntegrityError"
    assert told["where"].startswith("service.storage.database:")
    assert told["code"] in ("SQLITE_CONSTRAINT_NOTNULL", "23502")
    assert PHONE not in str(told)
    event = without_words(None, "error", {"event": "x", "exc_info": error})
    assert event == {"event": "x", **told}


async def test_a_librarys_log_line_has_the_places_of_a_traceback_and_none_of_its_words(database: Database) -> None:
    error = await refused_write(database)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "x", 1, "failed", None, None)
    record.exc_info = (type(error), error, error.__traceback__)
    line = WithoutWords("%(levelname)s %(name)s: %(message)s").format(record)
    assert "IntegrityError" in line
    assert "database.py" in line
    assert PHONE not in line


@pytest.mark.parametrize("path", ["/api/messages", "/broken"])
async def test_what_nobody_handled_is_answered_in_words_and_logged_without_any(tmp_path: Path, path: str) -> None:
    """The database never got its tables: each write fails."""
    service = build(load_settings({"DATA_DIR": str(tmp_path)}, env_file=None))
    app = web(service)

    @app.post("/broken")
    async def broken(request: Request) -> None:
        raise ValueError(await request.body())

    with structlog.testing.capture_logs() as logs:
        async with _client(app) as client:
            client.cookies.set(COOKIE, COOKIE_VALUE)
            answer = await client.post(path, json={"id": "0123456789abcdef", "text": f"我的手机号是{PHONE}"})
    await service.close()
    assert answer.status_code == 503
    assert (answer.json()["detail"] if path.startswith("/api/") else answer.text.rstrip("\n")) == UNAVAILABLE
    assert answer.headers["Cache-Control"] == "no-store"
    (line,) = [line for line in logs if line["event"] == "request.failed"]
    assert line["error"] == ("OperationalError" if path.startswith("/api/") else "ValueError")
    assert PHONE not in str(logs)
    assert COOKIE_VALUE not in str(logs)


async def test_an_answer_that_breaks_off_half_way_is_not_followed_by_another() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(PHONE)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with structlog.testing.capture_logs() as logs:
        await Guard(half)({"type": "http", "path": "/chat"}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert logs[0]["error"] == "ValueError"
    assert PHONE not in str(logs)


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")
