"""A process of its own that sends two texts: `ACCOUNT DATABASE_URL OPENID NUMBER`, then a line on stdin to begin.

ACCOUNT is an ApiAccount as JSON. It says `ready` first, and its last line is a JSON list of the outcomes.
"""

import asyncio
import json
import sys

from service.channels.wechat.api import ApiAccount, customer_service
from service.storage.database import Database


async def main() -> None:
    account, database_url, openid, number = sys.argv[1:]
    database = Database(database_url)
    service = customer_service(ApiAccount(**json.loads(account)), database)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    sends = (service.send_text(openid, f"{number}-{each}", by_model=False) for each in range(2))
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    await service.aclose()
    database.close()
    print(json.dumps([type(outcome).__name__ for outcome in outcomes]), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
