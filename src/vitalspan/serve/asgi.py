"""An ASGI application that serves metrics and probes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY

from vitalspan.serve.asgi_events import Receive, Send, send_events, send_head
from vitalspan.serve.event_streams import MAX_STREAMS
from vitalspan.serve.messages import Request, Response, join_headers
from vitalspan.serve.page import EVENTS_PATH, redirect_into
from vitalspan.serve.routes import is_probe, respond

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def make_asgi_app(registry: Collector = REGISTRY, *, page: bool = False) -> ASGIApp:
    """Make an ASGI application that serves a registry's metrics at every path below its mount.

    In Starlette and FastAPI, `app.add_route("/metrics", make_asgi_app())` serves exactly that path.
    `app.mount` redirects it to `/metrics/`, unless the application is instrumented.

    Paths that end in `/-/live`, `/-/ready` or `/health` are probes. The metrics are rendered in a
    thread, so that a scrape does not block the event loop. Lifespan events are acknowledged;
    WebSocket connections are refused.

    Args:
        registry: the registry whose metrics are served.
        page: whether to serve everything that the HTTP server does: the live page at the mount with
            the JSON API below it, the metrics at `/metrics` and the probes at their paths. Mount it
            with `app.mount("/vitalspan", ...)` then. The application around it has to keep out
            everyone who may not see the page.
    """
    return MetricsApp(registry, page=page)


class MetricsApp:
    """The ASGI application, as an object, because routers treat a function as a request handler.

    Args:
        registry: the registry whose metrics are served.
        page: whether the page is at the mount, instead of the metrics at every path.

    Attributes:
        page: whether the page is at the mount.
    """

    def __init__(self, registry: Collector, *, page: bool = False) -> None:
        self._registry = registry
        self.page = page
        self._streams = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle a connection or the lifespan events of the server."""
        if scope["type"] == "http":
            if not await self._streamed(scope, receive, send):
                await _answer(await self._respond(scope), send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            raise ValueError(f"the metrics are not available over {scope['type']!r}")

    async def _respond(self, scope: MutableMapping[str, Any]) -> Response:
        if not self.page:
            return await _render(_request(scope), self._registry, any_path=True)
        request = _request(scope)._replace(path=_path_below_mount(scope))
        if not request.path:
            return redirect_into(scope.get("root_path", "")).to(request)
        return await _render(request, self._registry, any_path=False)

    async def _streamed(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> bool:
        """Stream events until the client has gone, if it asks for them; return whether it did."""
        wanted = self.page and (scope["method"], _path_below_mount(scope)) == ("GET", EVENTS_PATH)
        if not wanted or self._streams >= MAX_STREAMS or not _has_event_loop():
            return False
        self._streams += 1
        try:
            await send_events(self._registry, receive, send)
        finally:
            self._streams -= 1
        return True


def _path_below_mount(scope: MutableMapping[str, Any]) -> str:
    path, mount = str(scope["path"]), str(scope.get("root_path", ""))
    # Frameworks that follow ASGI 2.4 or newer leave the mount in the path.
    return path.removeprefix(mount) if f"{path}/".startswith(f"{mount}/") else path


def _has_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Another async library runs, such as trio, so asyncio cannot be used.
        return False
    return True


def _request(scope: MutableMapping[str, Any]) -> Request:
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=join_headers(scope["headers"]),
    )


async def _render(request: Request, registry: Collector, *, any_path: bool) -> Response:
    if is_probe(request, any_path=any_path):
        # This never blocks, while every thread of the pool may be waiting for a collector.
        return respond(request, registry, any_path=any_path)
    if not _has_event_loop():
        return respond(request, registry, any_path=any_path)
    return await asyncio.to_thread(respond, request, registry, any_path=any_path)


async def _answer(response: Response, send: Send) -> None:
    await send_head(response.status, response.headers, send)
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
