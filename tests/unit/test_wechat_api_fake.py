"""The fake of WeChat's API is as strict as WeChat: each refusal beside what is allowed."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.fakes.served import served
from tests.fakes.wechat_api import create_app

APP, SECRET, USER = "wxaaaaaaaaaaaaaaaa", "the-secret", "o-user-1"
HELLO = {"touser": USER, "msgtype": "text", "text": {"content": "你好"}}


class Api:
    """Calls the fake as any program would."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.token = ""

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self._client.request(method, f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, changes: dict[str, str] | None = None, *, force: bool = False) -> dict[str, Any]:
        body = {"grant_type": "client_credential", "appid": APP, "secret": SECRET, "force_refresh": force}
        answer = await self._client.post("/cgi-bin/stable_token", json=body | (changes or {}))
        found: dict[str, Any] = answer.json()
        return found

    async def isolated(self) -> str:
        query = {"grant_type": "client_credential", "appid": APP, "secret": SECRET}
        token: str = (await self._client.get("/cgi-bin/token", params=query)).json()["access_token"]
        return token

    async def call(self, name: str, body: Any, token: str | None = None) -> int:
        """The errcode."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        query = {"access_token": self.token if token is None else token}
        answer = await self._client.post(f"/cgi-bin/message/custom/{name}", params=query, content=content)
        assert answer.status_code == 200
        found = answer.json()
        if found["errcode"]:
            assert re.search(r" rid: \w+-\w+-\w+$", found["errmsg"])
        code: int = found["errcode"]
        return code

    async def send(self, body: Any = None, token: str | None = None) -> int:
        return await self.call("send", HELLO if body is None else body, token)

    async def later(self, seconds: float) -> None:
        await self.control("POST", "clock", {"advance_seconds": seconds})

    async def acts(self, kind: str) -> None:
        await self.control("POST", "activity", {"app_id": APP, "openid": USER, "kind": kind})


@asynccontextmanager
async def the_api() -> AsyncIterator[Api]:
    async with served(create_app()) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        api = Api(client)
        await api.control("PUT", f"accounts/{APP}", {"secret": SECRET})
        await api.acts("message")
        api.token = (await api.ask())["access_token"]
        yield api


async def test_a_stable_token_stays_until_its_last_five_minutes_when_both_work() -> None:
    async with the_api() as api:
        assert (await api.ask())["access_token"] == api.token
        await api.later(7200 - 290)
        newer = await api.ask()
        assert newer["access_token"] != api.token
        assert newer["expires_in"] > 7000
        assert [await api.send(), await api.send(token=newer["access_token"])] == [0, 0]
        await api.later(291)
        assert [await api.send(), await api.send(token=newer["access_token"])] == [42001, 0]


async def test_a_forced_refresh_kills_the_former_token_and_another_within_30_s_does_nothing() -> None:
    async with the_api() as api:
        newer = (await api.ask(force=True))["access_token"]
        assert [await api.send(), await api.send(token=newer)] == [40001, 0]
        await api.later(29)
        assert (await api.ask(force=True))["access_token"] == newer
        await api.later(2)
        assert (await api.ask(force=True))["access_token"] != newer


async def test_twenty_forced_refreshes_a_day_are_all() -> None:
    async with the_api() as api:
        await api.later(86_400 - (time.time() + 8 * 3600) % 86_400 + 60)  # just after midnight in Beijing
        tokens = set()
        for _ in range(23):
            tokens.add((await api.ask(force=True))["access_token"])
            await api.later(31)
        assert len(tokens) == 20
        await api.later(86_400)
        assert (await api.ask(force=True))["access_token"] not in tokens


async def test_the_two_kinds_of_token_know_nothing_of_each_other() -> None:
    async with the_api() as api:
        first = await api.isolated()
        second = await api.isolated()
        assert [await api.send(), await api.send(token=first), await api.send(token=second)] == [0, 0, 0]
        await api.later(301)
        assert [await api.send(), await api.send(token=first), await api.send(token=second)] == [0, 40001, 0]


async def test_no_token_and_an_unknown_token_are_told_apart() -> None:
    async with the_api() as api:
        assert [await api.send(token=""), await api.send(token="made-up")] == [41001, 40001]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wx-other", "grant_type": "wrong"}, 40013),
        ({"grant_type": "wrong"}, 40002),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
    ],
)
async def test_who_asks_for_a_token_is_checked(changes: dict[str, str], code: int) -> None:
    async with the_api() as api:
        assert (await api.ask(changes))["errcode"] == code


async def test_the_ip_list_guards_the_token_calls_alone() -> None:
    async with the_api() as api:
        await api.control("PUT", f"accounts/{APP}", {"refused_address": "198.51.100.4"})
        refused = await api.ask()
        assert refused["errcode"] == 40164
        assert refused["errmsg"].startswith("invalid ip 198.51.100.4 ipv6 ::ffff:198.51.100.4, not in whitelist rid: ")
        assert await api.send() == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"touser":"o-user-1","msgtype":"text","text":{"content":"\\u4f60"}}', 40033),
        (b'{"touser":"o-user-1","msgtype":"text","text":{"content":"C:\\\\u4f60"}}', 0),
        (b"not json", 47001),
        (json.dumps(HELLO, ensure_ascii=False).encode("gb18030"), 47001),
        (HELLO | {"touser": "o-stranger"}, 40003),
        (HELLO | {"text": {"content": ""}}, 44004),
        (HELLO | {"text": {"content": "长" * 682 + "ab"}}, 0),
        (HELLO | {"text": {"content": "长" * 683}}, 45002),
        (HELLO | {"msgtype": "poem"}, 40008),
        (HELLO | {"aimsgcontext": {"is_ai_msg": 2}}, 40035),
        (HELLO | {"aimsgcontext": {"is_ai_msg": 1}}, 0),
        ({"touser": USER, "msgtype": "news", "news": {"articles": [{"title": "一"}, {"title": "二"}]}}, 45008),
        ({"touser": USER, "msgtype": "msgmenu", "msgmenu": {"head_content": "选", "list": []}}, 40035),
        ({"touser": USER, "msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "甲"}]}}, 0),
    ],
)
async def test_bodies_are_taken_or_refused_as_wechat_does(body: Any, code: int) -> None:
    async with the_api() as api:
        assert await api.send(body) == code
        assert len(await api.control("GET", "sent")) == (1 if code == 0 else 0)


@pytest.mark.parametrize(("kind", "count", "seconds"), [("message", 5, 172_800), ("click", 3, 60), ("scan", 3, 60)])
async def test_each_action_opens_its_window_for_so_many_messages(kind: str, count: int, seconds: int) -> None:
    async with the_api() as api:
        await api.later(172_801)
        assert await api.send(token=(await api.ask())["access_token"]) == 45015
        api.token = (await api.ask())["access_token"]
        await api.acts(kind)
        assert [await api.send() for _ in range(count + 1)] == [0] * count + [45047]
        await api.acts(kind)
        assert await api.send() == 0
        await api.later(seconds + 1)
        assert await api.send(token=(await api.ask())["access_token"]) == 45015


async def test_windows_do_not_add_up() -> None:
    async with the_api() as api:
        await api.acts("click")
        assert [await api.send() for _ in range(6)] == [0] * 5 + [45047]


async def test_who_unsubscribes_closes_all_windows() -> None:
    async with the_api() as api:
        await api.acts("unsubscribe")
        assert await api.send() == 45015


async def test_rights_are_taken_away_and_given_back() -> None:
    async with the_api() as api:
        await api.control("PUT", f"accounts/{APP}", {"verified": False})
        assert [await api.send(), await api.call("typing", {"touser": USER, "command": "Typing"})] == [48001, 48001]
        await api.control("PUT", f"accounts/{APP}", {"verified": True, "menus": False})
        menu = {"touser": USER, "msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "甲"}]}}
        assert [await api.send(menu), await api.send()] == [40200, 0]


async def test_a_chosen_user_cannot_be_reached() -> None:
    async with the_api() as api:
        for code in (43004, 48002, 50002):
            await api.control("PUT", "users", {"app_id": APP, "openid": USER, "errcode": code})
            assert await api.send() == code
        await api.control("PUT", "users", {"app_id": APP, "openid": USER, "errcode": None})
        assert await api.send() == 0


async def test_the_minutes_and_the_days_calls_are_counted() -> None:
    async with the_api() as api:
        await api.control("PUT", f"accounts/{APP}", {"minute_limit": 2})
        assert [await api.send() for _ in range(3)] == [0, 0, 45011]
        await api.later(61)
        assert await api.send() == 0
        await api.control("PUT", f"accounts/{APP}", {"daily_limit": 0})
        assert await api.send() == 45009


async def test_typing_follows_wechats_rules() -> None:
    async with the_api() as api:

        async def typing(command: str) -> int:
            return await api.call("typing", {"touser": USER, "command": command})

        assert [await typing("Dance"), await typing("Typing"), await typing("Typing")] == [45072, 0, 45081]
        assert [await typing("CancelTyping"), await typing("Typing")] == [0, 0]
        await api.later(16)
        assert await typing("Typing") == 0
        await api.later(31)
        assert await typing("Typing") == 45080
        assert [await api.send(), await typing("Typing")] == [0, 0], "a message of ours is contact as well"


async def test_it_runs_as_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.wechat_api", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        said = json.loads(await process.stdout.readline())
        async with httpx.AsyncClient(base_url=said["address"], trust_env=False) as client:
            assert (await client.get("/_control/sent")).json() == []
    finally:
        process.terminate()
        await process.wait()
