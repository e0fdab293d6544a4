"""The rows of a conversation: what came, who works it, what it was answered with, what the user has of that.

A message's row is the turn's state: open (recorded), answered (the reply is kept), done (the user has all of it).
Each function here is one commit. Whoever writes locks the conversation's row first, so that its worker sees a new
message or the receiver becomes the worker; SQLite locks the whole database for a write and needs nothing more.

An owner is a life: one run of one process. A conversation without owner, or whose owner's lease is over, and with
open rows is an orphan; any process may adopt it.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.conversation.delivery import Kept, compose
from service.conversation.messages import MESSAGE, REPLY, InboundMessage, Reply
from service.storage.tables import conversations, inbox

ANSWERED_CHANNEL = "faqbot_answered"
"""PostgreSQL's NOTIFY channel on which the ids of answered messages are told to all processes."""


class ConversationLostError(Exception):
    """Another process has the conversation by now; what this one worked out for it must not be kept."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A message that can't be lost any more."""

    message_id: str
    conversation: str
    received_at: datetime
    claimed: bool
    """The caller has the conversation now and must work it."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message to answer, and what a reply depends on."""

    seq: int
    message: InboundMessage
    received_at: datetime
    handed_over_until: datetime | None
    """A person has the conversation until then."""
    shown: Reply | None
    """The last reply that the user has seen whole: what a yes or a number refers to."""
    shown_at: datetime | None
    waiting: bool
    """Something that was answered before has not reached the user yet."""
    failures: int


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a message is answered with on its channel; the same for each repeat of the message."""

    text: str
    """Empty: nothing to say."""
    transfer: bool = False
    """Hand the message to the channel's desk of agents."""


def record(
    connection: Connection, message: InboundMessage, now: datetime, life: str, lease_until: datetime, *, working: bool
) -> Recorded:
    """Keep a message, once however often it comes, and claim its conversation if nobody has it.

    `working`: `life` has a worker at the conversation, which will see the message, even if its lease is over (a
    process that was suspended, a clock that jumped).
    """
    conversation = message.user.conversation
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(conversations).values(id=conversation).on_conflict_do_nothing())
    owned = _lock(connection, conversation)
    connection.execute(
        dialect.insert(inbox)
        .values(
            id=message.id,
            conversation=conversation,
            message=MESSAGE.dump_json(message).decode(),
            received_at=now.timestamp(),
            state="open",
        )
        .on_conflict_do_nothing()
    )
    row = connection.execute(select(inbox.c.received_at, inbox.c.state).where(inbox.c.id == message.id)).one()
    expired = (owned["lease_until"] or 0) < now.timestamp()
    ours = owned["owner"] == life and working
    claimed = row.state == "open" and (owned["owner"] is None or (expired and not ours))
    if claimed:
        _own(connection, conversation, life, lease_until)
    return Recorded(
        message_id=message.id, conversation=conversation, received_at=_aware(row.received_at), claimed=claimed
    )


def adopt(
    connection: Connection, now: datetime, life: str, lease_until: datetime, *, held: Collection[str]
) -> list[str]:
    """Claim every orphan; the conversations that the caller must work now. `held` are those it works already."""
    orphans = connection.execute(
        select(conversations.c.id)
        .where(
            or_(conversations.c.owner.is_(None), conversations.c.lease_until < now.timestamp()),
            conversations.c.id.in_(select(inbox.c.conversation).where(inbox.c.state == "open")),
        )
        .with_for_update(skip_locked=True)
    ).scalars()
    adopted = [conversation for conversation in orphans if conversation not in held]
    for conversation in adopted:
        _own(connection, conversation, life, lease_until)
    return adopted


def renew(connection: Connection, held: Iterable[str], life: str, lease_until: datetime) -> None:
    """Prolong the leases of the conversations that are really being worked; a failed one's must run out."""
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(list(held)), conversations.c.owner == life)
        .values(lease_until=lease_until.timestamp())
    )


