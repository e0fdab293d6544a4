"""The fake OpenAI refuses what the real one refuses, and can be run and scripted as a process of its own."""

import base64
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.openai_rules import counted
from tests.fakes.openai_server import KEY, FakeOpenAI

QUESTION = [{"role": "user", "content": "请用 JSON 回答"}]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with FakeOpenAI() as fake, httpx.Client(base_url=fake.base_url, headers={"authorization": f"Bearer {KEY}"}) as one:
        yield one


def schema(**changes: Any) -> dict[str, Any]:
    inner = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {**inner, **changes}}}


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": []},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": "x", "mood": "y"}]},
        {"max_tokens": 0},
        {"max_tokens": 5, "max_completion_tokens": 5},
        {"temperature": 3},
        {"response_format": {"type": "yaml"}},
        {"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}},
        {"response_format": schema(additionalProperties=True)},
        {"response_format": schema(required=[])},
        {"model": "o4-mini", "max_tokens": 5},
        {"model": "o4-mini", "temperature": 0},
        {"model": "deepseek-chat", "response_format": schema()},
        {"temprature": 1},
    ],
    ids=json.dumps,
)
def test_a_request_that_openai_refuses_is_refused(client: httpx.Client, changes: dict[str, Any]) -> None:
    fine = {"model": "gpt-4.1-mini", "messages": QUESTION, "response_format": schema()}
    assert client.post("/chat/completions", json=fine).status_code == 200

    refused = client.post("/chat/completions", json={**fine, **changes})

    assert refused.status_code == 400
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


def test_a_wrong_key_and_an_unknown_model_are_refused(client: httpx.Client) -> None:
    body = {"model": "gpt-4.1-mini", "messages": QUESTION}
    refused = client.post("/chat/completions", json=body, headers={"authorization": "Bearer sk-other"})
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    assert client.post("/chat/completions", json={**body, "model": "gpt-99"}).status_code == 404


def test_vectors_are_the_same_for_the_same_text_and_near_for_a_near_one(client: httpx.Client) -> None:
    body = {"model": "text-embedding-3-small", "input": ["怎么退货", "怎么退货呢", "hello"], "dimensions": 256}
    first, near, far = [one["embedding"] for one in client.post("/embeddings", json=body).json()["data"]]
    packed = client.post("/embeddings", json={**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]

    assert sum(x * x for x in first) == pytest.approx(1)
    assert (
        sum(a * b for a, b in zip(first, near, strict=True)) > sum(a * b for a, b in zip(first, far, strict=True)) + 0.3
    )
    assert struct.unpack("<256f", base64.b64decode(packed)) == pytest.approx(first)


@pytest.mark.parametrize("changes", [{"input": []}, {"input": [""]}, {"dimensions": 9999}, {"input": "退" * 9000}])
def test_an_embedding_request_that_openai_refuses_is_refused(client: httpx.Client, changes: dict[str, Any]) -> None:
    body = {"model": "text-embedding-3-small", "input": "x", **changes}
    assert client.post("/embeddings", json=body).status_code == 400


def test_it_answers_from_the_first_passage(client: httpx.Client) -> None:
    asked = '资料：\nP1 {"标题": "怎么退货", "内容": "运费您出。七天内可退。"}\n\n顾客的问题："几天内可退"'
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": asked}]}
    answered = client.post("/chat/completions", json=body).json()
    assert json.loads(answered["choices"][0]["message"]["content"]) == {"answer": "七天内可退。", "sources": ["P1"]}
    usage = answered["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > counted(asked)


def test_as_a_process_it_prints_its_port_and_is_scripted_over_http() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.openai_server", "--port", "0", "--key", "sk-mine"], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            where = json.loads(process.stdout.readline())
            with httpx.Client(base_url=f"http://127.0.0.1:{where['port']}", timeout=20) as client:
                client.post("/_control/next", json=[{"content": "scripted"}]).raise_for_status()
                client.post(
                    "/_control/always", json={"status": 429, "headers": {"retry-after": "1"}}
                ).raise_for_status()
                body = {"model": "gpt-4.1-mini", "messages": QUESTION}
                headers = {"authorization": "Bearer sk-mine"}
                first, second = (client.post("/v1/chat/completions", json=body, headers=headers) for _ in range(2))
                seen = client.get("/_control/requests").json()
                client.delete("/_control/requests").raise_for_status()
                after = client.get("/_control/requests").json()
        finally:
            process.terminate()
    assert first.json()["choices"][0]["message"]["content"] == "scripted"
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert [request["body"] for request in seen["requests"]] == [body, body]
    assert after["requests"] == []
