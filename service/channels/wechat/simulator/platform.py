"""WeChat's server as an account's webhook meets it: verification, and pushes with their limit and their tries.

A push waits 5 s for its response, then drops the connection and sends the same push again, three times in all
("被动回复用户消息"). A response, good or bad, ends the tries. A server that is not there, or whose connection breaks, is tried
again at the time of the next try; WeChat's document doesn't say when it would be.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

import httpx

from service.channels.wechat.simulator.crypto import MessageCipher, signature
from service.channels.wechat.simulator.judgement import (
    FAULT_NOTICE,
    Account,
    FaultError,
    Judgement,
    Mode,
    judge,
)
from service.channels.wechat.simulator.pushes import Push, element

Spoilt = Literal["signature", "timestamp", "app_id", "downgrade"]
"""What an attacker, or a wrong setting, gets wrong: the signature that counts, its age, the AppID inside, or a plain
body where the account is in an encrypted mode."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """WeChat's figures. The defaults are its own."""

    limit_seconds: float = 5.0
    tries: int = 3
    text_limit_bytes: int = 2047
    mark_fail_after: int | None = None
    """Failed tries within `mark_fail_seconds` after which no pushes come for so long (MarkFail); WeChat doesn't say
    how many. None: they are counted, nothing follows."""
    mark_fail_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Try:
    """One request of a push."""

    number: int
    after_seconds: float
    """When it began, counted from the first one's beginning."""
    seconds: float
    status: int | None
    """None: no response came before the connection was dropped."""
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a push."""

    tries: tuple[Try, ...]
    shown: str | None
    """The service's text, as the shopper sees it; None: it said nothing, or the fault notice is seen."""
    fault: str | None
    """Why the shopper sees the fault notice."""
    transferred: bool
    held_back: bool = False
    """Not sent at all: MarkFail."""

    @property
    def seen(self) -> str | None:
        """What the shopper sees, be it the fault notice."""
        return FAULT_NOTICE if self.fault else self.shown

    @property
    def seconds(self) -> float:
        """From the first try's beginning to the end of the last."""
        return self.tries[-1].after_seconds + self.tries[-1].seconds if self.tries else 0.0


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What WeChat's page makes of the server when its address is saved."""

    passed: bool
    status: int | None
    problem: str | None
    """WeChat's page says 「Token验证失败」 for all of them."""


