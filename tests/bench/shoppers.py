"""Shoppers for a bench: questions as people write them, and a WeChat that times what it sends.

The questions are the tuning part of the golden ones: ordinary traffic first, then hard wordings, all different.
"""

import json
import time
from pathlib import Path

import httpx

from service.channels.wechat.simulator import Platform
from tests.scenario.shop import AES_KEY, APP_ID, TOKEN, Shop

KNOWLEDGE_BASE = "default"
GOLDEN = Path(__file__).parents[1] / "golden"


class TimedTransport(httpx.AsyncBaseTransport):
    """A connection for each request, as WeChat's; notes how long each took, from its first byte to its answer's last.

    What the client does before and after (encryption, its own checks of the answer) is not in it.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        self.seconds.append(time.perf_counter() - began)
        return httpx.Response(response.status_code, headers=response.headers, content=body)

    async def aclose(self) -> None:
        await self._inner.aclose()


def questions(*, in_scope: bool = False) -> list[str]:
    """All different; with `in_scope` only those that the demonstration shop answers."""
    lines = [
        json.loads(line)
        for name in ("tuning.jsonl", "hard_tuning.jsonl")
        for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    ]
    return list(dict.fromkeys(line["question"] for line in lines if line["expect"] is not None or not in_scope))


def wechat(shop: Shop, transport: httpx.AsyncBaseTransport | None = None) -> Platform:
    """WeChat's own rules against a shop's webhook, in safe mode, played in this process."""
    return Platform(
        token=TOKEN,
        app_id=APP_ID,
        aes_key=AES_KEY,
        gh_id="gh_0123456789ab",
        mode="safe",
        url=f"{shop.address}/wechat",
        transport=transport,
    )
