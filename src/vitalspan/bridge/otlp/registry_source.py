"""Reads a registry for export: monitors as families, everything else as samples."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from vitalspan.bridge.otlp.batch_builder import BatchBuilder
from vitalspan.bridge.otlp.from_families import AttributeCache, OtlpPoints
from vitalspan.bridge.otlp.from_samples import add_metric
from vitalspan.bridge.otlp.model import Batch
from vitalspan.exposition.collector import FamilyCollector, MonitorCollector
from vitalspan.labels import value_text
from vitalspan.resource import resource_attributes, service_instance_id
from vitalspan.runtime.internal_errors import logger

_OPENTELEMETRY: Final = "opentelemetry."


class Reading(NamedTuple):
    """A reading of a registry at one moment.

    Attributes:
        batch: the metrics.
        resource: the attributes of the resource.
        left_out: the number of metrics and points that OpenTelemetry cannot represent.
    """

    batch: Batch
    resource: Mapping[str, str | int]
    left_out: int = 0


class Source(Protocol):
    """Something whose metrics are exported."""

    def read(self, time: int) -> Reading | None:
        """Return the metrics, or None if another process exports them now.

        Args:
            time: the current time in nanoseconds since the epoch.
        """


class RegistrySource:
    """The metrics of a registry of this process.

    Metrics that come from OpenTelemetry are left out, because the SDK exports them itself.

    Args:
        registry: a prometheus_client registry, or one collector.
        exponential: whether durations are exponential histograms.
        collects: returns whether a collector is read; None reads all.
        resource: returns the attributes of the resource, given `target_info`.
    """

    def __init__(
        self,
        registry: Collector,
        *,
        exponential: bool = False,
        collects: Callable[[object], bool] | None = None,
        resource: Callable[[Mapping[str, str]], Mapping[str, str | int]] | None = None,
    ) -> None:
        self._registry = registry
        self._exponential = exponential
        self._collects = collects
        self._resource = resource or process_resource
        self._attributes = AttributeCache()
        self._reported: weakref.WeakSet[Any] = weakref.WeakSet()

    def read(self, time: int) -> Reading:
        """Read every collector; errors are logged once, and their collectors left out."""
        builder = BatchBuilder(time)
        self._attributes.next_generation()
        points = OtlpPoints(builder, self._attributes, exponential=self._exponential)
        for collector in self._collectors():
            if _is_from_opentelemetry(collector):
                continue
            if self._collects is not None and not self._collects(collector):
                continue
            try:
                if isinstance(collector, FamilyCollector):
                    for family in collector.read():
                        self._add(partial(points.add, family), collector, builder)
                else:
                    for metric in list(collector.collect()):
                        self._add(partial(add_metric, metric, builder), collector, builder)
            except Exception:  # noqa: BLE001 - a collector may raise anything
                self._report(
                    collector, "raised an exception, and is left out of exports while it does"
                )
        builder.resource.update(self._target_info())
        return Reading(builder.batch(), self._resource(builder.resource), builder.left_out)

    def _add(self, add: Callable[[], None], collector: object, builder: BatchBuilder) -> None:
        """Add one metric; one with invalid values does not affect the others."""
        try:
            add()
        except Exception:  # noqa: BLE001 - it may have any values
            builder.left_out += 1
            self._report(collector, "has a metric that cannot be exported, which is left out")

    def _collectors(self) -> Iterable[Any]:
        registry: Any = self._registry
        # A registry with its own `collect` is collected as a whole.
        if getattr(type(registry), "collect", None) is not CollectorRegistry.collect:
            return [registry]
        with registry._lock:  # noqa: SLF001 - collectors are asked one by one
            collectors = list(registry._collector_to_names)  # noqa: SLF001
        # Monitors come last, so that they count what the others did.
        return sorted(collectors, key=lambda one: isinstance(one, MonitorCollector))

    def _target_info(self) -> Mapping[str, str]:
        get = getattr(self._registry, "get_target_info", None)
        return (get() or {}) if get is not None else {}

    def _report(self, collector: object, problem: str) -> None:
        with suppress(TypeError):
            if collector in self._reported:
                return
            self._reported.add(collector)
        kind = value_text(type(collector).__qualname__)
        logger.warning("collector %s %s", kind, problem, exc_info=True)


def process_resource(target_info: Mapping[str, str]) -> dict[str, str | int]:
    """Return the attributes of this process.

    `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` take precedence over `target_info`.
    """
    return {
        "service.name": "unknown_service",
        "service.instance.id": service_instance_id(),
        **target_info,
        **resource_attributes(),
    }


def _is_from_opentelemetry(collector: object) -> bool:
    own = getattr(collector, "from_opentelemetry", False) is True
    return own or type(collector).__module__.startswith(_OPENTELEMETRY)
