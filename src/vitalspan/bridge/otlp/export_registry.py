"""Creates the exporter of this process' registry from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client.registry import Collector

from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport
from vitalspan.bridge.otlp.registry_source import RegistrySource, Source
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.bridge.otlp.shared_counts import LedSource, SharedCounts, worker_resource
from vitalspan.clock import Clock
from vitalspan.runtime.internal_errors import logger


def registry_exporter(
    registry: Collector,
    clock: Clock,
    shared: SharedCounts | None = None,
    environ: Mapping[str, str] = os.environ,
) -> OtlpExporter | None:
    """Return an exporter for a registry; None if `OTEL_SDK_DISABLED` is set.

    Args:
        registry: the registry to export.
        clock: provides the time.
        shared: the counts that this process shares with others, of which one exports them.
        environ: the environment variables.

    Raises:
        ConfigurationError: for an invalid variable.
        MissingExtraError: for gRPC without its library.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        logger.info("OTEL_SDK_DISABLED is true, so metrics are not pushed by OTLP")
        return None
    settings = OtlpSettings.from_environment(environ)
    transport = make_transport(settings, clock)
    exponential = settings.exponential
    if shared is None:
        source = RegistrySource(registry, exponential=exponential)
        return OtlpExporter([source], transport, settings, clock)
    merged = RegistrySource(
        registry,
        exponential=exponential,
        collects=shared.owns,
        resource=shared.service_resource,
    )
    own = RegistrySource(
        registry,
        exponential=exponential,
        collects=lambda collector: not shared.owns(collector),
        resource=worker_resource,
    )
    sources: list[Source] = [own, LedSource(merged, shared.leader)]
    return OtlpExporter(sources, transport, settings, clock, release=shared.leader.release)
