"""Batches of metrics, encoded and then decoded with opentelemetry-proto, for tests."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from support.otlp_metrics import metrics_of
from vitalspan.bridge.otlp.batch_builder import BatchBuilder
from vitalspan.bridge.otlp.export_requests import requests_of
from vitalspan.bridge.otlp.from_samples import add_metric
from vitalspan.bridge.otlp.model import Batch
from vitalspan.bridge.otlp.registry_source import RegistrySource

NOW = 1_700_000_000_000_000_000
"""The time of all readings, in nanoseconds."""


def decoded(batch: Batch, resource: dict[str, str] | None = None) -> Any:
    """The single request of a batch."""
    bodies = [request.body for request in requests_of(batch, resource or {}, 2**30)]
    assert len(bodies) == 1
    return ExportMetricsServiceRequest.FromString(bodies[0])


def converted(*metrics: Metric) -> BatchBuilder:
    """Metrics of prometheus_client as a batch."""
    builder = BatchBuilder(NOW)
    for metric in metrics:
        add_metric(metric, builder)
    return builder


def otlp(*metrics: Metric) -> list[Any]:
    """Metrics of prometheus_client, as a receiver decodes them."""
    batch = converted(*metrics).batch()
    return list(metrics_of(decoded(batch))) if batch else []


def of_registry(registry: CollectorRegistry | Collector, **options: bool) -> Any:
    """The request that a registry would export."""
    reading = RegistrySource(registry, **options).read(NOW)
    return decoded(reading.batch, dict(reading.resource))
