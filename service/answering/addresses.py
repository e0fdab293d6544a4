"""The addresses in a text: links of whatever scheme, hosts, e-mail. No list of endings: a new one is bought in minutes.

Whatever looks like a host is one, since WeChat makes a link of it that a shopper taps.
"""

import re

_URL = r"[a-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]"
_PATH = rf"(?::\d+)?(?:[/?#]{_URL}*)?"
_ENDING = r"(?:[a-z]{2,}|xn--[a-z0-9-]+|中国|公司|网络|网址|网店|在线|商城|商店|购物)(?![a-z0-9])"
_ADDRESS = re.compile(
    r"[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+"
    rf"|[a-z][a-z0-9+.-]*://{_URL}*"
    r"|小程序://[^\s,。;!?、)」』”]+"
    rf"|(?<![a-z0-9])(?:[a-z0-9-]+\.)+{_ENDING}{_PATH}"
    rf"|(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\d.]){_PATH}"
    rf"|[\w-]*[^\W\x00-\x7f]\.{_ENDING}{_PATH}"  # 商城.com; what stands before it can't be told from its name
)


def addresses(text: str) -> list[str]:
    """The addresses in normalised text; one with http:// and without is the same."""
    return [_bare(found.group()) for found in _ADDRESS.finditer(text)]


def without_addresses(text: str) -> str:
    """The text with a gap where each of them was."""
    return _ADDRESS.sub(lambda found: "\0" * len(found.group()), text)


def _bare(address: str) -> str:
    return re.sub(r"^https?://", "", address.rstrip(".,;:!?)'")).rstrip("/")
