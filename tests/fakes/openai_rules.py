"""The rules of the fake OpenAI: which requests the real API refuses and with what words, and what the fake answers.

Written from OpenAI's API reference (chat completions, embeddings, structured outputs) and from refusals that are public
in issue reports: a reasoning model's of `max_tokens` and `temperature`, DeepSeek's of `json_schema`.
"""

import base64
import hashlib
import json
import math
import re
import struct
from itertools import pairwise
from typing import Any

CHAT_MODELS = {"gpt-4.1-mini", "gpt-4.1", "o4-mini", "deepseek-chat", "plain-chat"}
"""o4-mini reasons; deepseek-chat has no schemas, plain-chat no response_format at all."""
EMBEDDING_MODELS = {"text-embedding-3-small": 1536}
_CHAT_PARAMETERS = {
    *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stop", "seed", "user"),
    *("response_format", "stream", "presence_penalty", "frequency_penalty", "reasoning_effort", "store", "metadata"),
}
_ROLES = {"system", "developer", "user", "assistant"}
_LABELLED = re.compile(r"^P1 (\{.*\})$", re.MULTILINE)


class Refusal(Exception):  # noqa: N818  # It is what the API answers, not a fault.
    """An error response."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": type, "param": param, "code": code}


def checked_chat(body: dict[str, Any]) -> None:
    """Raises Refusal for what the real API refuses."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "you must provide a model parameter")
    if model not in CHAT_MODELS:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise Refusal(404, message, code="model_not_found")
    for name in body.keys() - _CHAT_PARAMETERS:
        raise Refusal(400, f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")
    if body.get("stream"):
        raise Refusal(400, "This fake doesn't stream.", param="stream")
    _check_messages(body.get("messages"))
    _check_limits(body, reasons=model == "o4-mini")
    _check_format(body, model)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "Invalid 'messages': expected a non-empty array.", param="messages", code="invalid_type")
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refusal(400, f"Invalid value: '{where}.role'.", param=f"{where}.role", code="invalid_value")
        if not isinstance(message.get("content"), str):
            raise Refusal(400, f"Invalid type for '{where}.content'.", param=f"{where}.content", code="invalid_type")
        for name in message.keys() - {"role", "content", "name"}:
            raise Refusal(
                400, f"Unknown parameter: '{where}.{name}'.", param=f"{where}.{name}", code="unknown_parameter"
            )


