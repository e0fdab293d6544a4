"""The service and other programs as processes, with what they take: time, memory, CPU."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenario.shop import REPOSITORY

LONGEST_SECONDS = 180.0
MEGABYTE = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Done:
    """A program that ended."""

    seconds: float
    peak_mb: float
    """Of the program itself; its children have their own."""
    output: str


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> Done:
    """Run a program to its end. Raises RuntimeError where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        # The kernel's own figure of a child (ru_maxrss) begins with its parent's: this one is the program's alone.
        nonlocal peak
        while not ended.wait(0.02):
            peak = max(peak, memory_mb(process.pid, "VmHWM"))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        output, errors = process.communicate(timeout=LONGEST_SECONDS)
        seconds = time.perf_counter() - began
    finally:
        ended.set()
        watching.join()
        process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}: {errors[-2000:]}")
    return Done(seconds=seconds, peak_mb=peak, output=output)


def module(name: str, *given: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Run `python -m name` and read the JSON object that it prints."""
    found: dict[str, Any] = json.loads(run([sys.executable, "-m", name, *given], environ).output)
    return found


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Memory of a process that lives: `VmRSS` now, `VmHWM` its peak, `RssAnon` without files; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) * 1024 / MEGABYTE
    except OSError:
        pass
    return 0.0


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def ready(port: int) -> bool:
    """Whether /readyz says so."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
