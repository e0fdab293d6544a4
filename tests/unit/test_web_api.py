"""The web chat's API: what it takes, what it refuses and in which words, and whom it takes a visitor for."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from service.app import LARGEST_BODY, build, web
from service.channels.web.api import LONGEST_TEXT, web_routes
from service.channels.web.identity import COOKIE
from service.conversation.messages import Text
from service.settings import load_settings
from tests.fakes.turns_in_memory import TurnsInMemory

ID = "0123456789abcdef"


class ThreeExamples:
    """Satisfies web.api.Examples."""

    async def examples(self) -> Sequence[str]:
        return ["怎么退货", "什么时候发货", "怎么开发票"]


def an_app(turns: TurnsInMemory) -> FastAPI:
    app = FastAPI(max_body_size=LARGEST_BODY)
    app.include_router(web_routes(turns, ThreeExamples(), "小助手", person=True, wait_seconds=0.05))
    return app


def a_visitor(app: FastAPI, base_url: str = "http://shop") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)


async def detail(response: httpx.Response) -> str:
    """The words of a refusal; they are for people, so a list of a library's findings is none."""
    said = response.json()["detail"]
    assert isinstance(said, str), said
    return said


async def test_a_message_is_answered_and_a_repeat_joins_the_same_turn() -> None:
    turns = TurnsInMemory()
    async with a_visitor(an_app(turns)) as visitor:
        first = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"})
        again = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"})
    assert first.json() == again.json() == {"state": "answered", "text": "答：怎么退货"}
    (message,) = turns.received
    assert message.content == Text(text="怎么退货")
    assert message.id == f"web:default:{message.user.id}-{ID}"
    assert not message.transferable


async def test_an_answer_that_takes_long_is_pending_and_comes_with_a_repeat() -> None:
    turns = TurnsInMemory(ready=False)
    async with a_visitor(an_app(turns)) as visitor:
        first = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"})
        turns.finish()
        again = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"})
    assert first.json() == {"state": "pending", "text": ""}
    assert again.json()["text"] == "答：怎么退货"
    assert len(turns.received) == 1


async def test_the_welcome_says_that_a_bot_answers_and_what_can_be_asked() -> None:
    async with a_visitor(an_app(TurnsInMemory())) as visitor:
        welcome = (await visitor.get("/api/welcome")).json()
    assert welcome["title"] == "小助手"
    assert "机器人" in welcome["text"]
    assert welcome["examples"] == ["怎么退货", "什么时候发货", "怎么开发票"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"id": ID, "text": "长" * (LONGEST_TEXT + 1)}, "2,000 字"),
        ({"id": ID, "text": ""}, "先写点什么"),
        ({"id": ID, "text": " \n\u3000"}, "先写点什么"),
        ({"id": "short", "text": "怎么退货"}, "id 要用 8 到 64 位"),
        ({"id": "0" * 65, "text": "怎么退货"}, "id 要用 8 到 64 位"),
        ({"id": "../../../etc", "text": "怎么退货"}, "id 要用 8 到 64 位"),
        ({"id": f"{ID}\n", "text": "怎么退货"}, "id 要用 8 到 64 位"),
        ({"id": ID, "text": 7}, "消息要写成"),
        ({"id": ID}, "消息要写成"),
        ([], "消息要写成"),
    ],
)
async def test_what_is_no_message_is_refused_in_words(body: object, words: str) -> None:
    turns = TurnsInMemory()
    async with a_visitor(an_app(turns)) as visitor:
        response = await visitor.post("/api/messages", json=body)
    assert response.status_code == 422
    assert words in await detail(response)
    assert turns.received == []


