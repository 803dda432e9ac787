"""Pushes a monitor's metrics with OTLP: starts, replaces and ends the exporter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.bridge.otlp.exporter import OtlpExporter
    from vitalspan.bridge.otlp.shared_counts import SharedCounts
    from vitalspan.clock import Clock
    from vitalspan.config import Settings
    from vitalspan.exposition.families import MetricFamily
    from vitalspan.exposition.monitor_families import MonitorFamilies


class MetricsPush:
    """Pushes the metrics of a registry while `metrics` is `otlp`, and imports the exporter then.

    Args:
        registry: the registry to push.
        clock: the clock of the monitor.
        families: the monitor's own metrics, which all workers of a service share.
    """

    def __init__(
        self, registry: CollectorRegistry, clock: Clock, families: MonitorFamilies
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._families = families
        self._exporter: OtlpExporter | None = None
        self._started = False

    def prepare(self, before: Settings | None, wanted: Settings) -> OtlpExporter | None:
        """Return the exporter for some settings; `use` activates it.

        Args:
            before: the current settings; None before the first ones.
            wanted: the new settings.

        Raises:
            ConfigurationError: for an invalid variable of OpenTelemetry.
        """
        if before is not None and wanted.metrics == before.metrics:
            return self._exporter
        if not wanted.metrics:
            return None
        # Imported here, because only programs that push metrics need it.
        from vitalspan.bridge.otlp.export_registry import registry_exporter  # noqa: PLC0415

        shared = self._shared_counts(wanted) if wanted.workers else None
        return registry_exporter(self._registry, self._clock, shared)

    def use(self, exporter: OtlpExporter | None) -> None:
        """Push with this exporter from now on, and end the previous one."""
        before, self._exporter = self._exporter, exporter
        if before is not None and before is not exporter:
            before.close()
        if exporter is not None and self._started:
            exporter.start()

    def start(self) -> None:
        """Start the thread that pushes, also for later exporters."""
        self._started = True
        if self._exporter is not None:
            self._exporter.start()

    def families(self) -> Iterator[MetricFamily]:
        """Yield the metrics about pushing."""
        if self._exporter is not None:
            yield from self._exporter.families()

    def _shared_counts(self, settings: Settings) -> SharedCounts:
        from pathlib import Path  # noqa: PLC0415 - see above

        from vitalspan.bridge.otlp.shared_counts import SharedCounts  # noqa: PLC0415
        from vitalspan.resource import external_labels, share_instance  # noqa: PLC0415
        from vitalspan.workers.leadership import PUSHER, Leadership  # noqa: PLC0415

        directory = Path(settings.workers)
        share_instance(os.fspath(directory.absolute()))
        return SharedCounts(
            Leadership(directory, PUSHER),
            lambda collector: getattr(collector, "families", None) is self._families,
            lambda: external_labels()["instance"],
        )
