"""The operations of an HTTP server, by method and route."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from opentelemetry.trace import SpanKind

from vitalspan.errors import ConfigurationError
from vitalspan.integrations.http_call import HttpCall, SpanRequest
from vitalspan.integrations.request_operations import RequestOperations, known_method
from vitalspan.integrations.shown_paths import ShownPaths
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.spans import slot

if TYPE_CHECKING:
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
        self.shown = ShownPaths(
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


def _checked_paths(paths: Sequence[str]) -> frozenset[str]:
    if isinstance(paths, str) or not all(
        isinstance(path, str) and path.startswith("/") for path in paths
    ):
        raise ConfigurationError(
            f"exclude={paths!r:.80}: use a sequence of paths that begin with a slash, such as "
            '["/metrics", "/health"]'
        )
    return frozenset(path.rstrip("/") for path in paths)
