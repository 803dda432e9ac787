"""Everything that can be recommended, what gains most first."""

from __future__ import annotations

from collections.abc import Iterable

from vitalspan.health.advice import alerts as alert_advice
from vitalspan.health.advice.caches import cold_caches
from vitalspan.health.advice.memory import Memory
from vitalspan.health.advice.operations import bottlenecks, failing, slowest, work_of
from vitalspan.health.advice.recommendation import Recommendation, best_first
from vitalspan.health.advice.saturation import Load, Saturation, saturated
from vitalspan.health.blame import Scene
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.rules.alert import Alert


class Adviser:
    """Follows what recommendations are made of.

    Args:
        history: that has it.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._memory = Memory(history)
        self._saturation = Saturation(history)
        self.loads: dict[str, Load] = {}

    def follow(self, now: float) -> None:
        """Take note of a tick, on the steady clock."""
        self._memory.follow(now)
        self.loads = self._saturation.loads(now)

    def advise(
        self, health: Health, alerts: Iterable[Alert], counted: Iterable[str]
    ) -> list[Recommendation]:
        """Return what to do, as of the last tick.

        Args:
            health: as it was assessed then.
            alerts: all of them.
            counted: names of those that count against the score.
        """
        scene = Scene(self._history)
        work = work_of(scene)
        return best_first(
            [
                *failing(work, health),
                *alert_advice.firing(alerts, counted, health),
                *cold_caches(scene, health),
                *saturated(self.loads, health),
                *self._memory.leaks(self._history.ticks.times[-1], health),
                *bottlenecks(work, health),
                *alert_advice.falling(health),
                *slowest(work),
            ]
        )

    def forget(self) -> None:
        """Begin anew."""
        self._memory.forget()
        self.loads = {}
