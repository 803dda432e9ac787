"""The names of recorded series, in one scheme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from vitalspan import metrics as names
from vitalspan.metrics import COMPONENT
from vitalspan.units import duration_text

POOLED: Final = "pooled"
"""The operation of series computed from counters that were added up first."""

UNCAPPED: Final = "uncapped"
"""The operation of a score before critical components limit it."""

EFFECTIVE: Final = "effective"
"""The operation of a component's score that is limited by its dependencies."""

FLEET_WINDOW: Final = 300.0
"""The window of a fleet's rates in seconds."""

_SPAN: Final = duration_text(FLEET_WINDOW)


class Grouping(NamedTuple):
    """The labels that distinguish recorded series, besides `job`."""

    instance: bool = False
    component: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, which always include `job`."""
        candidates = (("job", True), ("instance", self.instance), (COMPONENT, self.component))
        return tuple(label for label, is_told in candidates if is_told)


JOB: Final = Grouping()
INSTANCE: Final = Grouping(instance=True)


def recorded_name(level: Iterable[str], metric: str, operation: str) -> str:
    """Return the name of a recorded series, as the documentation of Prometheus recommends.

    Args:
        level: the labels that distinguish its series.
        metric: the metric that it is computed from, with the prefix.
        operation: the operation that computed it.
    """
    return f"{'_'.join(filter(None, level))}:{metric}:{operation}"


@dataclass(frozen=True)
class RecordedNames:
    """The names of the recorded series about health and about the traffic of a fleet.

    Attributes:
        prefix: the prefix of the names of vitalspan's own metrics.
    """

    prefix: str = ""

    def factor_score(self, level: Grouping) -> str:
        """Return the series of the factors' scores, distinguished by the label `factor`."""
        return self._name(level, names.HEALTH_FACTOR_SCORE.name, POOLED)

    def factor_weight(self, level: Grouping) -> str:
        """Return the series of the points that the factors can give."""
        return self._name(level, names.HEALTH_FACTOR_WEIGHT.name, POOLED)

    def points_lost(self, level: Grouping) -> str:
        """Return the series of the points that the factors lose."""
        return self._name(level, names.HEALTH_POINTS_LOST.name, POOLED)

    def score(self, level: Grouping, operation: str = POOLED) -> str:
        """Return the series of a score."""
        of_components = level.component
        family = names.COMPONENT_HEALTH_SCORE if of_components else names.HEALTH_SCORE
        return self._name(level, family.name, operation)

    def call_rate(self, level: Grouping) -> str:
        """Return the series of finished calls per second."""
        return self._name(level, names.DURATION_COUNT, f"rate{_SPAN}")

    def error_ratio(self, level: Grouping) -> str:
        """Return the series of the share of calls that raised, without cancelled ones."""
        return self._name(level, "operation_errors", f"ratio_rate{_SPAN}")

    def latency_mean(self, level: Grouping) -> str:
        """Return the series of the mean duration."""
        return self._name(level, names.OPERATION_DURATION.name, f"mean{_SPAN}")

    def latency_p95(self, level: Grouping) -> str:
        """Return the series of the 95th percentile of the durations."""
        return self._name(level, names.OPERATION_DURATION.name, f"p95_rate{_SPAN}")

    def _name(self, level: Grouping, metric: str, operation: str) -> str:
        return recorded_name(level.labels, self.prefix + metric, operation)
