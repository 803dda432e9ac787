"""A WSGI middleware that records every request as an operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Unpack

from vitalspan.integrations.http_operations import (
    HttpCall,
    HttpOperations,
    HttpOptions,
    SpanRequest,
)
from vitalspan.integrations.request_operations import is_of_opentelemetry
from vitalspan.serve.wsgi import make_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Middleware"]

ROUTE_KEY: Final = "vitalspan.route"
"""The key in the environment for the route template of a framework."""

ERROR_KEY: Final = "vitalspan.error"
"""The key in the environment for an exception that the framework turns into a response."""


class Middleware:
    """Records the requests of a WSGI application: each is a call of an operation.

    The operation is named after the method and route, such as `GET /orders/<int:order_id>`, and has
    the labels `method`, `route` and `status`. The response is passed on part by part.

    Args:
        app: the application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    def __init__(self, app: WSGIApplication, **options: Unpack[HttpOptions]) -> None:
        self.app = app
        self._operations = HttpOperations(**options)
        self.framework_app: Any = None
        """The application whose `wsgi_app` this is, for frameworks that have this attribute."""
        registry = self._operations.monitor.registry
        self._metrics = make_wsgi_app(registry)
        self._page = make_wsgi_app(registry, page=True)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request."""
        operations, path = self._operations, environ.get("PATH_INFO", "")
        if operations.excludes(path):
            return self._answer_excluded(path, environ, start_response)
        request = operations.begin(
            environ["REQUEST_METHOD"],
            environ,
            lambda: self._span_request(environ),
            environ.get("wsgi.url_scheme", "http"),
        )
        if request is None:
            return self.app(environ, start_response)
        exchange = _Exchange(self.app, environ, start_response, request)
        # `vitalspan.current_call()` finds the request by this variable.
        call = request.call  # noqa: F841
        try:
            parts = self.app(environ, exchange.start_response)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            request.detach()
        file_wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(file_wrapper, type) and isinstance(parts, file_wrapper):
            # The server sends the file itself, as long as it gets this very object.
            exchange.end(None)
            return parts
        return (_SizedBody if hasattr(parts, "__len__") else _Body)(parts, exchange)

    def _answer_excluded(
        self, path: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve the metrics, probes or page at a path, or leave the path to the application."""
        shown = self._operations.shown
        if not shown.shows(path):
            return self.app(environ, start_response)
        if not shown.has_page(path):
            return self._metrics(environ, start_response)
        mount = environ.get("SCRIPT_NAME", "") + shown.page
        below = {**environ, "SCRIPT_NAME": mount, "PATH_INFO": path[len(shown.page) :]}
        return self._page(below, start_response)

    def _span_request(self, environ: WSGIEnvironment) -> SpanRequest:
        """Return the data for the span of a request."""
        headers: dict[str, str] = {
            key[5:].replace("_", "-").lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        attributes = {
            "http.request.method": environ["REQUEST_METHOD"],
            "url.path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
            "url.scheme": environ.get("wsgi.url_scheme", "http"),
            "network.protocol.version": environ.get("SERVER_PROTOCOL", "HTTP/1.1")[5:],
        }
        if "user-agent" in headers:
            attributes["user_agent.original"] = headers["user-agent"]
        instrumented = is_of_opentelemetry(self.app, self.framework_app)
        return SpanRequest(headers, attributes, instrumented)


class _Exchange:
    """A request, and the part of its response that has been sent.

    Args:
        app: the application.
        environ: the environment of the request.
        start_response: the server's `start_response`.
        request: the recorded request.
    """

    __slots__ = (
        *("_app", "_environ", "_route", "_script_name", "_start_response"),
        *("request", "status"),
    )

    def __init__(
        self,
        app: WSGIApplication,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        request: HttpCall,
    ) -> None:
        self._app = app
        self._environ = environ
        self._script_name = environ.get("SCRIPT_NAME", "")
        self._start_response = start_response
        self.request = request
        self.status: int | None = None
        self._route = ""

    def start_response(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        """Pass on the start of a response."""
        code = status[:3]
        self.status = int(code) if code.isdecimal() else None
        if exc_info and exc_info[0]:
            self._environ.setdefault(ERROR_KEY, exc_info[0][1])
        if self.request.traced:
            self.request.adopt_current_span()
        # Flask removes its request from the environment before the application returns.
        self._route = self.request.route(self._find_route)
        return self._start_response(status, headers, *exc_info)

    def is_head(self) -> bool:
        """Return whether the server needs no body, as for HEAD."""
        return self.request.method == "HEAD"

    def end(self, error: BaseException | None, *, cancelled: bool = False) -> None:
        """End the request."""
        if not self.request.in_progress:
            return
        if error is None and (self.status or 0) >= 500:
            error = self._environ.get(ERROR_KEY)
        self.request.answer()
        self.request.end(self._route, self.status, error, cancelled=cancelled)

    def _find_route(self) -> str:
        """Return the template of the matched route, with the prefix of a mounted application."""
        environ = self._environ
        route = environ.get(ROUTE_KEY)
        if route is None:
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            route = getattr(rule, "rule", None)
            if route is None:
                return ""
        mounts = getattr(self._app, "mounts", None)
        prefix = environ.get("SCRIPT_NAME", "")[len(self._script_name) :]
        # Any other prefix may come from a header of the client.
        return prefix + route if isinstance(mounts, Mapping) and prefix in mounts else str(route)


class _Body:
    """The parts of a response, as the application yields them.

    Args:
        parts: the parts from the application.
        exchange: the request that they belong to.
    """

    def __init__(self, parts: Iterable[bytes], exchange: _Exchange) -> None:
        self._parts = parts
        self._iterator: Iterator[bytes] | None = None
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange = self._exchange
        exchange.request.attach()
        # `vitalspan.current_call()` finds the request by this variable.
        call = exchange.request.call  # noqa: F841
        try:
            if self._iterator is None:
                self._iterator = iter(self._parts)
            part = next(self._iterator)
        except StopIteration:
            # The server has sent the last part before it asks for another one.
            exchange.end(None)
            raise
        except BaseException as error:
            exchange.end(error)
            raise
        else:
            exchange.request.answer()
            return part
        finally:
            exchange.request.detach()

    def close(self) -> None:
        """End the request, because the server needs no further part."""
        try:
            if hasattr(self._parts, "close"):
                self._parts.close()
        except BaseException as error:
            self._exchange.end(error)
            raise
        self._exchange.end(None, cancelled=not self._is_complete())

    def __del__(self) -> None:
        # A server that forgets to close it must not leave the request in progress forever.
        self._exchange.end(None, cancelled=not self._is_complete())

    def _is_complete(self) -> bool:
        return self._exchange.is_head()


class _SizedBody(_Body):
    """The parts of a response that is complete already; servers may ask for their number."""

    def __init__(self, parts: Iterable[bytes], exchange: _Exchange) -> None:
        super().__init__(parts, exchange)
        self._position = 0

    def __len__(self) -> int:
        return len(self._parts)  # type: ignore[arg-type]

    def __next__(self) -> bytes:
        part = super().__next__()
        self._position += 1
        return part

    def _is_complete(self) -> bool:
        return self._position >= len(self) or super()._is_complete()
