"""The document of changes: operations in one period and in the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.documents.promql import Queries, promql_of_figures
from vitalspan.page.figures import NO_HISTORY
from vitalspan.sessions.comparison import OperationComparison, compare
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.periods import Window

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.monitor import Monitor

CONFIDENCE: Final = 0.999
"""The required confidence of a test. With many operations, a few seem to change by chance."""

MOST_CHANGES: Final = 100


@dataclass(frozen=True)
class OperationChange:
    """The change of one operation.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        figures: its figures before and after, and two tests of whether they differ.
        rate_before: calls per second before.
        rate_after: calls per second after.
    """

    component: str
    operation: str
    figures: OperationComparison
    rate_before: float
    rate_after: float


@dataclass(frozen=True)
class Changes:
    """The changes of operations from one period to the next.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        seconds_before: the length of the first period.
        seconds_after: the length of the second period, which ends now.
        confidence: the required confidence of a test for a change to count, 0 to 1.
        changes: operations whose durations or errors have significantly changed, that are new, or
            that were no longer called; those that took most time come first.
        unchanged: the number of other operations.
        promql: the figures of an operation in the second period in PromQL, by name, with
            `$operation` and `$component` for its names.
        notice: a note for the reader; None if there is none.
    """

    at: float
    seconds_before: float
    seconds_after: float
    confidence: float
    changes: tuple[OperationChange, ...]
    unchanged: int
    promql: Queries
    notice: str | None


def changes(monitor: Monitor, asked: dict[str, Any]) -> Changes:
    """Return how operations have changed from one period to the next."""
    at = monitor.clock.wall()
    promql = promql_of_figures(monitor, asked["range"])
    with monitor.evaluation.reading_any_history() as history:
        if history is None:
            return Changes(at, 0.0, 0.0, CONFIDENCE, (), 0, promql, NO_HISTORY)
        # A history that is too short for two periods is halved.
        ticks = history.ticks.times
        oldest = max(ticks[0], history.operations.horizon)
        seconds = min(asked["range"], (ticks[-1] - oldest) / 2)
        before = _calls_of(history, seconds, seconds)
        after = _calls_of(history, seconds, 0.0)
    compared = compare(before, after, CONFIDENCE)
    found = [one for one in compared.operations if is_change(one)]
    return Changes(
        at=at,
        seconds_before=before.duration,
        seconds_after=after.duration,
        confidence=CONFIDENCE,
        changes=tuple(
            OperationChange(
                component=one.component,
                operation=one.operation,
                figures=one,
                rate_before=(one.before.throughput or 0.0) if one.before else 0.0,
                rate_after=(one.after.throughput or 0.0) if one.after else 0.0,
            )
            for one in found[:MOST_CHANGES]
        ),
        unchanged=len(compared.operations) - len(found),
        promql=promql,
        notice=None,
    )


def is_change(one: OperationComparison) -> bool:
    """Return whether an operation is new, was no longer called, or has changed for sure."""
    appeared = (one.before is None) != (one.after is None)
    return appeared or one.durations.significant or one.errors.significant


def _calls_of(history: History, seconds: float, offset: float) -> SessionStatistics:
    """Return the calls of a period as if a session had been open."""
    window = Window(history, max(seconds, 1e-6), offset)
    pooled: dict[tuple[str | None, str | None], CallSums] = {}
    window.pool(pooled, lambda series: (series.component, series.operation))
    sums = {(str(one), str(two)): each for (one, two), each in pooled.items() if each.count}
    now, epoch = history.counts.now(), history.counts.epoch()
    total = CallSums()
    for each in sums.values():
        total.add(each)

    operations = [
        each.statistics(component, operation, window.seconds, now, epoch)
        for (component, operation), each in sums.items()
    ]
    return SessionStatistics(
        name="",
        start=window.start + epoch,
        duration=window.seconds,
        calls=total.statistics(None, None, window.seconds, now, epoch),
        operations=tuple(operations),
        slowest=(),
        counts={},
        parent=None,
        sums=sums,
    )
