"""The address that WeChat's server calls: verification by GET, one push by POST.

Refuses what isn't WeChat's with a 4xx and a log line without any of its content; everything else is answered by
`passive`, or with `success` where WeChat takes no answer. Reading is bounded in bytes and in time before anything
is parsed.
"""

import asyncio
import time

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from service.channels.wechat import wire
from service.channels.wechat.envelope import Credentials, Envelope
from service.channels.wechat.errors import WireError
from service.channels.wechat.passive import Answers, Arrival, Passive, Timing

BODY_LIMIT_BYTES = 64 * 1024
"""A text message has at most a few kB; encrypted and in compatible mode, where both forms are sent, still under 20."""

log = structlog.get_logger()


def wechat_routes(
    credentials: Credentials,
    turns: Answers,
    account: str = "default",
    *,
    has_agents: bool = True,
    timing: Timing | None = None,
) -> APIRouter:
    """GET and POST of one account's webhook: `/wechat`, and `/wechat/<name>` for further accounts.

    Without agents at WeChat's own desk (`has_agents`) no message can be handed to it.
    """
    path = "/wechat" if account == "default" else f"/wechat/{account}"
    router = APIRouter(include_in_schema=False)
    envelope = Envelope(credentials)
    passive = Passive(turns, timing)
    seconds_to_read = (timing or Timing()).wait

    @router.get(path)
    async def verify(request: Request) -> Response:
        try:
            echo = envelope.echo(request.query_params, time.time())
        except WireError as error:
            return _refused(error, account, "verification")
        log.info("wechat.verified", account=account)
        return PlainTextResponse(echo, headers={"X-Content-Type-Options": "nosniff"})

    @router.post(path)
    async def receive(request: Request) -> Response:
        arrival = Arrival()
        try:
            body = await _body(request, seconds_to_read)
            letter = envelope.open(request.query_params, body, time.time())
            push = wire.from_letter(letter, account, has_agents=has_agents)
        except WireError as error:
            return _refused(error, account, "push")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

        if push.handling == "ignore":
            log.info("wechat.acknowledged", message=push.message.id)
            return PlainTextResponse(wire.SUCCESS)

        async def dropped() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        response = await passive.answer(push, arrival, dropped)
        milliseconds = round(arrival.seconds * 1000)
        if response is None:
            log.info("wechat.held", message=push.message.id, ms=milliseconds)
            return Response(status_code=503)  # an empty 200 would be taken for the answer
        log.info("wechat.answered", message=push.message.id, ms=milliseconds, transfer=response.transfer)
        reply = wire.to_xml(response, push, time.time())
        if reply is None:
            return PlainTextResponse(wire.SUCCESS)  # stays plain in every mode
        return Response(envelope.seal(reply, time.time()) if push.encrypted else reply, media_type="application/xml")

    return router


def unconfigured_routes() -> APIRouter:
    """`/wechat` where no account is configured: whoever sets one up on WeChat's page finds the reason in the log."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/wechat", methods=["GET", "POST"])
    async def off() -> Response:
        log.warning("wechat.not_configured", advice="set WECHAT_TOKEN to the Token of the account's page and restart")
        return PlainTextResponse("WeChat is not set up on this server: WECHAT_TOKEN is missing.\n", status_code=404)

    return router


async def _body(request: Request, seconds: float) -> bytes:
    too_large = WireError(413, f"the body is larger than {BODY_LIMIT_BYTES} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > BODY_LIMIT_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT_BYTES:
                    raise too_large
    except TimeoutError:
        raise WireError(408, "the body did not arrive in time") from None
    return bytes(body)


def _refused(error: WireError, account: str, request: str) -> Response:
    log.warning(
        "wechat.refused",
        account=account,
        request=request,
        status=error.status,
        reason=error.reason,
        advice=error.advice or None,
    )
    return PlainTextResponse(f"{error.reason}\n", status_code=error.status)
