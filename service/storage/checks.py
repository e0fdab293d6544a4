"""Whether the database can be used."""

from sqlalchemy import make_url, text

from service.operations.checks import Check, Finding, failed, ok
from service.storage.database import Database, StorageError


def database_check(database: Database) -> Check:
    async def run() -> Finding:
        try:
            await database.migrate()
        except StorageError as error:
            return failed(str(error), "检查 DATABASE_URL、DATA_DIR 和磁盘空间")
        await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
        shown = make_url(database.url).render_as_string(hide_password=True)
        return ok(f"可以读写（{shown}）")

    return Check(name="数据库", run=run)
