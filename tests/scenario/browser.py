"""A real browser, Debian's Chromium or the one that Playwright installed, for tests that look at a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

REQUIRE_ALL = os.environ.get("FAQBOT_TEST_REQUIRE_ALL") == "1"
OFFLINE = [
    "--no-sandbox",  # the sandbox refuses root, which is who runs in a container; the only pages are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium without a window; where there is none the test is skipped, or fails if it must not be."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        path = Path(found or playwright.chromium.executable_path)
        if not path.exists():
            if REQUIRE_ALL:
                pytest.fail("Chromium is not installed: apt-get install chromium")
            pytest.skip("Chromium is not installed")
        browser = playwright.chromium.launch(executable_path=path, args=OFFLINE)
        try:
            yield browser
        finally:
            browser.close()
