"""The access token: one for all processes, renewed before it ends, and replaced when WeChat refuses it.

`POST /cgi-bin/stable_token` ("获取稳定版接口调用凭据") gives everybody the same token, up to 7200 s; in its last five
minutes a new one, and the old one goes on working. So a token is renewed within these minutes, while the sends use
the old one; at a moment of chance, or all processes would do it at once.

A token that WeChat refuses (40001, 40014, 42001) is replaced in four steps, the first that helps ending it: the one
that this process has got meanwhile; the one in the database; the one that WeChat gives when asked as usual; a forced
new one, which kills the former for everybody, and of which WeChat allows 20 a day, 30 s apart. Forcing at once would
set two services of one account to killing each other's tokens by turns.
"""

import asyncio
import contextvars
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.exc import SQLAlchemyError

from service.channels.wechat.api import refusals
from service.channels.wechat.api.account import ApiAccount
from service.channels.wechat.api.connection import Connection
from service.channels.wechat.api.errors import PassingError, WeChatApiError
from service.channels.wechat.api.retrying import retried
from service.channels.wechat.api.token_rows import (
    FORCED_APART_SECONDS,
    Awaited,
    Claimed,
    Token,
    claim,
    may_force,
    release,
    store,
)
from service.storage.database import Database
from service.storage.errors import StorageError

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()

RENEWAL_SECONDS = 300.0
"""Before its end, WeChat gives another token when asked."""
RENEW_BETWEEN = (60.0, 270.0)
"""Seconds before the end, between which a process renews."""
UNUSABLE_SECONDS = 10.0
"""Before its end a token is not begun with any more: requests travel, and clocks differ."""
TRIES, TRY_SECONDS, ASK_SECONDS = 3, 3.0, 7.0
"""Of asking as usual: how often, for how long each, and altogether."""
FORCE_SECONDS = 5.0
LEASE_SECONDS = 15.0
"""Longer than both take together."""
WAIT_SECONDS = 10.0
"""For another process's refresh."""
PAUSE_SECONDS = 10.0
"""Between tries of renewing, and after a refusal that only a person can lift."""
LOOK_AGAIN_SECONDS = 0.1
"""Between looks whether another process has the token by now. Once in two hours, for the time of one request: not
worth a channel of notices, which SQLite doesn't have anyway."""
TRIES = 3


