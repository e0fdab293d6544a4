"""A question in, an answer out: the approved one, the model's where it is grounded, else the way without a model.

In this order: an entry that is asked for word for word is answered as staff wrote it; what the knowledge hardly holds
isn't sent to a model; the model gets one try and, if what it wrote can't be shown, one more; then fallback.py decides
as without a key. A model's failure never reaches the caller, a fault of our own does.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from service.answering import fallback
from service.answering.answer import Answer, Citation, Usage
from service.answering.grounding import FORM, Grounded, UngroundedError, grounded
from service.answering.prompt import Prompt, compose, once_more
from service.bots import Bot
from service.llm.chat import ChatMessage, ChatModel, ModelError
from service.llm.tokens import TokenCounter
from service.retrieval.passages import Passage, Retrieved
from service.text.language import language_of

LEAST_SECONDS = 1.0
"""With less left, the model isn't asked (again)."""

log = structlog.get_logger()


class Retrieves(Protocol):
    """Finds passages for a question."""

    async def retrieve(self, question: str) -> Retrieved:
        """What the live index holds for it."""
        ...

    async def passages(self) -> Sequence[Passage]:
        """All that is live."""
        ...

    async def entry(self, entry_id: str) -> Passage | None:
        """One live passage by its id."""
        ...


class Answerer:
    """Answers questions from a bot's knowledge."""

    def __init__(
        self,
        retriever: Retrieves,
        bot: Bot,
        chat: ChatModel | None,
        tokens: TokenCounter,
        *,
        prompt_tokens: int = 2000,
        answer_tokens: int = 500,
    ) -> None:
        """Without `chat`, the shop's own answers are the answers."""
        self._retriever = retriever
        self._bot = bot
        self._chat = chat
        self._tokens = tokens
        self._prompt_tokens = prompt_tokens
        self._answer_tokens = answer_tokens

    async def answer(self, question: str, *, deadline_seconds: float) -> Answer:
        """The answer, within the deadline as far as the model is concerned."""
        answer, _ = await self.answer_with_retrieval(question, deadline_seconds=deadline_seconds)
        return answer

    async def answer_with_retrieval(self, question: str, *, deadline_seconds: float = 20.0) -> tuple[Answer, Retrieved]:
        """The answer and what it was made from."""
        ends = asyncio.get_running_loop().time() + deadline_seconds
        retrieved = await self._retriever.retrieve(question)
        return await self._answer(question, retrieved, ends), retrieved

    async def approved(self, entry_id: str) -> Answer | None:
        """The passage with this id as staff wrote it, for a shopper who chose it; None if it isn't live any more."""
        passage = await self._retriever.entry(entry_id)
        return fallback.chosen(passage) if passage else None

    async def examples(self) -> Sequence[str]:
        """Three questions that the knowledge answers."""
        return fallback.examples_of(await self._retriever.passages(), count=3)

    async def _answer(self, question: str, retrieved: Retrieved, ends: float) -> Answer:
        if retrieved.exact and retrieved.matches and retrieved.matches[0].passage.kind == "faq":
            return fallback.approved(retrieved, language_of(question))
        if self._chat is None or fallback.out_of_scope(retrieved, self._bot.costs):
            return fallback.without_model(question, retrieved, self._bot)
        prompt = compose(
            question, retrieved.matches, title=self._bot.title, tokens=self._tokens, budget=self._prompt_tokens
        )
        if prompt is None:
            log.warning("answering.prompt_too_small", prompt_tokens=self._prompt_tokens, exact=self._tokens.exact)
            return fallback.without_model(question, retrieved, self._bot)
        written, usage = await self._asked(self._chat, prompt, ends)
        if written is None:
            return replace(fallback.without_model(question, retrieved, self._bot), usage=usage)
        if not written.text:
            log.info("answering.not_held", calls=usage.calls, tokens=usage.tokens)
            return replace(fallback.offer(question, retrieved), usage=usage)
        return Answer(
            kind="answer",
            text=written.text,
            confidence=_confidence(written, retrieved),
            sources=tuple(Citation(passage=match.passage, score=match.score) for match in written.sources),
            by_model=True,
            usage=usage,
        )

    async def _asked(self, chat: ChatModel, prompt: Prompt, ends: float) -> tuple[Grounded | None, Usage]:
        """What the model wrote in at most two tries; None where nothing of it can be shown."""
        usage = Usage()
        messages: Sequence[ChatMessage] = prompt.messages
        problem = ""
        for attempt in (1, 2):
            left = ends - asyncio.get_running_loop().time()
            if left < LEAST_SECONDS:
                log.warning("answering.out_of_time", attempt=attempt, problem=problem)
                break
            try:
                completion = await chat.complete(
                    messages, form=FORM, deadline_seconds=left, max_tokens=self._answer_tokens
                )
                usage += Usage(calls=completion.calls, tokens=completion.tokens)
                written = grounded(completion, prompt)
            except ModelError as error:
                usage += Usage(calls=error.calls, tokens=error.tokens)
                log.warning("answering.model_failed", code=error.code, attempt=attempt, calls=usage.calls)
                break
            except UngroundedError as error:
                problem = error.problem
                log.warning("answering.withheld", problem=problem, attempt=attempt, tokens=usage.tokens)
                messages = once_more(prompt, error.note, self._tokens)
            else:
                if attempt > 1:
                    log.info("answering.repaired", problem=problem, calls=usage.calls, tokens=usage.tokens)
                return written, usage
        return None, usage


def _confidence(written: Grounded, retrieved: Retrieved) -> float:
    """Of the first source: the first passage's own; another one's is what the choices leave to those behind it."""
    if written.sources[0] is retrieved.matches[0]:
        return retrieved.confidence
    return max(retrieved.choices_confidence - retrieved.confidence, 0.0)
