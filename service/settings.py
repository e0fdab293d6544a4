"""Every setting of the service: its type, a default that works, and a sentence that says what it does.

Settings come from environment variables and from a file `.env` in the folder the service is started in; a line
there is `NAME=value`. Names are the fields' names in capitals. What is wrong is said by `load_settings` before anything
starts, all of it at once, in Chinese: the setting, its value, what is wrong with it, what to write. `.env.example` has a
line for each.
"""

import difflib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from opening_hours import OpeningHours
from opening_hours import ParserError as HoursError  # type: ignore[attr-defined]  # missing in its stubs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

AES_KEY_LENGTH = 43
HANDOFF_WORDS = "人工,转人工,人工客服,人工服务,真人,真人客服,客服,找客服,找人工,转客服,在线客服,联系客服,human,agent"
RETURN_WORDS = "机器人,转机器人,智能客服,找机器人"

WRONG = {
    "int_parsing": "不是整数",
    "int_from_float": "不是整数",
    "int_parsing_size": "太大",
    "float_parsing": "不是数字",
    "bool_parsing": "看不出是还是否",
    "literal_error": "没有这个选项",
    "greater_than": "太小",
    "greater_than_equal": "太小",
    "less_than": "太大",
    "less_than_equal": "太大",
    "string_too_short": "太短",
    "string_too_long": "太长",
}
"""What pydantic's kinds of error mean; what our own validators say stands with them."""
WRONG_SOMEHOW = "不能用"
LIMITS = ("gt", "ge", "le", "min_length", "max_length")
SHOWN_CHARACTERS = 60


class SettingsError(Exception):
    """A setting that can't be used; the message names the setting and what to do. Exit code 3."""


