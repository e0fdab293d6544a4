"""What an endpoint's failures are, and what the operator can do: status and error code in, ModelError out.

Compatible endpoints say "no money" in many ways: OpenAI by 429 `insufficient_quota`, DeepSeek by 402, 阿里云百炼 by
400 `Arrearage` or 403 `AllocationQuota…`, 月之暗面 by 429 `exceeded_current_quota_error`, resellers by 403
`insufficient_user_quota`. An endpoint's own words are looked through for that, but never shown: some quote the request.
"""

from urllib.parse import urlsplit

from service.llm.chat import (
    ModelBusyError,
    ModelError,
    ModelMisconfiguredError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnreachableError,
    ModelUnusableError,
)

_MEANWHILE = "这段时间用标准答案回复，答不上的转人工。"
_NO_MONEY = (
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_balance",
    "insufficient balance",
    "exceeded_current_quota",
    "quota_exceeded",
    "billing_hard_limit",
    "allocationquota",
    "arrearage",
    "余额不足",
    "欠费",
)


class Endpoint:
    """The endpoint as the operator knows it, for the messages of its failures."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        self._host = urlsplit(base_url).netloc.rpartition("@")[2]
        self._key = f"末四位 {key[-4:]}" if len(key) >= 12 else "很短，不像完整的密钥"
        self._model = model

    def answered(self, status: int, words: str) -> ModelError:
        """The failure that a status from 400 up means; `words` are its code, type and message."""
        said = words.lower()
        if status == 402 or (status < 500 and any(sign in said for sign in _NO_MONEY)):
            return _failure(ModelRefusedError, "E-M402", f"模型账户余额或额度用完（{self._host}）。充值后自动恢复。")
        if status == 401:
            return _failure(
                ModelRefusedError,
                "E-M401",
                f"模型服务 {self._host} 不认这个密钥（{self._key}）：可能抄错了，或已停用。"
                "在服务商的控制台核对，改好 OPENAI_API_KEY 后重启。",
            )
        if status == 403:
            return _failure(
                ModelRefusedError,
                "E-M403",
                f"模型服务 {self._host} 不让这个密钥（{self._key}）用模型 {self._model}：没有开通，或服务器所在地区、IP 不被允许。"
                "在服务商的控制台开通，或用 OPENAI_BASE_URL 换一个能用的服务。",
            )
        if status == 404:
            return _failure(
                ModelMisconfiguredError,
                "E-M404",
                f"模型服务 {self._host} 没有模型 {self._model}，或没有这个地址。核对 CHAT_MODEL 和 OPENAI_BASE_URL（一般以 /v1 结尾）后重启。",
            )
        if status == 429:
            return _failure(
                ModelBusyError,
                "E-M429",
                f"模型服务 {self._host} 限流：请求太密。过一会儿自动恢复；常出现就在服务商那里提高限额。",
                passing=True,
            )
        if status in (408, 409) or status >= 500:
            return _failure(
                ModelUnreachableError,
                "E-M411",
                f"模型服务 {self._host} 自己出了故障（HTTP {status}）。一般会自动恢复；一直这样就看服务商的状态页。",
                passing=True,
            )
        return _failure(
            ModelMisconfiguredError,
            "E-M400",
            f"模型服务 {self._host} 不接受请求（HTTP {status}），模型是 {self._model}。"
            "核对 CHAT_MODEL 是不是对话模型；要是上下文太短，就调小 PROMPT_TOKEN_BUDGET。",
        )

    def timed_out(self) -> ModelError:
        """No answer in time."""
        return _failure(
            ModelTimeoutError,
            "E-M408",
            f"模型服务 {self._host} 没有按时回答。常出现就换快一点的 CHAT_MODEL，或调大 MODEL_TIMEOUT_SECONDS。",
            passing=True,
        )

    def not_reached(self, cause: str) -> ModelError:
        """No connection, or it broke; `cause` is the client's name for it."""
        return _failure(
            ModelUnreachableError,
            "E-M410",
            f"连不上模型服务 {self._host}，或连接中断（{cause}）。核对 OPENAI_BASE_URL，看这台服务器能不能访问它，要不要 HTTPS_PROXY。",
            passing=True,
        )

    def no_completion(self) -> ModelError:
        """It answered 200 with something else, such as a gateway's page."""
        return _failure(
            ModelUnusableError,
            "E-M420",
            f"{self._host} 回的不是对话模型的格式，可能是网关或代理的页面。核对 OPENAI_BASE_URL（一般以 /v1 结尾）。",
            passing=True,
        )

    def too_large(self) -> ModelError:
        """Its response is larger than any answer can be."""
        return _failure(
            ModelUnusableError, "E-M421", f"{self._host} 回的内容太大，已丢弃。核对 OPENAI_BASE_URL 是不是模型服务。"
        )

    def impossible_key(self) -> ModelError:
        """The key has characters that none has, so that it can't even be sent."""
        return ModelRefusedError(
            "OPENAI_API_KEY 里有空格、换行或非英文字符，不是完整的密钥。从服务商的控制台重新复制。E-M401，见 docs/errors.md",
            code="E-M401",
        )


def _failure(kind: type[ModelError], code: str, what: str, *, passing: bool = False) -> ModelError:
    return kind(f"{what}{_MEANWHILE}{code}，见 docs/errors.md", code=code, passing=passing)
