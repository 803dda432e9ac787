"""The tracer provider of the demo: it sends its spans by OTLP, or drops them."""

from __future__ import annotations

import os
import threading

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import vitalspan as vs

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PATIENCE = 0.4


def set_up() -> str:
    """Configure tracing from the environment, and return where spans go.

    Raises:
        MissingExtraError: if spans should be sent but the exporter is not installed.
    """
    os.environ.setdefault("OTEL_SERVICE_NAME", "vitalspan-demo")
    endpoint = os.environ.get(OTLP_ENDPOINT)
    if endpoint:
        vs.configure(tracing="otlp")
        return f"sent to {endpoint}"
    # Without a processor, spans are dropped when they end, but exemplars still have their ids.
    trace.set_tracer_provider(TracerProvider())
    return f"dropped; set {OTLP_ENDPOINT} to send them"


def close() -> None:
    """Send the remaining spans, unless the collector takes longer than `PATIENCE` seconds."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # The SDK waits for the whole timeout of its exporter, so wait here instead.
        closing = threading.Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(PATIENCE)
