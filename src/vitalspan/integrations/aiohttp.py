"""Records the requests of aiohttp servers as operations, and serves the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

from vitalspan.errors import ConfigurationError
from vitalspan.integrations.http_operations import (
    WEBSOCKET,
    HttpCall,
    HttpOperations,
    HttpOptions,
    SpanRequest,
)
from vitalspan.integrations.request_operations import is_of_opentelemetry
from vitalspan.serve.messages import Request, Response
from vitalspan.serve.routes import respond

if TYPE_CHECKING:
    from aiohttp import web

    from vitalspan.monitor import Monitor
    from vitalspan.recording.call import Call

__all__ = ["instrument", "metrics_handler"]

_CALL: Final = "call"
"""The key under which a request stores its call."""

_Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]


def instrument(app: web.Application, **options: Unpack[HttpOptions]) -> None:
    """Record all requests of an application and its sub-applications.

    Calling it again changes nothing.

    Args:
        app: an aiohttp application that has not been started yet.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option, and if the application has been started.
        TypeError: for any other object.
    """
    # Imported here, because the framework is an optional dependency.
    from aiohttp.web import Application  # noqa: PLC0415

    if not isinstance(app, Application):
        raise TypeError(f"instrument() takes an aiohttp application, and not {type(app).__name__}")
    if any(hasattr(one, "_vitalspan") for one in app.middlewares):
        return
    if app.frozen:
        raise ConfigurationError(
            "the application is already running: call instrument() before you start it"
        )
    operations = HttpOperations(**options)
    # Outside of all other middlewares.
    app.middlewares.insert(0, _recording_middleware(operations))
    app.on_response_prepare.append(_answer)


def _recording_middleware(operations: HttpOperations) -> Any:
    """Return a middleware that records requests."""
    from aiohttp.web import middleware  # noqa: PLC0415

    registry, shown = operations.monitor.registry, operations.shown

    async def show(request: web.Request) -> web.StreamResponse:
        return await _respond(request, partial(shown.respond, registry=registry))

    @middleware
    async def recorded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if operations.excludes(request.path):
            return await (show if shown.shows(request.path) else handler)(request)
        upgrade = request.headers.get("Upgrade", "").lower()
        method = WEBSOCKET if upgrade == "websocket" else request.method
        notes = _notes(request)
        begun = operations.begin(method, notes, lambda: _span_request(request), request.scheme)
        if begun is None:
            return await handler(request)
        notes[_CALL] = begun
        # `vitalspan.current_call()` finds the request by this variable.
        call = begun.call  # noqa: F841
        try:
            response = await handler(request)
        except BaseException as error:
            _end_with_error(begun, request, error)
            raise
        finally:
            begun.detach()
        _end_after(begun, request, response)
        return response

    recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    return recorded


def metrics_handler(monitor: Monitor | None = None) -> _Handler:
    """Make a handler that serves a monitor's metrics, probes and health.

    Args:
        monitor: the monitor whose registry is served; None is the default monitor.
    """
    from vitalspan.default import get_monitor  # noqa: PLC0415

    registry = (monitor or get_monitor()).registry

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _respond(request, partial(respond, registry=registry, any_path=True))

    return handle


async def _respond(
    request: web.Request, answer: Callable[[Request], Response]
) -> web.StreamResponse:
    from aiohttp.web import Response as AiohttpResponse  # noqa: PLC0415

    asked = Request(
        method=request.method,
        path=request.path,
        query=request.query_string,
        headers={key.lower(): value for key, value in request.headers.items()},
    )
    # In a thread, so that a scrape does not block the event loop.
    shown = await asyncio.to_thread(answer, asked)
    return AiohttpResponse(body=shown.body, status=shown.status, headers=dict(shown.headers))


def _span_request(request: web.Request) -> SpanRequest:
    headers = {key.lower(): value for key, value in request.headers.items()}
    version = request.version
    attributes = {
        "http.request.method": request.method,
        "url.path": request.path,
        "url.scheme": request.scheme,
        "network.protocol.version": f"{version.major}.{version.minor}",
    }
    instrumented = is_of_opentelemetry(*request.app.middlewares)
    return SpanRequest(headers, attributes, instrumented)


async def _answer(request: web.Request, response: web.StreamResponse) -> None:
    """Record that a response begins; for a WebSocket connection its messages are counted."""
    begun: HttpCall | None = _notes(request).get(_CALL)
    if begun is None:
        return
    begun.answer()
    if begun.method == WEBSOCKET and hasattr(response, "receive"):
        _count_messages(cast("web.WebSocketResponse", response), begun.call)


def _count_messages(socket: web.WebSocketResponse, call: Call) -> None:
    """Count the messages that a WebSocket sends and receives from now on.

    Pings, pongs and the end of the connection are not counted.
    """
    # Those for JSON send by them as well.
    for name in ("send_str", "send_bytes"):
        setattr(socket, name, _counting_sent(getattr(socket, name), call))
    # All other methods that receive, and the iterator, use this one.
    socket.receive = _counting_received(socket.receive, call)  # type: ignore[method-assign]


def _counting_sent(send: Callable[..., Awaitable[None]], call: Call) -> Any:
    async def sent(*args: Any, **kwargs: Any) -> None:
        await send(*args, **kwargs)
        call.add("messages_sent")

    return sent


def _counting_received(receive: Callable[..., Awaitable[Any]], call: Call) -> Any:
    from aiohttp import WSMsgType  # noqa: PLC0415 - the framework is there where its requests are

    async def received(*args: Any, **kwargs: Any) -> Any:
        message = await receive(*args, **kwargs)
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            call.add("messages_received")
        return message

    return received


def _notes(request: web.Request) -> dict[str, Any]:
    """Return the data that integrations store in a request."""
    from vitalspan.integrations.aiohttp_request_key import REQUEST_KEY  # noqa: PLC0415

    notes: dict[str, Any] = request.setdefault(REQUEST_KEY, {})
    return notes


def _route(request: web.Request) -> str:
    """Return the template of the matched route, including the prefixes of outer applications."""
    match = request.match_info
    # Unknown paths and methods are matched by a route that raises an exception.
    if match is None or match.http_exception is not None:
        return ""
    resource = match.route.resource
    return "" if resource is None else str(resource.canonical) or "/"


def _end_with_error(call: HttpCall, request: web.Request, error: BaseException) -> None:
    from aiohttp.web import HTTPException  # noqa: PLC0415

    route = call.route(lambda: _route(request))
    if isinstance(error, HTTPException):
        # The exception is a response, whose status `is_error` judges.
        call.answer()
        call.end(route, error.status)
    else:
        transport = request.transport
        left = transport is None or transport.is_closing()
        call.end(route, None, error, cancelled=left and isinstance(error, Exception))


def _end_after(call: HttpCall, request: web.Request, response: Any) -> None:
    """End the call when the server has written the response, or has failed to."""
    from aiohttp.web import StreamResponse  # noqa: PLC0415

    route = call.route(lambda: _route(request))
    if not isinstance(response, StreamResponse):
        # The server will report the error.
        call.end(route, None)
        return
    if response.prepared:
        # A WebSocket connection, or a stream that the handler has written.
        call.end(route, response.status)
        return

    def ending(write: Callable[..., Awaitable[Any]], *, last: bool) -> Any:
        async def written(*args: Any, **kwargs: Any) -> Any:
            try:
                result = await write(*args, **kwargs)
            except BaseException as error:
                gone = isinstance(error, ConnectionError)
                call.end(route, response.status, error, cancelled=gone)
                raise
            if last:
                call.end(route, response.status)
            return result

        return written

    # A file is written while its response is prepared.
    for name, last in (("prepare", False), ("write_eof", True)):
        setattr(response, name, ending(getattr(response, name), last=last))
