"""A whole shop for a scenario: the service, WeChat and the model, each a process of its own on a free port.

The service is started as an operator would start it, by `faqbot`, with settings in its environment; it is told nothing
of the others but their addresses.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from tests.fakes.openai_server import KEY

REPOSITORY = Path(__file__).parents[2]
FAQBOT = Path(sys.executable).parent / "faqbot"
APP_ID = "wx0123456789abcdef"
APP_SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = "ScenarioToken1"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
START_SECONDS = 60.0

FAQ = """# 退换货
## 怎么退货
相似问：不想要了能退吗 | 买错了怎么退
签收后 7 天内，在订单里点「申请售后」就可以退货。

## 退货运费谁出
相似问：退货邮费谁付 | 寄回去要我出钱吗
无理由退货的运费由您承担，质量问题的由我们承担。

# 物流
## 什么时候发货
相似问：几天能发货 | 付款了多久寄出
付款后 48 小时内发货。

## 发什么快递
相似问：用哪家快递 | 走什么物流
默认发顺丰或中通。

# 发票
## 怎么开发票
相似问：能开票吗 | 发票在哪里申请
在订单详情里点「申请发票」，1 天内发到您的邮箱。
"""


class Process:
    """A child process that says in JSON lines or in words when it is ready."""

    def __init__(self, command: list[str | Path], environ: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._popen = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=log.open("ab"),
            text=True,
        )

    def first_line(self) -> dict[str, Any]:
        """The JSON object that a fake prints when it listens."""
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        assert line, f"the process ended: {self._log.read_text(errors='replace')[-2000:]}"
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._popen.kill()
        self._popen.wait()

    def stop(self) -> int:
        """As an operator stops it; its exit code."""
        self._popen.send_signal(signal.SIGTERM)
        return self._popen.wait(timeout=60)

    def end(self) -> None:
        if self.running():
            self.kill()
        if self._popen.stdout:
            self._popen.stdout.close()


@dataclass
class Shop:
    """What a scenario plays with."""

    folder: Path
    settings: dict[str, str]
    openai: httpx.Client
    wechat: httpx.Client
    account: str
    service: Process | None = None
    address: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def knowledge(self) -> Path:
        return self.folder / "knowledge"

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def faqbot(self, *arguments: str, code: int = 0) -> str:
        """Run a command as an operator would; what it printed on stdout."""
        return self._ran(arguments, code).stdout

    def faqbot_notes(self, *arguments: str, code: int = 0) -> str:
        """The same; what it told the person at the terminal."""
        return self._ran(arguments, code).stderr

    def _ran(self, arguments: Sequence[str], code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [FAQBOT, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"faqbot {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def start(self) -> Self:
        """Start the service and wait until it answers."""
        note = self.folder / "data" / "serve.json"
        note.unlink(missing_ok=True)
        self.service = Process([FAQBOT, "serve"], self.settings, self.log)
        self._stack.callback(self.service.end)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.service.running(), f"the service ended: {self.log.read_text()[-3000:]}"
            if note.exists() and (text := note.read_text()):
                self.address = json.loads(text)["address"]
                break
            time.sleep(0.02)
        httpx.get(f"{self.address}/healthz", timeout=10).raise_for_status()
        if self.settings["PORT"] == "0":
            self.settings["PORT"] = self.address.rsplit(":", 1)[1]  # a restart comes back where WeChat finds it
            self._connect_account()
        return self

    def kill(self) -> None:
        """kill -9 of the service."""
        assert self.service is not None
        self.service.kill()

    def script(self, *steps: dict[str, Any]) -> None:
        """What the model does with its next requests, in order; steps that nobody used are forgotten."""
        self.openai.delete("/_control/requests").raise_for_status()
        self.openai.post("/_control/next", json=list(steps)).raise_for_status()

    def always(self, step: dict[str, Any] | None) -> None:
        """What the model does from now on."""
        self.openai.post("/_control/always", json=step or {}).raise_for_status()

    def model_requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.openai.get("/_control/requests").json()["requests"]
        return found

    def push(self, kind: str = "text", openid: str = "o-shopper-1", **more: Any) -> dict[str, Any]:
        """One push of WeChat's and what came of it."""
        fields = more.pop("fields", {})
        if "content" in more:
            fields["content"] = more.pop("content")
        body = {"account": self.account, "kind": kind, "openid": openid, "fields": fields, **more}
        answer = self.wechat.post("/play/push", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        outcomes: list[dict[str, Any]] = answer.json()
        return outcomes[0]

    def say(self, text: str, openid: str = "o-shopper-1") -> str:
        """A text of the shopper; what the shopper sees for it."""
        outcome = self.push(content=text, openid=openid)
        assert outcome["fault"] is None, outcome
        return str(outcome["shown"] or "")

    def _connect_account(self) -> None:
        if not self.account:
            return
        body = {
            "token": TOKEN,
            "app_id": APP_ID,
            "aes_key": AES_KEY,
            "mode": self.account,
            "url": f"{self.address}/wechat",
        }
        self.wechat.put(f"/play/accounts/{self.account}", json=body).raise_for_status()


@contextmanager
def a_shop(
    folder: Path, *, faq: str = FAQ, mode: str = "safe", model: bool = True, start: bool = True, **settings: str
) -> Iterator[Shop]:
    """A running shop with its knowledge read in; `mode` is the account's crypto mode."""
    with ExitStack() as stack:
        openai = _fake(stack, "tests.fakes.openai_server", folder / "openai.log")
        wechat = _fake(stack, "tests.fakes.wechat_platform", folder / "wechat.log")
        knowledge = folder / "knowledge"
        knowledge.mkdir()
        (knowledge / "faq.md").write_text(faq, encoding="utf-8")
        environ = {
            "DATA_DIR": str(folder / "data"),
            "KNOWLEDGE_DIR": str(knowledge),
            "PORT": "0",
            "WECHAT_APP_ID": APP_ID,
            "WECHAT_APP_SECRET": APP_SECRET,
            "WECHAT_TOKEN": TOKEN,
            "WECHAT_API_BASE_URL": str(wechat.base_url).rstrip("/"),
            "HANDOFF_CONTACT": "电话 400-000-0000",
            "NO_COLOR": "1",
        }
        if mode != "plain":
            environ["WECHAT_ENCODING_AES_KEY"] = AES_KEY
        if model:
            environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": str(openai.base_url).rstrip("/") + "/v1"}
        environ |= settings
        shop = Shop(folder=folder, settings=environ, openai=openai, wechat=wechat, account=mode)
        stack.callback(shop._stack.close)
        shop.faqbot("ingest")
        yield shop.start() if start else shop


def _fake(stack: ExitStack, module: str, log: Path) -> httpx.Client:
    process = Process([sys.executable, "-m", module, "--port", "0"], {}, log)
    stack.callback(process.end)
    port = process.first_line()["port"]
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    stack.callback(client.close)
    return client
