"""Spans by the OpenTelemetry API alone: whichever provider is configured, whenever it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, Span, Status, StatusCode

from vitalspan._version import __version__
from vitalspan.record.details import CANCELLED, Details
from vitalspan.record.labels import value_text

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider


class _PublicProvider:
    """Stands in for the API's module, should it stop keeping the provider in a variable."""

    @property
    def _TRACER_PROVIDER(self) -> TracerProvider | None:  # noqa: N802 - the name of what it replaces
        provider = trace.get_tracer_provider()
        return None if isinstance(provider, trace.ProxyTracerProvider) else provider


# The public getter costs more than a whole call may; the variable is read at every call, so that a
# provider that is configured late is picked up at once.
slot: Any = trace if hasattr(trace, "_TRACER_PROVIDER") else _PublicProvider()


class Tracing:
    """The tracer of one monitor.

    Args:
        provider: a provider of the monitor's own; without one the global provider is followed.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self.own = provider
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None
        if provider is None and os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"):
            # The variable takes effect at the first request for a provider.
            trace.get_tracer_provider()

    def tracer(self) -> Tracer | None:
        """Return the present tracer, or None where spans would come to nothing."""
        provider = self.own or slot._TRACER_PROVIDER  # noqa: SLF001
        if provider is not self._provider:
            tracer = provider.get_tracer("vitalspan", __version__) if provider else None
            self._tracer = None if isinstance(tracer, NoOpTracer) else tracer
            self._provider = provider
        return self._tracer


def end(span: Span, details: Details, error: BaseException | None) -> None:
    """Give a span its outcome and end it."""
    try:
        if error is not None:
            _tell(span, details, error)
    finally:
        span.end()


def _tell(span: Span, details: Details, error: BaseException) -> None:
    if details.outcome == CANCELLED:
        span.set_status(Status(StatusCode.ERROR, f"cancelled: {type(error).__qualname__}"))
        span.set_attribute("vitalspan.outcome", CANCELLED)
        return
    span.set_attribute("error.type", str(details.error_type))
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {value_text(error)}"))
    # Last, since it fails where the exception cannot be turned into text.
    span.record_exception(error)


within = trace.set_span_in_context
attach = otel_context.attach
detach = otel_context.detach
current = otel_context.get_current
