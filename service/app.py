"""The only place that wires: settings to parts, parts to a web application.

`build` makes the parts and touches nothing outside; `prepare` brings the tables up to date, which is all that commands
need; `start` also loads index and models and begins to work the inbox, which only `serve` does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse, RedirectResponse

from service.answering.answerer import Answerer
from service.bots import Bot, first_bot
from service.channels.web.api import web_routes
from service.channels.wechat.checks import account_checks
from service.channels.wechat.envelope import Credentials
from service.channels.wechat.webhook import unconfigured_routes, wechat_routes
from service.conversation.checks import people_check
from service.conversation.turn import Turning
from service.conversation.turns import Turns
from service.llm.chat import ModelRefusedError
from service.llm.checks import model_checks
from service.llm.embeddings import Embedder, LocalEmbedder
from service.llm.tokens import EstimatedTokens, TokenCounter, encoding_for, load_tokens
from service.operations.checks import Check
from service.operations.failures import described
from service.operations.guard import Guard
from service.retrieval.checks import index_checks
from service.retrieval.dense import VectorStore
from service.retrieval.retriever import IndexMismatchError, Retriever
from service.settings import Settings, SettingsError
from service.storage.checks import database_check
from service.storage.database import Database
from service.storage.errors import StorageError

if TYPE_CHECKING:
    from service.llm.endpoint_embedder import EndpointEmbedder
    from service.llm.openai_chat import OpenAIChat

LARGEST_BODY = 256 * 1024
"""Bytes of a request; the webhook has a smaller limit of its own."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that runs, wired."""

    settings: Settings
    bot: Bot
    database: Database
    vectors: VectorStore
    word_embedder: LocalEmbedder
    embedder: Embedder
    retriever: Retriever
    endpoint_embedder: "EndpointEmbedder | None"
    chat: "OpenAIChat | None"
    tokens: TokenCounter
    answerer: Answerer
    turning: Turning
    turns: Turns

    async def prepare(self) -> None:
        """Bring the tables up to date. Raises StorageError."""
        await self.database.migrate()

    async def start(self) -> None:
        """Everything that serving needs, at work. Raises StorageError, and has closed everything then."""
        try:
            await self.prepare()
            await self.warm()
            await self.turns.start()
        except BaseException:
            await self.close()
            raise

    async def stop(self) -> None:
        """Let begun turns end, then everything go."""
        try:
            await self.turns.stop()
        except StorageError as error:  # the database is away: the rows have what the next start needs
            log.error("turns.not_released", **described(error))
        finally:
            await self.close()

    async def warm(self) -> None:
        """Load the live index and the models; what can't be loaded is said in the log and keeps no service down."""
        try:
            await self.retriever.warm()
        except IndexMismatchError as error:
            log.warning("retrieval.index_mismatch", advice=str(error))
        except Exception as error:
            # As while running: whatever is wrong with this version, the next one that an ingest makes is loaded.
            log.error("retrieval.not_loaded", advice="run faqbot doctor", **described(error))

    async def close(self) -> None:
        """Let everything go."""
        await self.retriever.close()
        if self.chat:
            await self.chat.aclose()
        if self.endpoint_embedder:
            await self.endpoint_embedder.close()
        await self.word_embedder.close()
        await asyncio.to_thread(self.vectors.close)
        await asyncio.to_thread(self.database.close)


