"""How every command talks: data on stdout, the rest on stderr, and an exit code that says what happened."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import typer

T = TypeVar("T")


class Exit(IntEnum):
    """What an exit code means."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 3
    NOT_FOUND = 4
    PARTLY = 5
    REFUSED = 6
    NETWORK = 7
    NEEDS_YES = 8
    STOPPED = 130


def note(text: str) -> None:
    """A line for the person at the terminal."""
    typer.echo(text, err=True)


def stop(code: Exit, text: str) -> NoReturn:
    """End with a sentence and a code."""
    note(text)
    raise typer.Exit(code)


@contextmanager
def in_words() -> Iterator[None]:
    """What is known to go wrong ends in a sentence and its code, without a traceback."""
    from service.settings import SettingsError
    from service.storage.errors import StorageError

    try:
        yield
    except SettingsError as error:
        stop(Exit.SETTINGS, f"设置有问题：\n{error}\n改好 .env 或环境变量后再运行；各项说明见 .env.example。")
    except StorageError as error:
        stop(Exit.FAILED, str(error))
    except KeyboardInterrupt:
        raise typer.Exit(Exit.STOPPED) from None


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's asynchronous part, its errors in words."""
    import asyncio

    with in_words():
        return asyncio.run(main())


def quiet_libraries(log_level: str = "warning") -> None:
    """Our log as one JSON line an event on stderr, from `log_level` up; libraries only their warnings."""
    import logging
    import sys

    import structlog

    from service.operations.failures import WithoutWords, without_words

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithoutWords("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            without_words,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
