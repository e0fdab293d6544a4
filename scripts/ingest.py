#!/usr/bin/env python3
"""`faqbot ingest` from a checkout whose environment isn't activated: takes the one in .venv if this is another."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> None:
    """Run the command with this script's arguments."""
    if Path(sys.prefix).resolve() != PYTHON.parent.parent.resolve():
        if not PYTHON.exists():
            sys.exit("还没有运行环境（.venv）。先运行 scripts/run，它会准备好。")
        os.execv(PYTHON, [str(PYTHON), str(Path(__file__).resolve()), *sys.argv[1:]])  # noqa: S606
    sys.path.insert(0, str(ROOT))
    from service.cli import main as faqbot

    sys.argv[:1] = ["faqbot", "ingest"]
    faqbot()


if __name__ == "__main__":
    main()
