"""Whether a request is WeChat's, and what was in it: signatures, their age, and the three modes of encryption.

WeChat's rules ("接入指南", "消息加解密说明"): `signature` is the SHA-1 of token, timestamp and nonce; an encrypted body is
signed by `msg_signature`, over its Encrypt as well, and only that one counts for it. Plain mode sends plain fields,
safe mode ToUserName and Encrypt, compatible mode both. The plain `signature` covers no body: whoever has seen one
query could send any plain body with it. So where an AES key is configured the encrypted part alone is read, and a
body without one is refused: taking it would let anybody step down from safe to plain mode.

wechatpy encrypts and decrypts; it compares signatures in a time that depends on them and looks at no timestamp, so
both are done here.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException
from wechatpy.utils import WeChatSigner

from service.channels.wechat.document import fields_of
from service.channels.wechat.errors import WireError

CLOCK_WINDOW_SECONDS = 600
"""How far a request's timestamp may be from our clock, either way. WeChat's three tries take 15 s, whether or not
they repeat the first one's timestamp; the rest is for servers whose clocks are off."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What the account's server configuration page and we both know."""

    token: str = field(repr=False)
    app_id: str | None = None
    """Checked in the encrypted modes; plain mode has no use for it."""
    aes_key: str | None = field(default=None, repr=False)
    """The 43 characters of EncodingAESKey; None: the account is in plain mode."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A body that WeChat sent, decrypted where it was encrypted."""

    body: bytes = field(repr=False)
    encrypted: bool
    fields: dict[str, str] = field(repr=False)


class Envelope:
    """Checks, opens and seals with one account's credentials."""

    def __init__(self, credentials: Credentials) -> None:
        self._token = credentials.token
        self._crypto: WeChatCrypto | None = None
        if credentials.aes_key is not None:
            if not credentials.app_id:
                raise ValueError("an AES key needs the AppID beside it: the encrypted modes check it")
            self._crypto = WeChatCrypto(credentials.token, credentials.aes_key, credentials.app_id)

    def echo(self, query: Mapping[str, str], now: float) -> str:
        """What to answer to WeChat's check of the server: its echostr, as it came. `now` is seconds since 1970."""
        self._check("signature", query, now)
        echostr = query.get("echostr", "")
        if not echostr:
            raise WireError(400, "the verification request has no echostr")
        return echostr

    def open(self, query: Mapping[str, str], body: bytes, now: float) -> Letter:
        """The body of a push, once it is certain that WeChat sent it.

        Raises WireError: 403 for what isn't WeChat's or is too old, 400 for what can't be read.
        """
        if self._crypto is None:
            self._check("signature", query, now)
            fields = fields_of(body)
            if "MsgType" not in fields and "Encrypt" in fields:
                raise WireError(
                    400,
                    "the push is encrypted and no AES key is configured",
                    "set WECHAT_ENCODING_AES_KEY and WECHAT_APP_ID as on the account's page, or choose 明文模式 there",
                )
            return Letter(body=body, encrypted=False, fields=fields)
        if "msg_signature" not in query:
            raise WireError(
                403,
                "the push is not encrypted although an AES key is configured",
                "choose 安全模式 on the account's server configuration page, or unset WECHAT_ENCODING_AES_KEY",
            )
        encrypted = fields_of(body).get("Encrypt", "")
        if not encrypted:
            raise WireError(403, "the push has nothing encrypted although an AES key is configured")
        self._check("msg_signature", query, now, encrypted)
        opened = self._decrypt(encrypted, query)
        return Letter(body=opened, encrypted=True, fields=fields_of(opened))

    def seal(self, xml: str, now: float) -> str:
        """The reply encrypted, with a timestamp and nonce of its own, as WeChat wants it for an encrypted push."""
        if self._crypto is None:
            raise ValueError("an account without an AES key has nothing to encrypt with")
        nonce = str(secrets.randbelow(10**10))
        sealed: str = self._crypto.encrypt_message(xml, nonce, str(int(now)))
        return sealed

    def _check(self, name: str, query: Mapping[str, str], now: float, encrypted: str = "") -> None:
        given, timestamp, nonce = (query.get(key, "") for key in (name, "timestamp", "nonce"))
        if not (given and timestamp and nonce):
            raise WireError(400, f"{name}, timestamp or nonce is missing")
        signer = WeChatSigner()
        signer.add_data(self._token, timestamp, nonce, encrypted)
        if not hmac.compare_digest(signer.signature.encode(), given.encode("utf-8", "surrogatepass")):
            raise WireError(
                403,
                f"the {name} does not fit",
                "if WeChat sent this, WECHAT_TOKEN differs from the Token on the account's server configuration page",
            )
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise WireError(400, "the timestamp is not a number of seconds")
        if abs(now - int(timestamp)) > CLOCK_WINDOW_SECONDS:
            raise WireError(
                403,
                f"the timestamp is more than {CLOCK_WINDOW_SECONDS} s from this server's clock",
                "if WeChat sent this, set the server's clock (NTP)",
            )

    def _decrypt(self, encrypted: str, query: Mapping[str, str]) -> bytes:
        assert self._crypto is not None  # noqa: S101 - narrows the type; `open` has looked
        try:
            opened: str = self._crypto.decrypt_message(
                {"Encrypt": encrypted}, query["msg_signature"], query["timestamp"], query["nonce"]
            )
        except InvalidAppIdException:
            raise WireError(
                403,
                "the push was encrypted for another AppID",
                "compare WECHAT_APP_ID with the AppID on the account's page",
            ) from None
        except Exception as error:  # binascii.Error, ValueError, IndexError, UnicodeDecodeError, struct.error …
            raise WireError(
                400,
                f"the push can't be decrypted ({type(error).__name__})",
                "if WeChat sent this, WECHAT_ENCODING_AES_KEY differs from the key on the account's page",
            ) from None
        return opened.encode()
