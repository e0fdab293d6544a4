"""What one turn does: a message and the conversation's state in, a reply and who speaks next out.

It decides in this order: does a person have the conversation, what kind of message is it, what does the text ask
for; a question goes to answering. It writes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from service.answering.answer import Answer
from service.bots import Bot
from service.conversation import routing, wording
from service.conversation.handoff import Decision, Handoffs, Transfer
from service.conversation.inbox import Turn
from service.conversation.messages import (
    Card,
    Choice,
    Followed,
    InboundMessage,
    Location,
    Media,
    MenuClick,
    Reply,
    Scanned,
    Source,
    Text,
    Unfollowed,
    Unknown,
    User,
)
from service.text.language import language_of

_MEDIA_WORDS = {"image": "图片", "voice": "语音", "video": "视频"}


class Answers(Protocol):
    """Answers questions from the shop's knowledge; what `answering.Answerer` does."""

    async def answer(self, question: str, *, deadline_seconds: float) -> Answer: ...

    async def approved(self, entry_id: str) -> Answer | None:
        """The approved answer of one FAQ entry; None if it is not live any more."""
        ...

    async def examples(self) -> Sequence[str]:
        """A few questions that the knowledge answers."""
        ...


class Turning:
    """Replies to one message at a time, for one bot."""

    def __init__(self, bot: Bot, answers: Answers, deadline_seconds: float) -> None:
        self._bot = bot
        self._answers = answers
        self.deadline_seconds = deadline_seconds
        self._handoffs = Handoffs(bot)
        self._router = routing.Router(bot.handoff_words, bot.return_words)

    async def decide(self, turn: Turn) -> Decision:
        """The reply to one message, and who has the conversation after it."""
        message = turn.message
        if isinstance(message.content, Unfollowed):
            return Decision(reply=Reply(kind="notice"), handed_over_until=None)
        if turn.handed_over_until is not None and turn.received_at < turn.handed_over_until:
            if isinstance(message.content, Text) and self._wants_bot(turn, message.content.text):
                language = language_of(message.content.text)
                return _bot_says(Reply(kind="notice", text=wording.back_to_bot(self._bot.title, language)))
            return self._handoffs.keep_with_person(
                transferable=message.transferable, now=turn.received_at, until=turn.handed_over_until
            )
        match message.content:
            case Text(text=text):
                return await self._text(turn, text)
            case MenuClick(key=key):
                return await self._text(turn, key)
            case Media(kind=kind):
                return _bot_says(Reply(kind="notice", text=wording.cannot_look(_MEDIA_WORDS[kind])))
            case Location():
                return _bot_says(Reply(kind="notice", text=wording.cannot_look("位置")))
            case Card():
                return _bot_says(Reply(kind="notice", text=wording.cannot_look("链接和卡片")))
            case Followed() | Scanned():
                examples = await self._answers.examples()
                text = wording.welcome(self._bot.title, examples, person=self._handoffs.somebody(message.transferable))
                return _bot_says(Reply(kind="notice", text=text))
            case Unknown():
                return _bot_says(Reply(kind="notice"))

    def wish_for_person(self, message: InboundMessage, now: datetime) -> Transfer | None:
        """The handoff that a message asks for in clear words, where a person can take over right away."""
        if not isinstance(message.content, Text) or not self._router.wants_person(message.content.text):
            return None
        decision = self._handoffs.hand_over(
            transferable=message.transferable, now=now, language=language_of(message.content.text)
        )
        if decision.handed_over_until is None:
            return None
        return Transfer(reply=decision.reply, until=decision.handed_over_until)

    async def reply_to(self, text: str) -> Reply:
        """The reply to a text on its own, as `faqbot ask` shows it: there is no conversation, nothing is kept."""
        now = datetime.now(UTC)
        message = InboundMessage(
            id="ask",
            user=User(channel="web", account="ask", id="ask"),
            content=Text(text=text),
            sent_at=now,
            transferable=True,
        )
        alone = Turn(
            seq=0,
            message=message,
            received_at=now,
            handed_over_until=None,
            shown=None,
            shown_at=None,
            waiting=False,
            failures=0,
        )
        reply = (await self.decide(alone)).reply
        return replace(reply, text=wording.handing_over()) if reply.transfer else reply

    def gave_up(self, turn: Turn) -> Decision:
        """After repeated failures: never silence, a person is offered."""
        text = turn.message.content.text if isinstance(turn.message.content, Text) else ""
        return Decision(
            reply=Reply(kind="offer", text=wording.could_not_answer(language_of(text))),
            handed_over_until=turn.handed_over_until,
        )

    def _wants_bot(self, turn: Turn, text: str) -> bool:
        return isinstance(self._router.read(text, None, None, turn.received_at), routing.WantsBot)

    async def _text(self, turn: Turn, text: str) -> Decision:
        language = language_of(text)
        match self._router.read(text, turn.shown, turn.shown_at, turn.received_at):
            case routing.WantsPerson():
                return self._handoffs.hand_over(
                    transferable=turn.message.transferable, now=turn.received_at, language=language
                )
            case routing.WantsBot():
                return _bot_says(Reply(kind="notice", text=wording.back_to_bot(self._bot.title, language)))
            case routing.Declines():
                return _bot_says(Reply(kind="notice", text=wording.declined(language)))
            case routing.Chooses(choice=choice):
                chosen = await self._answers.approved(choice.entry_id)
                if chosen is not None:
                    choices = turn.shown.choices if turn.shown else ()
                    return _bot_says(replace(as_reply(chosen), choices=choices))
                return await self._question(turn, choice.question)
            case routing.ChoosesNothing(count=count):
                return _bot_says(_again(turn.shown, wording.no_such_choice(count, language)))
            case routing.WantsMore():
                return _bot_says(Reply(kind="notice", text="" if turn.waiting else wording.nothing_more(language)))
            case routing.Greets():
                person = self._handoffs.somebody(turn.message.transferable)
                return _bot_says(Reply(kind="notice", text=wording.greeting(self._bot.title, language, person=person)))
            case routing.Thanks():
                return _bot_says(Reply(kind="notice", text=wording.thanks(language)))
            case routing.Asks(question=question):
                return await self._question(turn, question)

    async def _question(self, turn: Turn, question: str) -> Decision:
        reply = as_reply(await self._answers.answer(question, deadline_seconds=self.deadline_seconds))
        if reply.kind == "offer" and not self._handoffs.somebody(turn.message.transferable):
            # Offering what there is not would go round in circles: yes, nobody here, the same offer again.
            reply = replace(reply, text=wording.unsure(language_of(question)))
        return _bot_says(reply)


def as_reply(answer: Answer) -> Reply:
    """The reply that an answer makes."""
    return Reply(
        kind=answer.kind,
        text=answer.text,
        confidence=answer.confidence,
        sources=tuple(
            Source(
                file=cited.passage.file,
                title=cited.passage.question,
                entry_id=cited.passage.id,
                score=cited.score,
            )
            for cited in answer.sources
        ),
        choices=tuple(Choice(entry_id=cited.passage.id, question=cited.passage.question) for cited in answer.sources)
        if answer.kind == "clarification"
        else (),
        by_model=answer.by_model,
        llm_calls=answer.usage.calls,
        tokens=answer.usage.tokens,
    )


def _bot_says(reply: Reply) -> Decision:
    return Decision(reply=reply, handed_over_until=None)


def _again(shown: Reply | None, text: str) -> Reply:
    """The same choices once more, so that the next number still means one of them."""
    return Reply(kind="clarification", text=text, choices=shown.choices if shown else ())
