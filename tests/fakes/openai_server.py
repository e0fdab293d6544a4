"""OpenAI's API over HTTP, for tests: as strict as the real one where a client can be wrong, and scripted to fail.

`python -m tests.fakes.openai_server --port 0` prints `{"port": …, "base_url": …}` as one line and serves until it is
ended; `with FakeOpenAI() as fake` serves in a thread. Without a script it answers from the prompt: with the sentence of
passage P1 that is likest to the question, citing P1.

Control, without a key:
- POST /_control/next: a list of steps for the next chat completions or embeddings, in order (see `Step`).
- POST /_control/always: one step for all requests that have none of their own; `null` ends it.
- GET /_control/requests: what was received; DELETE /_control/requests: forgets it, and all steps.

It imports nothing of the service.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from tests.fakes.openai_rules import (
    Refusal,
    checked_chat,
    checked_embeddings,
    counted,
    embedding,
    sentence_of_first_passage,
)

KEY = "sk-fake-0123456789abcdef"
KEPT = 2000
LONGEST_HANG_SECONDS = 120.0


class Step(BaseModel):
    """What one request gets; fields that are not set leave the honest answer as it is."""

    model_config = ConfigDict(extra="forbid")

    delay_seconds: float = Field(default=0.0, ge=0, le=60)
    status: int = 200
    """From 400 up: an error with this status."""
    error: dict[str, Any] | None = None
    """The error's fields, instead of the usual ones of the status."""
    headers: dict[str, str] = Field(default_factory=dict)
    hang: bool = False
    """Nothing comes until the client gives up."""
    cut_body: bool = False
    """The connection ends in the middle of the body."""
    raw_body: str | None = None
    """Sent instead of a completion."""
    raw_bytes: int = Field(default=0, ge=0, le=50_000_000)
    """So many bytes of nothing are sent instead of a completion."""
    content: str | None = None
    """What the model writes."""
    empty: bool = False
    """Its content is null."""
    refusal: str | None = None
    finish_reason: str = "stop"


@dataclass
class Received:
    """One request, as it came."""

    path: str
    body: Any
    at: float


@dataclass
class Script:
    """What was received and what comes next; bounded."""

    next: deque[Step] = field(default_factory=lambda: deque(maxlen=KEPT))
    always: Step | None = None
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=KEPT))
    in_flight: int = 0
    most_in_flight: int = 0

    def take(self) -> Step:
        """The step for the request that has just come."""
        return self.next.popleft() if self.next else self.always or Step()

    def forget(self) -> None:
        """As at the start."""
        self.received.clear()
        self.next.clear()
        self.always = None
        self.most_in_flight = self.in_flight


def create_app(key: str = KEY) -> FastAPI:
    """The fake as an application of its own; `app.state.script` is its script."""
    app = FastAPI(max_body_size=4_000_000)
    script = Script()
    app.state.script = script

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse({"error": refusal.error}, refusal.status)

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        _check_key(request, key)
        return {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 1, "owned_by": "fake"} for name in _MODELS],
        }

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        _check_key(request, key)
        body = await _body(request, script)
        async with _counted_in(script):
            checked_chat(body)
            return await _played(request, script.take(), lambda step: _completion(body, step))

    @app.post("/v1/embeddings")
    async def embeddings(request: Request) -> Response:
        _check_key(request, key)
        body = await _body(request, script)
        async with _counted_in(script):
            checked_embeddings(body)
            return await _played(request, script.take(), lambda _: _embeddings(body))

    @app.post("/_control/next")
    async def add(steps: Annotated[list[Step], Field(max_length=KEPT)]) -> dict[str, int]:
        script.next.extend(steps)
        return {"waiting": len(script.next)}

    @app.post("/_control/always")
    async def always(request: Request) -> dict[str, bool]:
        step = await request.json()
        script.always = None if step is None else Step.model_validate(step)
        return {"set": script.always is not None}

    @app.get("/_control/requests")
    async def requests() -> dict[str, Any]:
        return {
            "requests": [{"path": r.path, "body": r.body, "at": r.at} for r in script.received],
            "most_in_flight": script.most_in_flight,
        }

    @app.delete("/_control/requests")
    async def forget() -> dict[str, bool]:
        script.forget()
        return {"forgotten": True}

    return app


