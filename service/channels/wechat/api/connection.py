"""One request to WeChat's API: what went out, and what came back, judged.

Errors of WeChat's are JSON with an errcode and HTTP status 200. Anything else is a gateway's or a proxy's page, which
comes where WeChat did not take the request; two answers of gateways say otherwise, see `_judged`.

Whether a failed request may have been carried out decides if it may be repeated. It is told by what went over the
wire: before the first byte of the request, nothing happened; after it, without an answer, nobody knows.

The access token belongs in the query, says WeChat, and httpx logs each request's address: so the address is given
the token below httpx's client, on its way to the wire, and nothing above ever sees it there.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from service.channels.wechat.api.account import ApiAccount
from service.channels.wechat.api.refusals import a_page, no_answer, not_reached, refusal

CONNECT_SECONDS = 3.0
_MOST_CONNECTIONS = 32
_KEEP_ALIVE_SECONDS = 15.0
"""Short, so that a connection is rarely one that WeChat is just closing: a request lost so looks as if it arrived."""
_IN_QUERY = "access_token"
_GATEWAY_TIMEOUT = 504


class Connection:
    """Posts to one account's API over connections of its own. Close it in the end."""

    def __init__(self, account: ApiAccount, clock: Callable[[], float]) -> None:
        self.account = account
        self._clock = clock
        limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
        )
        self._client = httpx.AsyncClient(
            transport=_TokenOnTheWire(httpx.AsyncHTTPTransport(limits=limits, proxy=_proxy_for(account.base_url)))
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def post(self, path: str, body: Mapping[str, Any], *, token: str | None, seconds: float) -> Mapping[str, Any]:
        """WeChat's answer, whose errcode is 0 or missing, within `seconds`. Raises WeChatApiError.

        Without a token it is one that is asked for.
        """
        begun = False

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal begun
            request = info.get("request")
            # A tunnel through a proxy is a request of its own, with the method CONNECT.
            if event.endswith("send_request_headers.started") and getattr(request, "method", b"") == b"POST":
                begun = True

        request = self._client.build_request(
            "POST",
            self.account.base_url + path,
            # Raw UTF-8: WeChat refuses \uXXXX (40033). A lone surrogate, which has no UTF-8, becomes a question mark.
            content=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json; charset=utf-8"},
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            extensions={"trace": trace, _IN_QUERY: token},
        )
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.send(request)
        except (TimeoutError, httpx.HTTPError, OSError) as error:
            cause = type(error).__name__
            raise (no_answer if begun else not_reached)(self.account, cause) from None
        return self._judged(response, asking_for_token=token is None)

    def _judged(self, response: httpx.Response, *, asking_for_token: bool) -> Mapping[str, Any]:
        found = _json_object(response.content)
        code = found.get("errcode", 0 if "access_token" in found else None)
        if not isinstance(code, int):
            if response.status_code == _GATEWAY_TIMEOUT:
                raise no_answer(self.account, "HTTP 504")  # a gateway waited in vain: as if we had
            if response.status_code == 200 and response.content.lstrip()[:1] == b"{":
                raise no_answer(self.account, "JSON")  # WeChat's own answer, spoilt
            raise a_page(self.account, response.status_code)
        if code != 0:
            words = str(found.get("errmsg", ""))
            raise refusal(self.account, code, words, asking_for_token=asking_for_token, now=self._clock())
        return found


class _TokenOnTheWire(httpx.AsyncBaseTransport):
    """Adds a request's token to its query, where no log of the client's sees it."""

    def __init__(self, wire: httpx.AsyncBaseTransport) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = request.extensions.get(_IN_QUERY)
        if token is None:
            return await self._wire.handle_async_request(request)
        inner = httpx.Request(
            request.method,
            request.url.copy_add_param(_IN_QUERY, token),
            headers=request.headers,
            stream=request.stream,
            extensions={key: value for key, value in request.extensions.items() if key != _IN_QUERY},
        )
        return await self._wire.handle_async_request(inner)

    async def aclose(self) -> None:
        await self._wire.aclose()


def _json_object(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _proxy_for(base_url: str) -> str | None:
    """The environment's proxy for this address: httpx looks there only for transports that it makes itself."""
    parts = urlsplit(base_url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