def build(settings: Settings) -> Parts:
    """The parts; nothing is opened yet."""
    bot = first_bot(settings)
    database = Database(settings.database)
    vectors = VectorStore(settings.data_dir / "chroma", settings.chroma_url)
    word_embedder = LocalEmbedder()
    endpoint_embedder = _embedder(settings)
    embedder = endpoint_embedder or word_embedder
    retriever = Retriever(database, vectors, embedder, word_embedder, bot.name)
    chat = _chat(settings)
    tokens = load_tokens(encoding_for(settings.chat_model)) if chat else EstimatedTokens()
    answerer = Answerer(
        retriever,
        bot,
        chat,
        tokens,
        prompt_tokens=settings.prompt_token_budget,
        answer_tokens=settings.answer_token_limit,
    )
    turning = Turning(bot, answerer, settings.model_timeout_seconds)
    return Parts(
        settings=settings,
        bot=bot,
        database=database,
        vectors=vectors,
        word_embedder=word_embedder,
        embedder=embedder,
        endpoint_embedder=endpoint_embedder,
        retriever=retriever,
        chat=chat,
        tokens=tokens,
        answerer=answerer,
        turning=turning,
        turns=Turns(database, turning, settings.instance_id),
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The parts for a command: tables up to date, nothing loaded, the inbox left alone."""
    parts = build(settings)
    try:
        await parts.prepare()
        yield parts
    finally:
        await parts.close()


def create_app(settings: Settings) -> FastAPI:
    """The web application of these settings, for any ASGI server: its lifespan starts the parts and stops them.

    Whoever serves it sees to it that no other process has the same INSTANCE_ID; `faqbot serve` does.
    """
    parts = build(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await parts.start()
        try:
            yield
        finally:
            await parts.stop()

    return web(parts, lifespan)


def web(parts: Parts, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The web application around the parts; without a lifespan whoever serves it starts and stops them."""
    app = FastAPI(
        title="faqbot", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, max_body_size=LARGEST_BODY
    )
    app.add_middleware(Guard)
    app.include_router(web_routes(parts.turns, parts.answerer, parts.bot.title, person=bool(parts.bot.contact)))
    credentials = _credentials(parts.settings)
    if credentials:
        app.include_router(wechat_routes(credentials, parts.turns, has_agents=parts.settings.wechat_has_agents))
    else:
        app.include_router(unconfigured_routes())

    @app.get("/")
    async def home() -> RedirectResponse:
        """Whoever opens the bare address finds the chat page."""
        return RedirectResponse("/chat")

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Shoppers can be answered: the database is there, and an index is live and in memory."""
        try:
            version = await parts.retriever.live_version()
            known = await parts.retriever.passages()
        except StorageError as error:
            log.error("ready.no_database", **described(error))
            return _not_ready("数据库用不了：运行 faqbot doctor 看原因。")
        if version is None:
            return _not_ready("还没有可以回答的内容：运行 faqbot ingest。")
        if not known:
            return _not_ready("索引读不进来：运行 faqbot doctor 看原因。")
        return JSONResponse({"status": "ready", "index_version": version.id})

    return app


def checks(parts: Parts) -> Sequence[Check]:
    """Everything that `faqbot doctor` looks at."""
    settings = parts.settings
    return [
        database_check(parts.database),
        *index_checks(
            parts.database,
            parts.vectors,
            parts.bot,
            parts.embedder.model,
            chroma_url=settings.chroma_url,
            real_account=settings.wechat_token is not None,
        ),
        *model_checks(parts.chat, parts.embedder, parts.tokens, settings.chat_model),
        *account_checks(settings),
        people_check(parts.bot, desk=settings.wechat_token is not None and settings.wechat_has_agents),
    ]


def _not_ready(why: str) -> JSONResponse:
    return JSONResponse({"status": "not ready", "detail": why}, status_code=503)


def _embedder(settings: Settings) -> "EndpointEmbedder | None":
    if settings.embedding_model is None:
        return None
    from service.llm.endpoint_embedder import EndpointEmbedder  # brings openai: 0.3 s and 16 MB

    key = settings.embedding_api_key or settings.openai_api_key
    return EndpointEmbedder(
        model=settings.embedding_model,
        base_url=settings.embedding_base_url or settings.openai_base_url,
        api_key=key.get_secret_value() if key else None,
    )


def _chat(settings: Settings) -> "OpenAIChat | None":
    if settings.openai_api_key is None:
        return None
    from service.llm.openai_chat import OpenAIChat

    try:
        return OpenAIChat(
            settings.openai_base_url,
            settings.openai_api_key.get_secret_value(),
            settings.chat_model,
            settings.model_timeout_seconds,
        )
    except ModelRefusedError as error:
        raise SettingsError(f"OPENAI_API_KEY: {error}") from None


def _credentials(settings: Settings) -> Credentials | None:
    if settings.wechat_token is None:
        return None
    key = settings.wechat_encoding_aes_key
    return Credentials(
        token=settings.wechat_token.get_secret_value(),
        app_id=settings.wechat_app_id,
        aes_key=key.get_secret_value() if key else None,
    )
