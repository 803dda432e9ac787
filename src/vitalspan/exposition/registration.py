"""Registers a monitor's metrics in a prometheus_client registry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from vitalspan.errors import ConfigurationError
from vitalspan.exposition import system_metrics
from vitalspan.exposition.collector import MonitorCollector

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector

    from vitalspan.config import Settings
    from vitalspan.exposition.monitor_families import MonitorFamilies


class Registration:
    """Registers the metrics of one monitor, and unregisters them.

    Args:
        registry: the registry of the metrics.
        families: the metrics.
        now: a steady clock in seconds, for metrics that are only read at intervals.
    """

    def __init__(
        self, registry: CollectorRegistry, families: MonitorFamilies, now: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._families = families
        self._now = now
        self._collectors: list[Collector] = []

    def enter(self, settings: Settings) -> None:
        """Register the metrics.

        Raises:
            ConfigurationError: if the registry already has metrics with these names.
        """
        self._families.configure(settings)
        collector = MonitorCollector(self._families)
        try:
            self._registry.register(collector)
        except ValueError as clash:
            raise ConfigurationError(
                f"the registry already has {self._taken_names(collector)}, which this monitor "
                "needs: close the monitor that they belong to, or use another registry or a "
                "metric_prefix"
            ) from clash
        self._collectors = [collector]
        if settings.system_metrics:
            self._collectors += system_metrics.register(self._registry, self._now)

    def change(self, before: Settings, wanted: Settings) -> None:
        """Register the metrics with other settings; after `leave`, this does nothing.

        Raises:
            ConfigurationError: if the registry already has metrics with these names; the previous
                ones stay registered.
        """
        collectors_key = (wanted.metric_prefix, wanted.system_metrics)
        if not self._collectors or (
            collectors_key == (before.metric_prefix, before.system_metrics) and self._is_complete()
        ):
            self._families.configure(wanted)
            return
        self.leave()
        try:
            self.enter(wanted)
        except ConfigurationError:
            self.enter(before)
            raise

    def leave(self) -> None:
        """Unregister the metrics."""
        collectors, self._collectors = self._collectors, []
        for collector in collectors:
            # The owner of the registry may have removed them already.
            with suppress(KeyError):
                self._registry.unregister(collector)

    def _taken_names(self, collector: MonitorCollector) -> str:
        """Return a short text with the names that the registry already has."""
        names = set(self._registry._get_names(collector))  # type: ignore[no-untyped-call]  # noqa: SLF001
        taken = sorted(names & self._registry._names_to_collectors.keys())  # noqa: SLF001
        more = f" and {len(taken) - 3} more names" if len(taken) > 3 else ""
        return ", ".join(taken[:3]) + more

    def _is_complete(self) -> bool:
        # A test fixture may have emptied the registry.
        registered = self._registry._collector_to_names  # noqa: SLF001
        return all(collector in registered for collector in self._collectors)
