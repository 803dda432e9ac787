"""What the recorded series of health are called in Prometheus, and what tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan import names
from vitalspan.names import COMPONENT

POOLED: Final = "pooled"
"""The operation of what is made of counters that were added up first."""

UNCAPPED: Final = "uncapped"
"""That of a score before critical components limit it."""

EFFECTIVE: Final = "effective"
"""That of a component's score that is no better than what it depends on."""


class Level(NamedTuple):
    """What scores are told apart by, beside jobs."""

    instance: bool = False
    component: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, of which `job` is always one."""
        chosen = (("job", True), ("instance", self.instance), (COMPONENT, self.component))
        return tuple(label for label, told in chosen if told)


JOB: Final = Level()
INSTANCE: Final = Level(instance=True)


@dataclass(frozen=True)
class Recorded:
    """Names of recorded series: level, metric, operations.

    Attributes:
        prefix: before the names of vitalspan's own metrics.
    """

    prefix: str = ""

    def factor_score(self, level: Level) -> str:
        """Return the series of the factors' scores, told apart by the label `factor`."""
        return self._name(level, names.HEALTH_FACTOR_SCORE, POOLED)

    def factor_weight(self, level: Level) -> str:
        """Return the series of the points that the factors stand for."""
        return self._name(level, names.HEALTH_FACTOR_WEIGHT, POOLED)

    def points_lost(self, level: Level) -> str:
        """Return the series of the points that the factors take off."""
        return self._name(level, names.HEALTH_POINTS_LOST, POOLED)

    def score(self, level: Level, operation: str = POOLED) -> str:
        """Return the series of a score."""
        of_components = level.component
        family = names.COMPONENT_HEALTH_SCORE if of_components else names.HEALTH_SCORE
        return self._name(level, family, operation)

    def _name(self, level: Level, family: names.Family, operation: str) -> str:
        return f"{'_'.join(level.labels)}:{self.prefix}{family.name}:{operation}"
