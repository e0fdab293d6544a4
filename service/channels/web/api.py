"""The web chat: a page at /chat and the API that it talks to.

A message has an id of the page's making; the same POST again joins the same turn, so a page may repeat it after a
lost connection or an answer that took long. Bodies are JSON alone: no other site's form can send them with the
visitor's cookie. What is refused is refused in words that repeat nothing of the body.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect

from service.channels.web.identity import visitor
from service.conversation import inbox, wording
from service.conversation.messages import InboundMessage, Text, User
from service.conversation.turns import Receipt
from service.operations.failures import described
from service.storage.errors import StorageError

PAGE = Path(__file__).parent / "page"
PARTS = ("chat.css", "chat.js")
ACCOUNT = "default"
LONGEST_TEXT = 2000
WAIT_SECONDS = 25.0
"""After this the page is told to ask again; proxies cut silent connections at 30 s and up."""

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_API_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""Nothing between may keep an answer, or one visitor's cookie for another."""

log = structlog.get_logger()


class Conversations(Protocol):
    """What this module needs of the turns (conversation.turns.Turns)."""

    async def receive(self, message: InboundMessage) -> Receipt: ...

    async def response(self, receipt: Receipt, *, seconds: float, limit_bytes: int | None) -> inbox.Response | None: ...


class Examples(Protocol):
    """What this module needs of answering (answering.Answerer)."""

    async def examples(self) -> Sequence[str]:
        """A few questions that the knowledge answers."""
        ...


class Written(BaseModel):
    """What the page sends."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{8,64}$")]
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]


class Said(BaseModel):
    """What the page gets: the reply, or `pending`, when it should send the same again."""

    state: Literal["answered", "pending"]
    text: str = ""


class Welcome(BaseModel):
    title: str
    text: str
    examples: list[str]


def web_routes(
    turns: Conversations, answers: Examples, title: str, *, person: bool, wait_seconds: float = WAIT_SECONDS
) -> APIRouter:
    """The page and its API; `title` is what the bot calls itself, `person` whether it can tell how to reach one."""
    routes = APIRouter()

    @routes.get("/chat", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "chat.html", headers=_PAGE_HEADERS)

    @routes.get("/chat/{name}", include_in_schema=False)
    async def part(name: str) -> FileResponse:
        if name not in PARTS:
            raise HTTPException(404, "这里没有页面，对话页面在 /chat。")
        return FileResponse(PAGE / name, headers=_PAGE_HEADERS)

    @routes.get("/api/welcome")
    async def welcome(request: Request, response: Response) -> Welcome:
        """What stands on the page before anything is asked; gives a new visitor a name, so that repeats have one."""
        response.headers.update(_API_HEADERS)
        visitor(request, response)
        try:
            examples = list(await answers.examples())
        except StorageError as error:  # the page can be written on all the same, and sends again by itself
            log.error("web.no_examples", **described(error))
            examples = []
        return Welcome(title=title, text=wording.welcome(title, (), person=person), examples=examples)

    @routes.post("/api/messages")
    async def send(written: Annotated[Written, Depends(_written)], request: Request, response: Response) -> Said:
        """One message of the visitor; returns its reply, or `pending` after `wait_seconds`."""
        response.headers.update(_API_HEADERS)
        name = visitor(request, response)
        message = InboundMessage(
            id=f"web:{ACCOUNT}:{name}-{written.id}",
            user=User(channel="web", account=ACCOUNT, id=name),
            content=Text(text=written.text),
            sent_at=datetime.now(UTC),
        )
        receipt = await turns.receive(message)
        got = await turns.response(receipt, seconds=wait_seconds, limit_bytes=None)
        if got is None:
            return Said(state="pending")
        return Said(state="answered", text=got.text)

    return routes


async def _written(request: Request) -> Written:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "消息要以 application/json 发送。")
    try:
        written = Written.model_validate_json(await request.body())
    except ClientDisconnect:
        raise HTTPException(400, "连接在消息到齐之前断了。") from None
    except ValidationError as error:
        raise HTTPException(422, _in_words(error)) from None
    if not written.text.strip():
        raise HTTPException(422, "先写点什么再发送。")
    return written


def _in_words(error: ValidationError) -> str:
    """FastAPI's own answer repeats the body, and fails where that holds half a character."""
    first = error.errors(include_input=False, include_url=False)[0]
    match first["loc"], first["type"]:
        case ("text",), "string_too_long":
            return f"一条最多 {LONGEST_TEXT:,} 字，分成几条再发。"
        case ("text",), "string_too_short":
            return "先写点什么再发送。"
        case ("id",), "string_pattern_mismatch":
            return "id 要用 8 到 64 位字母、数字或连字符。"
    return '消息要写成 {"id": "…", "text": "…"}，UTF-8 编码。'