def free(connection: Connection, instance: str) -> None:
    """Let go of what former lives of this instance held when they were killed."""
    connection.execute(
        update(conversations)
        .where(conversations.c.owner.startswith(f"{instance}|", autoescape=True))
        .values(owner=None, lease_until=None)
    )


def release(connection: Connection, conversation: str, life: str) -> None:
    """Let go of one conversation whose work failed; the next look for orphans takes it up again."""
    connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation, conversations.c.owner == life)
        .values(owner=None, lease_until=None)
    )


def next_turn(connection: Connection, conversation: str, life: str) -> Turn | None:
    """The oldest open message of a conversation that `life` has; None, and let go, when there is none.

    Raises ConversationLostError where another life has it.
    """
    state = _held(connection, conversation, life)
    return _next(connection, conversation, state)


def answered(
    connection: Connection, turn: Turn, reply: Reply, handed_over_until: datetime | None, now: datetime, life: str
) -> Turn | None:
    """Keep a turn's reply and who speaks from here on; the conversation's next turn, or None and let go.

    Raises ConversationLostError where another life has the conversation: then nothing is kept. Nor is it where the
    message was answered meanwhile (`hand_over`).
    """
    conversation = turn.message.user.conversation
    _held(connection, conversation, life)
    if _keep(connection, turn.seq, reply, now) and handed_over_until != turn.handed_over_until:
        _speaks(connection, conversation, handed_over_until, turn.seq)
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(ANSWERED_CHANNEL, turn.message.id)))
    return _next(connection, conversation, _lock(connection, conversation))


def hand_over(connection: Connection, message_id: str, reply: Reply, until: datetime, now: datetime) -> None:
    """Give the conversation to a person at once, ahead of what is still being worked; no effect if it is answered."""
    row = connection.execute(select(inbox.c.seq, inbox.c.conversation).where(inbox.c.id == message_id)).one()
    _lock(connection, row.conversation)
    if _keep(connection, row.seq, reply, now):
        _speaks(connection, row.conversation, until, row.seq)


def failed(connection: Connection, turn: Turn) -> None:
    """Note that working a turn went wrong."""
    connection.execute(update(inbox).where(inbox.c.seq == turn.seq).values(failures=inbox.c.failures + 1))


def deliver(
    connection: Connection, message_id: str, now: datetime, limit_bytes: int | None, notice: str | None
) -> Response | None:
    """What to answer a message with, and the record of it in the same commit; a repeat gets the same again.

    None while the message is open, unless `notice` is given: then what else waits for the user, or the notice. All
    that waits goes along if it fits (see `delivery.compose`). Who speaks is read here, in the commit before the
    send: while a person has the conversation the message goes to the desk, and nothing of the bot's goes out.
    """
    row = connection.execute(select(inbox).where(inbox.c.id == message_id)).mappings().one()
    state = _lock(connection, row["conversation"])
    row = connection.execute(select(inbox).where(inbox.c.id == message_id)).mappings().one()
    with_person = (state["handed_over_until"] or 0) > now.timestamp()
    if row["response"] is not None:
        former = Response(**json.loads(row["response"]))
        if not (with_person and former.text):
            return former
    elif row["state"] == "open" and notice is None:
        return None
    message = MESSAGE.validate_json(row["message"])
    reply = REPLY.validate_json(row["reply"]) if row["reply"] else None
    if with_person or (reply is not None and reply.transfer):
        response = Response(text="", transfer=message.transferable)
        if reply is not None:
            _finish(connection, row["seq"], row["delivered"], now)
    else:
        response = _from_the_bot(connection, row, limit_bytes, notice, now)
    connection.execute(
        update(inbox)
        .where(inbox.c.seq == row["seq"])
        .values(response=json.dumps({"text": response.text, "transfer": response.transfer}, ensure_ascii=False))
    )
    return response