class Settings(BaseSettings):
    """All settings; frozen. Build it with `load_settings` to get errors in words."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True, env_ignore_empty=True)

    # The models
    openai_api_key: SecretStr | None = Field(
        None, description="Key of the model endpoint. Without it the shop's own answers are the replies."
    )
    openai_base_url: str = Field("https://api.openai.com/v1", description="Base URL of any OpenAI-compatible endpoint.")
    chat_model: str = Field("gpt-4.1-mini", description="Name of the chat model at that endpoint.")
    embedding_model: str | None = Field(
        None, description="Name of an embedding model at the endpoint; unset: the local model, which needs no key."
    )
    embedding_base_url: str | None = Field(None, description="Base URL for embeddings; unset: OPENAI_BASE_URL.")
    embedding_api_key: SecretStr | None = Field(None, description="Key for embeddings; unset: OPENAI_API_KEY.")
    model_timeout_seconds: float = Field(
        20.0, gt=0, le=120, description="Longest time for one answer of the chat model, tries included."
    )
    prompt_token_budget: int = Field(
        2000, ge=500, le=100_000, description="Most tokens of a prompt: rules, passages, and question together."
    )
    answer_token_limit: int = Field(
        500, ge=50, le=8000, description="Most tokens that the model may write for one answer."
    )

    # The Official Account
    wechat_app_id: str | None = Field(None, description="AppID of the Official Account (公众平台 → 基本配置).")
    wechat_app_secret: SecretStr | None = Field(
        None, description="AppSecret of the Official Account; used by doctor, and by push delivery later."
    )
    wechat_token: SecretStr | None = Field(
        None, description="Token that is set on the account's server configuration page; without it /wechat is off."
    )
    wechat_encoding_aes_key: SecretStr | None = Field(
        None, description="EncodingAESKey (43 characters); needed for compatible and safe mode."
    )
    wechat_api_base_url: str = Field(
        "https://api.weixin.qq.com", description="Where WeChat's API is; only tests change it."
    )
    wechat_reply_mode: Literal["auto", "passive"] = Field(
        "auto", description="How replies reach WeChat: auto and passive both answer in the webhook's response."
    )
    wechat_has_agents: bool = Field(
        True,
        description="Whether people answer in WeChat's customer service (网页版客服 or a desk behind it). If not, a shopper who wants a person gets HANDOFF_CONTACT.",
    )

    # People
    handoff_keywords: str = Field(HANDOFF_WORDS, description="Words that ask for a person, split by commas.")
    handoff_return_keywords: str = Field(
        RETURN_WORDS, description="Words that give the conversation back to the bot, split by commas."
    )
    handoff_contact: str = Field(
        "", description="How to reach a person where the account has no agents, such as 客服电话 400-000-0000."
    )
    handoff_minutes: int = Field(
        30, ge=1, le=1440, description="A conversation goes back to the bot this many minutes after the last message."
    )
    working_hours: str = Field(
        "24/7",
        description="When people are there, in OpenStreetMap's opening_hours form: Mo-Su 09:00-21:00; 2026 Oct 01-03 off.",
    )
    timezone: str = Field("Asia/Shanghai", description="Time zone of the shop.")
    bot_name: str = Field("智能客服", description="What the bot calls itself in its welcome.")

    # Where things are
    knowledge_dir: Path = Field(Path("knowledge"), description="Folder with the files that staff edit.")
    data_dir: Path = Field(Path("data"), description="Folder for the database and the index; made when missing.")
    database_url: str | None = Field(None, description="sqlite:///… or postgresql://…; unset: SQLite in DATA_DIR.")
    chroma_url: str | None = Field(
        None, description="Address of a Chroma server on a private network; unset: embedded in DATA_DIR."
    )

    # The service itself
    host: str = Field("127.0.0.1", description="Address that the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the service listens on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="The service's address as the world sees it, such as https://bot.example.com."
    )
    instance_id: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=128,
        description="Name of this process among those that share a database; unset: the host's name.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    @field_validator("openai_base_url", "embedding_base_url", "wechat_api_base_url", "public_url", "chroma_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("不是网址：以 https:// 或 http:// 开头，像 https://api.example.com/v1 这样写")
        return value.rstrip("/")

    @field_validator("wechat_encoding_aes_key")
    @classmethod
    def _is_aes_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key = value.get_secret_value()
            again = f"应是 {AES_KEY_LENGTH} 位字母和数字，从 公众平台 → 基本配置 重新复制"
            if len(key) != AES_KEY_LENGTH:
                raise ValueError(f"有 {len(key)} 个字符：{again}")
            if not key.isalnum() or not key.isascii():
                raise ValueError(f"里有字母和数字以外的字符：{again}")
        return value

    @field_validator("wechat_token")
    @classmethod
    def _is_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            token = value.get_secret_value()
            if not (3 <= len(token) <= 32 and token.isalnum() and token.isascii()):
                raise ValueError("不合微信的规定：写 3 到 32 位字母或数字，和公众平台上填的一样")
        return value

    @field_validator("working_hours")
    @classmethod
    def _are_opening_hours(cls, value: str) -> str:
        try:
            OpeningHours(value)
        except HoursError as error:
            raise ValueError(
                "看不懂：像 Mo-Fr 09:00-18:00; Sa 10:00-16:00; 2026 Oct 01-07 off 这样写"
                "（周一到周日是 Mo Tu We Th Fr Sa Su，off 是休息），全天在就写 24/7"
            ) from error
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("不是时区的名字：像 Asia/Shanghai 这样写") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError(
                "不是认得的数据库：写 sqlite:///文件路径 或 postgresql://用户:密码@主机/库名，不设就用 DATA_DIR 里的 SQLite"
            )
        return value

    @model_validator(mode="after")
    def _account_is_whole(self) -> "Settings":
        lacks = []
        if self.wechat_encoding_aes_key and not self.wechat_app_id:
            lacks.append(
                "WECHAT_ENCODING_AES_KEY 设了，WECHAT_APP_ID 没有设：加密的消息要核对 AppID。两个都设；"
                "测试号和明文模式都不设 WECHAT_ENCODING_AES_KEY。"
            )
        if self.wechat_app_id and not self.wechat_token:
            lacks.append("WECHAT_APP_ID 设了，WECHAT_TOKEN 没有设：设成 公众平台 → 基本配置 → 服务器配置 里的 Token。")
        if self.embedding_model and not (self.embedding_api_key or self.openai_api_key or self.embedding_base_url):
            lacks.append(
                "EMBEDDING_MODEL 设了，没有密钥：设 EMBEDDING_API_KEY 或 OPENAI_API_KEY；"
                "去掉 EMBEDDING_MODEL 就用本地模型，不要密钥。"
            )
        if lacks:
            raise ValueError("\n".join(lacks))
        return self

    @property
    def handoff_words(self) -> tuple[str, ...]:
        """The words that ask for a person."""
        return _words(self.handoff_keywords)

    @property
    def return_words(self) -> tuple[str, ...]:
        """The words that give the conversation back to the bot."""
        return _words(self.handoff_return_keywords)

    @property
    def database(self) -> str:
        """SQLAlchemy's URL of the database."""
        url = self.database_url or f"sqlite:///{(self.data_dir / 'faqbot.db').resolve()}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """The settings from the environment and the file; the environment wins.

    Raises SettingsError that names each setting that can't be used and what to do about it.
    """
    lines = _read(env_file) if env_file and env_file.exists() else {}
    known = {name.upper(): name for name in Settings.model_fields}
    wrong = [_misnamed(name, env_file, known) for name in lines if name.upper() not in known]
    wrong += [
        f"{env_file} 里的 {name.upper()} 后面没有值：写成 {name.upper()}=值，不设就删掉这一行。"
        for name, value in lines.items()
        if value is None and name.upper() in known
    ]
    from_file = {name: value for name, value in lines.items() if value is not None}
    values = {**from_file, **(os.environ if environ is None else environ)}
    chosen = {known[k.upper()]: v for k, v in values.items() if k.upper() in known and v.strip() != ""}
    try:
        settings = Settings(**chosen)  # type: ignore[arg-type]  # pydantic parses the strings
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        wrong += [_in_words(e["loc"], e["type"], e["msg"], chosen) for e in found]
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings


def _read(env_file: Path) -> dict[str, str | None]:
    try:
        return dict(dotenv_values(env_file, encoding="utf-8-sig"))  # Windows' Notepad may begin a file with a mark
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file} 不是 UTF-8 编码：用编辑器另存为 UTF-8。") from None
    except OSError as error:
        raise SettingsError(f"{env_file} 打不开（{error.strerror}）：改好它的权限，或删掉它。") from None


def _misnamed(name: str, env_file: Path | None, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name.upper(), known, n=1)
    advice = f"是不是 {near[0]}？改好名字" if near else "名字见 .env.example；不是给 faqbot 的就删掉这一行"
    return f"{env_file} 里的 {name} 不是设置：{advice}。"


def _in_words(where: tuple[int | str, ...], kind: str, message: str, chosen: Mapping[str, str]) -> str:
    own = message.removeprefix("Value error, ") if kind == "value_error" else ""
    if not where:  # of several settings together, whole sentences
        return own
    name = str(where[0])
    text = own or f"{WRONG.get(kind, WRONG_SOMEHOW)}：{_what_to_write(name)}"
    return f"{name.upper()}{_shown(name, chosen.get(name, ''))}{text}。"


def _shown(name: str, value: str) -> str:
    """The value in brackets, if it can't be a secret: a key may also have been pasted into another line."""
    secret = SecretStr in get_args(Settings.model_fields[name].annotation) or value.startswith("sk-") or "@" in value
    if secret or not value:
        return " "
    return f"（现在是「{value[:SHOWN_CHARACTERS]}{'…' if len(value) > SHOWN_CHARACTERS else ''}」）"


def _what_to_write(name: str) -> str:
    field = Settings.model_fields[name]
    limits = {key: getattr(rule, key) for rule in field.metadata for key in LIMITS if hasattr(rule, key)}
    if field.annotation is bool:
        return "写 true 或 false"
    if get_origin(field.annotation) is Literal:
        *others, last = get_args(field.annotation)
        return f"写 {'、'.join(others)} 或 {last}"
    if field.annotation in (int, float):
        kind = "整数" if field.annotation is int else "数字"
        low = f"{limits['ge']} 到" if "ge" in limits else f"大于 {limits['gt']}、不超过"
        return f"写 {low} {limits['le']} 的{kind}"
    if "max_length" in limits:
        return f"写 {limits['min_length']} 到 {limits['max_length']} 个字符"
    return "照 .env.example 里的样子写"


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.replace("，", ",").split(",") if word.strip())
