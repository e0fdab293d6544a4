"""Who a visitor of the web chat is: a random name in a cookie, which nobody can guess and no script can read."""

import re
import secrets

from fastapi import Request, Response

COOKIE = "faqbot_visitor"
_NAME = re.compile(r"[0-9a-f]{32}")
ONE_YEAR_SECONDS = 365 * 24 * 3600


def visitor(request: Request, response: Response) -> str:
    """The visitor's name; a new visitor gets one with the response."""
    name = request.cookies.get(COOKIE, "")
    if not _NAME.fullmatch(name):
        name = secrets.token_hex(16)
        response.set_cookie(
            COOKIE,
            name,
            max_age=ONE_YEAR_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return name
