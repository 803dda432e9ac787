"""Gauges of objects that come and go, which are read at each scrape."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vitalspan.metrics import Family
from vitalspan.monitor_metrics import name_is_taken

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

Read = Callable[[Any], float]


class LiveGauges(Collector):
    """Gauges of the living objects of one kind, with a label that tells the objects apart.

    Args:
        monitor: the monitor in whose registry the gauges are.
        label: the name of the label.
        families: the metric families, each with the function that reads an object's value.

    Raises:
        ConfigurationError: if the registry has metrics with these names already.
    """

    def __init__(self, monitor: Monitor, label: str, families: Mapping[Family, Read]) -> None:
        self._label = label
        self._families = families
        self._prefix = monitor.settings.metric_prefix
        self._objects: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        try:
            monitor.registry.register(self)
        except ValueError as taken:
            raise name_is_taken(taken) from None

    def add(self, name: str, one: Any) -> None:
        """Show an object as long as it lives, instead of an earlier one with its name."""
        self._objects[name] = one

    def describe(self) -> Iterator[Metric]:
        """Yield the metrics without samples."""
        for family in self._families:
            yield self._metric(family)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; values that cannot be read are left out."""
        objects = dict(self._objects)
        for family, read in self._families.items():
            metric = self._metric(family)
            for name, one in objects.items():
                with suppress(Exception):
                    metric.add_metric([name], read(one))
            yield metric

    def _metric(self, family: Family) -> GaugeMetricFamily:
        return GaugeMetricFamily(self._prefix + family.name, family.help, labels=[self._label])
