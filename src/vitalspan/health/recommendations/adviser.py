"""The adviser: collects all recommendations, those that gain most points first."""

from __future__ import annotations

from collections.abc import Iterable

from vitalspan.health.recommendations.cold_caches import cold_caches
from vitalspan.health.recommendations.firing_alerts import falling_score, firing_alerts
from vitalspan.health.recommendations.memory_leaks import MemoryGrowth
from vitalspan.health.recommendations.recommendation import Recommendation
from vitalspan.health.recommendations.saturation import ConcurrencyReader, Load, saturation
from vitalspan.health.recommendations.slow_operations import (
    bottlenecks,
    failing_operations,
    slowest_operations,
    work_of,
)
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.rules.alert import Alert
from vitalspan.signals.history_view import HistoryView


class Adviser:
    """Makes recommendations from the history.

    Args:
        history: the past of the process.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._memory = MemoryGrowth(history)
        self._concurrency = ConcurrencyReader(history)
        self.loads: dict[str, Load] = {}

    def follow(self, now: float) -> None:
        """Record a tick, whose time is on the steady clock."""
        self._memory.follow(now)
        self.loads = self._concurrency.loads(now)

    def advise(
        self, health: Health, alerts: Iterable[Alert], counted: Iterable[str]
    ) -> list[Recommendation]:
        """Return the recommendations at the last tick.

        Args:
            health: the assessment at that tick.
            alerts: all alerts.
            counted: the names of the alerts that count against the score.
        """
        view = HistoryView(self._history)
        work = work_of(view)
        recommendations = [
            *failing_operations(work, health),
            *firing_alerts(alerts, counted, health),
            *cold_caches(view, health),
            *saturation(self.loads, health),
            *self._memory.leaks(self._history.ticks.times[-1], health),
            *bottlenecks(work, health),
            *falling_score(health),
            *slowest_operations(work),
        ]
        return sorted(recommendations, key=lambda one: -one.gain)

    def forget(self) -> None:
        """Drop past values."""
        self._memory.forget()
        self.loads = {}
