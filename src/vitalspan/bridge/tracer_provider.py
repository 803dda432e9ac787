"""Sets up a tracer provider that exports spans with OTLP, for programs without one."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from opentelemetry import trace

from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.runtime.internal_errors import logger

_TRACES_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"

_EXPORTERS: Final = {
    "http/protobuf": ("http", "tracing='otlp'", "otlp"),
    "grpc": ("grpc", "tracing='otlp' over gRPC", "otlp-grpc"),
}
"""For each protocol, the package of its exporter, the feature that needs it, and the extra."""


def set_up(tracing: str) -> bool:
    """Configure the global tracer provider to export with OTLP, according to `OTEL_*` variables.

    A provider that is already configured is not changed.

    Args:
        tracing: `otlp`, the only supported value.

    Returns:
        Whether a provider was configured.

    Raises:
        ConfigurationError: for another value, or an unsupported protocol.
        MissingExtraError: if the exporter is not installed.
    """
    if tracing != "otlp":
        raise ConfigurationError(f"tracing={tracing!r:.80} is unknown: use tracing='otlp', or None")
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        logger.info("a tracer provider is configured already and is left as it is")
        return False
    exporter = _exporter()
    # The SDK is imported only here, because importing vitalspan has to stay fast.
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return True


def _exporter() -> Any:
    variable = _TRACES_PROTOCOL if os.environ.get(_TRACES_PROTOCOL) else _PROTOCOL
    protocol = os.environ.get(variable) or "http/protobuf"
    if protocol not in _EXPORTERS:
        raise ConfigurationError(
            f"{variable}={protocol!r:.80} is not supported: use {' or '.join(_EXPORTERS)}"
        )
    transport, feature, extra = _EXPORTERS[protocol]
    try:
        module = import_module(f"opentelemetry.exporter.otlp.proto.{transport}.trace_exporter")
    except ImportError as missing:
        raise MissingExtraError(feature, extra) from missing
    return module.OTLPSpanExporter()
