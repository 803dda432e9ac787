"""Spans, made with the OpenTelemetry API only, by whichever provider is configured."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Link, NoOpTracer, Span, SpanContext, Status, StatusCode

from vitalspan._version import __version__
from vitalspan.labels import value_text
from vitalspan.recording.call_record import CANCELLED, ERROR, CallDetails

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer, TracerProvider


class _PublicProvider:
    """Replaces the API's module in case it no longer keeps the provider in a variable."""

    @property
    def _TRACER_PROVIDER(self) -> TracerProvider | None:  # noqa: N802 - the name of what it replaces
        provider = trace.get_tracer_provider()
        return None if isinstance(provider, trace.ProxyTracerProvider) else provider


# The public getter can cost more than a whole call; the variable is read at every call, so that a
# provider that is configured late is used at once.
slot: Any = trace if hasattr(trace, "_TRACER_PROVIDER") else _PublicProvider()


class Tracing:
    """The tracer of one monitor.

    Args:
        provider: the monitor's own provider; None uses the global provider.
    """

    def __init__(self, provider: TracerProvider | None) -> None:
        self.own = provider
        self._provider: TracerProvider | None = None
        self._tracer: Tracer | None = None
        if provider is None and os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"):
            # The environment variable takes effect at the first request for a provider.
            trace.get_tracer_provider()

    def tracer(self) -> Tracer | None:
        """Return the current tracer, or None if its spans would not be recorded."""
        provider = self.own or slot._TRACER_PROVIDER  # noqa: SLF001
        if provider is not self._provider:
            tracer = provider.get_tracer("vitalspan", __version__) if provider else None
            self._tracer = None if isinstance(tracer, NoOpTracer) else tracer
            self._provider = provider
        return self._tracer


def end(span: Span, details: CallDetails, error: BaseException | None) -> None:
    """Set a span's outcome and end it.

    The status of a call that succeeded or was cancelled stays unset.
    """
    try:
        if details.outcome == ERROR:
            _tell_error(span, details, error)
        elif details.outcome == CANCELLED:
            span.set_attribute("vitalspan.outcome", CANCELLED)
    finally:
        span.end()


def _tell_error(span: Span, details: CallDetails, error: BaseException | None) -> None:
    message = details.error_message or ""
    if error is not None and not details.marked:
        message = f"{type(error).__name__}: {message}"
    span.set_attribute("error.type", str(details.error_type))
    span.set_status(Status(StatusCode.ERROR, message or None))
    if error is not None:
        _record_exception(span, error)


def _record_exception(span: Span, error: BaseException) -> None:
    try:
        span.record_exception(error)
    except Exception:  # noqa: BLE001 - the exception cannot be turned into text
        kind = type(error)
        lines = traceback.format_tb(error.__traceback__)
        span.add_event(
            "exception",
            {
                "exception.type": f"{kind.__module__}.{kind.__qualname__}",
                "exception.message": value_text(error),
                "exception.stacktrace": "".join(["Traceback (most recent call last):\n", *lines]),
            },
        )


def link_to(target: Link | SpanContext) -> Link:
    """Return a link to a span; a span context is enough."""
    return target if isinstance(target, Link) else Link(target)


def detach(token: Any) -> None:
    """Make current again what was current before the token's span.

    A token of another context, for example that of a garbage-collected generator or coroutine, is
    dropped: that context is gone, and the API would log an error with a traceback.
    """
    try:
        reset = token.var.reset
    except AttributeError:
        # The API can be configured to store contexts in another way.
        otel_context.detach(token)
        return
    # Every call with a span comes here, and `contextlib.suppress` costs more than the rest.
    try:  # noqa: SIM105
        reset(token)
    except (ValueError, RuntimeError):
        pass


within = trace.set_span_in_context
attach = otel_context.attach
current = otel_context.get_current
