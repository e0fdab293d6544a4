"""WeChat's rules for tokens, windows and message bodies, on a clock of their own; written from WeChat's documents.

Where these leave something open, the stricter reading holds: counts never add up, and a refused forced refresh says
nothing of it. It imports nothing of the service.
"""

import json
import re
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

HOUR, DAY = 3600.0, 86_400.0
LIFE_SECONDS = 7200.0
OVERLAP_SECONDS = 300.0
FORCED_APART_SECONDS, FORCED_A_DAY = 30.0, 20
TEXT_LIMIT_BYTES = 2048
WINDOWS = {"message": (5, 48 * HOUR), "click": (3, 60.0), "subscribe": (3, 60.0), "scan": (3, 60.0)}
"""Of each kind of a user's action: so many messages for so long."""
TYPING_SECONDS, CONTACT_SECONDS = 15.0, 30.0
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u[0-9a-fA-F]{4}")
_BAD_TOKEN = (
    "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, "
    "more details at https://mmbizurl.cn/s/JtxxFh33r"
)


class Refusal(Exception):  # noqa: N818 - WeChat's word for it is a number
    """An errcode other than 0."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{code} {words}")
        self.code = code
        self.words = words


class Clock:
    """The machine's time, moved by what a test says."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset


@dataclass
class Issued:
    """A token that WeChat has given out."""

    value: str
    expires_at: float
    usable_until: float


class Tokens:
    """One account's tokens of one kind; the two kinds know nothing of each other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.current: Issued | None = None
        self._former: dict[str, Issued] = {}
        self._forced: deque[float] = deque(maxlen=FORCED_A_DAY)

    def stable(self, *, force: bool) -> Issued:
        """The token of `stable_token`: the same while it lasts, another in its last five minutes or by force."""
        now = self._clock.now()
        current = self.current
        if current is not None and force and self._may_force(now):
            self._forced.append(now)
            current.usable_until = now
            return self._new(now)
        if current is None or current.expires_at - now <= OVERLAP_SECONDS:
            return self._new(now)
        return current

    def plain(self) -> Issued:
        """The token of `token`: another with each call; the former one works for five minutes more."""
        now = self._clock.now()
        if self.current is not None:
            self.current.usable_until = min(self.current.usable_until, now + OVERLAP_SECONDS)
        return self._new(now)

    def replace(self) -> None:
        """Somebody else has forced another one."""
        now = self._clock.now()
        if self.current is not None:
            self.current.usable_until = now
        self._new(now)

    def check(self, value: str) -> bool:
        """Whether it is one of these and works. Raises 42001 where its time is over, 40001 where it was replaced."""
        issued = self.current if self.current and self.current.value == value else self._former.get(value)
        if issued is None:
            return False
        now = self._clock.now()
        if now >= issued.expires_at:
            raise Refusal(42001, "access_token expired")
        if now >= issued.usable_until:
            raise Refusal(40001, _BAD_TOKEN)
        return True

    def _may_force(self, now: float) -> bool:
        today = [at for at in self._forced if _day(at) == _day(now)]
        return len(today) < FORCED_A_DAY and (not self._forced or now - self._forced[-1] >= FORCED_APART_SECONDS)

    def _new(self, now: float) -> Issued:
        if self.current is not None:
            self._former[self.current.value] = self.current
        end = now + LIFE_SECONDS
        self.current = Issued(value=f"{secrets.token_urlsafe(96)}", expires_at=end, usable_until=end)
        return self.current


@dataclass
class Grant:
    """What one kind of action allows."""

    left: int
    until: float


@dataclass
class User:
    """One openid of an account."""

    grants: dict[str, Grant] = field(default_factory=dict)
    errcode: int | None = None
    """This user can't be reached: 43004, 48002, 50002, 43019."""
    in_contact_until: float = 0.0
    typing_until: float = 0.0

    def acts(self, kind: str, now: float) -> None:
        """Writes, clicks, subscribes or scans; counts refill and don't add up. `unsubscribe` ends all windows."""
        self.in_contact_until = now + CONTACT_SECONDS
        if kind == "unsubscribe":
            self.grants.clear()
            return
        count, seconds = WINDOWS[kind]
        self.grants[kind] = Grant(left=count, until=now + seconds)

    def check_window(self, now: float) -> None:
        """45015 where no window is open, 45047 where nothing is left in any."""
        open_grants = [grant for grant in self.grants.values() if now < grant.until]
        if not open_grants:
            raise Refusal(45015, "response out of time limit or subscription is canceled")
        if not any(grant.left > 0 for grant in open_grants):
            raise Refusal(45047, "out of response count limit")

    def got(self, now: float) -> None:
        """A message counts in every window that is open: two windows are not twice as many messages."""
        for grant in self.grants.values():
            if now < grant.until:
                grant.left = max(0, grant.left - 1)
        self.in_contact_until = now + CONTACT_SECONDS


