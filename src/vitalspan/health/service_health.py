"""The object `monitor.health`: the score, and recommendations."""

from __future__ import annotations

from collections.abc import Callable

from vitalspan.health.assessor import Assessor
from vitalspan.health.recommendations.recommendation import Recommendation
from vitalspan.health.result import Health
from vitalspan.rules.engine import RuleEngine
from vitalspan.runtime.fork_safe_lock import ForkSafeLock


class ServiceHealth:
    """The object `monitor.health`. Calling it returns the current health.

    Args:
        assessor: scores health at each tick.
        engine: evaluates the rules, whose alerts recommendations mention.
        refresh: ticks, unless a thread does so.
        now: returns the time on the steady clock, in seconds.
        lock: held while rules are evaluated.
    """

    def __init__(
        self,
        assessor: Assessor,
        engine: RuleEngine,
        refresh: Callable[[], None],
        now: Callable[[], float],
        lock: ForkSafeLock,
    ) -> None:
        self._assessor = assessor
        self._engine = engine
        self._refresh = refresh
        self._now = now
        self._lock = lock

    def __call__(self) -> Health:
        """Return the score, and what costs how many points, and why.

        This is the health at the last tick. A monitor that does not tick by itself ticks first.
        """
        self._refresh()
        return self._assessor.latest

    @property
    def latest(self) -> Health:
        """The health at the last tick. Reading it never waits, and never ticks."""
        return self._assessor.latest

    def recommendations(self) -> list[Recommendation]:
        """Return what could be improved, with evidence and the points that it would gain.

        Those that gain most come first. Like health, they are from the last tick.
        """
        self._refresh()
        return self.latest_recommendations()

    def latest_recommendations(self) -> list[Recommendation]:
        """Return the recommendations of the last tick. This never ticks."""
        with self._lock:
            counted = {labels["alertname"] for labels, _ in self._engine.alert_points()}
            alerts = self._engine.alerts(self._now())
            return self._assessor.adviser.advise(self._assessor.latest, alerts, counted)
