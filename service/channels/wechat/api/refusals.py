"""WeChat's error numbers ("全局返回码") as errors with the operator's sentence.

45015 and 45047 stand on no page of the customer-service API, and 40164 on none of the token's; shops and SDKs know them.
A number means one thing on a call and may mean another when a token is asked for: 40001 is a bad token there, and a
bad AppSecret here. WeChat's own words are looked through for an address and never shown.
"""

import re
from datetime import datetime, timedelta, timezone

from service.channels.wechat.api.account import ApiAccount
from service.channels.wechat.api.errors import (
    AddressRefusedError,
    BusyError,
    MenuRefusedError,
    MisconfiguredError,
    NotPermittedError,
    PayloadError,
    QuotaUsedError,
    TokenRefusedError,
    UnexpectedError,
    UnreachableError,
    UserUnreachableError,
    WeChatApiError,
    WindowClosedError,
)

BAD_TOKEN = frozenset({40001, 40014, 42001})
"""Replaced, malformed, expired: worth one other token."""
NOT_IN_CONTACT, TYPING_ALREADY = 45080, 45081
_BUSY = frozenset({-1, 61450})
_WINDOW_OVER, _WINDOW_USED = 45015, 45047
_USER = {
    40003: "微信说没有这个用户",
    43004: "对方没有关注，或已取消关注",
    43019: "对方在公众号的黑名单里",
    48002: "对方不接收公众号消息",
    50002: "对方的微信账号受限",
    70000: "微信的未成年人保护拦下了这条消息",
}
_PAYLOAD = {
    40033: "里面有微信不收的字符",
    40035: "参数不对",
    44004: "正文是空的",
    45002: "正文太长",
    45008: "图文超过一条",
    45072: "输入状态的命令不对",
    47001: "格式不对",
    87014: "内容被微信判为有风险",
}
_ADDRESS = re.compile(r"invalid ip ([0-9a-fA-F.:]{2,45})")
_BEIJING = timezone(timedelta(hours=8))
_KEPT = "没送出的回复会留着，顾客下次发消息时给。"
_PER_MINUTE_PAUSE_SECONDS = 2.0


def not_reached(account: ApiAccount, cause: str) -> UnreachableError:
    """The request did not go out; `cause` is the client's name for it."""
    return UnreachableError(
        f"连不上微信接口 {account.host}（{cause}）。看这台服务器能不能访问外网，要不要设 HTTPS_PROXY。"
        f"{_KEPT}{_more('E-W100')}",
        code="E-W100",
        maybe_arrived=False,
    )


def no_answer(account: ApiAccount, cause: str) -> UnreachableError:
    """The request went out and no whole answer came back."""
    return UnreachableError(
        f"微信接口 {account.host} 收了请求却没有回话（{cause}），不知道办没办成。"
        f"偶尔一次不用管；经常这样就查网络和代理。{_more('E-W101')}",
        code="E-W101",
        maybe_arrived=True,
    )


def a_page(account: ApiAccount, status: int) -> UnreachableError:
    """Something that isn't WeChat's JSON: a gateway could not get WeChat to answer, or a proxy answers instead."""
    return UnreachableError(
        f"{account.host} 回的不是微信接口的格式（HTTP {status}），多半是网关或代理的页面。"
        f"一般会自动恢复；一直这样就核对 WECHAT_API_BASE_URL 和代理。{_KEPT}{_more('E-W102')}",
        code="E-W102",
        maybe_arrived=False,
    )


def refusal(account: ApiAccount, errcode: int, words: str, *, asking_for_token: bool, now: float) -> WeChatApiError:
    """What an errcode other than 0 means; `words` is its errmsg."""
    known = _for_everyone(account, errcode, words, now) or (
        _for_a_token(account, errcode) if asking_for_token else _for_a_call(account, errcode)
    )
    return known or UnexpectedError(
        f"微信不接受{_account(account)}的请求，错误码 {errcode}。在微信文档「全局返回码」里查它。{_KEPT}{_more('E-W199')}",
        code="E-W199",
        errcode=errcode,
    )


def token_refused(account: ApiAccount, errcode: int | None, retry_after_seconds: float) -> TokenRefusedError:
    """There is no token that WeChat takes before `retry_after_seconds` are over."""
    return TokenRefusedError(
        f"微信不认{_account(account)}的 access_token，刚换过的也不认。多半是别的程序在用同一个 AppSecret 强制刷新：停掉它，"
        f"或让它也用普通模式的 stable_token。{_KEPT}{_more('E-W140')}",
        code="E-W140",
        errcode=errcode,
        retry_after_seconds=retry_after_seconds,
    )


