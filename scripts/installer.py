"""Running uv or pip for scripts/environment.py: what they inherit, where their words go, what their failures mean.

No index address is ever given to them: both follow what the user has set. uv doesn't read pip's settings, so it is
told of the mirror that is set for pip: one that is near is the difference between a minute and an hour.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import contextmanager
from pathlib import Path

EXIT_FAILED, EXIT_NETWORK = 1, 7
NO_WHEELS = (
    "有的包没有为这台机器编译好的版本。都有的是：64 位 Linux（glibc 2.28 以上，x86-64 或 ARM）和苹果芯片的 Mac "
    "· a package has no wheel for this machine; all have one for 64-bit Linux with glibc 2.28 or newer (x86-64, ARM) "
    "and for Macs with Apple silicon"
)
ON_MUSL = (
    "Alpine 用的是 musl，有的包（例如 chromadb）没有为它编译：换 Debian 的镜像 "
    "· Alpine uses musl, for which some packages (chromadb) have no wheels: take a Debian image"
)
REASONS = (
    (
        r"unexpected argument|unrecognized (sub)?command",
        EXIT_FAILED,
        "uv 太旧：uv self update，或者不用它：FAQBOT_INSTALLER=pip scripts/run "
        "· uv is too old: uv self update, or do without it as FAQBOT_INSTALLER=pip scripts/run",
    ),
    (r"No space left on device", EXIT_FAILED, "磁盘满了，需要约 1 GB · the disk is full, about 1 GB is needed"),
    (
        r"do not match the hashes|hash mismatch",
        EXIT_FAILED,
        "镜像给的文件和锁文件里的哈希不一样；换一个镜像 "
        "· the mirror's file differs from the lock's hash: take another mirror",
    ),
    (
        r"could not resolve|dns error|name resolution|connection (refused|reset|error|aborted|broken)|timed? ?out"
        r"|failed to (fetch|connect)|error sending request|network is unreachable|proxyerror|sslerror",
        EXIT_NETWORK,
        "下载不了。检查网络，或者设一个近的镜像再运行：pip config set global.index-url <镜像地址> "
        "· can't download: check the network, or set a mirror near you with pip config set global.index-url <address>",
    ),
    (
        r"no matching distribution|no (usable|compatible) wheels?|no wheels? with a matching|wheels are required",
        EXIT_FAILED,
        ON_MUSL if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "") else NO_WHEELS,
    ),
)
# What would install elsewhere than into .venv, or without bytecode, which makes each start twice as long.
NOT_INHERITED = {
    "PIP_NO_COMPILE",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_TARGET",
    "PYTHONDONTWRITEBYTECODE",
    "UV_SYSTEM_PYTHON",
    "UV_VENV_CLEAR",
}


class InstallError(Exception):
    """Why the environment can't be made, in words for the person at the terminal, and the exit code."""

    def __init__(self, message: str, code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.code = code


def find_uv() -> str | None:
    """uv where it is installed and runs; FAQBOT_INSTALLER=pip does without."""
    if os.environ.get("FAQBOT_INSTALLER") == "pip":
        return None
    for found in (shutil.which("uv"), str(Path.home() / ".local" / "bin" / "uv")):
        if found and runs(Path(found)):
            return found
    return None


def runs(program: Path) -> bool:
    """Whether the program starts: a shim, or an environment whose Python is gone, exists and doesn't."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run_logged(
    command: Sequence[str], *, cwd: Path, log: Path, keep_open: int | None, on_line: Callable[[str], None] | None = None
) -> None:
    """Runs it with its words in the log; a failure raises InstallError with the last of them and what to do.

    `keep_open` is a file descriptor that the program inherits.
    """
    with log.open("a", encoding="utf-8") as words:
        words.write(f"$ {shlex.join(command)}\n")
        words.flush()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=_inherited(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=() if keep_open is None else (keep_open,),
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            for line in process.stdout or ():
                words.write(line)
                if on_line:
                    on_line(line)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code != 0:
        raise _why(log)


@contextmanager
def progress(lock: Path) -> Iterator[Callable[[str], None]]:
    """Counts pip's packages on a terminal; elsewhere it stays quiet."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    total = len(re.findall(r"^\S+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    count = 0

    def on_line(line: str) -> None:
        nonlocal count
        found = re.match(r"(?:Collecting|Ignoring|Requirement already satisfied:) ([\w.-]+)", line)
        if found:
            count += 1
            _overwrite(f"  {count}/{total} {found[1]}")
        elif line.startswith("Installing collected"):
            _overwrite("  写入 .venv… · writing .venv…")

    try:
        yield on_line
    finally:
        _overwrite("")


def mirror_of_pip(environ: Mapping[str, str], home: Path, system: Path = Path("/etc")) -> str | None:
    """The index that the user has set for pip, where nothing is set for uv."""
    if any(environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_CONFIG_FILE")):
        return None
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    if any(path.exists() for path in (config / "uv/uv.toml", system / "uv/uv.toml")):
        return None
    if environ.get("PIP_INDEX_URL"):
        return environ["PIP_INDEX_URL"]
    files = [
        system / "pip.conf",
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        config / "pip/pip.conf",
    ]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    chosen = None
    for path in files:  # as for pip itself, the later wins
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(path, encoding="utf-8")
        except (ConfigError, OSError, UnicodeError):
            continue
        for section in ("global", "install"):
            chosen = parser.get(section, "index-url", fallback=chosen)
    return chosen


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def _inherited() -> dict[str, str]:
    """The user's variables, so that mirrors, proxies and certificates hold."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    environment |= {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    mirror = mirror_of_pip(os.environ, Path.home())
    if mirror:
        environment["UV_DEFAULT_INDEX"] = mirror
    return environment


def _why(log: Path) -> InstallError:
    """The reason as far as the tool's words tell it, with the one next step."""
    words = log.read_text(encoding="utf-8", errors="replace")
    code, reason = EXIT_FAILED, "原因见上面几行 · the lines above say why"
    for pattern, its_code, its_reason in REASONS:
        if re.search(pattern, words, re.IGNORECASE):
            code, reason = its_code, its_reason
            break
    last = "\n".join(f"  | {line}" for line in words.rstrip().splitlines()[-15:])
    return InstallError(f"{last}\n没有装好 · Not installed: {reason}\n全部输出 · All of its output: {log}", code)


def _overwrite(text: str) -> None:
    sys.stderr.write(f"\r\033[K{text}")
    sys.stderr.flush()
