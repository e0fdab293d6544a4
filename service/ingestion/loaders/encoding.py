"""Bytes of a text file made into text, whatever editor and Windows saved them.

A byte order mark says it; else strict UTF-8, which hardly anything else happens to be; else one of the Chinese
encodings, told apart by which text is likelier. Below a few bytes there is nothing to weigh, and GB18030 is what a
Chinese Windows writes.
"""

import codecs

from charset_normalizer import from_bytes

from service.ingestion.problems import UnreadableFileError

SHORT_BYTES = 6
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes) -> str:
    """The text, with \\n alone as line end. Raises UnreadableFileError where it is no text."""
    text = _decoded(content)
    if text is None or "\0" in text:
        raise UnreadableFileError(
            "E-K112",
            "里面不是文字，或用了不认识的编码",
            "用记事本或 WPS 打开确认内容，另存为 UTF-8 编码再放回来",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes) -> str | None:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return _strictly(content, encoding)
    utf8 = _strictly(content, "utf-8")
    if utf8 is not None:
        return utf8
    if b"\0" in content:
        return None
    if len(content) >= SHORT_BYTES:
        best = from_bytes(content, cp_isolation=["gb18030", "big5"]).best()
        if best is not None:
            return str(best)
    return _strictly(content, "gb18030")


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None
