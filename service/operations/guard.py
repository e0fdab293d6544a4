"""The outermost edge of the web application: what nobody handled is answered in words, and logged without any.

Starlette's own handler for every exception raises it again after answering, and the server then logs its traceback
with all that its message repeats. This one stands inside of that and ends it.
"""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.operations.failures import described

UNAVAILABLE = "现在回答不了，稍后再发一次就好。"

log = structlog.get_logger()


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except (HTTPException, ClientDisconnect):
            raise  # answered further out, or nobody is there to answer
        except Exception as error:
            # The edge of one request: it must not take others with it. Path and query hold ids, so neither is logged.
            log.error("request.failed", **described(error))
            if not started:  # else the server sees an answer that was cut off, and closes the connection
                await _answer(scope["path"])(scope, receive, send)


def _answer(path: str) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if path.startswith("/api/"):
        return JSONResponse({"detail": UNAVAILABLE}, status_code=503, headers=headers)
    return PlainTextResponse(f"{UNAVAILABLE}\n", status_code=503, headers=headers)
