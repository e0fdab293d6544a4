"""Settings: what is wrong is said in words, before anything starts."""

import re
from pathlib import Path

import pytest

from service.settings import LIMITS, Settings, SettingsError, load_settings

ENGLISH = re.compile(r"[A-Za-z ]{25,}")
"""A run of English this long is a sentence that nobody translated."""


def refused(values: dict[str, str], env_file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        load_settings(values, env_file)
    return str(error.value)


def test_nothing_set_is_a_working_set() -> None:
    settings = load_settings({}, None)
    assert settings.openai_api_key is None
    assert settings.database.startswith("sqlite:///")
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "PORT（现在是「eighty」）不是整数：写 0 到 65535 的整数。"),
        ("PORT", "8000.5", "PORT（现在是「8000.5」）不是整数：写 0 到 65535 的整数。"),
        ("PORT", "70000", "PORT（现在是「70000」）太大：写 0 到 65535 的整数。"),
        ("PORT", "9" * 5000, "太大：写 0 到 65535 的整数。"),
        ("HANDOFF_MINUTES", "0", "HANDOFF_MINUTES（现在是「0」）太小：写 1 到 1440 的整数。"),
        ("MODEL_TIMEOUT_SECONDS", "soon", "不是数字：写 大于 0、不超过 120 的数字。"),
        ("MODEL_TIMEOUT_SECONDS", "0", "太小：写 大于 0、不超过 120 的数字。"),
        ("WECHAT_HAS_AGENTS", "没有", "WECHAT_HAS_AGENTS（现在是「没有」）看不出是还是否：写 true 或 false。"),
        ("WECHAT_REPLY_MODE", "push", "没有这个选项：写 auto 或 passive。"),
        ("LOG_LEVEL", "verbose", "没有这个选项：写 debug、info、warning 或 error。"),
        ("INSTANCE_ID", "-" * 129, "太长：写 1 到 128 个字符。"),
        ("WECHAT_ENCODING_AES_KEY", "short", "WECHAT_ENCODING_AES_KEY 有 5 个字符：应是 43 位字母和数字"),
        ("WECHAT_ENCODING_AES_KEY", "-" * 43, "字母和数字以外"),
        ("WECHAT_TOKEN", "汉字不行", "WECHAT_TOKEN 不合微信的规定：写 3 到 32 位字母或数字"),
        ("WORKING_HOURS", "9点到21点", "WORKING_HOURS（现在是「9点到21点」）看不懂：像 Mo-Fr 09:00-18:00"),
        ("TIMEZONE", "Mars/Olympus", "像 Asia/Shanghai 这样写"),
        ("OPENAI_BASE_URL", "api.openai.com", "以 https:// 或 http:// 开头"),
        ("DATABASE_URL", "mysql://x", "postgresql://用户:密码@主机/库名"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_to_write(name: str, value: str, says: str) -> None:
    words = refused({name: value})
    assert words.startswith(name)
    assert says in words
    assert not ENGLISH.search(words.replace(value, ""))


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if field.metadata])
def test_each_setting_with_limits_says_them(name: str) -> None:
    rules = Settings.model_fields[name].metadata
    limits = [str(getattr(rule, key)) for rule in rules for key in LIMITS if hasattr(rule, key)]
    assert len(limits) == 2
    assert all(limit in refused({name.upper(): "9" * 400}) for limit in limits)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PROT=9000\nHANDOFF_MINUTES=ten\n", encoding="utf-8")
    misnamed, *others = refused({"LOG_LEVEL": "loud"}, file).splitlines()
    assert "PROT 不是设置：是不是 PORT？" in misnamed
    assert [line.partition("（")[0] for line in others] == ["HANDOFF_MINUTES", "LOG_LEVEL"]


def test_all_that_is_missing_is_said_at_once() -> None:
    assert refused({"WECHAT_APP_ID": "wx1", "EMBEDDING_MODEL": "m"}).count("没有") == 2


def test_an_account_that_is_half_set_says_what_is_missing() -> None:
    assert "WECHAT_TOKEN 没有设" in refused({"WECHAT_APP_ID": "wx1"})
    assert "WECHAT_APP_ID 没有设" in refused({"WECHAT_TOKEN": "abc", "WECHAT_ENCODING_AES_KEY": "a" * 43})


def test_an_empty_value_counts_as_not_set() -> None:
    assert load_settings({"OPENAI_API_KEY": "", "PORT": " "}, None).openai_api_key is None


def test_the_environment_wins_over_the_file_and_a_mistyped_name_in_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nBOT_NAME=小满\n", encoding="utf-8")
    settings = load_settings({"PORT": "9001"}, file)
    assert (settings.port, settings.bot_name) == (9001, "小满")
    file.write_text("OPENAI_API_KEI=x\n", encoding="utf-8")
    assert "OPENAI_API_KEI 不是设置：是不是 OPENAI_API_KEY？" in refused({}, file)
    file.write_text("QQ=x\n", encoding="utf-8")
    assert "QQ 不是设置：名字见 .env.example" in refused({}, file)


def test_a_line_without_a_value_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HANDOFF_MINUTES\nPORT:9000\n", encoding="utf-8")
    words = refused({}, file)
    assert "写成 HANDOFF_MINUTES=值" in words
    assert "PORT:9000 不是设置：是不是 PORT？" in words


def test_a_file_that_windows_wrote_is_read_or_its_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("BOT_NAME=小满\r\n", encoding="utf-8-sig")
    assert load_settings({}, file).bot_name == "小满"
    file.write_text("BOT_NAME=小满\n", encoding="gbk")
    assert "另存为 UTF-8" in refused({}, file)


def test_a_key_is_never_shown() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-secret-1234"}, None)
    assert "sk-secret" not in repr(settings)
    assert "sk-secret" not in refused({"OPENAI_API_KEY": "sk-secret-1234", "PORT": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WECHAT_TOKEN", "a-secret-token"),
        ("WECHAT_ENCODING_AES_KEY", "secret"),
        ("DATABASE_URL", "mysql://user:secret@host/name"),
        ("OPENAI_BASE_URL", "sk-secret-in-the-wrong-line"),
    ],
)
def test_a_secret_that_is_wrong_is_not_shown_either(name: str, value: str) -> None:
    words = refused({name: value})
    assert name in words
    assert "secret" not in words


def test_postgresql_gets_its_driver() -> None:
    assert load_settings({"DATABASE_URL": "postgresql://u@h/d"}, None).database == "postgresql+psycopg://u@h/d"
