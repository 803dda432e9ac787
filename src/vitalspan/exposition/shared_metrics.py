"""The metrics of several processes in the place of those that one process's registry has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from prometheus_client.registry import Collector

from vitalspan.exposition.collector import MonitorCollector


class SharedMetrics(Collector):
    """Metrics that several processes have published, as a collector."""

    @abstractmethod
    def covers(self, collector: Collector) -> bool:
        """Return whether the metrics of another collector are among these."""


def with_shared(collectors: Iterable[Collector]) -> list[Collector]:
    """Put what several processes share in the place of the collectors that it covers."""
    every = list(collectors)
    for one in every:
        shared = one.families.shared if isinstance(one, MonitorCollector) else None
        if isinstance(shared, SharedMetrics):
            return [shared, *(other for other in every if not shared.covers(other))]
    return every
