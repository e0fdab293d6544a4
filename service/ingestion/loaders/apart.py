"""Word and Excel files are parsed in a process of their own, with bounded memory and time.

A parser in C or Rust that a file drives out of memory takes its process with it: this one can be lost. It starts with
the first such file (0.3 s) and serves all that follow. It is a plain child with pipes: multiprocessing would run the
program's main module in it once more.
"""

import asyncio
import importlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from types import TracebackType
from typing import BinaryIO, cast

from pydantic import TypeAdapter

from service.ingestion.loaders.loader import Loaded, Loader, load_with
from service.ingestion.problems import UnreadableFileError

MEMORY_BYTES = 2 * 1024**3
SECONDS = 60.0
"""For one file; 30,000 rows take half a second."""
LENGTH_BYTES = 8
CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from service.ingestion.loaders.apart import serve; serve(int(sys.argv[2]))"
)
LOADED = TypeAdapter(Loaded)


class Apart:
    """Runs loaders in a process of its own, one file at a time; an async context manager that ends it."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, seconds: float = SECONDS) -> None:
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._process: Process | None = None

    async def __aenter__(self) -> "Apart":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def load(self, loader: Loader, content: bytes, file: str) -> Loaded:
        """What the loader, a function of a module, gives. Raises UnreadableFileError, also where it had to be ended."""
        name = json.dumps([loader.__module__, loader.__qualname__, file]).encode()  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(self._seconds):
                status, answer = await self._exchange(name, content)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            await self._end()
            raise UnreadableFileError(
                "E-K114",
                "读取时占用的内存或时间太多，已中止",
                "在 Excel 里删掉数据下方和右边多余的空行空列，或拆成几个文件",
            ) from error
        if status == b"refused":
            raise UnreadableFileError(*json.loads(answer))
        return LOADED.validate_json(answer)

    async def _exchange(self, name: bytes, content: bytes) -> tuple[bytes, bytes]:
        if self._process is None:
            arguments = (sys.executable, "-I", "-c", CHILD, json.dumps(sys.path), str(self._memory_bytes))
            self._process = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        stdin = cast(asyncio.StreamWriter, self._process.stdin)
        stdout = cast(asyncio.StreamReader, self._process.stdout)
        for part in (name, content):
            stdin.write(len(part).to_bytes(LENGTH_BYTES) + part)
        await stdin.drain()
        parts = [await stdout.readexactly(int.from_bytes(await stdout.readexactly(LENGTH_BYTES))) for _ in range(2)]
        return parts[0], parts[1]

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()  # it holds nothing but the file's bytes
        await process.communicate()


def serve(memory_bytes: int) -> None:
    """The child's part: a file in, what its loader gave out, until it is ended."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        module, function, file = json.loads(_read(sys.stdin.buffer))
        content = _read(sys.stdin.buffer)
        loader: Loader = getattr(importlib.import_module(module), function)
        try:
            status, answer = b"loaded", LOADED.dump_json(load_with(loader, content, file))
        except UnreadableFileError as error:
            status, answer = b"refused", json.dumps(error.args).encode()
        for part in (status, answer):
            sys.stdout.buffer.write(len(part).to_bytes(LENGTH_BYTES) + part)
        sys.stdout.buffer.flush()


def _read(stream: BinaryIO) -> bytes:
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:  # the parent has gone
        raise SystemExit
    return stream.read(int.from_bytes(length))