class Account:
    """One Official Account: what it may do, its tokens, its users, what these got."""

    def __init__(self, app_id: str, secret: str, clock: Clock) -> None:
        self.app_id = app_id
        self.secret = secret
        self.verified = True
        self.menus = True
        self.refused_address: str | None = None
        self.token_errcode: int | None = None
        self.daily_limit: int | None = None
        self.minute_limit: int | None = None
        self.users: dict[str, User] = {}
        self.sent: list[dict[str, Any]] = []
        self.stable = Tokens(clock)
        self.isolated = Tokens(clock)
        self._clock = clock
        self._calls: list[float] = []

    def user(self, openid: str) -> User:
        """Known from now on."""
        return self.users.setdefault(openid, User())

    def count_call(self) -> None:
        """45009 and 45011: a refused call counts as well."""
        now = self._clock.now()
        self._calls.append(now)
        if self.daily_limit is not None and sum(_day(at) == _day(now) for at in self._calls) > self.daily_limit:
            raise Refusal(45009, "reach max api daily quota limit")
        if self.minute_limit is not None and sum(now - at < 60 for at in self._calls) > self.minute_limit:
            raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")

    def send(self, raw: bytes) -> None:
        """`message/custom/send`."""
        self._check_rights()
        body = _parsed(raw)
        user = self._addressed(body)
        kind = body.get("msgtype")
        part = body.get(kind) if isinstance(kind, str) else None
        if not isinstance(part, dict):
            raise Refusal(40008, "invalid message type")
        if kind == "text":
            _check_text(part.get("content"))
        elif kind == "msgmenu":
            self._check_menu(part)
        elif kind == "news":
            articles = part.get("articles")
            if not isinstance(articles, list) or len(articles) != 1:
                raise Refusal(45008, "article size out of limit")
        else:
            raise Refusal(40008, "invalid message type")
        label = body.get("aimsgcontext", {"is_ai_msg": 0})
        if not isinstance(label, dict) or label.get("is_ai_msg") not in (0, 1):
            raise Refusal(40035, "invalid parameter")
        now = self._clock.now()
        if user.errcode is not None:
            raise Refusal(user.errcode, _USER_WORDS.get(user.errcode, "user unreachable"))
        user.check_window(now)
        user.got(now)
        self.sent.append(
            {
                "app_id": self.app_id,
                "openid": body["touser"],
                "msgtype": kind,
                kind: part,
                "ai": label["is_ai_msg"] == 1,
                "at": now,
            }
        )

    def typing(self, raw: bytes) -> None:
        """`message/custom/typing`."""
        self._check_rights()
        body = _parsed(raw)
        user = self._addressed(body)
        if body.get("command") not in ("Typing", "CancelTyping"):
            raise Refusal(45072, "invalid command")
        now = self._clock.now()
        user.check_window(now)
        if now >= user.in_contact_until:
            raise Refusal(45080, "not in contact with the user in the last 30 seconds")
        if body["command"] == "CancelTyping":
            user.typing_until = now
            return
        if now < user.typing_until:
            raise Refusal(45081, "already typing")
        user.typing_until = now + TYPING_SECONDS

    def _check_rights(self) -> None:
        if not self.verified:
            raise Refusal(48001, "api unauthorized")

    def _addressed(self, body: dict[str, Any]) -> User:
        user = self.users.get(str(body.get("touser", "")))
        if user is None:
            raise Refusal(40003, "invalid openid")
        return user

    def _check_menu(self, menu: dict[str, Any]) -> None:
        if not self.menus:
            raise Refusal(40200, "invalid account type")
        choices = menu.get("list")
        if not isinstance(choices, list) or not choices:
            raise Refusal(40035, "invalid parameter")
        if not all(isinstance(each, dict) and each.get("id") and each.get("content") for each in choices):
            raise Refusal(40035, "invalid parameter")
        words = [menu.get("head_content", ""), menu.get("tail_content", ""), *(each["content"] for each in choices)]
        if len("".join(words).encode()) > TEXT_LIMIT_BYTES:
            raise Refusal(45002, "content size out of limit")


_USER_WORDS = {
    43004: "require subscribe",
    43019: "require remove blacklist",
    48002: "user block message",
    50002: "user limited",
}


def _parsed(raw: bytes) -> dict[str, Any]:
    if _ESCAPED.search(raw):
        raise Refusal(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")
    try:
        body = json.loads(raw.decode("utf-8"))
    except ValueError:
        raise Refusal(47001, "data format error") from None
    if not isinstance(body, dict):
        raise Refusal(47001, "data format error")
    return body


def _check_text(content: Any) -> None:
    if not isinstance(content, str) or not content:
        raise Refusal(44004, "empty content")
    if len(content.encode()) > TEXT_LIMIT_BYTES:
        raise Refusal(45002, "content size out of limit")


def _day(at: float) -> int:
    return int((at + 8 * HOUR) // DAY)
