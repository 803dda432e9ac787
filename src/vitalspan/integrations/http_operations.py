"""The operations of an HTTP server: a call site for each method, route and class of status."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from opentelemetry.trace import SpanKind

from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.integrations.http_call import HttpCall
from vitalspan.labels import declared
from vitalspan.metrics import OTHER
from vitalspan.recording.call_site import OFF, CallSite
from vitalspan.recording.options import OperationOptions
from vitalspan.recording.spans import slot

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

COMPONENT: Final = "http"

_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
)
_WEBSOCKET: Final = "WEBSOCKET"
_MAX_SITES: Final = 4096


class HttpOptions(TypedDict, total=False):
    """The options that every integration with an HTTP server takes.

    Attributes:
        monitor: records the requests; by default the default monitor does.
        component: the component of the operations, `http` by default.
        exclude: paths that are not recorded, each with everything below it: `/metrics` excludes
            `/metrics` and `/metrics/any/thing`.
        exact_status: whether the label `status` is the exact code, such as `404`, and not its
            class, `4xx`.
        is_error: a function of the status code that returns whether the request failed; by default
            codes from 500 on are errors.
    """

    monitor: Monitor | None
    component: str
    exclude: Sequence[str]
    exact_status: bool
    is_error: Callable[[int], bool]


def _is_server_error(status: int) -> bool:
    return status >= 500


class HttpOperations:
    """The operations of one application, and what all of its requests have in common.

    Args:
        options: as `HttpOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for an option that there is not.

    Attributes:
        monitor: records the requests.
        is_error: whether a status code is an error.
    """

    def __init__(self, **options: Unpack[HttpOptions]) -> None:
        unknown = options.keys() - HttpOptions.__annotations__.keys()
        if unknown:
            raise TypeError(
                f"there is no option {min(unknown)!r}: "
                f"use one of {', '.join(HttpOptions.__annotations__)}"
            )
        self.monitor = options.get("monitor") or get_monitor()
        self.is_error = options.get("is_error", _is_server_error)
        self._component = options.get("component", COMPONENT)
        self._exact_status = options.get("exact_status", False)
        self._excluded = _checked_paths(options.get("exclude", ()))
        self._below_excluded = tuple(f"{path}/" for path in self._excluded)
        self._begun: dict[str, CallSite] = {}
        self._ended: dict[tuple[str, str, str], CallSite] = {}
        sites = self.monitor._call_sites  # noqa: SLF001 - the monitor's own integration
        sites.recorder.site_caches.add(self)
        self._sites = sites
        self.recorder = sites.recorder

    def excludes(self, path: str) -> bool:
        """Whether requests for a path are not recorded."""
        excluded = self._excluded
        return bool(excluded) and (path in excluded or path.startswith(self._below_excluded))

    def begin(self, method: str, request: Callable[[], Mapping[str, Any]]) -> HttpCall | None:
        """Begin the call of a request.

        Args:
            method: of the request; `WEBSOCKET` for a connection.
            request: returns the headers by their names in lower case, beside the attributes of the
                span under the key `attributes`, and whether OpenTelemetry's own instrumentation
                makes the span under `instrumented`. It is called only if there is a span to make.

        Returns:
            The call, or None where recording is switched off.
        """
        if method not in _METHODS and method != _WEBSOCKET:
            method = OTHER
        site = self._begun.get(method)
        if site is None:
            site = self._begun[method] = self._site(method, "", "")
        if slot._TRACER_PROVIDER is site.gate:  # noqa: SLF001
            return HttpCall(self, method, site)
        if site.gate is OFF:
            return None
        call = HttpCall(self, method, site)
        call.trace(request)
        return call

    def ended_site(self, method: str, route: str, status: int | None) -> CallSite:
        """Return the call site of requests that ended with this status.

        Args:
            method: of the request.
            route: the template of the matched route; empty where none was.
            status: None where there was no response.
        """
        text = "" if status is None else str(status)
        if text and not self._exact_status:
            text = f"{text[0]}xx"
        key = (method, route, text)
        site = self._ended.get(key)
        if site is None:
            site = self._site(*key)
            if len(self._ended) < _MAX_SITES:
                self._ended[key] = site
        return site

    def clear(self) -> None:
        """Let go of the call sites of requests that have ended."""
        self._ended.clear()

    def _site(self, method: str, route: str, status: str) -> CallSite:
        return self._sites.add(
            OperationOptions(
                name=f"{method} {route}" if route else method,
                component=self._component,
                labels=declared({"method": method, "route": route, "status": status}),
                # Many requests share the process and the thread: readings would be of all of them.
                resources=False,
                kind=SpanKind.SERVER,
            )
        )


def _checked_paths(paths: Sequence[str]) -> frozenset[str]:
    if isinstance(paths, str) or not all(
        isinstance(path, str) and path.startswith("/") for path in paths
    ):
        raise ConfigurationError(
            f"exclude={paths!r:.80}: use a sequence of paths that begin with a slash, such as "
            '["/metrics", "/health"]'
        )
    return frozenset(path.rstrip("/") for path in paths)
