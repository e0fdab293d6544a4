"""What Word's and Excel's files are made of, checked before a parser is let near them.

Both are zip archives, and a megabyte of one can unpack to gigabytes: what it unpacks to is bounded first, and each
part is read once against its checksum, so that what is cut off or lies about its size is refused here.
"""

import io
import zipfile
import zlib

from service.ingestion.problems import UnreadableFileError

UNPACKED_BYTES = 200 * 1024 * 1024
UNPACKED_RATIO = 200
"""Times the packed size; asked of files that unpack to more than SMALL_BYTES, since XML packs well."""
SMALL_BYTES = 10 * 1024 * 1024
OLD_FORMAT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LOCKED = "EncryptedPackage".encode("utf-16-le")


def check_archive(content: bytes) -> None:
    """Raises UnreadableFileError for a file that is locked, damaged or would grow too large."""
    if content.startswith(OLD_FORMAT):
        if LOCKED in content:
            raise locked()
        raise UnreadableFileError(
            "E-K111", "其实是旧版 Office 的格式，只是改了后缀名", "打开它，「另存为」.docx 或 .xlsx 再放回来"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if unpacked > UNPACKED_BYTES or (unpacked > SMALL_BYTES and unpacked > UNPACKED_RATIO * len(content)):
                raise UnreadableFileError(
                    "E-K108",
                    f"解开后有 {unpacked // (1024 * 1024):,} MB，不像正常的文档",
                    "删掉里面的大图或空行空列，或拆成几个文件",
                )
            if any(part.flag_bits & 1 for part in parts):
                raise locked()
            if archive.testzip() is not None:
                raise damaged()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise damaged() from error


def damaged() -> UnreadableFileError:
    return UnreadableFileError(
        "E-K111",
        "打不开，文件不完整或已损坏",
        "用 Word、Excel 或 WPS 打开看看，「另存为」一份新的再放回来",
    )


def locked() -> UnreadableFileError:
    return UnreadableFileError("E-K110", "加了密码，打不开", "去掉打开密码，保存后再放回来")
