"""The operations of HTTP requests: a call site for each method, target and class of status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.trace import SpanKind

from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.labels import declared
from vitalspan.metrics import OTHER
from vitalspan.recording.call_site import CallSite
from vitalspan.recording.options import OperationOptions
from vitalspan.words import suggestion

if TYPE_CHECKING:
    from vitalspan.recording.recorder import Recorder

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
)
"""The methods that HTTP defines."""

_SCHEMES: Final = frozenset({"http", "https"})

_MAX_SITES: Final = 4096


class RequestOperations:
    """The operations of the requests that one application handles, or that a client sends.

    Args:
        options: the options, which are listed in a `TypedDict`.
        known: that `TypedDict`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.

    Attributes:
        monitor: records the requests.
        recorder: the recorder of the monitor.
        is_error: returns whether a status code is an error.
    """

    component: ClassVar[str]
    """The component of the operations if no option sets it."""
    kind: ClassVar[SpanKind]
    """The kind of the spans."""
    target: ClassVar[str]
    """The label for what is requested."""
    errors_from: ClassVar[int]
    """The lowest status code that is an error if no option sets `is_error`."""

    def __init__(self, options: Mapping[str, Any], known: type) -> None:
        unknown = options.keys() - known.__annotations__.keys()
        if unknown:
            option = min(unknown)
            raise TypeError(
                f"there is no option {option!r}: {suggestion(option, list(known.__annotations__))}"
            )
        self.monitor = options.get("monitor") or get_monitor()
        self.is_error: Callable[[int], bool] = options.get("is_error", self._is_error_by_default)
        if not callable(self.is_error):
            raise ConfigurationError(
                f"is_error={self.is_error!r:.80}: use a function of the status code"
            )
        self._component = options.get("component", self.component)
        self._opentelemetry_metrics = options.get("opentelemetry_metrics", False)
        self._exact_status = options.get("exact_status", False) or self._opentelemetry_metrics
        self._ended: dict[tuple[str, ...], CallSite] = {}
        sites = self.monitor._call_sites  # noqa: SLF001 - the monitor's own integration
        sites.recorder.site_caches.add(self)
        self._sites = sites
        self.recorder: Recorder = sites.recorder

    def ended_site(
        self, method: str, target: str, status: int | None, scheme: str = ""
    ) -> CallSite:
        """Return the call site for requests that ended with this status.

        Args:
            method: the method of the request.
            target: what was requested; empty if that is not known.
            status: the status; None if there was no response.
            scheme: the scheme of the URL; empty if it is not a label.
        """
        text = "" if status is None else str(status)
        if text and not self._exact_status:
            text = f"{text[0]}xx"
        key = (method, target, text, scheme)
        site = self._ended.get(key)
        if site is None:
            site = self._site(*key)
            if len(self._ended) < _MAX_SITES:
                self._ended[key] = site
        return site

    def clear(self) -> None:
        """Drop the call sites of requests that have ended."""
        self._ended.clear()

    def _is_error_by_default(self, status: int) -> bool:
        return status >= self.errors_from

    def scheme_label(self, scheme: str) -> str:
        """Return the label for a scheme; it is empty unless OpenTelemetry's metrics are enabled."""
        if not self._opentelemetry_metrics:
            return ""
        return scheme if scheme in _SCHEMES else OTHER

    def _site(self, method: str, target: str = "", status: str = "", scheme: str = "") -> CallSite:
        labels = {"method": method, self.target: target, "status": status, "scheme": scheme}
        return self._sites.add(
            OperationOptions(
                name=f"{method} {target}" if target else method,
                component=self._component,
                labels=declared(labels),
                # Many requests share the process and the thread, so readings would include all of
                # them.
                resources=False,
                kind=self.kind,
            )
        )


def known_method(method: str) -> str:
    """Return a method if HTTP defines it, and `_OTHER` otherwise."""
    return method if method in METHODS else OTHER
