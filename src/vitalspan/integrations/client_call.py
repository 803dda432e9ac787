"""The call of a request that an HTTP client sends."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import propagate
from opentelemetry.trace import SpanKind, get_current_span

from vitalspan.integrations.request_call import OPENTELEMETRY, Operations, RequestCall
from vitalspan.recording import spans
from vitalspan.recording.call_record import details_of
from vitalspan.recording.measured_call import open_span

if TYPE_CHECKING:
    from vitalspan.recording.call_site import CallSite


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

    def __init__(self, operations: Operations, method: str, host: str, site: CallSite) -> None:
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
