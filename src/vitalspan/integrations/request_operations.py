"""HTTP requests as calls: their operations, and their record, span and outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.trace import SpanKind

from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.labels import declared
from vitalspan.metrics import OTHER
from vitalspan.recording.call import call_of
from vitalspan.recording.call_record import (
    CANCELLED,
    ERROR,
    IN_PROGRESS,
    CallDetails,
    Record,
    details_of,
)
from vitalspan.recording.call_site import CallSite
from vitalspan.recording.measured_call import close_span
from vitalspan.recording.options import OperationOptions
from vitalspan.recording.outcome import classify, end
from vitalspan.words import suggestion

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.recording.recorder import Recorder

OPENTELEMETRY: Final = "opentelemetry.instrumentation."
"""What the modules of OpenTelemetry's own instrumentation begin with."""

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


class RequestCall:
    """A request in progress, of a server or of a client. Its methods never raise.

    Args:
        operations: the operations that it may belong to.
        method: the method of the request.
        site: the call site for what is known at the beginning.

    Attributes:
        call: the call as the program sees it, with `add`, `set_attribute` and so on.
        method: the method of the request.
        scheme: the scheme of the URL, if it is a label.
    """

    __slots__ = ("_operations", "_record", "_span", "call", "method", "scheme")

    status_without_response: int | None = None
    """The status of a request that had no response and did not raise."""

    def __init__(self, operations: RequestOperations, method: str, site: CallSite) -> None:
        self._operations = operations
        self.method = method
        self.scheme = ""
        self._span: Span | None = None
        record: Record = [site.now(), IN_PROGRESS, site]
        self._record = record
        self.call = call_of(record)
        site.series.records.append(record)

    @property
    def in_progress(self) -> bool:
        """True if the request has not ended yet."""
        return bool(self._record[1] == IN_PROGRESS)

    def seconds(self) -> float:
        """Return how long the request has been in progress, in seconds."""
        record = self._record
        elapsed: float = record[2].now() - record[0]
        return elapsed

    def end(
        self,
        target: str,
        status: int | None,
        error: BaseException | None = None,
        *,
        cancelled: bool = False,
        seconds: float | None = None,
    ) -> None:
        """End the request. A second call does nothing.

        Args:
            target: the template of the matched route, or the host; empty if there is none.
            status: the status of the response; None if there was none.
            error: the exception that was raised.
            cancelled: whether the request was cancelled.
            seconds: how long it was in progress; None is until now.
        """
        record = self._record
        if record[1] != IN_PROGRESS:
            return
        site = record[2]
        if seconds is None:
            seconds = site.now() - record[0]
        try:
            error = _single(error)
            details = details_of(record)
            status = self._judge(details, status, error, cancelled=cancelled)
            details.site = self._operations.ended_site(self.method, target, status, self.scheme)
            if self._span is not None:
                self._end_span(self._span, details, target, status, error)
        except Exception:  # noqa: BLE001 - the program must not fail
            self._note("end", "a request could not be recorded completely")
        finally:
            end(site, record, seconds)

    def _judge(
        self,
        details: CallDetails,
        status: int | None,
        error: BaseException | None,
        *,
        cancelled: bool,
    ) -> int | None:
        """Set the outcome, and return the status that the client has seen."""
        details.counted = True
        if cancelled:
            if not details.marked:
                details.outcome = CANCELLED
            return status
        if error is not None:
            classify(self._record[2], details, error)
            if details.outcome == CANCELLED:
                return status
        if status is None:
            status = self.status_without_response
        if (
            status is not None
            and not details.marked
            and error is None
            and self._operations.is_error(status)
        ):
            details.outcome = ERROR
            details.error_type = str(status)
        return status

    def _end_span(
        self,
        span: Span,
        details: CallDetails,
        target: str,  # noqa: ARG002 - spans of servers say it
        status: int | None,
        error: BaseException | None,
    ) -> None:
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        close_span(self._record, span, error if details.outcome == ERROR else None)

    def _note(self, where: str, problem: str) -> None:
        self._operations.recorder.internal_errors.note(where, problem)


def known_method(method: str) -> str:
    """Return a method if HTTP defines it, and `_OTHER` otherwise."""
    return method if method in METHODS else OTHER


def _single(error: BaseException | None) -> BaseException | None:
    """Return the only exception of a group, because some frameworks raise such groups."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def is_of_opentelemetry(*things: Any) -> bool:
    """Return whether OpenTelemetry's own instrumentation made or marked one of these objects."""
    return any(
        str(getattr(thing, "__module__", "")).startswith(OPENTELEMETRY)
        or getattr(thing, "_is_instrumented_by_opentelemetry", False) is True
        for thing in things
    )
