"""The metrics of several processes, which replace those in one process' registry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from prometheus_client.registry import Collector

from vitalspan.exposition.collector import MonitorCollector


class MultiprocessMetrics(Collector):
    """Metrics that several processes have published, as a collector."""

    @abstractmethod
    def covers(self, collector: Collector) -> bool:
        """Return whether these metrics include those of another collector."""


def with_multiprocess(collectors: Iterable[Collector]) -> list[Collector]:
    """Replace the collectors that a `MultiprocessMetrics` collector covers."""
    every = list(collectors)
    for one in every:
        shared = one.families.shared if isinstance(one, MonitorCollector) else None
        if isinstance(shared, MultiprocessMetrics):
            return [shared, *(other for other in every if not shared.covers(other))]
    return every
