"""What goes wrong with the stored state, in words for the operator: what, why, and the next step."""

import errno
import sqlite3
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError


class StorageError(Exception):
    """The database or DATA_DIR can't be used; the message says why and what to do."""


_SQLITE = {
    "SQLITE_NOTADB": ("它不是数据库，或已损坏", "从备份恢复它；没有备份就把它移走，再运行 faqbot ingest"),
    "SQLITE_CORRUPT": ("它已损坏", "从备份恢复它；没有备份就把它移走，再运行 faqbot ingest"),
    "SQLITE_FULL": ("磁盘满了", "腾出空间后自动恢复"),
    "SQLITE_READONLY": ("没有写的权限", "让运行服务的用户能写它和它所在的文件夹"),
    "SQLITE_CANTOPEN": ("打不开", "检查 DATA_DIR 和 DATABASE_URL 指的位置，让运行服务的用户能写"),
    "SQLITE_BUSY": ("另一个程序一直占着它", "等那个程序结束（备份、手工打开的 sqlite3）后再试"),
    "SQLITE_IOERR": ("读写磁盘出错", "检查磁盘"),
}
_POSTGRES = {
    "28": "检查 DATABASE_URL 里的用户和密码",
    "3D": "检查 DATABASE_URL 里的库名",
    "3F": "让 DATABASE_URL 里的用户能用 public 这个 schema",
    "42": "让 DATABASE_URL 里的用户能在这个库里建表，库里没有别的程序的表",
    "53": "给 PostgreSQL 腾出磁盘空间，或放宽它的连接数",
}
"""By the class of SQLSTATE."""
_FOLDER = {
    errno.EEXIST: "它不是文件夹",
    errno.ENOTDIR: "它不是文件夹",
    errno.EACCES: "没有写的权限",
    errno.EPERM: "没有写的权限",
    errno.EROFS: "所在的磁盘只能读",
    errno.ENOSPC: "磁盘满了",
}


def database_unusable(url: str, error: Exception) -> StorageError:
    """For what a driver or a migration raised."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, OSError):
        return folder_unusable(Path(make_url(url).database or "").parent, cause)
    name = database_name(url)
    if isinstance(cause, CommandError):
        return StorageError(
            f"{name} 是更新的版本建的，这个版本不认识它的表（{_first_line(cause)}）。"
            "升级程序，或把 DATA_DIR、DATABASE_URL 换成另一个。"
        )
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorname", "")  # with a detail at its end, such as SQLITE_IOERR_WRITE
        why, step = _SQLITE.get("_".join(code.split("_")[:2]), ("", "检查 DATA_DIR 和 DATABASE_URL"))
        return StorageError(f"{name} 用不了：{why or _first_line(cause)}。{step}。")
    kind = (getattr(cause, "sqlstate", None) or "08")[:2]  # without a state of its own: no server answered
    if kind in ("08", "57"):
        return unreachable(url, cause)
    return StorageError(f"{name} 用不了：{_first_line(cause)}。{_POSTGRES.get(kind, '看 PostgreSQL 的日志')}。")


def unreachable(url: str, error: BaseException) -> StorageError:
    """For a PostgreSQL server that lets nobody in."""
    return StorageError(
        f"连不上{database_name(url)}：{_first_line(error)}。"
        "确认 PostgreSQL 在运行，检查 DATABASE_URL 里的地址、用户和密码。"
    )


def folder_unusable(folder: Path, error: OSError) -> StorageError:
    """For a folder that can't be made or written to."""
    why = _FOLDER.get(error.errno or 0, error.strerror or type(error).__name__)
    return StorageError(f"文件夹 {folder} 用不了：{why}。在 .env 里把 DATA_DIR 设成能写的文件夹，默认是 data。")


def database_name(url: str) -> str:
    """The database as its operator knows it, without the password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"数据库文件 {parsed.database}"
    return f"数据库 {parsed.set(drivername='postgresql').render_as_string(hide_password=True)}"


def _first_line(error: BaseException) -> str:
    """The lines after it may repeat a row (PostgreSQL's DETAIL)."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
