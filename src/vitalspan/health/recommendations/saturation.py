"""Recommendations about saturation: more calls in progress than there should be room for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vitalspan.health.recommendations.recommendation import Recommendation, factors_on
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.metrics import COMPONENT
from vitalspan.signals.query import Query
from vitalspan.signals.reader import QueryReader
from vitalspan.units import RATIO, value_text
from vitalspan.words import counted

UTILIZATION: Final = 0.7
"""The share of its room that a component should use: beyond it, calls start to queue."""

_BY: Final = (COMPONENT,)
_INSIDE: Final = Query("in_progress", by=_BY)
_MEAN: Final = Query("concurrency", by=_BY)


class Load(NamedTuple):
    """The calls of a component that are in progress.

    Attributes:
        inside: the current number of them.
        mean: their average number: the rate of calls times their mean duration, by Little's law (J.
            D. C. Little, "A Proof for the Queuing Formula: L = λW", 1961).
    """

    inside: float
    mean: float

    @property
    def room(self) -> int:
        """The number of calls that there should be room for."""
        return max(1, math.ceil(self.mean / UTILIZATION))

    @property
    def is_saturated(self) -> bool:
        """True if there are more calls in progress than there is room for, and not by chance."""
        # The number of independent calls has a standard deviation of the square root of its mean.
        return self.inside > max(self.room, self.mean + 3 * math.sqrt(self.mean))


class ConcurrencyReader:
    """Reads how many calls components have in progress. Nested operations count separately.

    Args:
        history: the past of the process.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._inside, self._mean = QueryReader(_INSIDE, history), QueryReader(_MEAN, history)

    def loads(self, now: float) -> dict[str, Load]:
        """Return the load of each component that had calls within the window."""
        inside = {name: one.value or 0.0 for (name,), one in self._inside.read(now)}
        # In a young process, the mean is over the available history.
        covered = min(self._history.covered(), _MEAN.window) or _MEAN.window
        return {
            name: Load(inside.get(name, 0.0), one.value * _MEAN.window / covered)
            for (name,), one in self._mean.read(now)
            if one.value is not None and one.samples > 0
        }


def saturation(loads: Mapping[str, Load], health: Health) -> Iterator[Recommendation]:
    """Yield recommendations about saturated components, and about a saturated machine."""
    for name, load in loads.items():
        if load.is_saturated:
            yield Recommendation(
                "saturation",
                name,
                name,
                f"{load.inside:.0f} calls are in progress, and those that ended lately make "
                f"{load.mean:.3g} on average: calls pile up",
                f"let at most {counted(load.room, 'call')} run at once, or add instances",
            )
    for factor in factors_on(health, "resource_utilization", "cpu_utilization"):
        if factor.points_lost > 0 and factor.value is not None:
            yield Recommendation(
                "saturation",
                "process",
                None,
                f"{factor.signal.replace('_', ' ')} is {value_text(factor.value, RATIO)}",
                "add instances, use a larger machine, or run fewer calls at once",
                factor.points_lost,
            )
