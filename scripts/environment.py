"""Makes `.venv` what a lock file says and puts the project itself in it; a stamp says that it is done.

Called by scripts/prepare with an interpreter that scripts/find-python chose, so the standard library is all there is.
Packages come with uv where it is installed, else with venv and pip, from the same hashed lock (installer.py).

The project is linked, not built (`install_project`): a build would need a backend that the users' lock doesn't have,
and fetching one is a download nobody asked for.

The stamp is removed before the first change and written after the last. So a run that was stopped anywhere leaves a
folder without one, which the next run makes anew: neither tool repairs a package that was written halfway.
"""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from installer import InstallError, find_uv, progress, run_logged, runs, say

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "faqbot-stamp.json"
LOG = VENV / "install.log"
# The second holds all of the first at the same versions, so who has the second has both.
LOCKS_WITHIN = {
    "requirements.txt": ["requirements.txt"],
    "requirements-test.txt": ["requirements.txt", "requirements-test.txt"],
}
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
EXIT_FAILED, EXIT_USAGE, EXIT_STOPPED = 1, 2, 130


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a whole `.venv` was made from."""

    root: str  # scripts in it name the folder that they were made in
    python: str
    installer: str
    project: str
    locks: dict[str, str]  # a digest for each lock file that it satisfies

    @classmethod
    def read(cls) -> "Stamp | None":
        """None where there is none that this version understands."""
        try:
            return cls(**json.loads(STAMP.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self) -> None:
        """All of it or nothing."""
        unfinished = STAMP.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(STAMP)

    def is_from_here(self) -> bool:
        """Whether it was made in this folder for a Python like the one that asks."""
        return self.root == str(ROOT) and self.python == VERSION

    def satisfies(self, lock: str) -> bool:
        """Whether the lock's packages are there."""
        return self.locks.get(lock) == _digest(ROOT / lock)


def main(arguments: list[str]) -> int:
    """`environment.py [--check] LOCK`: make it, or only tell by the exit code whether it is made."""
    lock = arguments[-1] if arguments else ""
    if lock not in LOCKS_WITHIN:
        say(f"environment.py [--check] {'|'.join(LOCKS_WITHIN)}")
        return EXIT_USAGE
    if arguments[0] == "--check":
        return 0 if is_ready(lock) else EXIT_FAILED
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        with one_at_a_time() as turn:
            if not is_ready(lock):
                make(lock, turn)
    except InstallError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        say("已停止；再运行一次会重新装好 · Stopped; the next run starts over")
        return EXIT_STOPPED
    return 0


def is_ready(lock: str) -> bool:
    """Whether `.venv` is whole and made from this lock and this project."""
    stamp = Stamp.read()
    return stamp is not None and stamp.is_from_here() and stamp.project == _project() and stamp.satisfies(lock)


def make(lock: str, turn: int | None) -> None:
    """Brings `.venv` to what the lock and the project say, from whatever is there."""
    started = time.monotonic()
    uv = find_uv()
    installer = "uv" if uv else "pip"
    before = Stamp.read()
    if before and not (before.is_from_here() and before.installer == installer and runs(PYTHON)):
        before = None
    STAMP.unlink(missing_ok=True)
    if before and before.satisfies(lock):
        locks = before.locks
        say("依赖没有变化，跳过安装；重新链接 faqbot · Packages unchanged, skipped; linking faqbot again")
    else:
        locks = {name: _digest(ROOT / name) for name in LOCKS_WITHIN[lock]}
        say(f"用 {installer} 和 Python {VERSION} 安装依赖… · Installing packages with {installer}, Python {VERSION}…")
        if not before:
            clear()
            make_venv(uv, turn)
        install_packages(uv, lock, turn)
        seconds = round(time.monotonic() - started)
        say(f"装好了，用了 {seconds} 秒 · Installed in {seconds} s")
    install_project()
    Stamp(root=str(ROOT), python=VERSION, installer=installer, project=_project(), locks=locks).write()


