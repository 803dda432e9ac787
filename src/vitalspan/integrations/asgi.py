"""An ASGI middleware that records every request and WebSocket connection as an operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Unpack

from vitalspan.integrations.asgi_routes import route_of
from vitalspan.integrations.http_operations import (
    WEBSOCKET,
    HttpCall,
    HttpOperations,
    HttpOptions,
    SpanRequest,
)
from vitalspan.integrations.request_operations import is_of_opentelemetry
from vitalspan.runtime import sigterm
from vitalspan.serve.asgi import make_asgi_app

__all__ = ["Middleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

ERROR_KEY: Final = "vitalspan.error"
"""The key in the scope for an exception that the framework turns into a response."""

_FAILURES: Final = frozenset({1011, 4500})
"""The codes with which servers, and Litestar, close a WebSocket whose application has failed."""


class Middleware:
    """Records the requests of an ASGI application: each is a call of an operation.

    The operation is named after the method and route, such as `GET /orders/{order_id}`, and has the
    labels `method`, `route` and `status`. The application gets the server's own messages, in the
    server's own task.

    Args:
        app: the application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[HttpOptions]) -> None:
        self.app = app
        self._operations = HttpOperations(**options)
        registry = self._operations.monitor.registry
        self._metrics = make_asgi_app(registry)
        self._page = make_asgi_app(registry, page=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, a WebSocket connection or the lifespan events."""
        kind = scope["type"]
        operations = self._operations
        if kind == "lifespan":
            await _run_lifespan(self.app, scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        path = path_of(scope)
        if operations.excludes(path):
            await self._answer_excluded(path, scope, receive, send)
            return
        method = scope["method"] if kind == "http" else WEBSOCKET
        request = operations.begin(
            method, scope, lambda: self._span_request(scope), scope.get("scheme", "http")
        )
        if request is None:
            await self.app(scope, receive, send)
            return
        exchange = (_Exchange if kind == "http" else _Connection)(scope, receive, send, request)
        # `vitalspan.current_call()` finds the request by this variable.
        call = request.call  # noqa: F841
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(error)
            raise
        else:
            exchange.end(None)
        finally:
            request.detach()

    async def _answer_excluded(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the metrics, probes or page at a path, or leave the path to the application."""
        shown = self._operations.shown
        if scope["type"] != "http" or not shown.shows(path):
            await self.app(scope, receive, send)
        elif shown.has_page(path):
            mount = scope.get("root_path", "") + shown.page
            below = {**scope, "root_path": mount, "path": mount + path[len(shown.page) :]}
            await self._page(below, receive, send)
        else:
            await self._metrics(scope, receive, send)

    def _span_request(self, scope: Scope) -> SpanRequest:
        """Return the data for the span of a request."""
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        attributes = {
            "http.request.method": scope.get("method", "GET"),
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
        if "user-agent" in headers:
            attributes["user_agent.original"] = headers["user-agent"]
        instrumented = is_of_opentelemetry(self.app, scope.get("app"))
        return SpanRequest(headers, attributes, instrumented)


async def _run_lifespan(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run the lifespan of an application, and let pushes finish when it has shut down."""
    # Workers of gunicorn have other handlers than the process that imported the application.
    sigterm.install()

    async def send_after_pushes(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            # Nothing else runs in this event loop any more. The server may end the process by a
            # signal next, which no function of `atexit` would see.
            sigterm.finish_all(ending=False)
        await send(message)

    await app(scope, receive, send_after_pushes)


def path_of(scope: Scope) -> str:
    """Return the path of a request as the application sees it."""
    path: str = scope["path"]
    root_path = scope.get("root_path", "")
    return path[len(root_path) :] if root_path and path.startswith(root_path) else path


class _Exchange:
    """The messages of one HTTP request.

    Args:
        scope: the scope of the request.
        receive: the server's `receive`.
        send: the server's `send`.
        request: the recorded request.
    """

    __slots__ = (
        *("_path", "_receive", "_request", "_root_path", "_scope", "_send"),
        *("left", "seconds", "status", "trailers"),
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, request: HttpCall) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._request = request
        # The application may change these.
        self._path = scope["path"]
        self._root_path = scope.get("root_path", "")
        self.left = False
        self.seconds: float | None = None
        self.status: int | None = None
        self.trailers = False

    async def receive(self) -> Message:
        """Pass on a message from the client, and note if it has disconnected."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.left = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message to the client, and end the request after the last one."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self.trailers = message.get("trailers", False)
            self._request.answer()
            if self._request.traced:
                self._request.adopt_current_span()
        try:
            await self._send(message)
        except Exception:
            # Servers have no common exception for a client that has disconnected.
            self.left = self.left or self.status is not None
            raise
        if kind != "http.response.start" and self._is_last(message):
            self._complete()

    def end(self, error: BaseException | None) -> None:
        """Handle the end of the application."""
        if self.seconds is not None:
            if self._request.in_progress:
                self._end(error, seconds=self.seconds)
        elif self.left or (self.status is not None and error is None):
            # It stopped before the last part, or before the first one, as it may without a client.
            self._end(error, cancelled=True)
        else:
            self._end(error)

    def _complete(self) -> None:
        if self.seconds is not None:
            return
        self.seconds = self._request.seconds()
        # Frameworks respond to an exception before they raise it.
        if self.status is not None and self.status < 500:
            self._end(None, seconds=self.seconds)

    def _end(self, error: BaseException | None, **how: Any) -> None:
        if error is None and (self.status or 0) >= 500:
            error = self._scope.get(ERROR_KEY)
        self._request.end(self._route(), self.status, error, **how)

    def _route(self) -> str:
        return self._request.route(lambda: route_of(self._scope, self._path, self._root_path))

    def _is_last(self, message: Message) -> bool:
        kind = message["type"]
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        if kind in ("http.response.body", "http.response.zerocopysend"):
            return not (message.get("more_body", False) or self.trailers)
        return kind == "http.response.pathsend" and not self.trailers


class _Connection(_Exchange):
    """The messages of one WebSocket connection, which is a single call."""

    __slots__ = ("code",)

    def __init__(self, scope: Scope, receive: Receive, send: Send, request: HttpCall) -> None:
        super().__init__(scope, receive, send, request)
        self.code: int = 1000

    async def receive(self) -> Message:
        """Pass on a message from the client, and count it."""
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self._request.call.add("messages_received")
        elif message["type"] == "websocket.disconnect":
            self.left = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message to the client, and count it."""
        kind = message["type"]
        if kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close":
            # A connection that was not accepted is answered with 403.
            self.status = self.status or 403
            self.code = message.get("code", 1000)
        try:
            await self._send(message)
        except Exception:
            self.left = True
            raise
        if kind == "websocket.send":
            self._request.call.add("messages_sent")

    def end(self, error: BaseException | None) -> None:
        """Handle the end of the application."""
        if error is None and self.code in _FAILURES:
            error = self._scope.get(ERROR_KEY)
            if error is None:
                self._request.call.fail(error_type=str(self.code))
        # A client may also leave before it has an answer, after which there is nothing to send.
        self._end(error, cancelled=self.left and (error is not None or self.status is None))
