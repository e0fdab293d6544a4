"""WeChat's API over HTTP, for tests: its token and customer-service calls, as strict as WeChat, and scripted to fail.

    python -m tests.fakes.wechat_api --port 0

prints `{"port": …, "address": …}` as one line and serves until it is ended; `api_router()` puts it into another app.

    POST /cgi-bin/stable_token, GET /cgi-bin/token, POST /cgi-bin/message/custom/{send,typing}    WeChat's own

    PUT  /_control/accounts/<app_id>  see `AccountBody`; fields that are left out stay as they are
    POST /_control/activity           {app_id, openid, kind}: message, click, subscribe, scan, unsubscribe
    PUT  /_control/users              {app_id, openid, errcode}: 43004, 43019, 48002, 50002, or null again
    POST /_control/clock              {advance_seconds}
    POST /_control/replace/<app_id>   somebody else forces a refresh: the token in use is 40001 from now on
    POST /_control/next               a list of faults for the next requests of their path, see `Fault`
    POST /_control/always             one fault for every request of its path that has none; null ends all of them
    GET  /_control/sent               ?openid=: what users got, oldest first
    GET  /_control/calls              how often each path was called; forced refreshes apart
    GET  /_control/arrivals           ?path=: the bodies as they came, without secrets

Rules are in `wechat_api_rules`, faults in `wechat_api_faults`. Errors are HTTP 200 and end with a request id, as WeChat's do.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import socket
from collections import Counter, deque
from collections.abc import Callable
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tests.fakes.wechat_api_faults import Fault, Path, broken
from tests.fakes.wechat_api_rules import WINDOWS, Account, Clock, Refusal

KEPT = 2000
PATHS: dict[Path, str] = {
    "stable_token": "/cgi-bin/stable_token",
    "send": "/cgi-bin/message/custom/send",
    "typing": "/cgi-bin/message/custom/typing",
}


class AccountBody(BaseModel):
    """What an account may do."""

    model_config = ConfigDict(extra="forbid")

    secret: str | None = None
    verified: bool | None = None
    """Not verified: 48001 on customer-service calls; set it to false to take the right away."""
    menus: bool | None = None
    """False: 40200 on msgmenu."""
    refused_address: str | None = None
    """The token calls come from this address, which is not on the list; an empty string: it is by now."""
    token_errcode: int | None = None
    """The token calls get this: 40243, 89503, 89506, 89507; 0: they work again."""
    daily_limit: int | None = None
    """Sends a day, then 45009."""
    minute_limit: int | None = None
    """Sends a minute, then 45011."""


class ActivityBody(BaseModel):
    app_id: str
    openid: str
    kind: Literal["message", "click", "subscribe", "scan", "unsubscribe"] = "message"


class UserBody(BaseModel):
    app_id: str
    openid: str
    errcode: int | None = None


class ClockBody(BaseModel):
    advance_seconds: float


class State:
    """All that the fake knows."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.accounts: dict[str, Account] = {}
        self.next: dict[str, deque[Fault]] = {path: deque() for path in PATHS}
        self.always: dict[str, Fault] = {}
        self.calls: Counter[str] = Counter()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {path: [] for path in PATHS}
        self.arrivals: deque[tuple[str, Any]] = deque(maxlen=KEPT)

    def acts(self, app_id: str, openid: str, kind: str) -> None:
        """A user does something that WeChat pushes to the account; other kinds than `WINDOWS` open no window."""
        if kind in WINDOWS or kind == "unsubscribe":
            self.accounts[app_id].user(openid).acts(kind, self.clock.now())

    async def next_call(self, path: Path) -> None:
        """Until a request of this path has arrived; of use to a test in the same loop."""
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[path].append(arrived)
        await arrived

    def arrive(self, path: Path, raw: bytes) -> None:
        """Note a request, its secrets left out."""
        self.calls[path] += 1
        with contextlib.suppress(ValueError, AttributeError):
            body = json.loads(raw)
            self.arrivals.append((path, body if path != "stable_token" else {"force": body.get("force_refresh")}))
        for arrived in self._waiting[path]:
            if not arrived.done():
                arrived.set_result(None)
        self._waiting[path].clear()

    def by_token(self, token: str | None) -> Account:
        """Whose token it is. Raises as WeChat does."""
        if not token:
            raise Refusal(41001, "access_token missing")
        for account in self.accounts.values():
            if account.stable.check(token) or account.isolated.check(token):
                return account
        raise Refusal(40001, "invalid credential, access_token is invalid or not latest")

    def fault(self, path: str) -> Fault | None:
        waiting = self.next[path]
        return waiting.popleft() if waiting else self.always.get(path)


def api_router(state: State) -> APIRouter:
    """WeChat's calls and their control, on this state."""
    router = APIRouter()

    @router.api_route(PATHS["stable_token"], methods=["GET", "POST"])
    async def stable_token(request: Request) -> Response:
        return await _handled(state, request, "stable_token", lambda raw: _stable_token(state, raw))

    @router.get("/cgi-bin/token")
    async def token(grant_type: str = "", appid: str = "", secret: str = "") -> Response:
        def isolated() -> dict[str, Any]:
            account = _asking(state, {"grant_type": grant_type, "appid": appid, "secret": secret})
            return {"access_token": account.isolated.plain().value, "expires_in": 7200}

        return _answered(isolated)

    @router.api_route(PATHS["send"], methods=["GET", "POST"])
    async def send(request: Request) -> Response:
        return await _handled(state, request, "send", lambda raw: _called(state, request, Account.send, raw))

    @router.api_route(PATHS["typing"], methods=["GET", "POST"])
    async def typing(request: Request) -> Response:
        return await _handled(state, request, "typing", lambda raw: _called(state, request, Account.typing, raw))

    _add_control(router, state)
    return router