_MODELS = ("gpt-4.1-mini", "gpt-4.1", "o4-mini", "deepseek-chat", "plain-chat", "text-embedding-3-small")


def _check_key(request: Request, key: str) -> None:
    given = request.headers.get("authorization", "")
    if given != f"Bearer {key}":
        shown = given.removeprefix("Bearer ")[-4:]
        raise Refusal(
            401,
            f"Incorrect API key provided: ****{shown}." if given else "You didn't provide an API key.",
            code="invalid_api_key" if given else None,
        )


async def _body(request: Request, script: Script) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refusal(400, "Unsupported content type: use 'application/json'.")
    try:
        body = await request.json()
    except ValueError:
        raise Refusal(400, "We could not parse the JSON body of your request.") from None
    script.received.append(Received(path=request.url.path, body=body, at=time.time()))
    if not isinstance(body, dict):
        raise Refusal(400, "The body of your request must be an object.")
    return body


@contextlib.asynccontextmanager
async def _counted_in(script: Script) -> AsyncIterator[None]:
    script.in_flight += 1
    script.most_in_flight = max(script.most_in_flight, script.in_flight)
    try:
        yield
    finally:
        script.in_flight -= 1


async def _played(request: Request, step: Step, honest: Any) -> Response:
    if step.delay_seconds:
        await asyncio.sleep(step.delay_seconds)
    if step.hang:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_HANG_SECONDS):
                while (await request.receive())["type"] != "http.disconnect":
                    pass
        return Response(status_code=504)
    if step.status >= 400:
        refusal = Refusal(step.status, *_USUAL.get(step.status, ("The server had an error.", "server_error", None)))
        return JSONResponse({"error": step.error or refusal.error}, step.status, headers=step.headers)
    if step.raw_bytes:
        return Response(b" " * step.raw_bytes, media_type="application/json", headers=step.headers)
    if step.raw_body is not None:
        return Response(step.raw_body, media_type="application/json", headers=step.headers)
    response = JSONResponse(honest(step), headers=step.headers)
    return _Cut(response.body) if step.cut_body else response


_USUAL: Mapping[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"),
    404: ("The model does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
}


class _Cut(Response):
    """Promises a whole body, sends half of it, and ends the connection."""

    def __init__(self, body: bytes | memoryview) -> None:
        super().__init__(bytes(body), media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise ConnectionAbortedError("cut, as the script says")


def _completion(body: dict[str, Any], step: Step) -> dict[str, Any]:
    content: str | None = step.content
    if step.empty or step.refusal:
        content = None
    elif content is None:
        content = sentence_of_first_passage(body["messages"])
    prompt = sum(counted(m["content"]) + 4 for m in body["messages"]) + 3
    written = counted(content or "")
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": step.refusal, "annotations": []},
                "logprobs": None,
                "finish_reason": step.finish_reason,
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
        "system_fingerprint": None,
    }


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    tokens = sum(counted(text) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": embedding(text, body)}
            for place, text in enumerate(texts)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


class FakeOpenAI:
    """The fake in a thread of this process, for tests that need no process of its own."""

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self._app = create_app(key)
        self._socket = _free_port(0)
        self._server = _server(self._app)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def requests(self) -> list[Any]:
        """Bodies of the requests, oldest first."""
        return [received.body for received in self._script.received]

    @property
    def most_in_flight(self) -> int:
        """Most requests that were answered at one time."""
        return self._script.most_in_flight

    def plays(self, *steps: Step) -> None:
        """The next requests get these steps."""
        self._script.next.extend(steps)

    def always(self, step: Step | None) -> None:
        """Requests without a step of their own get this one."""
        self._script.always = step

    def forget(self) -> None:
        """No steps and no requests, as at the start."""
        self._script.forget()

    @property
    def _script(self) -> Script:
        script: Script = self._app.state.script
        return script

    def __enter__(self) -> Self:
        self._thread.start()  # The socket listens already: what comes before the server is up waits in it.
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()


def _free_port(port: int) -> socket.socket:
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    listening.setblocking(False)
    return listening


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="A fake of OpenAI's API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=KEY)
    given = parser.parse_args()
    listening = _free_port(given.port)
    port = listening.getsockname()[1]
    print(json.dumps({"port": port, "base_url": f"http://127.0.0.1:{port}/v1"}), flush=True)
    _server(create_app(given.key)).run([listening])


if __name__ == "__main__":
    main()
