"""A service with an SLO, whose calls are counted without being made."""

from __future__ import annotations

from typing import Any

from support.watched import Watched


class Served:
    """A service with an SLO, and calls that are counted without being made.

    Args:
        objective: the objective of its SLO.
        window: the window of its SLO in seconds.
    """

    def __init__(self, objective: float, window: float, **fields: Any) -> None:
        self.watched = Watched(health_model="off")
        self.watched.monitor.rules.add_slo(
            name="s", objective=objective, window=f"{window}s", **fields
        )
        [self.counter] = self.watched.monitor.rules._slo_counters.values()

    def serve(self, events: int, bad: int, *, ticks: int, seconds: float) -> set[str]:
        """Count calls at each tick; return the long windows of the alerts that fire at the end."""
        for _ in range(ticks):
            self.counter.events += events
            self.counter.bad += bad
            self.watched.tick(seconds=seconds)
        firing = self.watched.monitor.alerts.active(state="firing")
        return {alert.labels["long_window"] for alert in firing}