@contextmanager
def one_at_a_time() -> Iterator[int | None]:
    """Waits until no other run installs here; yields what uv or pip inherit, so that they count as long as they live.

    The lock is on pyproject.toml as an open file: it leaves nothing behind, and ends with the last process that has it.
    """
    with PROJECT.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("另一个安装正在这个目录里进行，等它结束… · Another install is running in this folder, waiting for it…")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a network drive without locks: go on without
            yield None
            return
        yield file.fileno()


def clear() -> None:
    """An empty folder in place of what is left of a `.venv`; what is no Python environment is somebody's and stays."""
    advice = "移走后再运行 · move it away, then run again"
    if VENV.is_symlink() or (VENV.exists() and not VENV.is_dir()):
        raise InstallError(f"{VENV} 是链接或文件，没有动它 · It is a link or a file, left alone: {advice}")
    if VENV.is_dir():
        if any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists() and not LOG.exists():
            raise InstallError(f"{VENV} 不是 Python 环境，没有动它 · It is no Python environment, left alone: {advice}")
        shutil.rmtree(VENV)
    VENV.mkdir()
    LOG.touch()


def make_venv(uv: str | None, turn: int | None) -> None:
    """An empty environment on the interpreter that runs this."""
    if uv:
        command = [uv, "venv", "--allow-existing", "--prompt", "faqbot", "--python", sys.executable, str(VENV)]
    else:
        command = [sys.executable, "-I", "-m", "venv", "--prompt", "faqbot", str(VENV)]
    run_logged(command, cwd=ROOT, log=LOG, keep_open=turn)


def install_packages(uv: str | None, lock: str, turn: int | None) -> None:
    """Exactly the lock's packages, wheels only, each checked against its hash, compiled so that starts are quick."""
    if uv:
        options = ["--require-hashes", "--only-binary", ":all:", "--compile-bytecode"]
        run_logged([uv, "pip", "sync", "--python", str(PYTHON), *options, lock], cwd=ROOT, log=LOG, keep_open=turn)
        return
    # Without --no-deps pip stops at packages that the lock leaves out on purpose (pyproject.toml, tool.uv).
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command = [str(PYTHON), "-I", "-m", "pip", "install", *options, "-r", lock]
    with progress(ROOT / lock) as on_line:
        run_logged(command, cwd=ROOT, log=LOG, keep_open=turn, on_line=on_line)


def install_project() -> None:
    """What an editable install leaves: a path to the sources, the project's metadata and its command.

    The path is relative, so that no locale can misread a folder with a Chinese name. RECORD is there so that uv and
    pip can remove it all.
    """
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    packages = site_packages()
    for old in packages.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {project['requires-python']}\n"
    commands = "".join(f"{command} = {target}\n" for command, target in project["scripts"].items())
    files = {
        f"{name}.pth": os.path.relpath(ROOT, packages) + "\n",
        f"{info}/METADATA": about + needs,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: scripts\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{commands}",
        f"{info}/direct_url.json": json.dumps({"url": ROOT.as_uri(), "dir_info": {"editable": True}}),
        f"{info}/INSTALLER": "scripts\n",
    }
    for command, target in project["scripts"].items():
        files[os.path.relpath(PYTHON.parent / command, packages)] = command_script(target)
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    (packages / info).mkdir()
    for path, text in files.items():
        (packages / path).write_text(text, encoding="utf-8")
    for command in project["scripts"]:
        (PYTHON.parent / command).chmod(0o755)


def command_script(target: str) -> str:
    """A script that is sh for one line and then Python: a `#!` line can't hold a path with spaces.

    A process that multiprocessing spawns reads it again, under another name.
    """
    module, function = target.split(":")
    return (
        f"#!/bin/sh\n'''exec' {shlex.quote(str(PYTHON))} \"$0\" \"$@\"\n' '''\n"
        f"import sys\n\nfrom {module} import {function}\n\nif __name__ == '__main__':\n    sys.exit({function}())\n"
    )


def site_packages() -> Path:
    """Where `.venv` has its packages."""
    return VENV / "lib" / f"python{VERSION}" / "site-packages"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _project() -> str:
    """A digest of all that decides how the project is put into `.venv`."""
    return hashlib.sha256(PROJECT.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
