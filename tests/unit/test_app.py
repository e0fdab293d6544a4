"""The web application as any ASGI server gets it."""

from pathlib import Path

import httpx

from service.app import create_app
from service.settings import load_settings
from tests.fakes.served import served


async def test_an_app_of_settings_starts_answers_and_stops_by_itself(tmp_path: Path) -> None:
    settings = load_settings({"DATA_DIR": str(tmp_path), "KNOWLEDGE_DIR": str(tmp_path)}, None)
    async with served(create_app(settings)) as address, httpx.AsyncClient(base_url=address, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "faqbot ingest" in ready.text
        assert (await client.get("/")).headers["location"] == "/chat"
        assert (await client.post("/wechat")).status_code == 404
