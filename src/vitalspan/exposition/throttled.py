"""A collector that reads another, expensive one at most once a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from vitalspan.runtime import fork

INTERVAL: Final = 1.0
"""Seconds between two readings."""


class Throttled(Collector):
    """Caches the metrics of a collector for a second.

    Args:
        collector: the expensive collector.
        now: a steady clock in seconds.
    """

    def __init__(self, collector: Collector, now: Callable[[], float]) -> None:
        self._collector = collector
        self._now = now
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Drop the cache; after a fork, both it and the lock belong to the parent."""
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._metrics: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Return the current metrics, or those from less than a second ago."""
        if not self._lock.acquire(timeout=INTERVAL):
            return self._metrics
        try:
            now = self._now()
            if now - self._read_at >= INTERVAL:
                self._metrics = list(self._collector.collect())
                self._read_at = now
            return self._metrics
        finally:
            self._lock.release()