def _from_the_bot(
    connection: Connection, row: RowMapping, limit_bytes: int | None, notice: str | None, now: datetime
) -> Response:
    waiting = connection.execute(
        select(inbox)
        .where(inbox.c.conversation == row["conversation"], inbox.c.state == "answered", inbox.c.seq <= row["seq"])
        .order_by(inbox.c.seq)
    ).mappings()
    kept = [
        Kept(
            seq=each["seq"],
            asked=None if each["seq"] == row["seq"] else MESSAGE.validate_json(each["message"]),
            reply=REPLY.validate_json(each["reply"]),
            delivered=each["delivered"],
        )
        for each in waiting
    ]
    composed = compose(kept, limit_bytes)
    for each in kept:
        upto = composed.delivered[each.seq]
        if upto == len(each.reply.text):
            _finish(connection, each.seq, upto, now)
        elif upto != each.delivered:
            connection.execute(update(inbox).where(inbox.c.seq == each.seq).values(delivered=upto))
    text = composed.text
    if row["state"] == "open" and notice is not None and not text:
        text = notice
    return Response(text=text)


def _keep(connection: Connection, seq: int, reply: Reply, now: datetime) -> bool:
    """Keep the reply to a message that has none; False where it has."""
    silent = not reply.text and not reply.transfer
    kept = connection.execute(
        update(inbox)
        .where(inbox.c.seq == seq, inbox.c.state == "open")
        .values(
            reply=REPLY.dump_json(reply).decode(), state="done" if silent else "answered", answered_at=now.timestamp()
        )
    )
    return kept.rowcount == 1


def _speaks(connection: Connection, conversation: str, until: datetime | None, seq: int) -> None:
    """A person speaks until then, or from now on the bot (None).

    Where it is a person, what the bot still had to say to messages before this one is not said any more.
    """
    connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation)
        .values(handed_over_until=until.timestamp() if until else None)
    )
    if until is not None:
        connection.execute(
            update(inbox)
            .where(inbox.c.conversation == conversation, inbox.c.state == "answered", inbox.c.seq < seq)
            .values(state="done")
        )


def _finish(connection: Connection, seq: int, delivered: int, now: datetime) -> None:
    connection.execute(
        update(inbox).where(inbox.c.seq == seq).values(state="done", delivered=delivered, delivered_at=now.timestamp())
    )


def _held(connection: Connection, conversation: str, life: str) -> RowMapping:
    state = _lock(connection, conversation)
    if state["owner"] != life:
        raise ConversationLostError(conversation)
    return state


def _lock(connection: Connection, conversation: str) -> RowMapping:
    return (
        connection.execute(select(conversations).where(conversations.c.id == conversation).with_for_update())
        .mappings()
        .one()
    )


def _own(connection: Connection, conversation: str, life: str, lease_until: datetime) -> None:
    connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation)
        .values(owner=life, lease_until=lease_until.timestamp())
    )


def _next(connection: Connection, conversation: str, state: RowMapping) -> Turn | None:
    row = (
        connection.execute(
            select(inbox)
            .where(inbox.c.conversation == conversation, inbox.c.state == "open")
            .order_by(inbox.c.seq)
            .limit(1)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        connection.execute(
            update(conversations).where(conversations.c.id == conversation).values(owner=None, lease_until=None)
        )
        return None
    shown = connection.execute(
        select(inbox.c.reply, inbox.c.delivered_at)
        .where(
            inbox.c.conversation == conversation,
            inbox.c.seq < row["seq"],
            inbox.c.state == "done",
            inbox.c.delivered > 0,
            inbox.c.delivered_at.is_not(None),
        )
        .order_by(inbox.c.seq.desc())
        .limit(1)
    ).one_or_none()
    waiting = connection.execute(
        select(inbox.c.seq)
        .where(inbox.c.conversation == conversation, inbox.c.state == "answered", inbox.c.seq < row["seq"])
        .limit(1)
    ).one_or_none()
    return Turn(
        seq=row["seq"],
        message=MESSAGE.validate_json(row["message"]),
        received_at=_aware(row["received_at"]),
        handed_over_until=_aware(state["handed_over_until"]) if state["handed_over_until"] else None,
        shown=REPLY.validate_json(shown.reply) if shown else None,
        shown_at=_aware(shown.delivered_at) if shown else None,
        waiting=waiting is not None,
        failures=row["failures"],
    )


def _aware(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