class Tokens:
    """One account's access token. Close it in the end."""

    def __init__(
        self, account: ApiAccount, connection: Connection, database: Database, clock: Callable[[], float]
    ) -> None:
        self._account = account
        self._connection = connection
        self._database = database
        self._clock = clock
        self._life = uuid.uuid4().hex
        self._held: Token | None = None
        self._renew_at = 0.0
        self._refreshing: asyncio.Task[Token] | None = None
        self._given_up: WeChatApiError | None = None
        self._try_again_at = 0.0

    async def current(self) -> str:
        """A token that WeChat should take. Raises WeChatApiError."""
        now = self._clock()
        if self._held is None or now >= self._held.expires_at - UNUSABLE_SECONDS:
            return (await self._joined(None)).value
        if now >= self._renew_at:
            self._renew_at = now + PAUSE_SECONDS
            self._flight(None)
        return self._held.value

    async def instead_of(self, refused: str, errcode: int | None) -> str:
        """Another token than this one, which WeChat has answered with `errcode`. Raises WeChatApiError."""
        for _ in range(2):  # the first refresh may have been under way, not knowing of the refusal
            if self._held is not None and self._held.value != refused:
                return self._held.value
            token = await self._joined(refused)
            if token.value != refused:
                return token.value
        raise refusals.token_refused(self._account, errcode, FORCED_APART_SECONDS)

    async def aclose(self) -> None:
        """End a refresh that is under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._refreshing

    async def _joined(self, refused: str | None) -> Token:
        # Shielded: the refresh is everybody's, and goes on when one of those who wait is cancelled.
        return await asyncio.shield(self._flight(refused))

    def _flight(self, refused: str | None) -> "asyncio.Task[Token]":
        """The refresh that is under way, or a new one: one at a time in this process."""
        if self._refreshing is None or self._refreshing.done():
            # In a context of its own: it must not carry that of the turn which happened to be the first to need it.
            self._refreshing = asyncio.create_task(self._refresh(refused), context=contextvars.Context())
            self._refreshing.add_done_callback(_seen)
        return self._refreshing

    async def _refresh(self, refused: str | None) -> Token:
        if self._given_up is not None and self._clock() < self._try_again_at:
            raise self._given_up.with_traceback(None)
        try:
            token = await self._stored_or_claimed(refused) or await self._asked_for(refused)
        except WeChatApiError as error:
            self._given_up = None if isinstance(error, PassingError) else error
            self._try_again_at = self._clock() + PAUSE_SECONDS
            log.warning("wechat.token_not_renewed", account=self._account.shown, code=error.code, errcode=error.errcode)
            raise
        self._given_up = None
        self._held = token
        now = self._clock()
        self._renew_at = max(token.expires_at - random.uniform(*RENEW_BETWEEN), now + PAUSE_SECONDS)  # noqa: S311
        return token

    async def _stored_or_claimed(self, refused: str | None) -> Token | None:
        """The token that all have by now; None: getting one falls to us."""
        give_up_at = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            now = self._clock()
            found = await self._row(
                claim,
                self._life,
                refused=refused,
                valid_until=now + RENEWAL_SECONDS,
                now=now,
                lease_until=now + LEASE_SECONDS,
            )
            match found:
                case Token():
                    return found
                case Claimed():
                    return None
                case Awaited():
                    if asyncio.get_running_loop().time() > give_up_at:
                        raise refusals.not_reached(self._account, "另一个进程还没有取到 access_token")
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _asked_for(self, refused: str | None) -> Token:
        """A new token of WeChat's, stored for all. The claim is ours, and ended here in any case."""
        try:
            token = await self._request(force=False)
            forced = token.value == refused
            if forced:
                wait = await self._row(may_force, self._life, self._clock())
                if wait > 0:
                    raise refusals.token_refused(self._account, None, wait)
                token = await self._request(force=True)
                if token.value == refused:
                    raise refusals.token_refused(self._account, None, FORCED_APART_SECONDS)
            stored = await self._row(store, self._life, token)
        except BaseException:
            await self._row(release, self._life)
            raise
        log.info("wechat.token_renewed", account=self._account.shown, forced=forced, stored=stored)
        return token

    async def _request(self, *, force: bool) -> Token:
        body = {
            "grant_type": "client_credential",
            "appid": self._account.app_id,
            "secret": self._account.app_secret,
            "force_refresh": force,
        }

        async def ask(seconds: float) -> Token:
            asked_at = self._clock()
            answer = await self._connection.post("/cgi-bin/stable_token", body, token=None, seconds=seconds)
            value, lasts = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(value, str) or not value or not isinstance(lasts, int | float):
                raise refusals.a_page(self._account, 200)
            return Token(value=value, expires_at=asked_at + lasts)

        if force:
            return await ask(FORCE_SECONDS)  # not repeated: the next one counts, and is refused for 30 s
        # Asking as usual changes nothing, so it is repeated even where it may have arrived.
        return await retried(
            lambda left: ask(min(left, TRY_SECONDS)), tries=TRIES, seconds=ASK_SECONDS, repeatable=True
        )

    async def _row(self, work: Callable[Concatenate[DatabaseConnection, str, P], T], *a: P.args, **k: P.kwargs) -> T:
        """`work` on this account's row. SQLAlchemy's errors quote a statement's values, here a token: they end here."""
        try:
            return await self._database.run(work, self._account.app_id, *a, **k)
        except SQLAlchemyError as error:
            raise StorageError(
                f"The row of the access token of the account …{self._account.shown} can't be used "
                f"({type(error).__name__}). Check DATABASE_URL, DATA_DIR and the disk."
            ) from None


def _seen(refreshing: "asyncio.Task[Token]") -> None:
    """One that nobody waits for has told its failure to the log; asyncio need not complain of it."""
    if not refreshing.cancelled():
        refreshing.exception()
