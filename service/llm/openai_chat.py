"""ChatModel for OpenAI and compatible endpoints: one client, and the one place where a call is tried again.

Retries: up to three tries within the deadline, for what may pass by itself (connection, 5xx, 429, a body that is no
completion), after the pause that the endpoint asks for, else a growing one; the client's own retries are off. What an
endpoint refuses about the parameters is left out and remembered (llm/dialect.py).

One client with a limit on calls in flight: the pool looks through its connections at each request, so it is kept at
that number of connections, and requests wait for a place here rather than in the pool.
"""

import asyncio
import email.utils
import math
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

import httpx2
import openai
import structlog
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field, ValidationError

from service.llm.chat import (
    ChatMessage,
    Completion,
    Form,
    ModelError,
    ModelUnusableError,
)
from service.llm.dialect import Dialect
from service.llm.failures import Endpoint

TRIES = 3
FIRST_PAUSE_SECONDS = 0.5
CONNECT_SECONDS = 5.0
RESPONSE_BYTES = 1_000_000
"""Far above any answer within its token limit, a reasoning model's thinking included."""

log = structlog.get_logger()


class OpenAIChat:
    """A chat model behind an OpenAI-compatible endpoint."""

    def __init__(
        self,
        base_url: str,
        key: str,
        model: str,
        timeout_seconds: float,
        *,
        calls_in_flight: int = 64,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """Raises ModelRefusedError where the key can't be one."""
        self._endpoint = Endpoint(base_url, key, model)
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise self._endpoint.impossible_key()
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._first_pause_seconds = first_pause_seconds
        self._dialect = Dialect()
        self._places = asyncio.Semaphore(calls_in_flight)
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=calls_in_flight, max_keepalive_connections=calls_in_flight),
                event_hooks={"response": [_bound]},
            ),
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        deadline_seconds: float,
        max_tokens: int,
    ) -> Completion:
        spent = _Spent()
        ends = asyncio.get_running_loop().time() + min(deadline_seconds, self._timeout_seconds)
        try:
            async with asyncio.timeout_at(ends):
                return await self._within(ends, messages, form, max_tokens, spent)
        except TimeoutError:
            error: ModelError = self._endpoint.timed_out()
        except ModelError as failed:
            error = failed
        error.calls, error.tokens = spent.calls, spent.tokens
        raise error from None

    async def _within(
        self, ends: float, messages: Sequence[ChatMessage], form: Form | None, max_tokens: int, spent: "_Spent"
    ) -> Completion:
        """Tries until it has a completion, the tries are used up, or the next one would start after the end."""
        dialect = self._dialect
        tries = 0
        while True:
            try:
                completion = await self._once(dialect, messages, form, max_tokens, spent)
            except openai.APIStatusError as error:
                adapted = _adapted(dialect, error)
                if adapted:
                    dialect = adapted
                    continue
                failure = self._endpoint.answered(error.status_code, _words(error))
                asked_pause = _retry_after(error.response.headers)
            except openai.APITimeoutError:
                failure, asked_pause = self._endpoint.timed_out(), None
            except openai.APIConnectionError as error:
                failure, asked_pause = self._endpoint.not_reached(type(error.__cause__).__name__), None
            except ModelUnusableError as error:
                failure, asked_pause = error, None
            else:
                if dialect != self._dialect:
                    self._dialect = dialect
                    log.info("model.dialect", form=dialect.form, limit=dialect.limit, temperature=dialect.temperature)
                return completion
            tries += 1
            pause = self._pause(tries, asked_pause)
            if tries >= TRIES or not failure.passing or asyncio.get_running_loop().time() + pause >= ends:
                raise failure
            log.info("model.retried", code=failure.code, tries=tries, pause_seconds=round(pause, 3))
            await asyncio.sleep(pause)

    async def _once(
        self, dialect: Dialect, messages: Sequence[ChatMessage], form: Form | None, max_tokens: int, spent: "_Spent"
    ) -> Completion:
        wire = [{"role": message.role, "content": message.text} for message in messages]
        async with self._places:
            spent.calls += 1
            try:
                response = await self._client.chat.completions.with_raw_response.create(
                    model=self._model,
                    messages=cast("list[ChatCompletionMessageParam]", wire),
                    # Not as arguments: which of them there are depends on the endpoint.
                    extra_body=dialect.parameters(form, max_tokens),
                )
            except _TooLargeError:
                raise self._endpoint.too_large() from None
        try:
            body = _Body.model_validate_json(response.content)
        except ValidationError:  # Its text holds what the model wrote.
            raise self._endpoint.no_completion() from None
        spent.tokens += body.usage.total_tokens if body.usage else 0
        choice = body.choices[0]
        return Completion(
            text=choice.message.content or "",
            finish="filtered" if choice.message.refusal else _FINISHES.get(choice.finish_reason or "stop", "stop"),
            tokens=spent.tokens,
            calls=spent.calls,
        )

    def _pause(self, tries: int, asked: float | None) -> float:
        # Spread out, or all shoppers who met one failure come back at once.
        growing = self._first_pause_seconds * 2 ** (tries - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        return growing if asked is None else max(asked, 0.0)


@dataclass
class _Spent:
    """Counted while trying, so that a call that fails or is cut off is counted too."""

    calls: int = 0
    tokens: int = 0


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    total_tokens: int = 0


class _Body(BaseModel):
    """What is used of a chat completion; compatible endpoints differ in the rest."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


_FINISHES: dict[str, Literal["stop", "length", "filtered"]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "filtered",
    "sensitive": "filtered",
}


class _TooLargeError(Exception):
    """A response beyond RESPONSE_BYTES."""


class _Bounded(httpx2.AsyncByteStream):
    """A response's bytes, given up beyond the limit."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in self._stream:
            taken += len(chunk)
            if taken > RESPONSE_BYTES:
                raise _TooLargeError
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    # A hook, not a transport: with a transport of one's own, httpx no longer heeds HTTPS_PROXY.
    response.stream = _Bounded(cast(httpx2.AsyncByteStream, response.stream))


def _words(error: openai.APIStatusError) -> str:
    """What the endpoint says of its refusal: looked through, never shown."""
    return " ".join(str(part) for part in (error.code, error.type, error.message) if part)


def _adapted(dialect: Dialect, error: openai.APIStatusError) -> Dialect | None:
    if error.status_code not in (400, 422):
        return None
    return dialect.after_refusal(error.param, error.message)


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds that the endpoint asks to wait: a number, or a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
