"""Which parameters an OpenAI-compatible endpoint takes, learned from what it refuses.

Seen so: reasoning models refuse `max_tokens` (they want `max_completion_tokens`) and a temperature; DeepSeek refuses
`json_schema` ("This response_format type is unavailable now"); others know no `response_format` at all.
"""

from dataclasses import dataclass, replace
from typing import Literal

from service.llm.chat import Form

THINKING_TOKENS = 2000
"""On top of an answer's limit where the limit counts a model's thinking too; without it nothing is left to answer with."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What is sent; it only ever gets smaller, so adapting ends."""

    form: Literal["schema", "object", "none"] = "schema"
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True

    def parameters(self, form: Form | None, max_tokens: int) -> dict[str, object]:
        """The parameters beside model and messages."""
        thinking = THINKING_TOKENS if self.limit == "max_completion_tokens" else 0
        parameters: dict[str, object] = {self.limit: max_tokens + thinking}
        if self.temperature:
            parameters["temperature"] = 0
        if form and self.form == "schema":
            described = {"name": form.name, "strict": True, "schema": dict(form.schema)}
            parameters["response_format"] = {"type": "json_schema", "json_schema": described}
        elif form and self.form == "object":
            parameters["response_format"] = {"type": "json_object"}
        return parameters

    def after_refusal(self, parameter: str | None, message: str) -> "Dialect | None":
        """The dialect without what was refused; None: it was something else.

        `parameter` is the endpoint's own word for what it refuses; where it gives none, its message names it.
        """
        refused = (parameter or message).lower()
        if self.form != "none" and any(word in refused for word in ("response_format", "json_schema", "json_object")):
            return replace(self, form="object" if self.form == "schema" else "none")
        if self.limit == "max_tokens" and "max_tokens" in refused:
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in refused:
            return replace(self, temperature=False)
        return None
