"""The object `monitor.reports`."""

from __future__ import annotations

from typing import Any

from vitalspan.reports.dashboard import dashboard
from vitalspan.reports.survey import MAX_OPERATIONS, Sources


class Reports:
    """The reports of a monitor.

    Args:
        sources: the parts of the monitor that are reported on.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def dashboard(
        self,
        *,
        window: float | None = 3600.0,
        offset: float = 0.0,
        operations: int = MAX_OPERATIONS,
    ) -> dict[str, Any]:
        """Return everything that a dashboard shows, as `Monitor.dashboard` does."""
        return dashboard(self._sources, window, offset, operations)
