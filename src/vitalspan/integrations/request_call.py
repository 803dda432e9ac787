"""The call of an HTTP request: its record, its span, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from vitalspan.recording.call import call_of
from vitalspan.recording.call_record import (
    CANCELLED,
    ERROR,
    IN_PROGRESS,
    CallDetails,
    Record,
    details_of,
)
from vitalspan.recording.measured_call import close_span
from vitalspan.recording.outcome import classify, end

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.recording.call_site import CallSite
    from vitalspan.recording.recorder import Recorder

OPENTELEMETRY: Final = "opentelemetry.instrumentation."
"""The prefix of the modules of OpenTelemetry's own instrumentation."""


class Operations(Protocol):
    """The methods of operations that a request uses."""

    is_error: Callable[[int], bool]
    recorder: Recorder

    def ended_site(
        self, method: str, target: str, status: int | None, scheme: str = ""
    ) -> CallSite:
        """Return the call site for requests that ended with this status."""


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

    def __init__(self, operations: Operations, method: str, site: CallSite) -> None:
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
            self._note("end", "a request is not recorded as it should be")
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
