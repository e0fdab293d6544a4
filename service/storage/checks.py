"""Whether the database can be used."""

from sqlalchemy import text

from service.operations.checks import Check, Finding, failed, ok
from service.storage.database import Database
from service.storage.errors import StorageError, database_name

DATABASE_CHECK = "数据库"
"""Its name, for the checks that need it."""


def database_check(database: Database) -> Check:
    """Brings the tables up to date as a start would: the checks that read them wait for it."""

    async def run() -> Finding:
        try:
            await database.migrate()
            await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
        except StorageError as error:
            return failed(str(error), "改好后再运行 faqbot doctor")
        return ok(f"可以用（{database_name(database.url)}）")

    return Check(name=DATABASE_CHECK, run=run)
