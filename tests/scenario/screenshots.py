"""Remakes the pictures of the chat page in docs/images: `python -m tests.scenario.screenshots`.

They show the demonstration shop of knowledge/ as a newcomer gets it, without a model, and with a HANDOFF_CONTACT, without
which no person is offered here. What the bot says is the real service's; where it has not the words that a picture is
to show, that picture is not remade.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, expect

from tests.scenario.browser import a_browser
from tests.scenario.shop import REPOSITORY, a_shop

IMAGES = REPOSITORY / "docs" / "images"
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Exchange:
    """What the shopper writes, and words that the answer must have."""

    asked: str
    expected: str


CONVERSATION = (
    Exchange("不粘锅能用铁铲吗", "木铲或硅胶铲"),
    Exchange("优惠券", "3. 优惠券在哪里领"),
    Exchange("3", "领券中心"),
    Exchange("下个月会出新款吗", "转人工"),
)
"""Short enough that a phone's screen shows it almost whole."""


@dataclass(frozen=True)
class Picture:
    name: str
    width: int
    height: int
    scale: int
    scheme: Literal["light", "dark"]


PICTURES = (
    Picture("chat-phone.png", 390, 844, 2, "light"),
    Picture("chat-phone-dark.png", 390, 844, 2, "dark"),
    Picture("chat-desktop.png", 1280, 800, 1, "light"),
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="faqbot-pictures-") as folder,
        a_browser() as browser,
        a_shop(
            Path(folder),
            mode="",
            model=False,
            KNOWLEDGE_DIR=str(REPOSITORY / "knowledge"),
        ) as shop,
    ):
        for picture in PICTURES:
            taken = _taken(browser, shop.address, picture)
            if len(taken) > MOST_BYTES:
                sys.exit(f"{picture.name} has {len(taken):,} bytes, over {MOST_BYTES:,}: make the conversation shorter")
            (IMAGES / picture.name).write_bytes(taken)
            print(f"docs/images/{picture.name}: {len(taken):,} bytes")


def _taken(browser: Browser, address: str, picture: Picture) -> bytes:
    phone = picture.width < 500
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        is_mobile=phone,
        has_touch=phone,
        color_scheme=picture.scheme,
        locale="zh-CN",
    )
    page = context.new_page()
    page.goto(f"{address}/chat")
    page.locator(".examples").wait_for()
    box = page.get_by_label("您的问题")
    for exchange in CONVERSATION:
        box.fill(exchange.asked)
        box.press("Enter")
        expect(page.locator(".waiting")).to_have_count(0)
        expect(page.locator(".bubble").last).to_contain_text(exchange.expected)
    box.blur()
    taken = page.screenshot()
    context.close()
    return taken


if __name__ == "__main__":
    main()
