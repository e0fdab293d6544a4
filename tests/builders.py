"""Plain values for tests, with defaults."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from service.answering.answer import Answer, Citation
from service.bots import Bot
from service.conversation.messages import Content, InboundMessage, Text, User
from service.retrieval.passages import Passage
from service.settings import HANDOFF_WORDS, RETURN_WORDS

_numbers = itertools.count(1)


def a_bot(**changes: object) -> Bot:
    values: dict[str, object] = {
        "name": "default",
        "title": "小助手",
        "knowledge_dir": Path("knowledge"),
        "handoff_words": tuple(HANDOFF_WORDS.split(",")),
        "return_words": tuple(RETURN_WORDS.split(",")),
        "contact": "电话 400-000-0000",
        "handoff_minutes": 30,
        "working_hours": "24/7",
        "zone": ZoneInfo("Asia/Shanghai"),
    }
    return Bot(**(values | changes))  # type: ignore[arg-type]


def a_message(
    content: Content | str = "怎么退货", *, user: str = "shopper-1", id: str | None = None, transferable: bool = True
) -> InboundMessage:
    return InboundMessage(
        id=id or f"wechat:default:{next(_numbers)}",
        user=User(channel="wechat", account="default", id=user),
        content=Text(text=content) if isinstance(content, str) else content,
        sent_at=datetime.now(UTC),
        transferable=transferable,
    )


def a_passage(question: str = "怎么退货", text: str = "签收后 7 天内可退。", **changes: object) -> Passage:
    values: dict[str, object] = {
        "id": f"E-{question}",
        "kind": "faq",
        "question": question,
        "similar": (),
        "text": text,
        "category": "退换货",
        "file": "退货.md",
        "place": question,
    }
    return Passage(**(values | changes))  # type: ignore[arg-type]


def an_answer(text: str = "签收后 7 天内可退。", **changes: object) -> Answer:
    values: dict[str, object] = {"kind": "answer", "text": text, "confidence": 0.95}
    return Answer(**(values | changes))  # type: ignore[arg-type]


def citations(questions: Sequence[str]) -> tuple[Citation, ...]:
    return tuple(Citation(passage=a_passage(question), score=0.5) for question in questions)
