"""The chat page in a real browser, against the real service."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.scenario.browser import a_browser
from tests.scenario.shop import FAQ, Shop, a_shop

PHONE = {"width": 390, "height": 844}
MOST_BYTES = 100_000
TO_THE_MODEL = "我昨天付的款今天会发货吗"
MARKUP = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'
LONG = "https://shop.example/" + "a" * 300
SHOWN = FAQ + (
    f"\n# 网页\n## 怎么写<b>粗体</b>\n{MARKUP}\n"
    "\n## 教程在哪里看\n打开 https://shop.example/help?a=1&b=2#top。\n也可以看（https://shop.example/faq），别点 javascript:alert(1)\n"
    f"\n## 长网址是什么\n{LONG}\n"
).replace("<", "\\<").replace(">", "\\>")
"""With entries that are markup, and mean the characters."""


@dataclass
class Visitor:
    """One visitor's page, and what went over the wire for it."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    """What the browser complained of."""
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._complained)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))

    def _complained(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def open(self, query: str = "") -> "Visitor":
        self.page.goto(f"{self.address}/chat{query}")
        self.page.locator(".examples").wait_for()
        return self

    def send(self, text: str) -> None:
        box = self.page.get_by_label("您的问题")
        box.fill(text)
        box.press("Enter")

    def ask(self, text: str) -> str:
        """Send it; what is answered."""
        self.send(text)
        return self.answer()

    def answer(self) -> str:
        """The last line, once nothing is waited for."""
        expect(self.page.locator(".waiting")).to_have_count(0, timeout=20_000)
        return self.page.locator(".bubble").last.inner_text()

    def bubbles(self, kind: str) -> list[str]:
        return self.page.locator(f".{kind} .bubble").all_inner_texts()

    def ids(self) -> list[str]:
        """The ids of the messages as they were sent, repeats too."""
        return [json.loads(each.post_data or "")["id"] for each in self.requests if each.method == "POST"]


Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with a_shop(tmp_path_factory.mktemp("page"), faq=SHOWN, mode="", BOT_NAME="<i>小灶</i>") as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, shop: Shop) -> Iterator[Visit]:
    """Opens pages, each a new visitor's; in the end no browser may have complained of any."""
    opened: list[Visitor] = []

    def visitor(**options: Any) -> Visitor:
        context = browser.new_context(**({"viewport": PHONE, "locale": "zh-CN"} | options))
        opened.append(Visitor(context.new_page(), shop.address))
        return opened[-1]

    yield visitor
    for each in opened:
        each.page.context.close()
    assert [fault for each in opened for fault in each.faults] == []


def test_a_question_is_answered_with_its_line_breaks(visit: Visit) -> None:
    visitor = visit().open()
    assert visitor.ask("什么时候发货") == "付款后 48 小时内发货。"
    assert len(visitor.ask("教程在哪里看").splitlines()) == 2
    assert visitor.bubbles("own") == ["什么时候发货", "教程在哪里看"]


def test_the_page_is_small_and_nothing_comes_from_another_host(visit: Visit, shop: Shop) -> None:
    visitor = visit().open()
    sizes = [request.sizes() for request in visitor.requests if not request.url.startswith("data:")]
    assert 0 < sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes) <= MOST_BYTES
    hosts = {urlsplit(request.url).netloc for request in visitor.requests}
    assert hosts - {""} == {urlsplit(shop.address).netloc}


def test_a_link_with_a_question_asks_by_itself_once(visit: Visit, shop: Shop) -> None:
    visitor = visit().open(f"?q={quote('什么时候发货')}")
    assert visitor.answer() == "付款后 48 小时内发货。"
    assert visitor.page.url == f"{shop.address}/chat"
    visitor.page.reload()
    visitor.page.locator(".examples").wait_for()
    assert visitor.bubbles("own") == []
    assert len(visitor.ids()) == 1


def test_an_example_is_asked_by_a_tap_and_by_keyboard(visit: Visit) -> None:
    visitor = visit().open()
    examples = visitor.page.get_by_role("group", name="可以这样问")
    examples.get_by_text("怎么退货").click()
    assert "申请售后" in visitor.answer()
    examples.get_by_text("什么时候发货").focus()
    visitor.page.keyboard.press("Enter")
    assert "48 小时" in visitor.answer()
    assert visitor.bubbles("own") == ["怎么退货", "什么时候发货"]


