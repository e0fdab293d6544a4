"""What a user sends and what a user gets, whatever the channel: plain values, no wire format.

Both are stored as JSON in the inbox; a field that is renamed needs a migration.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter


@dataclass(frozen=True, kw_only=True)
class Text:
    type: Literal["text"] = "text"
    text: str


@dataclass(frozen=True, kw_only=True)
class Media:
    """A picture, voice or video; the bot can't look into it."""

    type: Literal["media"] = "media"
    kind: Literal["image", "voice", "video"]
    reference: str
    """The channel's own name for it, such as WeChat's MediaId."""


@dataclass(frozen=True, kw_only=True)
class Location:
    type: Literal["location"] = "location"
    latitude: float
    longitude: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A link or a mini-program card; `title` may be empty."""

    type: Literal["card"] = "card"
    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The user follows the account; `scene` is what a scanned code carried, or empty."""

    type: Literal["followed"] = "followed"
    scene: str = ""


@dataclass(frozen=True, kw_only=True)
class Unfollowed:
    type: Literal["unfollowed"] = "unfollowed"


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """A user who follows already scanned a code."""

    type: Literal["scanned"] = "scanned"
    scene: str


@dataclass(frozen=True, kw_only=True)
class MenuClick:
    type: Literal["menu_click"] = "menu_click"
    key: str


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Something this release has no words for; `name` is the channel's for it."""

    type: Literal["unknown"] = "unknown"
    name: str


Content = Annotated[
    Text | Media | Location | Card | Followed | Unfollowed | Scanned | MenuClick | Unknown, Field(discriminator="type")
]


@dataclass(frozen=True, kw_only=True)
class User:
    """One user at one account of a channel; a conversation belongs to exactly one."""

    channel: Literal["wechat", "web"]
    account: str
    id: str

    @property
    def conversation(self) -> str:
        """The conversation's id."""
        return f"{self.channel}:{self.account}:{self.id}"


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """One verified, parsed message or event of a user."""

    id: str
    """`channel:account:message-id`, the same in every repeat; an event's is a hash of who, when, what."""
    user: User
    content: Content
    sent_at: datetime
    """Aware; by the channel's clock."""
    transferable: bool = False
    """The channel can hand this very message to its own desk of agents (WeChat: messages, not events)."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an answer comes from."""

    file: str
    title: str
    entry_id: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of the entries that a clarification offers; its number is its place, from 1."""

    entry_id: str
    question: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the user gets for one message."""

    kind: Literal["answer", "clarification", "offer", "handoff", "notice"]
    text: str = ""
    """Empty: nothing is to be said (the channel acknowledges), or with `transfer` the desk takes the message."""
    transfer: bool = False
    """Give this message to the channel's desk of agents instead of answering it."""
    confidence: float | None = None
    sources: tuple[Source, ...] = ()
    choices: tuple[Choice, ...] = ()
    by_model: bool = False
    llm_calls: int = 0
    tokens: int = 0


MESSAGE = TypeAdapter(InboundMessage)
REPLY = TypeAdapter(Reply)