def _add_control(router: APIRouter, state: State) -> None:
    @router.put("/_control/accounts/{app_id}")
    async def account(app_id: str, body: AccountBody) -> dict[str, str]:
        known = state.accounts.setdefault(app_id, Account(app_id, body.secret or "", state.clock))
        for name, value in body.model_dump(exclude_unset=True).items():
            setattr(known, name, value)
        return {"app_id": app_id}

    @router.post("/_control/activity")
    async def activity(body: ActivityBody) -> dict[str, str]:
        state.acts(body.app_id, body.openid, body.kind)
        return {"kind": body.kind}

    @router.put("/_control/users")
    async def user(body: UserBody) -> dict[str, int | None]:
        state.accounts[body.app_id].user(body.openid).errcode = body.errcode
        return {"errcode": body.errcode}

    @router.post("/_control/clock")
    async def clock(body: ClockBody) -> dict[str, float]:
        state.clock.offset += body.advance_seconds
        return {"offset": state.clock.offset}

    @router.post("/_control/replace/{app_id}")
    async def replace(app_id: str) -> dict[str, str]:
        state.accounts[app_id].stable.replace()
        return {"app_id": app_id}

    @router.post("/_control/next")
    async def following(faults: Annotated[list[Fault], Field(max_length=KEPT)]) -> dict[str, int]:
        for fault in faults:
            state.next[fault.path].append(fault)
        return {"added": len(faults)}

    @router.post("/_control/always")
    async def always(request: Request) -> dict[str, int]:
        given = await request.json()
        if given is None:
            state.always.clear()
        else:
            fault = Fault.model_validate(given)
            state.always[fault.path] = fault
        return {"set": len(state.always)}

    @router.get("/_control/sent")
    async def sent(openid: str | None = None) -> list[dict[str, Any]]:
        everything = [each for account in state.accounts.values() for each in account.sent]
        return sorted((each for each in everything if openid in (None, each["openid"])), key=lambda each: each["at"])

    @router.get("/_control/calls")
    async def calls() -> dict[str, int]:
        return {name: state.calls[name] for name in (*PATHS, "forced")}

    @router.get("/_control/arrivals")
    async def arrivals(path: Path = "send") -> list[Any]:
        return [body for name, body in state.arrivals if name == path]


async def _handled(state: State, request: Request, path: Path, honest: Callable[[bytes], dict[str, Any]]) -> Response:
    raw = await request.body()
    state.arrive(path, raw)
    if request.method != "POST":
        return _answered(_refused(43002, "require POST method"))
    fault = state.fault(path)
    if fault is None:
        return _answered(lambda: honest(raw))
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    if fault.kind == "slow":
        return _answered(lambda: honest(raw))
    if fault.after:
        _answered(lambda: honest(raw))
    if fault.kind == "errcode":
        return _answered(_refused(fault.errcode, "as the script says"))
    return await broken(request, fault)


def _answered(honest: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(honest())
    except Refusal as refusal:
        request_id = "-".join(secrets.token_hex(4) for _ in range(3))
        return JSONResponse({"errcode": refusal.code, "errmsg": f"{refusal.words} rid: {request_id}"})


def _refused(code: int, words: str) -> Callable[[], dict[str, Any]]:
    def refuse() -> dict[str, Any]:
        raise Refusal(code, words)

    return refuse


def _called(state: State, request: Request, call: Callable[[Account, bytes], None], raw: bytes) -> dict[str, Any]:
    account = state.by_token(request.query_params.get("access_token"))
    if call is Account.send:
        account.count_call()
    call(account, raw)
    return {"errcode": 0, "errmsg": "ok"}


def _stable_token(state: State, raw: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(raw)
    except ValueError:
        raise Refusal(47001, "data format error") from None
    if not isinstance(asked, dict):
        raise Refusal(47001, "data format error")
    force = asked.get("force_refresh") is True
    state.calls["forced"] += force
    issued = _asking(state, asked).stable.stable(force=force)
    return {"access_token": issued.value, "expires_in": int(issued.expires_at - state.clock.now())}


def _asking(state: State, asked: dict[str, Any]) -> Account:
    if not asked.get("appid"):
        raise Refusal(41002, "appid missing")
    account = state.accounts.get(str(asked["appid"]))
    if account is None:
        raise Refusal(40013, "invalid appid")
    if asked.get("grant_type") != "client_credential":
        raise Refusal(40002, "invalid grant_type")
    if not asked.get("secret"):
        raise Refusal(41004, "appsecret missing")
    if asked["secret"] != account.secret:
        raise Refusal(40125, "invalid appsecret, view more at http://t.cn/RAEkdVq")
    if account.token_errcode:
        raise Refusal(account.token_errcode, "appsecret is not usable")
    if account.refused_address:
        address = account.refused_address
        raise Refusal(40164, f"invalid ip {address} ipv6 ::ffff:{address}, not in whitelist")
    return account


def create_app(state: State | None = None) -> FastAPI:
    """The fake as an application of its own, which knows no account yet."""
    app = FastAPI(max_body_size=4_000_000)
    app.include_router(api_router(state or State()))
    return app


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="A fake of WeChat's API.")
    parser.add_argument("--port", type=int, default=0)
    listening = socket.create_server(("127.0.0.1", parser.parse_args().port), backlog=512)
    port = listening.getsockname()[1]
    print(json.dumps({"port": port, "address": f"http://127.0.0.1:{port}"}), flush=True)
    # Critical only: a scripted reset ends in an exception that the server would print.
    config = uvicorn.Config(create_app(), log_level="critical", access_log=False, lifespan="off")
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