def test_enter_sends_and_shift_enter_begins_a_line(visit: Visit) -> None:
    visitor = visit().open()
    box = visitor.page.get_by_label("您的问题")
    low = box.evaluate("box => box.clientHeight")
    box.press_sequentially("什么时候")
    box.press("Shift+Enter")
    box.press_sequentially("发货")
    assert visitor.ids() == []
    assert box.evaluate("box => box.clientHeight") > low
    box.press("Enter")
    assert "48 小时" in visitor.answer()
    assert visitor.bubbles("own") == ["什么时候\n发货"]
    assert box.input_value() == ""
    assert box.evaluate("box => box.clientHeight") == low


def test_the_enter_that_picks_a_chinese_word_does_not_send(visit: Visit) -> None:
    visitor = visit().open()
    box = visitor.page.get_by_label("您的问题")
    box.fill("fahuo")
    for event in ({"isComposing": True}, {"keyCode": 229}):
        box.dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True} | event)
    assert visitor.bubbles("own") == []
    assert box.input_value() == "fahuo"


def test_nothing_written_sends_nothing(visit: Visit) -> None:
    visitor = visit().open()
    visitor.send(" ")
    visitor.page.get_by_role("button", name="发送").click()
    assert visitor.ids() == []
    assert visitor.bubbles("own") == []


def test_markup_is_shown_and_never_run(visit: Visit) -> None:
    visitor = visit().open(f"?q={quote(MARKUP)}")
    visitor.answer()
    assert visitor.bubbles("own") == [MARKUP]
    visitor.page.get_by_role("button", name="怎么写<b>粗体</b>").click()
    assert visitor.answer() == MARKUP
    assert visitor.page.get_by_role("heading").inner_text() == visitor.page.title() == "<i>小灶</i>"
    assert visitor.page.locator("#log img, #log script, #log b, i").count() == 0
    assert visitor.page.evaluate("window.ran") is None


def test_web_addresses_in_an_answer_can_be_opened_and_other_schemes_cannot(visit: Visit) -> None:
    visitor = visit().open()
    visitor.ask("教程在哪里看")
    links = visitor.page.locator("#log a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "https://shop.example/help?a=1&b=2#top",
        "https://shop.example/faq",
    ]
    assert links.first.inner_text() == "https://shop.example/help?a=1&b=2#top"
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer"}


def test_two_visitors_see_nothing_of_each_other(visit: Visit) -> None:
    one, other = visit().open(), visit().open()
    assert "转人工" in one.ask("明天上海会不会下雨")
    assert "400-000-0000" not in other.ask("是")  # a yes to what the bot asked somebody else
    assert "400-000-0000" in one.ask("是")
    assert other.bubbles("own") == ["是"]


def test_the_wait_is_shown_and_told_and_does_not_move_where_motion_is_unwanted(visit: Visit, shop: Shop) -> None:
    for motion, animation in (("no-preference", "wait"), ("reduce", "none")):
        visitor = visit(reduced_motion=motion).open()
        shop.script({"delay_seconds": 0.4})
        visitor.send(TO_THE_MODEL)
        waiting = visitor.page.locator(".waiting")
        expect(waiting).to_contain_text("正在回答")
        dot = waiting.locator(".dots span").first
        assert dot.evaluate("dot => getComputedStyle(dot).animationName") == animation
        assert "48 小时" in visitor.answer()


def test_a_long_answer_is_shown_from_its_first_line(visit: Visit) -> None:
    visitor = visit(viewport={"width": 390, "height": 260}).open()
    visitor.ask("长网址是什么")
    tops = "([log, line]) => [log, line].map(node => node.getBoundingClientRect().top)"
    handles = [visitor.page.locator(place).last.element_handle() for place in ("#log", ".bot")]
    log, line = visitor.page.evaluate(tops, handles)
    assert 0 <= line - log <= 20


