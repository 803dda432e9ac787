"""A Django middleware that records every request as an operation, and a view for the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import iscoroutinefunction, ismethod
from typing import Any, Final, cast
from weakref import WeakMethod, ref

from vitalspan.integrations.http_operations import (
    HttpCall,
    HttpOperations,
    HttpOptions,
    SpanRequest,
)
from vitalspan.serve.messages import Request, Response
from vitalspan.serve.routes import respond

__all__ = ["Middleware", "metrics"]

_ERROR: Final = "_vitalspan_error"


class Middleware:
    """Records all requests, of sync and async views: put it first in `MIDDLEWARE`.

    The setting `VITALSPAN` is a mapping of options; see
    `vitalspan.integrations.http_operations.HttpOptions`.

    Args:
        get_response: the next middleware, or the view.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        # Imported here, because the framework is an optional dependency.
        from asgiref.sync import markcoroutinefunction  # noqa: PLC0415

        self._get_response = get_response
        self._operations = HttpOperations(**_options())
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(cast("Any", self))

    def __call__(self, request: Any) -> Any:
        """Handle a request, or return a coroutine that does."""
        if self._is_async:
            return self._answer_async(request)
        if self._operations.shown.shows(request.path_info):
            return self._show(request)
        begun = self._begin(request)
        if begun is None:
            return self._get_response(request)
        # `vitalspan.current_call()` finds the request by this variable.
        call = begun.call  # noqa: F841
        try:
            response = self._get_response(request)
        except BaseException as error:
            _end(begun, request, None, error)
            raise
        finally:
            begun.detach()
        return _end_when_closed(begun, request, response)

    async def _answer_async(self, request: Any) -> Any:
        get_response = cast("Callable[[Any], Awaitable[Any]]", self._get_response)
        if self._operations.shown.shows(request.path_info):
            # In a thread, so that a scrape does not block the event loop.
            return await asyncio.to_thread(self._show, request)
        begun = self._begin(request)
        if begun is None:
            return await get_response(request)
        # `vitalspan.current_call()` finds the request by this variable.
        call = begun.call  # noqa: F841
        try:
            response = await get_response(request)
        except BaseException as error:
            _end(begun, request, None, error)
            raise
        finally:
            begun.detach()
        return _end_when_closed(begun, request, response)

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Store the exception of a view, because Django turns it into a response."""
        setattr(request, _ERROR, exception)

    def _show(self, request: Any) -> Any:
        operations = self._operations
        answer = operations.shown.respond(
            _shown_request(request, request.path_info), operations.monitor.registry
        )
        return _response(answer)

    def _begin(self, request: Any) -> HttpCall | None:
        if self._operations.excludes(request.path_info):
            return None
        notes = getattr(request, "scope", request.META)
        return self._operations.begin(
            request.method, notes, lambda: _span_request(request), request.scheme
        )


def metrics(request: Any, *_: str) -> Any:
    """Serve the metrics, or a probe or the health if the path ends like theirs.

    Args:
        request: Django's request; the monitor from the setting `VITALSPAN` is shown.
        *_: values that the URL pattern captures.
    """
    from vitalspan.default import get_monitor  # noqa: PLC0415

    registry = (_options().get("monitor") or get_monitor()).registry
    return _response(respond(_shown_request(request, request.path), registry, any_path=True))


def _shown_request(request: Any, path: str) -> Request:
    return Request(
        method=request.method,
        path=path,
        query=request.META.get("QUERY_STRING", ""),
        headers={key.lower(): value for key, value in request.headers.items()},
    )


def _response(answer: Response) -> Any:
    from django.http import HttpResponse  # type: ignore[import-untyped]  # noqa: PLC0415

    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def _options() -> HttpOptions:
    from django.conf import settings  # type: ignore[import-untyped]  # noqa: PLC0415

    return cast("HttpOptions", getattr(settings, "VITALSPAN", {}))


def _span_request(request: Any) -> SpanRequest:
    headers = {key.lower(): value for key, value in request.headers.items()}
    attributes = {
        "http.request.method": request.method,
        "url.path": request.path,
        "url.scheme": request.scheme,
    }
    return SpanRequest(headers, attributes)


def _route(request: Any) -> str:
    match = getattr(request, "resolver_match", None)
    return "" if match is None else f"/{match.route.removeprefix('/')}"


def _end(
    call: HttpCall,
    request: Any,
    status: int | None,
    error: BaseException | None = None,
    *,
    cancelled: bool = False,
) -> None:
    if error is None and (status or 0) >= 500:
        error = getattr(request, _ERROR, None)
    call.end(call.route(lambda: _route(request)), status, error, cancelled=cancelled)


def _end_when_closed(call: HttpCall, request: Any, response: Any) -> Any:
    """End the call when the server has sent the response and closes it."""
    ending = _Ending(call, request, response)
    if _is_sent_by_server(request, response):
        ending.leave_to_server()
    elif not response.streaming:
        call.answer()
    else:
        parts = response.streaming_content
        response.streaming_content = (
            ending.take_async(parts) if response.is_async else ending.take(parts)
        )
    response.close = ending.close
    return response


def _is_sent_by_server(request: Any, response: Any) -> bool:
    """Return whether the response is a file that the WSGI server sends itself."""
    file = getattr(response, "file_to_stream", None)
    return file is not None and bool(request.META.get("wsgi.file_wrapper"))


def _weakly(close: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method of the response without keeping the response alive."""
    if not ismethod(close):
        return close
    method = WeakMethod(close)

    def call() -> None:
        bound = method()
        if bound is not None:
            bound()

    return call


class _Ending:
    """The end of a response: its last part, an exception in it, or a client that disconnects.

    Args:
        call: the call that ends with the response.
        request: Django's request.
        response: Django's response.
    """

    def __init__(self, call: HttpCall, request: Any, response: Any) -> None:
        self._call = call
        self._request = request
        self._status: int = response.status_code
        self._close = _weakly(response.close)
        self._response_or_none = ref(response)
        self._response: Any = None
        self._complete = not response.streaming

    def take(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Pass on the parts of a response."""
        try:
            for part in parts:
                self._call.answer()
                yield part
        except BaseException as error:
            self._broken(error)
            raise
        self._complete = True

    async def take_async(self, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass on the parts of an asynchronous response."""
        try:
            async for part in parts:
                self._call.answer()
                yield part
        except BaseException as error:
            self._broken(error)
            raise
        self._complete = True

    def leave_to_server(self) -> None:
        """Leave a response to the server that sends it: it ends when the server closes it."""
        self._complete = True
        # The server only has the file, whose `close` method is replaced by that of the response.
        self._response = self._response_or_none()

    def close(self) -> None:
        """Close the response, because the server needs no further part."""
        try:
            self._close()
        finally:
            self._end(cancelled=not self._complete)

    def __del__(self) -> None:
        # With ASGI, Django does not close a response whose client has disconnected, and older
        # versions do not always close others.
        self._end(cancelled=not self._complete)

    def _broken(self, error: BaseException) -> None:
        # A generator is closed when the client disconnects.
        left = not isinstance(error, Exception)
        self._end(None if left else error, cancelled=left)

    def _end(self, error: BaseException | None = None, *, cancelled: bool = False) -> None:
        if self._call.in_progress:
            _end(self._call, self._request, self._status, error, cancelled=cancelled)
