"""A small checkout with our scripts, on a machine that has only what a test puts there.

The scripts are the real ones, in a folder with a Chinese name and a space. Pythons are the real one behind a wrapper
that gives it another version; uv is a few lines of sh that fetch nothing.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REAL_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
FAKE_PYTHON = """\
import sys
sys.version_info = {version} + ("final", 0)
sys.executable = sys._base_executable = {path!r}
sys.modules.update(dict.fromkeys({lacks!r}))
exec(sys.argv[1])
"""
FAKE_UV = """\
#!/bin/sh
case "$1 $2" in
    "venv "*) exec "$6" -m venv --without-pip "$7" ;;
    "pip sync") echo synced >>"$HOME/calls"; echo "$UV_SAYS"; touch .venv/half; exit "${UV_EXIT:-0}" ;;
esac
"""


@dataclass(frozen=True)
class Checkout:
    """A folder with our scripts, a project of one command, and a machine around it that has little."""

    root: Path
    home: Path

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    def put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def python(
        self, name: str, version: tuple[int, int, int], lacks: tuple[str, ...] = (), folder: str = "bin"
    ) -> Path:
        path = self.home / folder / name
        code = FAKE_PYTHON.format(version=version, path=str(path), lacks=lacks)
        return self.put(path, f'#!/bin/sh\nexec {REAL_PYTHON} -I -c {shlex.quote(code)} "$3"\n')

    def system(self, text: str) -> None:
        (self.home / "os-release").write_text(text, encoding="utf-8")

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        known = {"PATH": str(self.bin), "HOME": str(self.home), "FAQBOT_KERNEL": "Linux", "LANG": "C.UTF-8"}
        known["FAQBOT_OS_RELEASE"] = str(self.home / "os-release")
        return subprocess.run(
            [str(self.root / command[0]), *command[1:]],
            cwd="/",
            env=known | environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    def find(self, **environment: str) -> str:
        return self.run("scripts/find-python", **environment).stdout.strip()

    def script(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """With the machine's own tools and Python."""
        path = f"{self.bin}:{os.environ['PATH']}"
        return self.run(*command, **{"PATH": path, "PYTHON": str(REAL_PYTHON)} | environment)

    def prepare(self, lock: str = "requirements.txt", **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.script("scripts/prepare", lock, **environment)

    def syncs(self) -> int:
        calls = self.home / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0


def a_checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "网店 客服", tmp_path / "home")
    shutil.copytree(ROOT / "scripts", made.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", made.root)
    made.put(made.root / "service" / "cli.py", "def main() -> None:\n    print('first')\n")
    for lock in ("requirements.txt", "requirements-test.txt"):
        made.put(made.root / lock, "")
    made.bin.mkdir(parents=True)
    for tool in ("dirname", "id", "uname"):
        (made.bin / tool).symlink_to(str(shutil.which(tool)))
    made.system('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    return made


def with_uv(checkout: Checkout) -> Checkout:
    checkout.put(checkout.bin / "uv", FAKE_UV)
    return checkout
