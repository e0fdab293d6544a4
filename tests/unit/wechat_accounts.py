"""An Official Account at the fake API, and the client that sends for it."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from service.channels.wechat.api import ApiAccount, CustomerService, customer_service
from service.storage.database import Database
from tests.fakes.served import served
from tests.fakes.wechat_api import State, create_app
from tests.fakes.wechat_api_faults import Fault
from tests.fakes.wechat_api_rules import Account

APP_ID, SECRET, OPENID = "wxba5fad812f8e6fb9", "0123456789abcdef-app-secret", "oShopper-Of-The-Tests-0001"


@dataclass
class Shop:
    """What a test holds in its hands."""

    service: CustomerService
    state: State
    url: str
    database: Database

    @property
    def account(self) -> Account:
        """The account, as WeChat knows it."""
        return self.state.accounts[APP_ID]

    @property
    def texts(self) -> list[str]:
        """What users got."""
        return [each["text"]["content"] for each in self.account.sent if each["msgtype"] == "text"]

    def plays(self, *faults: Fault) -> None:
        """The next requests meet these."""
        for fault in faults:
            self.state.next[fault.path].append(fault)

    def calls(self, name: str) -> int:
        return self.state.calls[name]

    def writes(self, openid: str = OPENID) -> None:
        """The user writes, so that five messages may be sent."""
        self.state.acts(APP_ID, openid, "message")


def api_account(url: str, **changes: str) -> ApiAccount:
    values = {"app_id": APP_ID, "app_secret": SECRET, "base_url": url}
    return ApiAccount(**(values | changes))


@asynccontextmanager
async def a_shop(
    database: Database, *, seconds: float = 10.0, clock: Callable[[State], float] | None = None, **account: Any
) -> AsyncIterator[Shop]:
    """A shop whose shopper has just written. `clock` is the client's, of the fake's state."""
    state = State()
    known = state.accounts[APP_ID] = Account(APP_ID, SECRET, state.clock)
    for name, value in account.items():
        setattr(known, name, value)
    state.acts(APP_ID, OPENID, "message")
    async with served(create_app(state)) as url:
        now = (lambda: clock(state)) if clock else state.clock.now
        service = customer_service(api_account(url), database, seconds=seconds, clock=now)
        try:
            yield Shop(service=service, state=state, url=url, database=database)
        finally:
            await service.aclose()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
