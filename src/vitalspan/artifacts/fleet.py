"""What the dashboard of a fleet reads: calls, errors and durations of jobs, recorded for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vitalspan import names
from vitalspan.artifacts.recording import Recording
from vitalspan.health.recorded import Level
from vitalspan.signals.units import duration_text

WINDOW: Final = 300.0
"""Seconds that the rates are over."""

LEVELS: Final = (Level(), Level(component=True), Level(instance=True))

_SPAN: Final = duration_text(WINDOW)
_DURATION: Final = names.OPERATION_DURATION.name
_QUANTILE: Final = 0.95


@dataclass(frozen=True)
class FleetSeries:
    """Names of recorded series: level, metric, operations.

    Attributes:
        prefix: before the names of vitalspan's own metrics.
    """

    prefix: str = ""

    def calls(self, level: Level) -> str:
        """Return the series of finished calls a second."""
        return self._name(level, f"{_DURATION}_count", f"rate{_SPAN}")

    def errors(self, level: Level) -> str:
        """Return the series of the share of calls that raised, cancelled ones left out."""
        return self._name(level, "operation_errors", f"ratio_rate{_SPAN}")

    def mean(self, level: Level) -> str:
        """Return the series of the mean duration."""
        return self._name(level, _DURATION, f"mean{_SPAN}")

    def quantile(self, level: Level) -> str:
        """Return the series of the 95th percentile of the durations."""
        return self._name(level, _DURATION, f"p95_rate{_SPAN}")

    def _name(self, level: Level, metric: str, operation: str) -> str:
        return f"{'_'.join(level.labels)}:{self.prefix}{metric}:{operation}"


def fleet_rules(prefix: str, pooled: Callable[[str, float], str]) -> Iterator[Recording]:
    """Yield the recording rules.

    Args:
        prefix: before the names of vitalspan's own metrics.
        pooled: returns the series that has the rate of a counter by instance and component.
    """
    series = FleetSeries(prefix)
    count, total, errors, cancelled = (
        pooled(prefix + metric, WINDOW)
        for metric in (
            f"{_DURATION}_count",
            f"{_DURATION}_sum",
            names.OPERATION_ERRORS.name,
            names.OPERATION_CANCELLATIONS.name,
        )
    )
    for level in LEVELS:
        by = f"sum by ({', '.join(level.labels)})"
        calls = series.calls(level)
        yield Recording(calls, f"{by} ({count})")
        # A counter of errors is not there before the first of them.
        raised = f"({by} ({errors}) or 0 * {calls})"
        yield Recording(series.errors(level), f"{raised}\n/\n({calls} - {by} ({cancelled}) > 0)")
        yield Recording(series.mean(level), f"{by} ({total})\n/\n({calls} > 0)")
    job = LEVELS[0]
    # One by instance would take a series for each bucket of each of them.
    buckets = f"rate({prefix}{_DURATION}_bucket[{_SPAN}])"
    expr = f"histogram_quantile({_QUANTILE}, sum by (job, le) ({buckets})) >= 0"
    yield Recording(series.quantile(job), expr)
