"""What a chat model is to the rest of the service: messages in, one completion out, and its failures by kind.

The implementation for OpenAI and compatible endpoints is llm/openai_chat.py; nothing of the client is imported here, so
that a service without a key never loads it. Each failure says to the operator what happened, why, and the one next
step; none of them carries a word of the prompt or of the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Form:
    """The JSON object that the model is to write; the prompt describes it too, for endpoints without schemas."""

    name: str
    """Letters, digits, `_` and `-`."""
    schema: Mapping[str, object]
    """JSON Schema in the strict subset: each property required, no additional ones."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What the model wrote; whether it has the form that was asked for is the caller's to check."""

    text: str
    """May be empty."""
    finish: Literal["stop", "length", "filtered"]
    """`length`: cut at the limit. `filtered`: the endpoint's own filter withheld it, or the model declined."""
    tokens: int = 0
    """Of prompt and answer, over all calls; 0 where the endpoint doesn't say."""
    calls: int = 1
    """Requests that were sent for it, failed ones included."""


class ModelError(Exception):
    """The model gave nothing that can be used. The message is for the operator; `code` stands in docs/errors.md."""

    def __init__(self, message: str, *, code: str, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing
        """It may be gone when tried again."""
        self.calls = 0
        """Requests that were sent before it was given up."""
        self.tokens = 0


class ModelUnreachableError(ModelError):
    """No connection, or the endpoint failed by itself."""


class ModelTimeoutError(ModelUnreachableError):
    """The time ran out, tries and pauses included."""


class ModelBusyError(ModelError):
    """The endpoint limits how often or how much it is asked."""


class ModelRefusedError(ModelError):
    """The key or the account is refused: a person has to do something about it."""


class ModelMisconfiguredError(ModelError):
    """The endpoint doesn't know the address or the model, or refuses the request's form."""


class ModelUnusableError(ModelError):
    """It answered, but not with a chat completion."""


class ChatModel(Protocol):
    """A model that completes a conversation."""

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        deadline_seconds: float,
        max_tokens: int,
    ) -> Completion:
        """One completion, its retries included, within the deadline. Raises ModelError."""
        ...
