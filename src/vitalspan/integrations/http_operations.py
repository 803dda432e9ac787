"""Requests that an HTTP server answers, as calls of operations by method and route."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, Unpack

from opentelemetry import propagate
from opentelemetry.trace import SpanKind, get_current_span

from vitalspan.errors import ConfigurationError
from vitalspan.integrations.endpoint_paths import EndpointPaths
from vitalspan.integrations.request_operations import (
    OPENTELEMETRY,
    RequestCall,
    RequestOperations,
    known_method,
)
from vitalspan.recording import spans
from vitalspan.recording.call import Call, call_of
from vitalspan.recording.call_record import CallDetails, details_of
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.current_call import current_request
from vitalspan.recording.measured_call import open_span
from vitalspan.recording.spans import slot

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.monitor import Monitor

_RECORDED: Final = "vitalspan.recorded"
"""The key under which a request stores the recorders that already record it."""

WEBSOCKET: Final = "WEBSOCKET"
"""The value of the `method` label for WebSocket connections."""


class HttpOptions(TypedDict, total=False):
    """The options of all integrations with HTTP servers.

    Attributes:
        monitor: the monitor that records the requests; by default the default monitor.
        component: the component of the operations, `http` by default.
        exclude: paths that are not recorded, each with everything below it: `/metrics` excludes
            `/metrics` and `/metrics/any/thing`.
        exact_status: whether the label `status` is the exact code, such as `404`, instead of its
            class, `4xx`.
        is_error: a function of the status code that returns whether the request failed; by default
            codes from 500 on are errors.
        metrics_path: the path of the metrics, with the probes below it; these requests are not
            recorded. By default the metrics are not served.
        probes_path: another path for the probes to be below: `/` puts them at `/-/live`, `/-/ready`
            and `/health`.
        page_path: the path of the live page, with its JSON API below it. By default it is not
            served.
        first_byte: whether the time until each response begins is counted as well, as
            `operation_time_to_first_byte_seconds`.
        opentelemetry_metrics: whether the requests are also shown as OpenTelemetry's metric
            `http_server_request_duration_seconds`. The label `status` is then the exact code, and
            there is a label `scheme`.
    """

    monitor: Monitor | None
    component: str
    exclude: Sequence[str]
    exact_status: bool
    is_error: Callable[[int], bool]
    metrics_path: str | None
    probes_path: str | None
    page_path: str | None
    first_byte: bool
    opentelemetry_metrics: bool


class SpanRequest(NamedTuple):
    """The parts of a request that its span needs.

    Attributes:
        headers: the headers of the request, by lower-case names.
        attributes: the initial attributes of the span.
        instrumented: whether OpenTelemetry's own instrumentation makes the span.
    """

    headers: Mapping[str, str]
    attributes: Mapping[str, Any]
    instrumented: bool = False


class HttpOperations(RequestOperations):
    """The operations of one application, and everything that its requests share.

    Args:
        options: see `HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.

    Attributes:
        shown: the paths of the metrics, the probes and the page.
        first_byte: whether the time until each response begins is counted.
    """

    component = "http"
    kind = SpanKind.SERVER
    target = "route"
    errors_from = 500

    def __init__(self, **options: Unpack[HttpOptions]) -> None:
        super().__init__(options, HttpOptions)
        self.shown = EndpointPaths(
            options.get("metrics_path"), options.get("probes_path"), options.get("page_path")
        )
        pages = {self.shown.page} - {""}
        excluded = _checked_paths(options.get("exclude", ())) | pages
        self._excluded = excluded | self.shown.metrics
        self._below_excluded = tuple(f"{path}/" for path in excluded)
        self.first_byte: bool = options.get("first_byte", False)
        self._begun: dict[str, CallSite] = {}

    def excludes(self, path: str) -> bool:
        """Return whether requests for a path are not recorded."""
        excluded = self._excluded
        return bool(excluded) and (path in excluded or path.startswith(self._below_excluded))

    def begin(
        self,
        method: str,
        request: MutableMapping[str, Any],
        describe: Callable[[], SpanRequest],
        scheme: str = "http",
    ) -> HttpCall | None:
        """Begin the call of a request.

        Args:
            method: the method of the request; `WEBSOCKET` for a WebSocket connection.
            request: the scope or environment, in which integrations store their data.
            describe: returns the data for a span. It is only called if a span is made.
            scheme: the scheme of the URL.

        Returns:
            The call; None if recording is disabled or the same monitor records this request
            already.
        """
        recorders = request.get(_RECORDED, ())
        if self.recorder in recorders:
            return None
        if method != WEBSOCKET:
            method = known_method(method)
        site = self._begun.get(method)
        if site is None:
            site = self._begun[method] = self._site(method)
        if site.gate is OFF:
            return None
        request[_RECORDED] = (*recorders, self.recorder)
        call = HttpCall(self, method, site)
        if self._opentelemetry_metrics and method != WEBSOCKET:
            call.scheme = self.scheme_label(scheme)
        if slot._TRACER_PROVIDER is not site.gate:  # noqa: SLF001
            call.trace(describe)
        return call


class HttpCall(RequestCall):
    """A request in progress. Its methods never raise into the application.

    Args:
        operations: the operations of the application.
        method: the method of the request.
        site: the call site for the method only, because the route is not known before the end.

    Attributes:
        traced: whether there is a tracer provider.
    """

    __slots__ = ("_context", "_outer", "_tokens", "traced")

    # The status that servers send if an application gives no response.
    status_without_response = 500

    _operations: HttpOperations

    def __init__(self, operations: HttpOperations, method: str, site: CallSite) -> None:
        super().__init__(operations, method, site)
        self._tokens: list[Any] = []
        self._context: Any = None
        self.traced = False
        self._outer: Token[Call | None] | None = current_request.set(self.call)

    def trace(self, describe: Callable[[], SpanRequest]) -> None:
        """Make the span of the request, as a child of the span in the client's headers.

        If OpenTelemetry's own instrumentation has made the server's span, no other is made.

        Args:
            describe: returns the data for the span.
        """
        self.traced = True
        try:
            if self.adopt_current_span():
                return
            request = describe()
            if request.instrumented:
                return
            parent = propagate.extract(request.headers, spans.current())
            self._tokens.append(spans.attach(parent))
            self._span, token = open_span(self._record[2], request.attributes)
            self._tokens.append(token)
            self.call = call_of(self._record, None, self._span)
            current_request.set(self.call)
        except Exception:  # noqa: BLE001 - the application must not fail
            self._note("begin", "a request is recorded without its span")

    def adopt_current_span(self) -> bool:
        """Use an existing server span for the exemplar of this request.

        Returns:
            Whether there is one.
        """
        span: Any = get_current_span()
        if self._span is not None or not span.is_recording():
            return False
        context = span.get_span_context()
        if getattr(span, "kind", None) is not SpanKind.SERVER:
            # OpenTelemetry's ASGI middleware makes a child of that span for each message sent.
            context = getattr(span, "parent", None)
            scope = getattr(span, "instrumentation_scope", None)
            name = getattr(scope, "name", "")
            if context is None or not name.startswith(OPENTELEMETRY):
                return False
        details_of(self._record).span = context
        return True

    def route(self, find: Callable[[], str]) -> str:
        """Return the route that a function finds; empty if it raises."""
        try:
            return find()
        except Exception:  # noqa: BLE001 - the application must not fail
            self._note("end", "the route of a request could not be found")
            return ""

    def answer(self) -> None:
        """Record that the response begins. A second call does nothing."""
        if self._operations.first_byte and self.in_progress:
            details = details_of(self._record)
            if details.first_byte is None:
                details.first_byte = self.seconds()

    def attach(self) -> None:
        """Make the span current again: the application resumes."""
        if self._context is not None:
            self._tokens.append(spans.attach(self._context))

    def detach(self) -> None:
        """Restore the context from before the request."""
        outer, self._outer = self._outer, None
        if outer is not None:
            # A coroutine that is discarded may be closed in any context.
            with suppress(ValueError):
                current_request.reset(outer)
        if self._tokens:
            self._context = spans.current()
        while self._tokens:
            token = self._tokens.pop()
            if token is not None:
                spans.detach(token)

    def _end_span(
        self,
        span: Span,
        details: CallDetails,
        target: str,
        status: int | None,
        error: BaseException | None,
    ) -> None:
        site: Any = details.site
        span.update_name(site.series.operation)
        if target:
            span.set_attribute("http.route", target)
        super()._end_span(span, details, target, status, error)


def _checked_paths(paths: Sequence[str]) -> frozenset[str]:
    if isinstance(paths, str) or not all(
        isinstance(path, str) and path.startswith("/") for path in paths
    ):
        raise ConfigurationError(
            f"exclude={paths!r:.80}: use a sequence of paths that begin with a slash, such as "
            '["/metrics", "/health"]'
        )
    return frozenset(path.rstrip("/") for path in paths)
