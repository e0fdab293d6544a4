"""Whether the Official Account's settings belong together, and whether WeChat takes its AppID and AppSecret.

"Get stable access token": errors come as HTTP 200 with `errcode`; a token asked for without force_refresh is the one
that is in use already, so asking disturbs nobody.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from service.operations.checks import Check, Finding, failed, ok, skipped, warning
from service.settings import Settings

_ADDRESS = re.compile(r"invalid ip ([0-9a-fA-F.:]+)")


def account_checks(settings: Settings) -> Sequence[Check]:
    """Of the first account."""

    async def credentials() -> Finding:
        return await _credentials(settings)

    async def address() -> Finding:
        return _address(settings)

    return [Check(name="公众号密钥", run=credentials), Check(name="公网地址", run=address)]


async def _credentials(settings: Settings) -> Finding:
    if not settings.wechat_token:
        return skipped("没有接公众号（没设 WECHAT_TOKEN）")
    if not settings.wechat_app_id or not settings.wechat_app_secret:
        return skipped("没设 WECHAT_APP_ID 和 WECHAT_APP_SECRET，被动回复不需要它们")
    body = {
        "grant_type": "client_credential",
        "appid": settings.wechat_app_id,
        "secret": settings.wechat_app_secret.get_secret_value(),
    }
    try:
        async with httpx.AsyncClient(timeout=8) as client:
            answer = await client.post(f"{settings.wechat_api_base_url}/cgi-bin/stable_token", json=body)
            found = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return failed(
            f"连不上微信接口 {settings.wechat_api_base_url}（{type(error).__name__}）。", "检查服务器能否访问外网"
        )
    if not isinstance(found, dict):
        return failed("微信接口的回答读不懂。", "检查 WECHAT_API_BASE_URL")
    code = found.get("errcode", 0)
    if found.get("access_token"):
        return ok("AppID 和 AppSecret 有效")
    if code == 40013:
        return failed(f"微信不认识 AppID {settings.wechat_app_id}。", "从 公众平台 → 基本配置 重新复制 WECHAT_APP_ID")
    if code in (40125, 40001, 41004):
        return failed("AppSecret 不对，可能被重置过。", "在 公众平台 → 基本配置 重置 AppSecret，填到 WECHAT_APP_SECRET")
    if code in (40164, 61004):
        seen = _ADDRESS.search(str(found.get("errmsg", "")))
        return failed(
            f"微信拒绝了这台服务器：它看到的出口 IP 是 {seen[1] if seen else '（未说明）'}，不在白名单。",
            "在 公众平台 → 基本配置 → IP 白名单 加上它，管理员扫码确认",
        )
    return failed(f"微信接口返回错误码 {code}。", "按错误码查微信文档「全局返回码」")


def _address(settings: Settings) -> Finding:
    if not settings.wechat_token:
        return skipped("没有接公众号")
    if not settings.public_url:
        return warning("没设 PUBLIC_URL，微信要能从公网访问 /wechat。", "在 .env 里设 PUBLIC_URL=https://你的域名")
    parts = urlsplit(settings.public_url)
    if parts.port not in (None, 80, 443):
        return failed(f"微信只访问 80 和 443 端口，PUBLIC_URL 用的是 {parts.port}。", "用反向代理把 443 转到本服务")
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return failed("PUBLIC_URL 是本机地址，微信访问不到。", "换成公网域名")
    return ok(f"{settings.public_url}/wechat")
