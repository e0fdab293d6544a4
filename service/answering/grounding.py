"""Whether what the model wrote may be shown: the form that was asked for, citations that exist, no invented figure.

The form: one JSON object with `answer` and `sources` and nothing else; both filled, or both empty, which says that the
passages don't hold the answer. Anything else is not mended here: the model is told what was wrong and asked once more.
"""

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from service.answering.figures import invented
from service.answering.prompt import Prompt
from service.llm.chat import Completion, Form
from service.retrieval.passages import Match

FORM = Form(
    name="grounded_answer",
    schema={
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "sources": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "sources"],
        "additionalProperties": False,
    },
)
_SHOWN_FIGURES = 5
_LABEL = re.compile(r"P([1-9]\d?)")
# Labels and emphasis that models add against the rules; they say nothing to a shopper.
_INLINE_LABELS = re.compile(r"\s*[（(\[【]\s*P\d+(?:\s*[,，、;；]?\s*P\d+)*\s*[）)\]】]")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_AI_LABEL = re.compile(r"\s*[（(]\s*AI\s*生成\s*[）)]\s*$")


class UngroundedError(Exception):
    """The completion can't be shown. `problem` is for the log, `note` tells the model what to do better."""

    def __init__(self, problem: str, note: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.note = note


@dataclass(frozen=True, kw_only=True)
class Grounded:
    """An answer that stands on its sources; both empty: the passages don't hold one."""

    text: str
    sources: tuple[Match, ...]
    """Best first, by rank of retrieval."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    answer: str
    sources: list[str]


def grounded(completion: Completion, prompt: Prompt) -> Grounded:
    """The answer that the completion holds. Raises UngroundedError."""
    if completion.finish == "length":
        raise UngroundedError("cut", "上一次的输出太长，被截断了。写短一些，JSON 要完整。")
    if completion.finish == "filtered":
        raise UngroundedError("filtered", "上一次没有给出回答。按规则回答；资料里没有答案就都留空。")
    try:
        written = _Written.model_validate_json(completion.text)
    except ValidationError:  # Its text holds what the model wrote.
        raise UngroundedError(
            "malformed", '上一次的输出不是规定的 JSON 对象。只输出 {"answer": "…", "sources": ["P1"]}，前后不带别的字。'
        ) from None
    text = _tidy(written.answer)
    sources = _cited(written.sources, prompt.given)
    if bool(text) != bool(sources):
        raise UngroundedError("half", "answer 和 sources 要么都有内容，要么都留空。")
    not_held = invented(text, prompt.texts, prompt.question)
    if not_held:
        raise UngroundedError(
            "figures",
            "上一次写了资料里没有的数字或联系方式：" + "、".join(not_held[:_SHOWN_FIGURES]) + "。只写资料里有的。",
        )
    return Grounded(text=text, sources=sources)


def _cited(labels: list[str], given: tuple[Match, ...]) -> tuple[Match, ...]:
    places = set()
    for label in labels:
        found = _LABEL.fullmatch(label)
        if not found or int(found[1]) > len(given):
            raise UngroundedError("citation", f"sources 只能是给出的资料编号：P1 到 P{len(given)}。")
        places.add(int(found[1]) - 1)
    return tuple(given[place] for place in sorted(places))


def _tidy(text: str) -> str:
    text = _EMPHASIS.sub(r"\2", _INLINE_LABELS.sub("", text))
    return _AI_LABEL.sub("", text).strip()
