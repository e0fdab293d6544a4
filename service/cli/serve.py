"""`faqbot serve`: the service, and the addresses at which it can be used."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import Exit, in_words, note, quiet_libraries, run, stop

if TYPE_CHECKING:
    import socket

    from service.settings import Settings
    from service.storage.instance import Instance


def serve(
    host: Annotated[str | None, typer.Option(help="监听地址（默认 HOST）")] = None,
    port: Annotated[int | None, typer.Option(help="监听端口（默认 PORT），0 为任意空闲端口")] = None,
) -> None:
    """启动服务：网页对话和公众号回调。

    例：faqbot serve

    例：faqbot serve --port 8080
    """
    from service.settings import load_settings
    from service.storage.instance import AlreadyRunningError, Instance

    with in_words():
        settings = load_settings()
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=changes)
    quiet_libraries(settings.log_level)
    instance = Instance(settings.data_dir, settings.database, settings.instance_id)
    try:
        with in_words():
            instance.take()
    except AlreadyRunningError as error:
        if error.address and _answers(error.address):
            note(f"这个文件夹的服务已经在运行：{error.address}/chat")
            raise typer.Exit(Exit.OK) from None
        stop(Exit.FAILED, str(error))
    try:
        listening = _listen(settings)
        run(lambda: _serve(settings, listening, instance))
    finally:
        instance.let_go()


def _listen(settings: "Settings") -> "socket.socket":
    import socket

    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        stop(
            Exit.FAILED,
            f"{settings.host}:{settings.port} 用不了：{error.strerror}。"
            "换一个端口：faqbot serve --port 8080，或在 .env 里改 PORT。",
        )
    return listening


async def _serve(settings: "Settings", listening: "socket.socket", instance: "Instance") -> None:
    import asyncio

    import uvicorn

    from service.app import build, web
    from service.cli.greeting import greeting

    parts = build(settings)
    host = settings.host if ":" not in settings.host else f"[{settings.host}]"
    address = f"http://{host}:{listening.getsockname()[1]}"
    lost: list[str] = []

    class Server(uvicorn.Server):
        """Starts and stops the parts itself: as an ASGI lifespan a fault of theirs would end in a traceback.

        After `shutdown` the server ends the process with the signal that it got, so nothing may be left for later.
        """

        async def startup(self, sockets: "list[socket.socket] | None" = None) -> None:
            await parts.start()
            try:
                await super().startup(sockets)
                instance.announce(address)
                for line in await greeting(parts, address):
                    note(line)
            except BaseException:
                await parts.stop()
                raise
            self.keeping = asyncio.create_task(self._keep())

        async def shutdown(self, sockets: "list[socket.socket] | None" = None) -> None:
            self.keeping.cancel()
            await super().shutdown(sockets)
            await parts.stop()

        async def _keep(self) -> None:
            lost.append(await instance.keep())
            self.should_exit = True

    config = uvicorn.Config(
        web(parts), lifespan="off", log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=10
    )
    await Server(config).serve(sockets=[listening])
    if lost:
        stop(Exit.FAILED, f"服务停了：和数据库的连接断过，{lost[0]}")


def _answers(address: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{address}/healthz", timeout=3, trust_env=False).is_success
    except httpx.HTTPError:
        return False