async def test_a_text_of_the_greatest_length_is_taken() -> None:
    turns = TurnsInMemory()
    async with a_visitor(an_app(turns)) as visitor:
        response = await visitor.post("/api/messages", json={"id": ID, "text": "😀" * LONGEST_TEXT})
    assert response.status_code == 200
    assert len(turns.received) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "0123456789abcdef", "text": "\\ud800"}',
        b'{"id": "0123456789abcdef", "text": NaN}',
        b'{"id": "0123456789abcdef", "te',
        b"\xff\xfe",
        b"[" * 50_000,
        b"",
    ],
    ids=["half a character", "not a number", "cut", "not UTF-8", "deeply nested", "empty"],
)
async def test_json_that_no_page_sends_is_refused_and_not_repeated(body: bytes) -> None:
    turns = TurnsInMemory()
    async with a_visitor(an_app(turns)) as visitor:
        response = await visitor.post("/api/messages", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert (await detail(response)).startswith("消息要写成")
    assert turns.received == []


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""])
async def test_what_another_sites_form_can_send_is_refused(content_type: str) -> None:
    turns = TurnsInMemory()
    body = json.dumps({"id": ID, "text": "怎么退货"}).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    async with a_visitor(an_app(turns)) as visitor:
        response = await visitor.post("/api/messages", content=body, headers=headers)
    assert response.status_code == 415
    assert "application/json" in await detail(response)
    assert turns.received == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_services_limit_is_not_read_to_its_end(tmp_path: Path, chunked: bool) -> None:
    sent = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 16 * 1024

    service = build(load_settings({"DATA_DIR": str(tmp_path)}, env_file=None))
    headers = {"Content-Type": "application/json"}
    async with a_visitor(web(service)) as visitor:
        content = parts() if chunked else b" " * (LARGEST_BODY + 1)
        response = await visitor.post("/api/messages", content=content, headers=headers)
    await service.close()
    assert response.status_code == 413
    assert sent < 100


async def test_a_visitor_who_leaves_before_the_message_is_whole_is_no_fault_of_the_service() -> None:
    coming: list[Message] = [
        {"type": "http.request", "body": b'{"id": ', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/messages",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    turns = TurnsInMemory()
    await an_app(turns)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert turns.received == []


async def test_the_cookie_is_a_secret_that_no_script_reads_and_no_other_site_sends() -> None:
    app = an_app(TurnsInMemory())
    async with a_visitor(app) as visitor:
        cookie = (await visitor.get("/api/welcome")).headers["Set-Cookie"]
    assert re.match(rf"{COOKIE}=[0-9a-f]{{32}};", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # on http a Secure cookie would never come back
    async with a_visitor(app, "https://shop") as visitor:
        assert "Secure" in (await visitor.get("/api/welcome")).headers["Set-Cookie"]


async def test_a_visitor_keeps_one_name_and_two_have_two() -> None:
    turns = TurnsInMemory()
    app = an_app(turns)
    async with a_visitor(app) as one, a_visitor(app) as other:
        await one.get("/api/welcome")
        for visitor, number in ((one, 1), (one, 2), (other, 1)):
            await visitor.post("/api/messages", json={"id": f"message-{number}", "text": "怎么退货"})
    first, second, others = (message.user.id for message in turns.received)
    assert first == second != others


@pytest.mark.parametrize("name", ["", "x", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "-a", "web:default:1"])
async def test_a_cookie_of_another_form_is_replaced(name: str) -> None:
    turns = TurnsInMemory()
    async with a_visitor(an_app(turns)) as visitor:
        headers = {"Cookie": f"{COOKIE}={name}"}
        response = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"}, headers=headers)
    given = response.cookies[COOKIE]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert turns.received[0].user.id == given != name


async def test_nothing_between_may_keep_an_answer_or_a_visitors_cookie() -> None:
    async with a_visitor(an_app(TurnsInMemory())) as visitor:
        welcome = await visitor.get("/api/welcome")
        said = await visitor.post("/api/messages", json={"id": ID, "text": "怎么退货"})
    assert welcome.headers["Cache-Control"] == said.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/chat", "/chat/chat.js", "/chat/chat.css"])
async def test_the_page_and_its_parts_allow_nothing_from_elsewhere(path: str) -> None:
    async with a_visitor(an_app(TurnsInMemory())) as visitor:
        response = await visitor.get(path)
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["x", "chat.html", "api.py", "..%2fapi.py", "%2e%2e", "chat.js%00"])
async def test_an_address_without_a_page_names_the_one_that_is_there(name: str) -> None:
    async with a_visitor(an_app(TurnsInMemory())) as visitor:
        response = await visitor.get(f"/chat/{name}")
    assert response.status_code == 404
    assert "Traceback" not in response.text
    if "%2f" not in name:  # that one is two steps of a path, and not ours
        assert "/chat" in await detail(response)
