"""Handing a conversation to a person, and when people are there.

WeChat's desk takes over by a reply of type transfer_customer_service, to messages and not to events; while a person
has the conversation every message goes there, until some minutes after the last one. Where there is no desk, or
nobody at it, the user is told how else to reach a person, and the bot goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from opening_hours import OpeningHours

from service.bots import Bot
from service.conversation import wording
from service.conversation.messages import Reply
from service.text.language import Language

_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A reply, and until when a person has the conversation after it (None: the bot has it)."""

    reply: Reply
    handed_over_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A handoff that takes place."""

    reply: Reply
    until: datetime


class Handoffs:
    """The rules of one bot for giving conversations to people."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._hours = OpeningHours(bot.working_hours)

    def hand_over(self, *, transferable: bool, now: datetime, language: Language) -> Decision:
        """Give the conversation to a person, or say how to reach one."""
        opening = self.next_opening(now)
        if transferable and opening is None:
            until = now + timedelta(minutes=self._bot.handoff_minutes)
            return Decision(reply=Reply(kind="handoff", transfer=True), handed_over_until=until)
        if transferable:
            text = wording.out_of_hours(opening or "", self._bot.contact, language)
        else:
            hours = wording.hours(opening, self._closing(now) if opening is None else "", language)
            text = wording.person_by_contact(self._bot.contact, hours, language)
        return Decision(reply=Reply(kind="notice", text=text), handed_over_until=None)

    def somebody(self, transferable: bool) -> bool:
        """Whether there is any way to a person, now or in working hours."""
        return transferable or bool(self._bot.contact)

    def keep_with_person(self, *, transferable: bool, now: datetime, until: datetime) -> Decision:
        """One more message while a person has the conversation: it goes to the desk, and the bot says nothing.

        It prolongs the handoff, but not after closing time: whoever is still at the desk can finish, and a shopper
        who writes on doesn't write into the dark.
        """
        if self.next_opening(now) is None:
            until = max(until, now + timedelta(minutes=self._bot.handoff_minutes))
        return Decision(reply=Reply(kind="handoff", transfer=transferable), handed_over_until=until)

    def next_opening(self, now: datetime) -> str | None:
        """When people are there again, in words (明天 09:00); None: they are there now."""
        here = now.astimezone(self._bot.zone)
        if self._hours.is_open(here):
            return None
        opening = here
        while not self._hours.is_open(opening):
            change = self._hours.next_change(opening)
            if change is None:
                return ""
            opening = change
        days = (opening.date() - here.date()).days
        day = {0: "今天", 1: "明天", 2: "后天"}.get(days)
        if day is None and days < 7:
            day = f"周{_WEEKDAYS[opening.weekday()]}"
        return f"{day or f'{opening.month}月{opening.day}日'} {opening:%H:%M}"

    def _closing(self, now: datetime) -> str:
        """Until when people are there today; empty where they stay beyond it."""
        here = now.astimezone(self._bot.zone)
        change = self._hours.next_change(here)
        return f"{change:%H:%M}" if change is not None and change.date() == here.date() else ""
