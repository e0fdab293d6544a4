"""Which Official Account calls the API, with what, and where the API is."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class ApiAccount:
    """The account's AppID and AppSecret, and the API's address without a slash at its end."""

    app_id: str
    app_secret: str = field(repr=False)
    base_url: str = "https://api.weixin.qq.com"

    @property
    def shown(self) -> str:
        """The account in messages and logs: the last four characters of its AppID, no more."""
        return self.app_id[-4:]

    @property
    def host(self) -> str:
        """The API's host as the operator knows it."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]
