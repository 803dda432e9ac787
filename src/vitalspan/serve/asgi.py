"""An ASGI application that shows metrics and probes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY

from vitalspan.serve.asgi_events import send_events
from vitalspan.serve.event_streams import MAX_STREAMS
from vitalspan.serve.messages import Request, Response, join_headers
from vitalspan.serve.page import EVENTS_PATH, redirect_into
from vitalspan.serve.routes import is_probe, respond

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


def make_asgi_app(registry: Collector = REGISTRY, *, page: bool = False) -> ASGIApp:
    """Make an ASGI application that shows a registry's metrics at every path below its mount.

    In Starlette and FastAPI, `app.add_route("/metrics", make_asgi_app())` serves exactly that path.
    `app.mount` redirects it to `/metrics/`, unless the application is instrumented.

    Paths that end in `/-/live`, `/-/ready` or `/health` say how the process does. The metrics are
    rendered in a thread, so that a scrape does not hold up the event loop. Lifespan events are
    acknowledged; a websocket is refused.

    Args:
        registry: whose metrics are shown.
        page: whether the application is what the HTTP server is: the live page at its mount with
            the JSON API below it, the metrics at `/metrics` and the probes at their paths. Mount it
            with `app.mount("/vitalspan", ...)` then. Whoever may not see the page has to be kept
            out by the application around it.
    """
    return MetricsApp(registry, page=page)


class MetricsApp:
    """The application. It is no function: a router takes a function for a handler of requests.

    Args:
        registry: whose metrics are shown.
        page: whether the page is at the mount, rather than the metrics at every path.

    Attributes:
        page: the same.
    """

    def __init__(self, registry: Collector, *, page: bool = False) -> None:
        self._registry = registry
        self.page = page
        self._streams = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer what the server asks."""
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
        """Send events until the client has gone, if it asks for them; return whether it does."""
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
    # The path has the mount in it where a framework follows ASGI 2.4 or newer.
    return path.removeprefix(mount) if f"{path}/".startswith(f"{mount}/") else path


def _has_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Another async library is in charge, such as trio: what asyncio has is out of reach.
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
        # It waits for nothing, whereas every thread of the pool may wait for a collector.
        return respond(request, registry, any_path=any_path)
    if not _has_event_loop():
        return respond(request, registry, any_path=any_path)
    return await asyncio.to_thread(respond, request, registry, any_path=any_path)


async def _answer(response: Response, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
