"""Every setting of the service: its type, a default that works, and a sentence that says what it does.

Settings come from environment variables and from a file `.env` in the folder the service is started in; a line
there is `NAME=value`. Names are the fields' names in capitals. What is wrong is said in words by
`load_settings`, before anything starts. `.env.example` has a line for each.
"""

import difflib
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
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
            raise ValueError(f"{value!r} is not a web address: write it as https://host/path")
        return value.rstrip("/")

    @field_validator("wechat_encoding_aes_key")
    @classmethod
    def _is_aes_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key = value.get_secret_value()
            if len(key) != AES_KEY_LENGTH or not key.isalnum() or not key.isascii():
                raise ValueError(
                    f"it has {len(key)} characters, WeChat's has 43 letters and digits: copy it again from 公众平台 → 基本配置"
                )
        return value

    @field_validator("wechat_token")
    @classmethod
    def _is_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            token = value.get_secret_value()
            if not (3 <= len(token) <= 32 and token.isalnum() and token.isascii()):
                raise ValueError("WeChat allows 3 to 32 letters and digits: use the same there and here")
        return value

    @field_validator("working_hours")
    @classmethod
    def _are_opening_hours(cls, value: str) -> str:
        try:
            OpeningHours(value)
        except HoursError as error:
            raise ValueError(
                f"{value!r} is not in opening_hours form: write it like Mo-Fr 09:00-18:00; Sa 10:00-16:00; 2026 Oct 01-07 off"
            ) from error
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not a time zone: write it like Asia/Shanghai") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("use sqlite:///path or postgresql://user:password@host/name")
        return value

    @model_validator(mode="after")
    def _account_is_whole(self) -> "Settings":
        if self.wechat_encoding_aes_key and not self.wechat_app_id:
            raise ValueError(
                "WECHAT_ENCODING_AES_KEY is set but WECHAT_APP_ID is not: the encrypted modes check the AppID, set both"
            )
        if self.wechat_app_id and not self.wechat_token:
            raise ValueError(
                "WECHAT_APP_ID is set but WECHAT_TOKEN is not: set the Token of the account's server configuration page"
            )
        if self.embedding_model and not (self.embedding_api_key or self.openai_api_key or self.embedding_base_url):
            raise ValueError(
                "EMBEDDING_MODEL is set but no key: set EMBEDDING_API_KEY or OPENAI_API_KEY, or unset it to use the local model"
            )
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
    from_file = (
        {k: v for k, v in dotenv_values(env_file).items() if v is not None} if env_file and env_file.exists() else {}
    )
    values = {**from_file, **(os.environ if environ is None else environ)}
    known = {name.upper(): name for name in Settings.model_fields}
    for name in from_file:
        if name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see .env.example for the names"
            raise SettingsError(f"{env_file} has {name}, which is no setting: {hint}")
    chosen = {known[k.upper()]: v for k, v in values.items() if k.upper() in known and v.strip() != ""}
    try:
        return Settings(**chosen)  # type: ignore[arg-type]  # pydantic parses the strings
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_in_words(e["loc"], e["msg"]) for e in error.errors(include_input=False))
        ) from None


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.replace("，", ",").split(",") if word.strip())


def _in_words(where: tuple[int | str, ...], message: str) -> str:
    name = str(where[0]).upper() if where else ""
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
