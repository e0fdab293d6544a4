"""The chat model behind an OpenAI-compatible endpoint: what is sent, what is tried again, and each failure by its kind."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from service.answering.grounding import FORM
from service.llm.chat import (
    ChatMessage,
    Completion,
    ModelBusyError,
    ModelError,
    ModelMisconfiguredError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnreachableError,
    ModelUnusableError,
)
from service.llm.openai_chat import TRIES, OpenAIChat
from tests.fakes.openai_server import FakeOpenAI, Step

SECRET = "我的电话是13800138000"
MESSAGES = (ChatMessage(role="system", text="Answer in JSON."), ChatMessage(role="user", text=SECRET))


@pytest.fixture(scope="module")
def serving() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
def fake(serving: FakeOpenAI) -> FakeOpenAI:
    serving.forget()
    return serving


@pytest.fixture
async def chat(fake: FakeOpenAI) -> AsyncIterator[OpenAIChat]:
    chat = a_chat(fake)
    yield chat
    await chat.aclose()


def a_chat(fake: FakeOpenAI, model: str = "gpt-4.1-mini", *, key: str = "", timeout_seconds: float = 10) -> OpenAIChat:
    return OpenAIChat(fake.base_url, key or fake.key, model, timeout_seconds, first_pause_seconds=0.01)


async def asked(chat: OpenAIChat, *, deadline_seconds: float = 10) -> Completion:
    return await chat.complete(MESSAGES, form=FORM, deadline_seconds=deadline_seconds, max_tokens=50)


async def test_a_completion_has_its_text_its_finish_and_what_it_took(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(Step(content='{"answer": "", "sources": []}', finish_reason="stop"))

    completion = await asked(chat)

    assert completion.text == '{"answer": "", "sources": []}'
    assert completion.finish == "stop"
    assert completion.calls == 1
    assert completion.tokens > 10


async def test_the_schema_and_the_limit_are_sent_as_the_endpoint_takes_them(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    await asked(chat)

    (body,) = fake.requests
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_tokens"] == 50
    assert body["temperature"] == 0
    assert body["messages"] == [{"role": m.role, "content": m.text} for m in MESSAGES]


@pytest.mark.parametrize(("reason", "finish"), [("length", "length"), ("content_filter", "filtered"), ("eos", "stop")])
async def test_how_it_ended_is_told(chat: OpenAIChat, fake: FakeOpenAI, reason: str, finish: str) -> None:
    fake.plays(Step(content="{", finish_reason=reason))
    assert (await asked(chat)).finish == finish


async def test_empty_content_and_a_refusal_are_completions_without_text(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(Step(empty=True), Step(refusal="I can't."))

    assert (await asked(chat)).text == ""
    refused = await asked(chat)
    assert (refused.text, refused.finish) == ("", "filtered")


@pytest.mark.parametrize(
    ("model", "form", "limit", "calls"),
    [
        ("o4-mini", "json_schema", "max_completion_tokens", 3),
        ("deepseek-chat", "json_object", "max_tokens", 2),
        ("plain-chat", None, "max_tokens", 3),
    ],
)
async def test_what_an_endpoint_refuses_is_left_out_and_remembered(
    fake: FakeOpenAI, model: str, form: str | None, limit: str, calls: int
) -> None:
    chat = a_chat(fake, model)

    first = await asked(chat)
    second = await asked(chat)
    await chat.aclose()

    assert (first.calls, second.calls) == (calls, 1)
    last = fake.requests[-1]
    assert (last.get("response_format") or {}).get("type") == form
    assert limit in last
    assert ("temperature" in last) == (model != "o4-mini")


async def test_a_failure_does_not_change_what_is_sent(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    refusal = {"message": "response_format is odd", "type": "x", "param": None, "code": None}
    fake.plays(Step(status=400, error=refusal), Step(status=403))
    with pytest.raises(ModelRefusedError):
        await asked(chat)

    await asked(chat)

    assert fake.requests[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "step",
    [
        Step(status=500),
        Step(status=503),
        Step(status=429),
        Step(status=408),
        Step(cut_body=True),
        Step(raw_body="<html>bad gateway</html>"),
        Step(raw_body='{"choices": []}'),
        Step(raw_body=""),
    ],
    ids=str,
)
async def test_what_may_pass_is_tried_again(chat: OpenAIChat, fake: FakeOpenAI, step: Step) -> None:
    fake.plays(step, Step(content="fine"))
    completion = await asked(chat)
    assert (completion.text, completion.calls) == ("fine", 2)


@pytest.mark.parametrize(
    ("step", "kind", "code", "calls"),
    [
        (Step(status=500), ModelUnreachableError, "E-M411", TRIES),
        (Step(status=429), ModelBusyError, "E-M429", TRIES),
        (Step(cut_body=True), ModelUnreachableError, "E-M410", TRIES),
        (Step(raw_body="no completion"), ModelUnusableError, "E-M420", TRIES),
        (Step(raw_bytes=2_000_000), ModelUnusableError, "E-M421", 1),
        (Step(status=401), ModelRefusedError, "E-M401", 1),
        (Step(status=402), ModelRefusedError, "E-M402", 1),
        (Step(status=403), ModelRefusedError, "E-M403", 1),
        (Step(status=404), ModelMisconfiguredError, "E-M404", 1),
        (Step(status=400), ModelMisconfiguredError, "E-M400", 1),
        (Step(status=500, raw_bytes=0, error={"message": "x" * 2_000_000}), ModelUnusableError, "E-M421", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_failure_has_its_kind_and_code(
    chat: OpenAIChat, fake: FakeOpenAI, step: Step, kind: type[ModelError], code: str, calls: int
) -> None:
    fake.always(step)

    with pytest.raises(ModelError) as failed:
        await asked(chat)

    assert type(failed.value) is kind
    assert failed.value.code == code
    assert failed.value.calls == len(fake.requests) == calls
    assert str(failed.value).endswith(f"{code}，见 docs/errors.md")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (
            429,
            {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"},
        ),
        (429, {"message": "…", "type": "exceeded_current_quota_error"}),
        (400, {"message": "Access denied", "code": "Arrearage"}),
        (403, {"message": "账户余额不足"}),
    ],
)
async def test_an_empty_account_is_told_from_a_busy_endpoint(
    chat: OpenAIChat, fake: FakeOpenAI, status: int, error: dict[str, str]
) -> None:
    fake.plays(Step(status=status, error=error))
    with pytest.raises(ModelRefusedError) as failed:
        await asked(chat)
    assert failed.value.code == "E-M402"
    assert failed.value.calls == 1


async def test_a_wrong_key_is_named_by_its_last_four_alone(fake: FakeOpenAI) -> None:
    chat = a_chat(fake, key="sk-wrong-key-value-9f3c")
    with pytest.raises(ModelRefusedError) as failed:
        await asked(chat)
    await chat.aclose()
    assert "末四位 9f3c" in str(failed.value)
    assert "wrong-key" not in str(failed.value)


@pytest.mark.parametrize("key", ["", "sk-有中文的密钥-1234", "sk-two\nlines", "sk with space"])
def test_a_key_that_cannot_be_sent_is_refused_when_wired(key: str) -> None:
    with pytest.raises(ModelRefusedError, match="OPENAI_API_KEY"):
        OpenAIChat("http://127.0.0.1:1/v1", key, "gpt-4.1-mini", 5)


async def test_an_unknown_model_is_named(fake: FakeOpenAI) -> None:
    chat = a_chat(fake, "gpt-99")
    with pytest.raises(ModelMisconfiguredError, match="gpt-99"):
        await asked(chat)
    await chat.aclose()


async def test_nothing_of_the_prompt_is_in_an_error_or_a_log_line(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    quoting = {"message": f"bad content: {SECRET}", "type": "invalid_request_error"}
    with capture_logs() as lines:
        for status in (400, 401, 429, 500):
            fake.always(Step(status=status, error=quoting))
            with pytest.raises(ModelError) as failed:
                await asked(chat)
            assert "13800138000" not in str(failed.value)
            assert failed.value.__cause__ is None
    assert lines
    assert "13800138000" not in json.dumps(lines, ensure_ascii=False)


async def test_a_pause_that_the_endpoint_asks_for_is_kept(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(Step(status=429, headers={"retry-after": "0.3"}), Step(content="fine"))
    began = time.monotonic()
    assert (await asked(chat)).text == "fine"
    assert time.monotonic() - began >= 0.3


async def test_a_pause_beyond_the_deadline_is_not_waited_for(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(Step(status=429, headers={"retry-after": "60"}))
    began = time.monotonic()
    with pytest.raises(ModelBusyError):
        await asked(chat)
    assert time.monotonic() - began < 5
    assert len(fake.requests) == 1


async def test_a_date_is_understood_as_a_pause(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(Step(status=503, headers={"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}))
    with pytest.raises(ModelUnreachableError):
        await asked(chat)
    assert len(fake.requests) == 1


async def test_a_model_that_hangs_is_given_up_at_the_deadline(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(Step(hang=True))
    began = time.monotonic()
    with pytest.raises(ModelTimeoutError) as failed:
        await asked(chat, deadline_seconds=0.3)
    assert 0.2 < time.monotonic() - began < 3
    assert (failed.value.code, failed.value.calls) == ("E-M408", 1)


async def test_the_timeout_of_the_settings_bounds_a_longer_deadline(fake: FakeOpenAI) -> None:
    chat = a_chat(fake, timeout_seconds=0.3)
    fake.always(Step(hang=True))
    with pytest.raises(ModelTimeoutError):
        await asked(chat, deadline_seconds=60)
    await chat.aclose()


async def test_an_address_where_nobody_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    chat = OpenAIChat(f"http://127.0.0.1:{port}/v1", "sk-0123456789abcdef", "m", 5, first_pause_seconds=0.01)
    with pytest.raises(ModelUnreachableError) as failed:
        await asked(chat)
    await chat.aclose()
    assert failed.value.code == "E-M410"
    assert failed.value.calls == TRIES


async def test_no_more_calls_are_in_flight_than_allowed(fake: FakeOpenAI) -> None:
    chat = OpenAIChat(fake.base_url, fake.key, "gpt-4.1-mini", 20, calls_in_flight=4)
    fake.always(Step(content="fine", delay_seconds=0.05))
    completions = await asyncio.gather(*(asked(chat) for _ in range(20)))
    await chat.aclose()
    assert {completion.text for completion in completions} == {"fine"}
    assert fake.most_in_flight == 4


async def test_waiting_for_a_place_counts_towards_the_deadline(fake: FakeOpenAI) -> None:
    chat = OpenAIChat(fake.base_url, fake.key, "gpt-4.1-mini", 20, calls_in_flight=1)
    fake.always(Step(hang=True))
    first, second = (asyncio.create_task(asked(chat, deadline_seconds=seconds)) for seconds in (10, 0.3))
    with pytest.raises(ModelTimeoutError) as failed:
        await second
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await chat.aclose()
    assert failed.value.calls == 0
