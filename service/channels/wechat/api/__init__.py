"""WeChat's API for one Official Account: customer-service messages, and the access token that they need.

    service = customer_service(ApiAccount(app_id=…, app_secret=…), database)
    outcome = await service.send_text(openid, "七天内可以退", by_model=False)     # Sent, or Unknown
    await service.aclose()

wechatpy's client is not used for this: it blocks, knows no stable_token, and goes round for ever where a new token is
refused as well. What becomes of a reply that can't be sent is decided by the caller.
"""

import time
from collections.abc import Callable

from service.channels.wechat.api.account import ApiAccount
from service.channels.wechat.api.connection import Connection
from service.channels.wechat.api.sending import (
    SEND_SECONDS,
    TEXT_LIMIT_BYTES,
    Choice,
    CustomerService,
    Sent,
    Unknown,
)
from service.channels.wechat.api.tokens import Tokens
from service.storage.database import Database

__all__ = ["TEXT_LIMIT_BYTES", "ApiAccount", "Choice", "CustomerService", "Sent", "Unknown", "customer_service"]


def customer_service(
    account: ApiAccount,
    database: Database,
    *,
    seconds: float = SEND_SECONDS,
    clock: Callable[[], float] = time.time,
) -> CustomerService:
    """The API of an account, whose token lives in `database`; a message takes at most so many seconds.

    Close it in the end.
    """
    connection = Connection(account, clock)
    return CustomerService(connection, Tokens(account, connection, database, clock), seconds)
