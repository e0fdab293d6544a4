"""What the log may say of an exception: its type and where it was raised, never its words.

A library's message repeats what it was given: SQLAlchemy the parameters of a statement, PostgreSQL the failing row,
pydantic the body. Any of them may be a shopper's text, cookie or phone number.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from structlog.typing import EventDict

OURS = "service"


def described(error: BaseException) -> dict[str, str]:
    """Type, cause, a database's own code, and the innermost place in our code."""
    chain = list(_chain(error))
    root = chain[-1]
    found = {"error": type(error).__name__, "where": next(filter(None, map(_where, reversed(chain))), "")}
    if root is not error:
        found["cause"] = type(root).__name__
    if code := getattr(root, "sqlite_errorname", None) or getattr(root, "sqlstate", None):
        found["code"] = str(code)
    return found


def without_words(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: an event's exception becomes what may be said of it."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.update(described(error))
    return event


class WithoutWords(logging.Formatter):
    """For libraries' log lines: a traceback has its places and types, but no message."""

    def formatException(  # noqa: N802  # logging's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        error = ei[1]
        if error is None:
            return ""
        parts = []
        for each in reversed(list(_chain(error))):
            kind = f"{type(each).__module__}.{type(each).__qualname__}"
            parts.append("".join(traceback.format_tb(each.__traceback__)) + kind)
        return "\n".join(parts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, down to the first cause."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__


def _where(error: BaseException) -> str:
    """The innermost place of our own code in an exception's trace."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == OURS:
            place = f"{module}:{line}"
    return place
