"""Customer-service messages ("发送客服消息", "客服输入状态"): a text, a menu, and the sign that an answer is being typed.

A send ends as `Sent`, as `Unknown`, or with an error that says that the user did not get it. Repeated within the call
is only what can't have arrived: a request that never went out, WeChat's own "busy", and a gateway's page. One that
went out and got no answer may have arrived, and WeChat has no key by which it would see a repeat: it is never sent
again here, but reported as `Unknown`, for the caller to settle by its rule. A cancelled send is unknown too.
"""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.channels.wechat.api.connection import Connection
from service.channels.wechat.api.errors import TokenRefusedError, UnexpectedError, UnreachableError
from service.channels.wechat.api.refusals import NOT_IN_CONTACT, TYPING_ALREADY, not_reached
from service.channels.wechat.api.retrying import retried
from service.channels.wechat.api.tokens import Tokens

TEXT_LIMIT_BYTES = 2048
"""Of a text, in UTF-8; WeChat refuses longer ones (45002)."""
SEND_SECONDS = 10.0
"""For one message, its token and all tries included."""
TYPING_SECONDS = 4.0
TRIES = 4
_SEND, _TYPING = "/cgi-bin/message/custom/send", "/cgi-bin/message/custom/typing"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""JSON can write these only as \\u00XX, which WeChat refuses (40033); nobody sees them."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """WeChat has taken the message."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """The request went out and no answer came: the user may have the message or not."""

    code: str
    message: str
    """For the operator."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One line of a menu that the user can tap; `id` comes back as bizmsgmenuid, with the text."""

    id: str
    text: str


class CustomerService:
    """Sends to one account's users. Close it in the end."""

    def __init__(self, connection: Connection, tokens: Tokens, seconds: float = SEND_SECONDS) -> None:
        self._connection = connection
        self._tokens = tokens
        self._seconds = seconds

    async def aclose(self) -> None:
        """End what is under way, and close the connections."""
        await self._tokens.aclose()
        await self._connection.aclose()

    async def send_text(self, openid: str, text: str, *, by_model: bool) -> Sent | Unknown:
        """A text; WeChat shows under one `by_model` that AI made it. Raises WeChatApiError."""
        body: dict[str, Any] = {"touser": openid, "msgtype": "text", "text": {"content": _clean(text)}}
        if by_model:
            body["aimsgcontext"] = {"is_ai_msg": 1}
        return await self._send(body)

    async def send_menu(self, openid: str, head: str, choices: Sequence[Choice], tail: str = "") -> Sent | Unknown:
        """A text with lines to tap. Raises WeChatApiError; MenuRefusedError where the same as text must do."""
        menu: dict[str, Any] = {
            "head_content": _clean(head),
            "list": [{"id": choice.id, "content": _clean(choice.text)} for choice in choices],
        }
        if tail:
            menu["tail_content"] = _clean(tail)
        return await self._send({"touser": openid, "msgtype": "msgmenu", "msgmenu": menu})

    async def typing(self, openid: str, on: bool) -> bool:
        """Show for 15 s that an answer is being typed, or stop showing it; whether WeChat does. Raises WeChatApiError.

        WeChat does so only within 30 s of the last message between the two.
        """
        body = {"touser": openid, "command": "Typing" if on else "CancelTyping"}
        try:
            await self._call(_TYPING, body, tries=1, seconds=min(TYPING_SECONDS, self._seconds))
        except UnexpectedError as refused:
            if refused.errcode == TYPING_ALREADY:
                return on
            if refused.errcode == NOT_IN_CONTACT:
                return False
            raise
        return on

    async def _send(self, body: Mapping[str, Any]) -> Sent | Unknown:
        try:
            await self._call(_SEND, body, tries=TRIES, seconds=self._seconds)
        except UnreachableError as error:
            if not error.maybe_arrived:
                raise
            return Unknown(code=error.code, message=str(error))
        return Sent()

    async def _call(self, path: str, body: Mapping[str, Any], *, tries: int, seconds: float) -> None:
        """One call within `seconds`; once more, with another token, if WeChat refuses the first."""
        end = asyncio.get_running_loop().time() + seconds
        token = await self._by(end, self._tokens.current())
        try:
            await self._tried(path, body, token, tries, end)
        except TokenRefusedError as refused:
            token = await self._by(end, self._tokens.instead_of(token, refused.errcode))
            await self._tried(path, body, token, tries, end)

    async def _tried(self, path: str, body: Mapping[str, Any], token: str, tries: int, end: float) -> None:
        async def attempt(left: float) -> None:
            await self._connection.post(path, body, token=token, seconds=left)

        await retried(attempt, tries=tries, seconds=end - asyncio.get_running_loop().time())

    async def _by(self, end: float, token: Awaitable[str]) -> str:
        try:
            async with asyncio.timeout_at(end):
                return await token
        except TimeoutError:
            raise not_reached(self._connection.account, "access_token 没有及时取到") from None


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)