def _check_limits(body: dict[str, Any], *, reasons: bool) -> None:
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise Refusal(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if reasons and "max_tokens" in body:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Refusal(400, message, code="unsupported_parameter", param="max_tokens")
    for name in ("max_tokens", "max_completion_tokens"):
        limit = body.get(name, 1)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise Refusal(
                400, f"Invalid '{name}': integer below minimum value.", param=name, code="integer_below_min_value"
            )
    temperature = body.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        raise Refusal(400, "Invalid 'temperature'.", param="temperature", code="decimal_above_max_value")
    if reasons and temperature != 1:
        message = (
            f"Unsupported value: 'temperature' does not support {temperature} with this model. "
            "Only the default (1) value is supported."
        )
        raise Refusal(400, message, code="unsupported_value", param="temperature")


def _check_format(body: dict[str, Any], model: str) -> None:
    wanted = body.get("response_format")
    if wanted is None:
        return
    if model == "plain-chat":
        raise Refusal(400, "Unrecognized request argument supplied: response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise Refusal(400, "Invalid value: 'response_format.type'.", param="response_format.type", code="invalid_value")
    if kind == "json_schema" and model == "deepseek-chat":
        raise Refusal(400, "This response_format type is unavailable now", code="invalid_request_error")
    if kind == "json_object" and not any("json" in m["content"].lower() for m in body["messages"]):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        raise Refusal(400, message, param="messages")
    if kind == "json_schema":
        described = wanted.get("json_schema")
        if not isinstance(described, dict) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(described.get("name", ""))):
            raise Refusal(400, "Invalid 'response_format.json_schema.name'.", param="response_format.json_schema.name")
        if described.get("strict"):
            _check_schema(described.get("schema"))


def _check_schema(schema: Any, place: tuple[str, ...] = ()) -> None:
    """Structured outputs' subset: objects closed, each property required."""

    def refuse(why: str) -> Refusal:
        message = f"Invalid schema for response_format: In context={place}, {why}."
        return Refusal(400, message, code="invalid_json_schema", param="response_format")

    if not isinstance(schema, dict) or "type" not in schema:
        raise refuse("schema must have a 'type' key")
    if not place and schema["type"] != "object":
        raise refuse("schema must be of type 'object'")
    if schema["type"] == "object":
        if schema.get("additionalProperties") is not False:
            raise refuse("'additionalProperties' is required to be supplied and to be false")
        properties = schema.get("properties", {})
        if set(schema.get("required", ())) != set(properties):
            raise refuse("'required' is required to be an array including every key in properties")
        for name, inner in properties.items():
            _check_schema(inner, (*place, "properties", name))
    if schema["type"] == "array":
        _check_schema(schema.get("items"), (*place, "items"))


def checked_embeddings(body: dict[str, Any]) -> None:
    """Raises Refusal for what the real API refuses."""
    model = body.get("model")
    if model not in EMBEDDING_MODELS:
        raise Refusal(404, f"The model `{model}` does not exist.", code="model_not_found")
    for name in body.keys() - {"model", "input", "encoding_format", "dimensions", "user"}:
        raise Refusal(400, f"Unrecognized request argument supplied: {name}", param=name)
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise Refusal(400, "Invalid 'encoding_format'.", param="encoding_format", code="invalid_value")
    size = body.get("dimensions", 1)
    if not isinstance(size, int) or not 1 <= size <= EMBEDDING_MODELS[model]:
        raise Refusal(400, "Invalid value for 'dimensions'.", param="dimensions")
    texts = [body.get("input")] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 2048 or not all(isinstance(t, str) and t for t in texts):
        raise Refusal(400, "'$.input' is invalid.", param="input")
    if any(counted(text) > 8192 for text in texts):
        raise Refusal(400, "This model's maximum context length is 8192 tokens.", param="input")


def embedding(text: str, body: dict[str, Any]) -> list[float] | str:
    """A vector of unit length in the format that the request asks for: hashed n-grams of one to three characters."""
    size = body.get("dimensions") or EMBEDDING_MODELS[body["model"]]
    vector = [0.0] * size
    lowered = f"^{text.lower()}$"
    for length in (1, 2, 3):
        for start in range(len(lowered) - length + 1):
            digest = hashlib.blake2b(lowered[start : start + length].encode("utf-8", "replace"), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "little") % size] += length * (1 if digest[4] & 1 else -1)
    norm = math.sqrt(sum(x * x for x in vector)) or 1.0
    vector = [x / norm for x in vector]
    if body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
    return vector


def counted(text: str) -> int:
    """Tokens, roughly as the real tokenizers count: a Chinese character is one, an English word one or two."""
    return len(re.findall(r"[\u2e80-\uffff]|[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d\u2e80-\uffff]", text))


def sentence_of_first_passage(messages: list[dict[str, Any]]) -> str:
    """The honest answer of a model that keeps to the passages: P1's sentence that is likest to the question."""
    asked = messages[-1]["content"]
    found = _LABELLED.search(asked)
    if not found:
        return json.dumps({"answer": "", "sources": []})
    passage = json.loads(found[1])
    text = list(passage.values())[-1]
    question = asked[found.end() :].rpartition("：")[2]
    sentences = [s for s in re.findall(r"[^。！？!?\n]+[。！？!?\n]?", text) if s.strip()]
    best = max(sentences, key=lambda s: len(_pairs(s) & _pairs(question)), default="")
    answer = best.strip()
    return json.dumps({"answer": answer, "sources": ["P1"] if answer else []}, ensure_ascii=False)


def _pairs(text: str) -> set[str]:
    return {a + b for a, b in pairwise(text)}
