"""WeChat as a process: its platform, to be played by a test over HTTP, and the part of its API that doctor calls.

    python -m tests.fakes.wechat_platform --port 0

prints one JSON line with its address. The platform's rules are the simulator's, and can't be loosened from here.

    PUT  /play/accounts/<name>   {token, app_id, aes_key, gh_id, mode, url, mark_fail_after?}: an account, its webhook
    POST /play/verify            {account, spoilt?}                               -> Verification
    POST /play/push              {account, kind, openid, fields?, tries?, copies?, drop_after?, again?} -> [Outcome]
    POST /play/attack            {account, kind, openid, fields?, spoilt}         -> {status}
    PUT  /play/api               {app_id, app_secret, refused_address?}: who may ask for a token
    POST /cgi-bin/stable_token   WeChat's own

A push without `again` is new and its outcomes carry its `push` number; with `again`, that push is repeated.
"""

import argparse
import asyncio
import dataclasses
import json
import secrets
import socket
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from service.channels.wechat.simulator import KINDS, Platform, Push, Rules


class AccountBody(BaseModel):
    token: str
    app_id: str
    aes_key: str
    gh_id: str = "gh_0123456789ab"
    mode: Literal["plain", "compatible", "safe"] = "safe"
    url: str
    mark_fail_after: int | None = None


class VerifyBody(BaseModel):
    account: str
    spoilt: Literal["signature", "timestamp"] | None = None


class MessageBody(BaseModel):
    account: str
    kind: str = "text"
    openid: str = ""
    fields: dict[str, Any] = {}


class PushBody(MessageBody):
    tries: int | None = None
    copies: int = 1
    drop_after: dict[int, float] = {}
    again: int | None = None


class AttackBody(MessageBody):
    spoilt: Literal["signature", "timestamp", "app_id", "downgrade"]


class ApiBody(BaseModel):
    app_id: str
    app_secret: str
    refused_address: str | None = None


def create_app() -> FastAPI:
    """The platform with no account yet, and an API that knows nobody."""
    app = FastAPI()
    accounts: dict[str, Platform] = {}
    pushes: list[Push] = []
    allowed = ApiBody(app_id="", app_secret="")

    @app.put("/play/accounts/{name}")
    async def account(name: str, body: AccountBody) -> dict[str, str]:
        if name in accounts:
            await accounts[name].aclose()
        rules = Rules(mark_fail_after=body.mark_fail_after)
        accounts[name] = Platform(**body.model_dump(exclude={"mark_fail_after"}), rules=rules)
        return {"account": name}

    @app.post("/play/verify")
    async def verify(body: VerifyBody) -> dict[str, Any]:
        return dataclasses.asdict(await accounts[body.account].verify(spoilt=body.spoilt))

    @app.post("/play/push")
    async def push(body: PushBody) -> list[dict[str, Any]]:
        if body.again is None:
            pushes.append(KINDS[body.kind](body.openid, **body.fields))
        number = len(pushes) - 1 if body.again is None else body.again
        platform = accounts[body.account]
        outcomes = await asyncio.gather(
            *(
                platform.deliver(pushes[number], tries=body.tries, drop_after=body.drop_after)
                for _ in range(body.copies)
            )
        )
        return [
            dataclasses.asdict(outcome) | {"push": number, "seen": outcome.seen, "seconds": outcome.seconds}
            for outcome in outcomes
        ]

    @app.post("/play/attack")
    async def attack(body: AttackBody) -> dict[str, int]:
        message = KINDS[body.kind](body.openid, **body.fields)
        return {"status": await accounts[body.account].attack(message, body.spoilt)}

    @app.put("/play/api")
    async def api(body: ApiBody) -> dict[str, str]:
        nonlocal allowed
        allowed = body
        return {"app_id": body.app_id}

    @app.post("/cgi-bin/stable_token")
    async def stable_token(request: Request) -> JSONResponse:
        return JSONResponse(_token(allowed, await request.body()))

    return app


def _token(allowed: ApiBody, body: bytes) -> dict[str, Any]:
    """WeChat answers errors with status 200, and ends each errmsg with a request id."""
    try:
        asked = json.loads(body)
    except ValueError:
        return _error(47001, "data format error")
    if not isinstance(asked, dict):
        return _error(47001, "data format error")
    if not asked.get("appid"):
        return _error(41002, "appid missing")
    if asked["appid"] != allowed.app_id:
        return _error(40013, "invalid appid")
    if asked.get("grant_type") != "client_credential":
        return _error(40002, "invalid grant_type")
    if asked.get("secret") != allowed.app_secret:
        return _error(40125, "invalid appsecret")
    if allowed.refused_address:
        address = allowed.refused_address
        return _error(40164, f"invalid ip {address} ipv6 ::ffff:{address}, not in whitelist")
    return {"access_token": secrets.token_urlsafe(96), "expires_in": 7200}


def _error(code: int, message: str) -> dict[str, Any]:
    request_id = f"{secrets.token_hex(4)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": code, "errmsg": f"{message} rid: {request_id}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", arguments.port))
        listening.listen(256)
        port = listening.getsockname()[1]
        print(json.dumps({"address": f"http://127.0.0.1:{port}", "port": port}), flush=True)
        config = uvicorn.Config(create_app(), log_level="warning", access_log=False)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