def _for_everyone(account: ApiAccount, errcode: int, words: str, now: float) -> WeChatApiError | None:
    who = _account(account)
    if errcode in _BUSY:
        return BusyError(
            f"微信接口忙（错误码 {errcode}）。一般几秒就好。{_KEPT}{_more('E-W110')}",
            code="E-W110",
            errcode=errcode,
            pause_seconds=0.0,
        )
    if errcode == 45011:
        return BusyError(
            f"{who}这一分钟调用接口太多，下一分钟自动恢复。{_KEPT}{_more('E-W111')}",
            code="E-W111",
            errcode=errcode,
            pause_seconds=_PER_MINUTE_PAUSE_SECONDS,
            retry_after_seconds=60.0,
        )
    if errcode == 45009:
        return QuotaUsedError(
            f"{who}今天的接口调用次数用完了，零点自动恢复；等不及就在公众平台清零（每月 10 次）。{_KEPT}{_more('E-W112')}",
            code="E-W112",
            errcode=errcode,
            retry_after_seconds=_until_midnight(now),
        )
    if errcode in (40164, 61004):
        seen = _ADDRESS.search(words)
        address = seen[1] if seen else None
        which = f"它看到的出口 IP 是 {address}，不在白名单" if address else "它的出口 IP 不在白名单"
        return AddressRefusedError(
            f"微信拒绝了这台服务器：{which}。在公众号（AppID 末四位 {account.shown}）的「IP 白名单」加上它，"
            f"管理员扫码确认后自动恢复。{_KEPT}{_more('E-W164')}",
            code="E-W164",
            errcode=errcode,
            address=address,
        )
    return None


def _for_a_token(account: ApiAccount, errcode: int) -> WeChatApiError | None:
    who = _account(account)
    if errcode == 40013:
        what = f"微信不认识这个 AppID（末四位 {account.shown}）。从 公众平台 → 基本配置 重新复制 WECHAT_APP_ID。"
        code = "E-W150"
    elif errcode in (40001, 40125, 41004):
        what = f"{who}的 AppSecret 不对，可能被重置过。在 公众平台 → 基本配置 重置后填到 WECHAT_APP_SECRET，重启。"
        code = "E-W151"
    elif errcode == 40243:
        what = f"{who}的 AppSecret 被冻结了。管理员在 公众平台 → 基本配置 解冻后自动恢复。"
        code = "E-W152"
    elif errcode == 89503:
        what = f"微信在等{_account(account)}的管理员确认这次调用。管理员在微信里确认后自动恢复。"
        code = "E-W153"
    elif errcode in (89506, 89507):
        hours = 24 if errcode == 89506 else 1
        what = f"{who}的管理员拒绝了这台服务器，{hours} 小时内不能再试。和管理员说好，到时自动恢复。"
        code = "E-W153"
    elif errcode in (40002, 41002):
        what = f"微信不接受取 access_token 的请求（错误码 {errcode}）。核对 WECHAT_APP_ID 和 WECHAT_API_BASE_URL。"
        code = "E-W150"
    else:
        return _state(account, errcode)
    return MisconfiguredError(f"{what}{_KEPT}{_more(code)}", code=code, errcode=errcode)


def _for_a_call(account: ApiAccount, errcode: int) -> WeChatApiError | None:
    if errcode in BAD_TOKEN:
        return token_refused(account, errcode, retry_after_seconds=30.0)
    if errcode == 48001:
        return NotPermittedError(
            f"{_account(account)}没有客服消息接口：只有认证的企业主体才有，认证到期也会收回。这之前只能在顾客发消息时回复，"
            f"会自动这样做。{_more('E-W130')}",
            code="E-W130",
            errcode=errcode,
        )
    if errcode == _WINDOW_OVER:
        return WindowClosedError(
            f"距顾客上一条消息太久（超过 48 小时），或对方已取消关注，微信不让再发。{_KEPT}{_more('E-W115')}",
            code="E-W115",
            errcode=errcode,
        )
    if errcode == _WINDOW_USED:
        return WindowClosedError(
            f"顾客上一条消息之后能发的条数用完了。{_KEPT}{_more('E-W116')}", code="E-W116", errcode=errcode
        )
    if errcode in _USER:
        return UserUnreachableError(
            f"这条消息到不了顾客：{_USER[errcode]}（错误码 {errcode}）。不用处理；对方再发消息时会收到。{_more('E-W120')}",
            code="E-W120",
            errcode=errcode,
        )
    if errcode == 40200:
        return MenuRefusedError(
            f"{_account(account)}不能发菜单消息，已改发文字。{_more('E-W162')}", code="E-W162", errcode=errcode
        )
    if errcode in _PAYLOAD:
        return PayloadError(
            f"微信不收这条消息：{_PAYLOAD[errcode]}（错误码 {errcode}）。{_KEPT}{_more('E-W160')}",
            code="E-W160",
            errcode=errcode,
        )
    return _state(account, errcode)


def _state(account: ApiAccount, errcode: int) -> WeChatApiError | None:
    if errcode not in (41001, 48004, 50001):
        return None
    return MisconfiguredError(
        f"{_account(account)}现在不能用这个接口：被封禁、没有授权或没带 access_token（错误码 {errcode}）。"
        f"在公众平台看站内通知。{_KEPT}{_more('E-W154')}",
        code="E-W154",
        errcode=errcode,
    )


def _account(account: ApiAccount) -> str:
    return f"公众号（AppID 末四位 {account.shown}）"


def _more(code: str) -> str:
    return f"{code}，见 docs/errors.md"


def _until_midnight(now: float) -> float:
    here = datetime.fromtimestamp(now, _BEIJING)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - here).total_seconds()
