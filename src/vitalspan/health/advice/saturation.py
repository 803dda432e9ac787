"""How many calls there should be room for, and who has more inside than that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vitalspan.health.advice.recommendation import Recommendation, factors_on
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.names import COMPONENT
from vitalspan.signals.bound import Bound
from vitalspan.signals.query import Query
from vitalspan.signals.units import RATIO, value_text

UTILIZATION: Final = 0.7
"""The share of the room that is meant to be taken: with less to spare, calls begin to wait."""

_BY: Final = (COMPONENT,)
_INSIDE: Final = Query("in_progress", by=_BY)
_MEAN: Final = Query("concurrency", by=_BY)


class Load(NamedTuple):
    """What a component has inside.

    Attributes:
        inside: calls at this moment.
        mean: calls inside on average: calls a second by the seconds of each, which is Little's law
            (J. D. C. Little, "A Proof for the Queuing Formula: L = λW", 1961).
    """

    inside: float
    mean: float

    @property
    def room(self) -> int:
        """How many calls there should be room for."""
        return max(1, math.ceil(self.mean / UTILIZATION))

    @property
    def is_saturated(self) -> bool:
        """Whether there are more calls inside than there is room for, and than luck explains."""
        # Calls that come independently of each other deviate from the mean by its square root.
        return self.inside > max(self.room, self.mean + 3 * math.sqrt(self.mean))


class Saturation:
    """Follows what components have inside. Nested operations of one component each count.

    Args:
        history: that has it.
    """

    def __init__(self, history: History) -> None:
        self._inside, self._mean = Bound(_INSIDE, history), Bound(_MEAN, history)

    def loads(self, now: float) -> dict[str, Load]:
        """Return the load of every component that has had a call within the window."""
        inside = {name: one.value or 0.0 for (name,), one in self._inside.read(now)}
        return {
            name: Load(inside.get(name, 0.0), one.value)
            for (name,), one in self._mean.read(now)
            if one.value is not None and one.samples > 0
        }


def saturated(loads: Mapping[str, Load], health: Health) -> Iterator[Recommendation]:
    """Yield the components that have more inside than there should be room for, and the machine."""
    for name, load in loads.items():
        if load.is_saturated:
            yield Recommendation(
                "saturation",
                name,
                name,
                f"{load.inside:.0f} calls are inside, and what has ended lately makes "
                f"{load.mean:.3g} on average: calls pile up",
                f"let no more than {load.room} in at once, the others wait, or add instances",
            )
    for factor in factors_on(health, "resource_utilization", "cpu_utilization"):
        if factor.points_lost > 0 and factor.value is not None:
            yield Recommendation(
                "saturation",
                "process",
                None,
                f"{factor.signal.replace('_', ' ')} is {value_text(factor.value, RATIO)}",
                "add instances or a larger machine, or do less at once",
                factor.points_lost,
            )
