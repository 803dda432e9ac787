"""One shop in each ASGI framework, with the routes that the tests of integrations use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

DONE: list[str] = []
"""The results of background tasks."""


async def send_mail(to: str) -> None:
    if to == "nobody":
        raise LookupError("there is no such customer")
    DONE.append(to)


async def three_parts() -> AsyncIterator[bytes]:
    for part in (b"a", b"b", b"c"):
        yield part


async def torn_parts() -> AsyncIterator[bytes]:
    yield b"a"
    raise ValueError("torn")


async def without_end() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.001)


def starlette_shop() -> Any:
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Mount, Route, WebSocketRoute

    async def order(request: Any) -> Any:
        return JSONResponse({"id": request.path_params["order_id"]})

    async def broken(request: Any) -> Any:
        raise ValueError("broken")

    async def unavailable(request: Any) -> Any:
        return PlainTextResponse("later", 503)

    async def stream(request: Any) -> Any:
        return StreamingResponse(three_parts())

    async def endless(request: Any) -> Any:
        return StreamingResponse(without_end())

    async def torn(request: Any) -> Any:
        return StreamingResponse(torn_parts())

    async def mail(request: Any) -> Any:
        task = BackgroundTask(send_mail, request.path_params["to"])
        return PlainTextResponse("queued", background=task)

    async def user(request: Any) -> Any:
        return PlainTextResponse(request.path_params["name"])

    return Starlette(
        routes=[
            Route("/orders/{order_id:int}", order),
            Route("/broken", broken),
            Route("/unavailable", unavailable),
            Route("/stream", stream),
            Route("/endless", endless),
            Route("/torn", torn),
            Route("/mail/{to}", mail, methods=["POST"]),
            Mount("/api", routes=[Mount("/v1/{tenant}", routes=[Route("/users/{name}", user)])]),
            WebSocketRoute("/chat/{room}", _chat),
        ]
    )


def fastapi_shop() -> Any:
    from fastapi import APIRouter, BackgroundTasks, FastAPI
    from fastapi.responses import PlainTextResponse, StreamingResponse

    app = FastAPI()

    @app.get("/orders/{order_id}")
    async def order(order_id: int) -> dict[str, int]:
        return {"id": order_id}

    @app.get("/broken")
    def broken() -> None:
        raise ValueError("broken")

    @app.get("/unavailable")
    async def unavailable() -> Any:
        return PlainTextResponse("later", 503)

    @app.get("/stream")
    async def stream() -> Any:
        return StreamingResponse(three_parts())

    @app.get("/endless")
    async def endless() -> Any:
        return StreamingResponse(without_end())

    @app.get("/torn")
    async def torn() -> Any:
        return StreamingResponse(torn_parts())

    async def mail(to: str, tasks: Any) -> str:
        tasks.add_task(send_mail, to)
        return "queued"

    # The annotations are names within this function.
    mail.__annotations__ = {"to": str, "tasks": BackgroundTasks, "return": str}
    app.post("/mail/{to}")(mail)
    inner, outer, mounted = APIRouter(), APIRouter(), FastAPI()

    @inner.get("/users/{name}")
    async def user(name: str) -> str:
        return name

    outer.include_router(inner, prefix="/v1")
    app.include_router(outer, prefix="/included")
    mounted.include_router(outer)
    app.mount("/api", mounted)
    app.router.add_websocket_route("/chat/{room}", _chat)
    return app


def litestar_shop() -> Any:
    from litestar import Litestar, Request, Response, Router, WebSocket, get, post, websocket
    from litestar.background_tasks import BackgroundTask
    from litestar.response import Stream

    async def order(request: Any) -> dict[str, int]:
        return {"id": request.path_params["order_id"]}

    async def broken() -> None:
        raise ValueError("broken")

    async def unavailable() -> Any:
        return Response("later", status_code=503)

    async def stream() -> Any:
        return Stream(three_parts())

    async def endless() -> Any:
        return Stream(without_end())

    async def torn() -> Any:
        return Stream(torn_parts())

    async def mail(request: Any) -> Any:
        return Response("queued", background=BackgroundTask(send_mail, request.path_params["to"]))

    async def user(request: Any) -> str:
        return str(request.path_params["name"])

    async def chat(socket: Any) -> None:
        await _chat(socket)

    # The annotations are names within this function.
    for handler in (order, mail, user):
        handler.__annotations__["request"] = Request
    chat.__annotations__ = {"socket": WebSocket, "return": None}
    handlers: list[Any] = [
        get("/orders/{order_id:int}")(order),
        get("/broken")(broken),
        get("/unavailable")(unavailable),
        get("/stream")(stream),
        get("/endless")(endless),
        get("/torn")(torn),
        post("/mail/{to:str}", status_code=200)(mail),
        Router("/api/v1/{tenant:str}", route_handlers=[get("/users/{name:str}")(user)]),
        websocket("/chat/{room:str}")(chat),
    ]
    return Litestar(handlers, openapi_config=None)


async def _chat(socket: Any) -> None:
    """A WebSocket that echoes messages until `bye`."""
    await socket.accept()
    while True:
        text = await socket.receive_text()
        if text == "fail":
            raise ValueError("chat")
        if text == "bye":
            await socket.close()
            return
        await socket.send_text(f"{socket.path_params['room']}: {text}")
