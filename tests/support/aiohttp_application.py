"""A shop in aiohttp, with the routes that the tests of integrations use, and its server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from support.uvicorn_server import PATIENCE
from support.waiting import wait_until


def aiohttp_shop() -> web.Application:
    async def order(request: web.Request) -> web.StreamResponse:
        return web.json_response({"id": request.match_info["order_id"]})

    async def user(request: web.Request) -> web.StreamResponse:
        return web.Response(text=request.match_info["name"])

    async def broken(request: web.Request) -> web.StreamResponse:
        raise ValueError("broken")

    async def unavailable(request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable

    async def nothing(request: web.Request) -> Any:
        return None

    async def page(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(Path(__file__))

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            await asyncio.sleep(0.001)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"abc")
        return response

    async def torn(request: web.Request) -> web.StreamResponse:
        await stream(request)
        raise ValueError("torn")

    async def chat(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async def dictate(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_json()
        await socket.send_json({"heard": 1})
        await socket.send_bytes(await socket.receive_bytes())
        await socket.ping()
        await socket.close()
        return socket

    app, api = web.Application(), web.Application()
    api.router.add_get("/users/{name}", user)
    app.add_subapp("/api/v1", api)
    app.router.add_get(r"/orders/{order_id:\d+}", order)
    for handler in (broken, unavailable, nothing, page, endless, stream, torn, chat, dictate):
        app.router.add_get(f"/{handler.__name__}", handler)
    return app


@contextmanager
def aiohttp_serving(app: web.Application) -> Iterator[int]:
    """Serve an application on a free port, which is yielded."""
    ports: list[int] = []
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        wait_until(lambda: ports)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