class Platform:
    """Plays WeChat for one account against one webhook. Use it as an asynchronous context manager."""

    def __init__(
        self,
        *,
        token: str,
        app_id: str,
        aes_key: str,
        gh_id: str,
        mode: Mode,
        url: str,
        rules: Rules | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = Account(token=token, app_id=app_id, aes_key=aes_key, gh_id=gh_id, mode=mode)
        self._url = url
        self._rules = rules or Rules()
        self._clock = clock
        self._failures: list[float] = []
        self._held_back_until = 0.0
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=2 * self._rules.limit_seconds,  # a try is limited as a whole, where it is made
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @property
    def failures(self) -> int:
        """Tries that failed so far."""
        return len(self._failures)

    async def verify(self, *, spoilt: Literal["signature", "timestamp"] | None = None) -> Verification:
        """The check of the server: it must return echostr and nothing else."""
        echostr = str(secrets.randbelow(9 * 10**18) + 10**18)
        query = self._query(None, spoilt) | {"echostr": echostr}
        try:
            async with asyncio.timeout(self._rules.limit_seconds):
                response = await self._client.get(self._url, params=query)
        except (TimeoutError, httpx.TransportError) as error:
            return Verification(passed=False, status=None, problem=f"no answer ({type(error).__name__})")
        problem = None
        if response.status_code != 200:
            problem = f"the status is {response.status_code}"
        elif response.content != echostr.encode():
            problem = "the body is not echostr alone"
        return Verification(passed=problem is None, status=response.status_code, problem=problem)

    async def deliver(
        self, push: Push, *, tries: int | None = None, drop_after: Mapping[int, float] | None = None
    ) -> Outcome:
        """Push until a response comes, at most `tries` times (WeChat's three).

        `drop_after` drops the connection of the tries it names after so many seconds instead of five. Delivering the
        same push again, later or at the same time, is a repeat of WeChat's.
        """
        if self._clock() < self._held_back_until:
            return Outcome(tries=(), shown=None, fault=None, transferred=False, held_back=True)
        made: list[Try] = []
        began = time.monotonic()
        last = tries or self._rules.tries
        for number in range(1, last + 1):
            limit = min((drop_after or {}).get(number, self._rules.limit_seconds), self._rules.limit_seconds)
            this, judged = await self._try(push, number, began, limit)
            made.append(this)
            if this.problem:
                self._count_failure()
            if this.status is not None:
                return Outcome(
                    tries=tuple(made),
                    shown=judged.shown if judged else None,
                    fault=this.problem,
                    transferred=judged is not None and judged.transferred,
                )
            if number < last:
                await asyncio.sleep(max(0.0, limit - this.seconds))
        fault = f"no answer in {last} tries: {made[-1].problem}"
        return Outcome(tries=tuple(made), shown=None, fault=fault, transferred=False)

    async def _try(self, push: Push, number: int, began: float, limit: float) -> tuple[Try, Judgement | None]:
        started = time.monotonic()
        judged: Judgement | None = None
        status, problem = None, None
        try:
            async with asyncio.timeout(limit):
                response = await self._post(push)
            status = response.status_code
            judged = judge(
                self._account,
                push,
                status,
                response.content,
                text_limit_bytes=self._rules.text_limit_bytes,
                now=self._clock(),
            )
        except TimeoutError:
            problem = f"no response within {limit:g} s"
        except httpx.TransportError as error:
            problem = f"the connection failed ({type(error).__name__})"
        except FaultError as fault:
            problem = str(fault)
        made = Try(
            number=number,
            after_seconds=started - began,
            seconds=time.monotonic() - started,
            status=status,
            problem=problem,
        )
        return made, judged

    async def attack(self, push: Push, spoilt: Spoilt) -> int:
        """One push that is not as WeChat makes it; the status that the service refuses it with."""
        if self._account.mode == "plain" and spoilt in ("app_id", "downgrade"):
            raise ValueError(f"in plain mode there is no {spoilt} to spoil")
        async with asyncio.timeout(self._rules.limit_seconds):
            return (await self._post(push, spoilt)).status_code

    async def _post(self, push: Push, spoilt: Spoilt | None = None) -> httpx.Response:
        account = self._account
        plain = push.to_xml(account.gh_id)
        if account.mode == "plain" or spoilt == "downgrade":
            query, body = self._query(None, spoilt), plain
        else:
            cipher = MessageCipher(account.aes_key, "wxsomebodyelse") if spoilt == "app_id" else account.cipher
            encrypted = cipher.encrypt(plain)
            query = self._query(encrypted, spoilt)
            sealed = element("Encrypt", encrypted)
            body = (
                plain.replace("</xml>", f"{sealed}</xml>")
                if account.mode == "compatible"
                else f"<xml>{element('ToUserName', account.gh_id)}{sealed}</xml>"
            )
        return await self._client.post(
            self._url,
            params=query | {"openid": push.openid},
            content=body.encode(),
            headers={"Content-Type": "text/xml"},
        )

    def _query(self, encrypted: str | None, spoilt: Spoilt | None) -> dict[str, str]:
        token = self._account.token
        timestamp = str(int(self._clock()) - (3600 if spoilt == "timestamp" else 0))
        nonce = str(secrets.randbelow(9 * 10**8) + 10**8)
        signing = "not-the-token" if spoilt == "signature" else token
        query = {"signature": signature(signing, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        if encrypted is not None:
            query["signature"] = signature(token, timestamp, nonce)  # right: it must not make up for the other one
            query |= {"encrypt_type": "aes", "msg_signature": signature(signing, timestamp, nonce, encrypted)}
        return query

    def _count_failure(self) -> None:
        now = self._clock()
        self._failures.append(now)
        recent = sum(1 for at in self._failures if now - at < self._rules.mark_fail_seconds)
        if self._rules.mark_fail_after is not None and recent >= self._rules.mark_fail_after:
            self._held_back_until = now + self._rules.mark_fail_seconds
