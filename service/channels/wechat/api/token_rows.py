"""The row of an account's access token: which one is in use, and who is getting the next.

Each function is one commit, and locks the account's row first; SQLite locks the whole database for a write. A claim
has a lease, so that a process that stopped without a word keeps the others waiting only so long.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.storage.tables import wechat_tokens

FORCED_APART_SECONDS = 30.0
FORCED_A_DAY = 20
"""WeChat's limits on forced refreshes; it leaves further ones undone without a word ("获取稳定版接口调用凭据")."""
_DAY = 86_400
_BEIJING_SECONDS = 8 * 3600


@dataclass(frozen=True, kw_only=True)
class Token:
    """An access token, and until when WeChat takes it."""

    value: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """Nobody has a token that will do: the caller gets one, and `store`s or `release`s."""


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """Another process is getting one."""


def claim(
    connection: Connection,
    account: str,
    life: str,
    *,
    refused: str | None,
    valid_until: float,
    now: float,
    lease_until: float,
) -> Token | Claimed | Awaited:
    """The stored token if it is not the `refused` one and lasts beyond `valid_until`; else who gets another."""
    row = _locked(connection, account)
    if row["token"] is not None and row["token"] != refused and row["expires_at"] > valid_until:
        return Token(value=row["token"], expires_at=row["expires_at"])
    if row["refreshed_by"] not in (None, life) and row["lease_until"] > now:
        return Awaited()
    _change(connection, account, refreshed_by=life, lease_until=lease_until)
    return Claimed()


def store(connection: Connection, account: str, life: str, token: Token) -> bool:
    """Keep a new token for all, and end the claim; False if another process has taken the claim over."""
    if _locked(connection, account)["refreshed_by"] != life:
        return False
    _change(
        connection,
        account,
        token=token.value,
        expires_at=token.expires_at,
        refreshed_by=None,
        lease_until=None,
    )
    return True


def release(connection: Connection, account: str, life: str) -> None:
    """End the claim without a token."""
    if _locked(connection, account)["refreshed_by"] == life:
        _change(connection, account, refreshed_by=None, lease_until=None)


def may_force(connection: Connection, account: str, life: str, now: float) -> float:
    """Seconds until a refresh may be forced. 0: now, and it is counted as done, whatever comes of it.

    Counted before it is asked for: a process that ends in between must not leave one that nobody knows of.
    """
    row = _locked(connection, account)
    if row["refreshed_by"] != life:
        return FORCED_APART_SECONDS
    if row["forced_at"] is not None and (wait := row["forced_at"] + FORCED_APART_SECONDS - now) > 0:
        return min(float(wait), FORCED_APART_SECONDS)
    day, since_midnight = divmod(int(now) + _BEIJING_SECONDS, _DAY)
    count = row["forced_count"] if row["forced_day"] == day else 0
    if count >= FORCED_A_DAY:
        return float(_DAY - since_midnight)
    _change(connection, account, forced_at=now, forced_day=day, forced_count=count + 1)
    return 0.0


def _locked(connection: Connection, account: str) -> RowMapping:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(wechat_tokens).values(account=account).on_conflict_do_nothing())
    query = select(wechat_tokens).where(wechat_tokens.c.account == account).with_for_update()
    return connection.execute(query).mappings().one()


def _change(connection: Connection, account: str, **values: str | float | None) -> None:
    connection.execute(update(wechat_tokens).where(wechat_tokens.c.account == account).values(values))
