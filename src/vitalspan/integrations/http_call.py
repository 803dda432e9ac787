"""The call of a request that a server handles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry import propagate
from opentelemetry.trace import SpanKind, get_current_span

from vitalspan.integrations.request_call import OPENTELEMETRY, Operations, RequestCall
from vitalspan.recording import spans
from vitalspan.recording.call import Call, call_of
from vitalspan.recording.call_record import CallDetails, details_of
from vitalspan.recording.current_call import current_request
from vitalspan.recording.measured_call import open_span

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from vitalspan.recording.call_site import CallSite


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


class ServerOperations(Operations, Protocol):
    """The methods of an application's operations that a request uses."""

    first_byte: bool


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

    _operations: ServerOperations

    def __init__(self, operations: ServerOperations, method: str, site: CallSite) -> None:
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
            self._note("end", "the route of a request is not found")
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
