"""Recommendations about operations: bottlenecks, slow ones, and failing ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vitalspan.health.recommendations.recommendation import Recommendation, factors_on, gain_of
from vitalspan.health.result import Health
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.signals.history_view import OPEN, HistoryView, Interval
from vitalspan.units import (
    RATIO,
    SECONDS,
    duration_text,
    value_text,
)

WINDOW: Final = 300.0
"""The window of the calls in seconds."""

BOTTLENECK: Final = 0.2
"""The share of the time of all operations above which an operation is a bottleneck."""

SLOWEST: Final = 5
"""The number of slowest operations to name."""

_SPEED: Final = ("latency_mean", "change of latency_mean")
_FAILING: Final = 0.01
"""The error ratio from which on an operation is named."""


class OperationKey(NamedTuple):
    """An operation of a component."""

    component: str
    operation: str


class Work(NamedTuple):
    """The calls of an operation within the window."""

    calls: float
    seconds: float
    errors: float

    @property
    def mean(self) -> float:
        """The mean duration, in seconds."""
        return self.seconds / self.calls


WorkByOperation = Mapping[OperationKey, Work]


def work_of(view: HistoryView) -> dict[OperationKey, Work]:
    """Return the calls of each operation that had some within the window."""
    series_of: dict[OperationKey, list[TimeSeries]] = {}
    for series in view.history.operations.all:
        key = OperationKey(series.labels[COMPONENT], series.labels[OPERATION])
        series_of.setdefault(key, []).append(series)
    start = view.start(WINDOW)
    work = {}
    for key, all_series in series_of.items():
        interval = Interval(tuple(all_series), start, OPEN)
        calls = interval.increase("count")
        if calls > 0:
            errors = interval.increase("errors")
            work[key] = Work(calls, interval.increase("total"), errors)
    return work


def bottlenecks(work: WorkByOperation, health: Health) -> Iterator[Recommendation]:
    """Yield the operations that take a large share of the total time."""
    whole = sum(one.seconds for one in work.values())
    for key, one in work.items():
        share = one.seconds / whole if whole else 0.0
        if share > BOTTLENECK and len(work) > 1:
            yield Recommendation(
                "bottleneck",
                key.operation,
                key.component,
                f"{value_text(share, RATIO)} of the time of all operations over "
                f"{duration_text(WINDOW)}: {_calls(one)}",
                "make it faster or call it less often: nothing else gains as much time",
                _speed_gain(health, share),
            )


def slowest_operations(work: WorkByOperation) -> Iterator[Recommendation]:
    """Yield the operations with the longest mean durations."""
    ranked = sorted(work.items(), key=lambda item: -item[1].mean)
    for rank, (key, one) in enumerate(ranked[:SLOWEST], 1):
        yield Recommendation(
            "slow_operation",
            key.operation,
            key.component,
            f"number {rank} of the slowest over {duration_text(WINDOW)}: {_calls(one)}",
            "look at its slow calls: set a limit with slow=, and read monitor.slow_calls()",
        )


def failing_operations(work: WorkByOperation, health: Health) -> Iterator[Recommendation]:
    """Yield the failing operations, and the points to gain if they did not fail."""
    calls = sum(one.calls for one in work.values())
    errors = sum(one.errors for one in work.values())
    for key, one in work.items():
        if one.errors / one.calls >= _FAILING:
            without = (errors - one.errors) / calls
            yield Recommendation(
                "failing_operation",
                key.operation,
                key.component,
                f"{one.errors:.0f} of {one.calls:.0f} calls failed over {duration_text(WINDOW)}",
                "find out why: operation_errors_total has the types of errors, spans have messages",
                gain_of(health, "error_ratio", without),
            )


def _calls(one: Work) -> str:
    return f"{one.calls:.0f} calls of {value_text(one.mean, SECONDS)}"


def _speed_gain(health: Health, share: float) -> float:
    """Return an operation's share of the points that slowness costs."""
    return sum(one.points_lost * share for one in factors_on(health, *_SPEED))
