"""Settings: what is wrong is said in words, before anything starts."""

from pathlib import Path

import pytest

from service.settings import SettingsError, load_settings


def test_nothing_set_is_a_working_set() -> None:
    settings = load_settings({}, None)
    assert settings.openai_api_key is None
    assert settings.database.startswith("sqlite:///")
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "PORT"),
        ("PORT", "70000", "PORT"),
        ("WECHAT_ENCODING_AES_KEY", "short", "5 characters"),
        ("WECHAT_TOKEN", "汉字不行", "3 to 32 letters"),
        ("WORKING_HOURS", "9点到21点", "opening_hours"),
        ("TIMEZONE", "Mars/Olympus", "Asia/Shanghai"),
        ("OPENAI_BASE_URL", "api.openai.com", "https://host/path"),
        ("DATABASE_URL", "mysql://x", "postgresql://"),
        ("WECHAT_REPLY_MODE", "push", "WECHAT_REPLY_MODE"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_to_write(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        load_settings({name: value}, None)
    assert says in str(refused.value)


def test_an_account_that_is_half_set_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match="WECHAT_TOKEN is not"):
        load_settings({"WECHAT_APP_ID": "wx1"}, None)


def test_an_empty_value_counts_as_not_set() -> None:
    assert load_settings({"OPENAI_API_KEY": "", "PORT": " "}, None).openai_api_key is None


def test_the_environment_wins_over_the_file_and_a_mistyped_name_in_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nBOT_NAME=小满\n", encoding="utf-8")
    settings = load_settings({"PORT": "9001"}, file)
    assert (settings.port, settings.bot_name) == (9001, "小满")
    file.write_text("OPENAI_API_KEI=x\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="did you mean OPENAI_API_KEY"):
        load_settings({}, file)


def test_a_key_is_never_shown() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-secret-1234"}, None)
    assert "sk-secret" not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        load_settings({"OPENAI_API_KEY": "sk-secret-1234", "PORT": "x"}, None)
    assert "sk-secret" not in str(refused.value)


def test_postgresql_gets_its_driver() -> None:
    assert load_settings({"DATABASE_URL": "postgresql://u@h/d"}, None).database == "postgresql+psycopg://u@h/d"
