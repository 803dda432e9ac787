"""A shop in Starlette for real ASGI servers, and a program that tests control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from vitalspan.integrations.starlette import instrument

released = asyncio.Event()
"""The event that lets `/held` answer."""


async def order(request: Any) -> Any:
    return PlainTextResponse(f"order {request.path_params['order_id']}")


async def send_mail(to: str) -> None:
    if to == "nobody":
        raise LookupError("there is no such customer")


async def mail(request: Any) -> Any:
    return PlainTextResponse(
        "queued", background=BackgroundTask(send_mail, request.path_params["to"])
    )


async def parts() -> AsyncIterator[bytes]:
    for part in (b"a", b"b", b"c"):
        yield part


async def stream(request: Any) -> Any:
    return StreamingResponse(parts())


async def without_end() -> AsyncIterator[bytes]:
    while True:
        yield b"data: tick\n\n"
        await asyncio.sleep(0.01)


async def events(request: Any) -> Any:
    return StreamingResponse(without_end(), media_type="text/event-stream")


async def held(request: Any) -> Any:
    released.clear()
    await released.wait()
    return PlainTextResponse("answered")


async def release(request: Any) -> Any:
    released.set()
    return PlainTextResponse("released")


async def broken(request: Any) -> Any:
    raise ValueError("broken")


async def user(request: Any) -> Any:
    return PlainTextResponse(request.path_params["name"])


async def started(request: Any) -> Any:
    return PlainTextResponse("started" if request.app.state.started else "not started")


async def chat(socket: Any) -> None:
    await socket.accept()
    while (text := await socket.receive_text()) != "bye":
        if text == "fail":
            raise ValueError("chat")
        await socket.send_text(text)
    await socket.close()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.started = True
    yield


app = Starlette(
    routes=[
        Route("/orders/{order_id:int}", order),
        Route("/mail/{to}", mail, methods=["POST"]),
        Route("/stream", stream),
        Route("/events", events),
        Route("/held", held),
        Route("/release", release),
        Route("/broken", broken),
        Route("/started", started),
        Mount("/api/v1", routes=[Route("/users/{name}", user)]),
        WebSocketRoute("/chat/{room}", chat),
    ],
    lifespan=lifespan,
)
instrument(app, metrics_path="/metrics")
