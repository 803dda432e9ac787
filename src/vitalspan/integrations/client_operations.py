"""Requests that HTTP clients make, as calls of operations by method and host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypedDict

from opentelemetry import context, propagate
from opentelemetry.trace import SpanKind, get_current_span

from vitalspan.argument_checks import check_whole
from vitalspan.integrations.request_operations import (
    OPENTELEMETRY,
    RequestCall,
    RequestOperations,
    known_method,
)
from vitalspan.metrics import OTHER
from vitalspan.recording import spans
from vitalspan.recording.call_record import details_of
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.measured_call import open_span
from vitalspan.recording.spans import slot

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SUPPRESSED: Final = (
    "suppress_instrumentation",
    getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
)
"""The context keys with which OpenTelemetry's exporters suppress tracing of their own requests."""


class ClientOptions(TypedDict, total=False):
    """The options of all integrations with HTTP clients.

    Attributes:
        monitor: the monitor that records the requests; by default the default monitor.
        component: the component of the operations, `http_client` by default.
        exact_status: whether the label `status` is the exact code, such as `404`, instead of its
            class, `4xx`.
        is_error: a function of the status code that returns whether the request failed; by default
            codes from 400 on are errors.
        max_hosts: the maximum number of hosts with their own series, 100 by default; requests to
            other hosts are counted as `_OTHER`.
        opentelemetry_metrics: whether the requests are also shown as OpenTelemetry's metric
            `http_client_request_duration_seconds`. The label `status` is then the exact code, and
            there is a label `scheme`.
    """

    monitor: Monitor | None
    component: str
    exact_status: bool
    is_error: Callable[[int], bool]
    max_hosts: int
    opentelemetry_metrics: bool


class Url(NamedTuple):
    """The parts of a URL that are recorded, which excludes credentials and the query.

    Attributes:
        scheme: the scheme, such as `https`.
        host: the name or address of the host.
        port: the port; None if it is the default of the scheme.
        path: the path as it is sent.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the default of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port is None or self.port == _DEFAULT_PORTS.get(self.scheme):
            return host
        return f"{host}:{self.port}"


class ClientOperations(RequestOperations):
    """The operations of all requests that are made with one library.

    Args:
        options: see `ClientOptions`.
        instrumentor: the module and class of OpenTelemetry's own instrumentation of the library,
            such as `httpx.HTTPXClientInstrumentor`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    component = "http_client"
    kind = SpanKind.CLIENT
    target = "host"
    errors_from = 400

    def __init__(self, options: ClientOptions, instrumentor: str) -> None:
        super().__init__(options, ClientOptions)
        self._most_hosts = options.get("max_hosts", 100)
        check_whole("max_hosts", self._most_hosts, 0)
        module, _, self._instrumentor = instrumentor.rpartition(".")
        self._instrumentation = OPENTELEMETRY + module
        self._begun: dict[tuple[str, str], CallSite] = {}
        self._hosts: set[str] = set()

    def begin(self, method: str, url: Url) -> ClientCall | None:
        """Begin the call of a request.

        Args:
            method: the method of the request.
            url: the requested URL.

        Returns:
            The call, which a `with` statement ends; None if nothing is recorded.
        """
        if any(map(context.get_value, _SUPPRESSED)):
            return None
        key = (known_method(method), self._bounded(url.authority))
        site = self._begun.get(key)
        if site is None:
            site = self._begun[key] = self._site(*key)
        if site.gate is OFF:
            return None
        call = ClientCall(self, *key, site)
        call.scheme = self.scheme_label(url.scheme)
        if slot._TRACER_PROVIDER is not site.gate:  # noqa: SLF001
            call.trace(_attributes(method, url), instrumented=self._is_instrumented())
        return call

    def clear(self) -> None:
        """Drop the call sites."""
        super().clear()
        self._begun.clear()

    def _bounded(self, host: str) -> str:
        if host not in self._hosts:
            if len(self._hosts) >= self._most_hosts:
                return OTHER
            self._hosts.add(host)
        return host

    def _is_instrumented(self) -> bool:
        """Return whether OpenTelemetry's own instrumentation traces the library's requests."""
        instrumentor: Any = getattr(
            sys.modules.get(self._instrumentation), self._instrumentor, None
        )
        instance = getattr(instrumentor, "_instance", None)
        return getattr(instance, "_is_instrumented_by_opentelemetry", False) is True


class ClientCall(RequestCall):
    """A request that a client has sent. It ends with its `with` statement.

    Args:
        operations: the operations of the client.
        method: the method of the request.
        host: the requested host.
        site: the call site for the method and the host.

    Attributes:
        headers: the headers to send, so that the server's span is a child of the request's.
        status: the status of the response, once it has arrived.
    """

    __slots__ = ("_host", "_token", "headers", "status")

    def __init__(
        self, operations: ClientOperations, method: str, host: str, site: CallSite
    ) -> None:
        super().__init__(operations, method, site)
        self._host = host
        self._token: Any = None
        self.headers: dict[str, str] = {}
        self.status: int | None = None

    def trace(self, attributes: Mapping[str, Any], *, instrumented: bool) -> None:
        """Make the span of the request.

        If OpenTelemetry's own instrumentation makes one, no other is made.

        Args:
            attributes: the initial attributes of the span.
            instrumented: whether OpenTelemetry's own instrumentation of the library is active.
        """
        try:
            if self._adopt_current_span() or instrumented:
                return
            self._span, self._token = open_span(self._record[2], attributes)
            propagate.inject(self.headers)
        except Exception:  # noqa: BLE001 - the program must not fail
            self._note("begin", "a request is recorded without its span")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.finish(error)

    def finish(self, error: BaseException | None = None) -> None:
        """End the request: its response has begun, or it failed. A second call does nothing."""
        token, self._token = self._token, None
        if token is not None:
            spans.detach(token)
        self.end(self._host, self.status, error)

    def _adopt_current_span(self) -> bool:
        """Use the span that OpenTelemetry's instrumentation has made for the exemplar."""
        span: Any = get_current_span()
        scope = getattr(span, "instrumentation_scope", None)
        if (
            not span.is_recording()
            or getattr(span, "kind", None) is not SpanKind.CLIENT
            or not getattr(scope, "name", "").startswith(OPENTELEMETRY)
        ):
            return False
        details_of(self._record).span = span.get_span_context()
        return True


def _attributes(method: str, url: Url) -> Mapping[str, Any]:
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "server.address": url.host,
        "url.full": f"{url.scheme}://{url.authority}{url.path}",
    }
    port = url.port or _DEFAULT_PORTS.get(url.scheme)
    if port is not None:
        attributes["server.port"] = port
    return attributes
