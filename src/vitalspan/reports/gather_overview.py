"""Gathers the overview of a period: everything that a monitor knows about it, at one tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from vitalspan._version import __version__
from vitalspan.errors import VitalspanError
from vitalspan.reports.overview import (
    AlertOverview,
    Overview,
    Period,
    Service,
)
from vitalspan.reports.signal_trends import call_trends, followed_trends, operation_anomalies
from vitalspan.resource import resource_attributes, service_instance_id
from vitalspan.rules.alert import Alert
from vitalspan.runtime.internal_errors import InternalErrors
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.earlier_history import longest_of
from vitalspan.statistics.periods import Key, Window, check_period
from vitalspan.statistics.timeline import Timeline
from vitalspan.store.errors import StoreError
from vitalspan.words import duration_words

if TYPE_CHECKING:
    from vitalspan.evaluation.evaluation import Evaluation
    from vitalspan.sessions.sessions import Sessions
    from vitalspan.statistics.earlier_history import EarlierHistory
    from vitalspan.statistics.service_statistics import ServiceStatistics

MAX_OPERATIONS: Final = 100
"""The default number of operations to list."""

TIMELINES: Final = 10
"""The number of operations with a timeline of their own."""

SEVERITIES: Final = ("critical", "error", "warning", "info")


@dataclass(frozen=True)
class Sources:
    """The parts of a monitor that an overview is gathered from.

    Attributes:
        statistics: the statistics of calls.
        evaluation: the evaluation of rules, alerts and health.
        sessions: returns the sessions.
        started: returns when counting began, in seconds since the Unix epoch.
        processes: returns the number of processes that share their counts; None for a single
            process.
        internal_errors: counts internal errors.
        earlier: returns the history from before that in memory; None if there is none.
    """

    statistics: ServiceStatistics
    evaluation: Evaluation
    sessions: Callable[[], Sessions]
    started: Callable[[], float]
    processes: Callable[[], int | None]
    internal_errors: InternalErrors
    earlier: Callable[[], EarlierHistory | None] = lambda: None


def gather_overview(
    sources: Sources,
    window: float | None,
    offset: float = 0.0,
    *,
    operations: int = MAX_OPERATIONS,
    or_since_start: bool = False,
) -> Overview:
    """Return everything about one period.

    Args:
        sources: the parts of the monitor.
        window: the length of the period in seconds; None for the whole time since the start.
        offset: the seconds since its end.
        operations: the maximum number of operations to list.
        or_since_start: whether the overview covers the whole time since the start if another
            process has the history.

    Raises:
        ConfigurationError: for a period that is not available.
        VitalspanError: if another process has the history.
    """
    earlier = None if window is None else sources.earlier()
    check_period(window, offset, longest_of(earlier))
    question = _Question(window, offset, operations)
    notes: list[str] = []
    if window is not None and earlier is not None and _is_lacking(sources, window, offset):
        # The evaluation of rules must not wait for a store or a server.
        try:
            return _OverviewBuilder(
                sources, sources.statistics, question, earlier=earlier
            ).overview()
        except StoreError as unread:
            notes.append(f"The past could not be read: {unread}.")
    with ExitStack() as reading:
        try:
            history = reading.enter_context(sources.evaluation.reading_history())
        except VitalspanError as elsewhere:
            if window is not None and not or_since_start:
                raise
            question = question._replace(window=None, offset=0.0)
            notes.append(f"{elsewhere}.")
            return _OverviewBuilder(
                sources, sources.statistics, question, is_elsewhere=True
            ).overview(notes)
        statistics = sources.statistics.within(history, stored=False)
        return _OverviewBuilder(sources, statistics, question).overview(notes)


def _is_lacking(sources: Sources, window: float, offset: float) -> bool:
    """Return whether a period is not in memory."""
    with sources.evaluation.reading_history_if_here() as history:
        return history is None or Window(history, window, offset).lacks(window, offset)


class _Question(NamedTuple):
    """The requested period, and the number of operations to list."""

    window: float | None
    offset: float
    operations: int


class _OverviewBuilder:
    def __init__(
        self,
        sources: Sources,
        statistics: ServiceStatistics,
        question: _Question,
        *,
        earlier: EarlierHistory | None = None,
        is_elsewhere: bool = False,
    ) -> None:
        self._sources = sources
        self._statistics = statistics
        self._question = question
        self._earlier = earlier
        self._is_elsewhere = is_elsewhere
        evaluation = sources.evaluation
        self._epoch = evaluation.counts.epoch()
        beyond = earlier is not None or is_elsewhere
        self._now = evaluation.counts.now() if beyond else evaluation.history.ticks.times[-1]

    def overview(self, notes: Sequence[str] = ()) -> Overview:
        statistics = self._statistics
        window, offset, operations = self._question
        calls, components, every = statistics.by_operation(window=window, offset=offset)
        listed = every[:operations]
        keys: list[Key] = [(one.component, one.operation) for one in listed[:TIMELINES]]
        timeline, *operation_timelines = self._timelines([(None, None), *keys])
        period = self._period(calls, timeline)
        is_past = period.is_past
        evaluation = self._sources.evaluation
        return Overview(
            generated_at=evaluation.counts.now() + self._epoch,
            service=_service(self._sources),
            period=period,
            since_start=calls if window is None else statistics(),
            calls=calls,
            components=tuple(components),
            operations=tuple(listed),
            operations_left_out=len(every) - len(listed),
            timeline=timeline,
            operation_timelines=tuple(operation_timelines),
            signals=(
                *call_trends(timeline),
                *followed_trends(evaluation.signal_history, timeline, self._epoch, self._earlier),
            ),
            operation_anomalies=tuple(operation_anomalies(operation_timelines)),
            health=None if is_past else evaluation.health.latest,
            recommendations=() if is_past else tuple(evaluation.health.latest_recommendations()),
            alerts=self._alerts(period),
            slos=() if is_past else tuple(evaluation.slo_statuses()),
            notes=(
                *notes,
                *_notes(period),
                *(() if self._earlier is None else self._earlier.notes()),
            ),
        )

    def _timelines(self, keys: Sequence[Key]) -> list[Timeline]:
        window, offset = self._question.window, self._question.offset
        if self._is_elsewhere:
            return [Timeline(*key, ()) for key in keys]
        return self._statistics.timelines(keys, window=window, offset=offset)

    def _period(self, calls: CallStatistics, timeline: Timeline) -> Period:
        window, offset, slots = self._question.window, self._question.offset, timeline.slots
        if window is None or not slots:
            end = self._now + self._epoch - offset
            start = end - calls.seconds
        else:
            start, end = slots[0].start, slots[-1].end
        return Period(start, end, calls.seconds, window, offset > 0)

    def _alerts(self, period: Period) -> AlertOverview:
        alerts = self._sources.evaluation.alerts
        present = alerts.active()
        firing = dict.fromkeys(SEVERITIES, 0)
        for one in present:
            if one.state == "firing":
                firing[one.severity] = firing.get(one.severity, 0) + 1
        stored = [] if self._earlier is None else self._earlier.alerts(period.start, period.end)
        every = [*stored, *alerts.history(), *present]
        latest = {one.id: one for one in every if one.fired_at is not None}
        past = [one for one in latest.values() if _is_within(one, period)]
        return AlertOverview(
            firing,
            sum(one.state == "pending" for one in present),
            () if period.is_past else tuple(present),
            tuple(sorted(past, key=lambda one: one.fired_at or 0.0)),
        )


def _is_within(alert: Alert, period: Period) -> bool:
    fired, resolved = alert.fired_at, alert.resolved_at
    return (
        fired is not None and fired <= period.end and (resolved is None or resolved >= period.start)
    )


def _service(sources: Sources) -> Service:
    return Service(
        resource_attributes().get("service.name"),
        service_instance_id(),
        sources.processes(),
        sources.started(),
        __version__,
    )


def _notes(period: Period) -> Iterator[str]:
    if period.wanted is not None and period.seconds < 0.9 * period.wanted:
        yield (
            f"The history covers {duration_words(round(period.seconds))} of the "
            f"{duration_words(round(period.wanted))} that were asked for."
        )