def test_a_message_lost_with_the_service_is_repeated_under_its_id_and_answered_once(visit: Visit, shop: Shop) -> None:
    visitor = visit().open()
    answered, before = _answered(shop), len(shop.model_requests())
    shop.script({"delay_seconds": 5})
    visitor.send(TO_THE_MODEL)
    until = time.monotonic() + 5
    while len(shop.model_requests()) == before and time.monotonic() < until:
        visitor.page.wait_for_timeout(20)
    shop.kill()
    shop.start()
    assert "48 小时" in visitor.answer()
    assert len(visitor.bubbles("own")) == 1
    assert len(visitor.bubbles("bot")) == 2  # the welcome and the answer
    assert len(visitor.ids()) > 1
    assert len(set(visitor.ids())) == 1
    assert _answered(shop) == answered + 1
    assert all("ERR_" in fault for fault in visitor.faults), visitor.faults
    visitor.faults.clear()  # the lost connections were meant


def test_a_network_that_stays_away_is_said_with_a_way_to_send_the_same_again(visit: Visit) -> None:
    visitor = visit()
    visitor.page.clock.install()
    visitor.open()
    visitor.page.route("**/api/messages", lambda route: route.abort("internetdisconnected"))
    visitor.send("什么时候发货")
    until = time.monotonic() + 10
    while not visitor.bubbles("failed") and time.monotonic() < until:
        visitor.page.clock.run_for(1000)
    assert "检查网络" in visitor.bubbles("failed")[0]
    visitor.page.unroute("**/api/messages")
    visitor.page.get_by_role("button", name="重新发送").click()
    assert visitor.answer() == "付款后 48 小时内发货。"
    assert visitor.bubbles("failed") == []
    assert visitor.bubbles("own") == ["什么时候发货"]
    assert len(set(visitor.ids())) == 1
    assert all("ERR_INTERNET_DISCONNECTED" in fault for fault in visitor.faults), visitor.faults
    visitor.faults.clear()


def test_a_message_that_the_service_refuses_is_not_repeated(visit: Visit) -> None:
    visitor = visit().open()
    visitor.page.get_by_label("您的问题").evaluate("box => box.removeAttribute('maxlength')")
    visitor.send("长" * 2001)
    assert "分成几条" in visitor.answer()
    assert len(visitor.ids()) == 1
    assert all("422" in fault for fault in visitor.faults), visitor.faults
    visitor.faults.clear()


def test_who_hears_the_page_finds_the_conversation_and_the_box(visit: Visit) -> None:
    visitor = visit(viewport={"width": 1280, "height": 800}).open()
    page = visitor.page
    expect(page.get_by_label("您的问题")).to_be_focused()
    log = page.get_by_role("main").get_by_role("log", name="对话")
    assert log.get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.keyboard.type("什么时候发货")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="发送")).to_be_focused()
    page.keyboard.press("Space")
    visitor.answer()
    said = log.locator(".line").all_inner_texts()
    assert [line.split("\n")[0] for line in said] == ["客服：", "您：", "客服："]


def test_targets_are_as_large_as_a_thumb(visit: Visit) -> None:
    visitor = visit(is_mobile=True, has_touch=True).open()
    for target in visitor.page.locator("button, textarea").all():
        box = target.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44


@pytest.mark.parametrize(("zoom", "font"), [(1.0, "100%"), (2.0, "100%"), (1.0, "160%")])
def test_nothing_is_cut_off_at_twice_the_zoom_or_wechats_largest_font(visit: Visit, zoom: float, font: str) -> None:
    size = {side: round(length / zoom) for side, length in PHONE.items()}
    visitor = visit(viewport=size, is_mobile=True, has_touch=True).open()
    visitor.page.evaluate("font => { document.documentElement.style.webkitTextSizeAdjust = font }", font)
    assert visitor.page.get_by_label("您的问题").evaluate("box => box.scrollHeight <= box.clientHeight")
    visitor.send("w" * 200)
    visitor.answer()
    assert visitor.ask("长网址是什么") == LONG
    wider = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth).length"
    assert visitor.page.locator("html, body, #log, form").evaluate_all(wider) == 0
    send = visitor.page.get_by_role("button", name="发送").bounding_box()
    assert send is not None
    assert send["x"] + send["width"] <= size["width"]
    assert send["y"] + send["height"] <= size["height"]


def _answered(shop: Shop) -> int:
    """Turns that the service has answered, its former lives' too."""
    return Path(shop.log).read_text(encoding="utf-8").count("turn.answered")
