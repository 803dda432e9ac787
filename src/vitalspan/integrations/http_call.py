"""One request: its record while it is in progress, its span, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import propagate
from opentelemetry.trace import SpanKind, get_current_span

from vitalspan.recording import spans
from vitalspan.recording.call import Call
from vitalspan.recording.call_record import (
    CANCELLED,
    ERROR,
    IN_PROGRESS,
    CallDetails,
    Record,
    details_of,
)
from vitalspan.recording.current_call import current_request
from vitalspan.recording.measured_call import close_span, open_span
from vitalspan.recording.outcome import classify, end

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.recording.call_site import CallSite
    from vitalspan.recording.recorder import Recorder

_NO_RESPONSE: Final = 500
"""The status that a server answers with where an application gives no response."""


class Operations(Protocol):
    """The operations of an application, as far as a request is concerned with them."""

    is_error: Callable[[int], bool]
    recorder: Recorder

    def ended_site(self, method: str, route: str, status: int | None) -> CallSite:
        """Return the call site of requests that ended with this status."""


class HttpCall:
    """A request in progress. Nothing here ever raises into the application.

    Args:
        operations: of the application.
        method: of the request.
        site: of the method alone, since the route is known at the end.

    Attributes:
        call: the same as the program sees it, with `add`, `set_attribute` and the rest.
        method: of the request.
        traced: whether there is a tracer provider.
    """

    __slots__ = (
        "_context",
        "_operations",
        "_outer",
        "_record",
        "_span",
        "_tokens",
        "call",
        "method",
        "traced",
    )

    def __init__(self, operations: Operations, method: str, site: CallSite) -> None:
        self._operations = operations
        self.method = method
        self._span: Span | None = None
        self._tokens: list[Any] = []
        self._context: Any = None
        self.traced = False
        record: Record = [site.now(), IN_PROGRESS, site]
        self._record = record
        self.call = Call(record)
        self._outer: Token[Call | None] | None = current_request.set(self.call)
        site.series.records.append(record)

    def trace(self, request: Callable[[], Mapping[str, Any]]) -> None:
        """Make the span of the request, below the one that the client names in its headers.

        Where OpenTelemetry's own instrumentation has made the server's span, no other is made.

        Args:
            request: returns the headers; see `HttpOperations.begin`.
        """
        self.traced = True
        try:
            if self.adopt_current_span():
                return
            headers = request()
            if headers.get("instrumented"):
                return
            parent = propagate.extract(headers, spans.current())
            self._tokens.append(spans.attach(parent))
            self._span, token = open_span(self._record[2], headers["attributes"])
            self._tokens.append(token)
            self.call = Call(self._record, None, self._span)
            current_request.set(self.call)
        except Exception:  # noqa: BLE001 - the application must not fail
            self._note("begin", "a request is recorded without its span")

    def adopt_current_span(self) -> bool:
        """Let the exemplar of this request be the server's span that somebody else has made.

        Returns:
            Whether there is one.
        """
        span: Any = get_current_span()
        if self._span is not None or not span.is_recording():
            return False
        context = span.get_span_context()
        if getattr(span, "kind", None) is not SpanKind.SERVER:
            # OpenTelemetry's ASGI middleware makes a span below it for each message that is sent.
            context = getattr(span, "parent", None)
            scope = getattr(span, "instrumentation_scope", None)
            name = getattr(scope, "name", "")
            if context is None or not name.startswith("opentelemetry.instrumentation."):
                return False
        details_of(self._record).span = context
        return True

    @property
    def in_progress(self) -> bool:
        """Whether the request has not ended yet."""
        return bool(self._record[1] == IN_PROGRESS)

    def seconds(self) -> float:
        """Return for how long the request has been in progress, in seconds."""
        record = self._record
        elapsed: float = record[2].now() - record[0]
        return elapsed

    def route(self, find: Callable[[], str]) -> str:
        """Return the route that a function finds, or none where it raises."""
        try:
            return find()
        except Exception:  # noqa: BLE001 - the application must not fail
            self._note("end", "the route of a request is not found")
            return ""

    def end(
        self,
        route: str,
        status: int | None,
        error: BaseException | None = None,
        *,
        cancelled: bool = False,
        seconds: float | None = None,
    ) -> None:
        """End the request. A second time does nothing.

        Args:
            route: the template of the matched route; empty where none was.
            status: of the response; None where there was none.
            error: what the application raised.
            cancelled: whether the client has left.
            seconds: for how long it was in progress; None is until now.
        """
        record = self._record
        if record[1] != IN_PROGRESS:
            return
        site = record[2]
        if seconds is None:
            seconds = site.now() - record[0]
        try:
            details = details_of(record)
            status = self._judge(details, status, error, cancelled=cancelled)
            details.site = self._operations.ended_site(self.method, route, status)
            if self._span is not None:
                self._end_span(self._span, details, route, status, error)
        except Exception:  # noqa: BLE001 - the application must not fail
            self._note("end", "a request is not recorded as it should be")
        finally:
            end(site, record, seconds)

    def attach(self) -> None:
        """Make the span current again: the application goes on."""
        if self._context is not None:
            self._tokens.append(spans.attach(self._context))

    def detach(self) -> None:
        """Make current what was before the request."""
        outer, self._outer = self._outer, None
        if outer is not None:
            # A coroutine that is thrown away is closed in any context.
            with suppress(ValueError):
                current_request.reset(outer)
        if self._tokens:
            self._context = spans.current()
        while self._tokens:
            token = self._tokens.pop()
            if token is not None:
                spans.detach(token)

    def _judge(
        self,
        details: CallDetails,
        status: int | None,
        error: BaseException | None,
        *,
        cancelled: bool,
    ) -> int | None:
        """Note the outcome, and return the status that the client will have seen."""
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
            status = _NO_RESPONSE
        if not details.marked and error is None and self._operations.is_error(status):
            details.outcome = ERROR
            details.error_type = str(status)
        return status

    def _end_span(
        self,
        span: Span,
        details: CallDetails,
        route: str,
        status: int | None,
        error: BaseException | None,
    ) -> None:
        site: Any = details.site
        span.update_name(site.series.operation)
        if route:
            span.set_attribute("http.route", route)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        close_span(self._record, span, error if details.outcome == ERROR else None)

    def _note(self, where: str, problem: str) -> None:
        self._operations.recorder.internal_errors.note(where, problem)
