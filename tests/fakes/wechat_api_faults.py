"""Faults of the way to WeChat's API, as a client meets them: pages of gateways, silence, a connection that breaks.

With `after` the request is carried out first, which is what makes a fault hard to settle.
"""

import asyncio
import contextlib
from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

LONGEST_HANG_SECONDS = 120.0
Path = Literal["stable_token", "send", "typing"]


class Fault(BaseModel):
    """What happens to one request instead of, or after, the honest handling."""

    model_config = ConfigDict(extra="forbid")

    path: Path = "send"
    kind: Literal["slow", "page", "not_json", "errcode", "hang", "reset"]
    """slow: the honest answer, late. page: HTML with `status`. not_json: text with status 200. reset: the connection ends without an answer."""
    after: bool = False
    """The request is carried out first: the user has the message, though the client sees a fault."""
    status: int = 502
    errcode: int = -1
    delay_seconds: float = Field(default=0.0, ge=0, le=60)


async def broken(request: Request, fault: Fault) -> Response:
    """What the client sees of a fault that is no answer of WeChat's."""
    if fault.kind == "page":
        return HTMLResponse(f"<html><h1>{fault.status}</h1><hr>nginx</html>", status_code=fault.status)
    if fault.kind == "not_json":
        return Response("ok, but in words", media_type="text/plain")
    if fault.kind == "hang":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_HANG_SECONDS):
                while (await request.receive())["type"] != "http.disconnect":
                    pass
    return _Reset()


class _Reset(Response):
    """Ends the connection before a whole answer: its head promises a body that never comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionAbortedError("reset, as the script says")
