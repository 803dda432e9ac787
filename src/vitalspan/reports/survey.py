"""The survey of a monitor: everything that is said about one period, gathered at one tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vitalspan._version import __version__
from vitalspan.errors import VitalspanError
from vitalspan.reports.overview import (
    AlertOverview,
    OperationAnomaly,
    Overview,
    Period,
    Service,
)
from vitalspan.reports.trends import SignalTrend, anomalies_of, trend_of
from vitalspan.resource import resource_attributes, service_instance_id
from vitalspan.rules.alert import Alert
from vitalspan.runtime.internal_errors import InternalErrors
from vitalspan.signals.catalogue import find
from vitalspan.signals.query import Query
from vitalspan.signals.trail import TRAIL
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.periods import Key, check_period
from vitalspan.statistics.timeline import Slot, Timeline
from vitalspan.words import duration_words

if TYPE_CHECKING:
    from vitalspan.evaluation import Evaluation
    from vitalspan.history.history import History
    from vitalspan.sessions.sessions import Sessions
    from vitalspan.statistics.service_statistics import ServiceStatistics

MAX_OPERATIONS: Final = 100
"""Operations that are listed unless another number is asked for."""

TIMELINES: Final = 10
"""Operations that have a timeline of their own."""

SEVERITIES: Final = ("critical", "error", "warning", "info")

_CALL_SIGNALS: Final[dict[str, Callable[[Slot], float | None]]] = {
    "rate": lambda slot: slot.throughput,
    "error_ratio": lambda slot: slot.error_rate,
    "latency_p50": lambda slot: slot.p50,
    "latency_p95": lambda slot: slot.p95,
    "latency_p99": lambda slot: slot.p99,
}
"""Signals of calls, and their values in one slot of a timeline."""

_OF_OPERATIONS: Final = ("rate", "error_ratio", "latency_p95")
"""Signals that can be unusual of one operation."""

_QUANTILES: Final = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


@dataclass(frozen=True)
class Sources:
    """The parts of a monitor that it is surveyed by.

    Attributes:
        statistics: figures about calls.
        evaluation: rules, alerts and health.
        sessions: returns the sessions.
        started: returns when counting began, in seconds since the Unix epoch.
        processes: returns how many processes count together; None for a process by itself.
        internal_errors: counts faults of vitalspan itself.
    """

    statistics: ServiceStatistics
    evaluation: Evaluation
    sessions: Callable[[], Sessions]
    started: Callable[[], float]
    processes: Callable[[], int | None]
    internal_errors: InternalErrors


def survey(
    sources: Sources,
    window: float | None,
    offset: float = 0.0,
    *,
    operations: int = MAX_OPERATIONS,
    or_since_start: bool = False,
) -> Overview:
    """Return everything about one period.

    Args:
        sources: what is asked.
        window: the length of the period in seconds; None for all time since the start.
        offset: the seconds since its end.
        operations: how many operations are listed at most.
        or_since_start: whether the overview is about all time since the start where another process
            has the history.

    Raises:
        ConfigurationError: for a period that cannot be looked back on.
        VitalspanError: if another process has the history.
    """
    check_period(window, offset)
    with ExitStack() as stack:
        try:
            history = stack.enter_context(sources.evaluation.reading_history())
        except VitalspanError as elsewhere:
            if window is not None and not or_since_start:
                raise
            return _Survey(sources, None, None, 0.0, operations).overview((f"{elsewhere}.",))
        return _Survey(sources, history, window, offset, operations).overview()


class _Survey:
    def __init__(
        self,
        sources: Sources,
        history: History | None,
        window: float | None,
        offset: float,
        operations: int,
    ) -> None:
        self._sources = sources
        self._history = history
        self._window, self._offset = window, offset
        self._operations = operations
        statistics = sources.statistics
        self._statistics = statistics if history is None else statistics.within(history)
        counts = sources.evaluation.counts
        self._epoch = counts.epoch()
        now = counts.now() if history is None else history.ticks.times[-1]
        self._now = now + self._epoch

    def overview(self, notes: Sequence[str] = ()) -> Overview:
        statistics, window, offset = self._statistics, self._window, self._offset
        calls = statistics(window=window, offset=offset)
        every = statistics.operations(window=window, offset=offset)
        listed = every[: self._operations]
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
            components=tuple(statistics.components(window=window, offset=offset)),
            operations=tuple(listed),
            operations_left_out=len(every) - len(listed),
            timeline=timeline,
            operation_timelines=tuple(operation_timelines),
            signals=(*_call_trends(timeline), *self._followed_trends(timeline)),
            operation_anomalies=tuple(_operation_anomalies(operation_timelines)),
            health=None if is_past else evaluation.health.latest,
            recommendations=() if is_past else tuple(evaluation.health.latest_recommendations()),
            alerts=self._alerts(period),
            slos=() if is_past else tuple(evaluation.slo_statuses()),
            notes=(*notes, *_notes(period)),
        )

    def _timelines(self, keys: Sequence[Key]) -> list[Timeline]:
        if self._history is None:
            return [Timeline(*key, ()) for key in keys]
        return self._statistics.timelines(keys, window=self._window, offset=self._offset)

    def _period(self, calls: CallStatistics, timeline: Timeline) -> Period:
        slots = timeline.slots
        if self._window is None or not slots:
            end = self._now - self._offset
            start = end - calls.seconds
        else:
            start, end = slots[0].start, slots[-1].end
        return Period(start, end, calls.seconds, self._window, self._offset > 0)

    def _followed_trends(self, timeline: Timeline) -> Iterator[SignalTrend]:
        trail = self._sources.evaluation.trail
        for name in TRAIL:
            points = [
                (slot.end, trail.mean(name, slot.start - self._epoch, slot.end - self._epoch))
                for slot in timeline.slots
            ]
            if any(value is not None for _, value in points):
                yield _trend(name, points, highest=100.0 if name == "health_score" else None)

    def _alerts(self, period: Period) -> AlertOverview:
        alerts = self._sources.evaluation.alerts
        present = alerts.active()
        firing = dict.fromkeys(SEVERITIES, 0)
        for one in present:
            if one.state == "firing":
                firing[one.severity] = firing.get(one.severity, 0) + 1
        latest = {one.id: one for one in [*alerts.history(), *present] if one.fired_at is not None}
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


def _trend(
    name: str,
    points: Sequence[tuple[float, float | None]],
    weights: Sequence[int] | None = None,
    highest: float | None = None,
) -> SignalTrend:
    signal = find(name)
    assert signal is not None  # noqa: S101 - they are named in this module and in the trail
    query = Query(name, quantile=_QUANTILES.get(name))
    return trend_of(
        name,
        signal.summary_of(query),
        signal.unit,
        points,
        weights=weights,
        highest=signal.highest_value() if highest is None else highest,
    )


def _call_trends(timeline: Timeline) -> Iterator[SignalTrend]:
    slots = timeline.slots
    if not any(slot.count for slot in slots):
        return
    for name, value_of in _CALL_SIGNALS.items():
        points = [(slot.end, value_of(slot)) for slot in slots]
        weights = None if name == "rate" else [slot.count for slot in slots]
        yield _trend(name, points, weights)


def _operation_anomalies(timelines: Sequence[Timeline]) -> list[OperationAnomaly]:
    found = []
    for timeline in timelines:
        slots = timeline.slots
        for name in _OF_OPERATIONS:
            signal = find(name)
            assert signal is not None  # noqa: S101 - they are named in this module
            points = [(slot.end, _CALL_SIGNALS[name](slot)) for slot in slots]
            weights = None if name == "rate" else [slot.count for slot in slots]
            found += [
                OperationAnomaly(
                    str(timeline.component), str(timeline.operation), name, signal.unit, one
                )
                for one in anomalies_of(points, signal.unit, weights)
            ]
    return sorted(found, key=lambda one: one.anomaly.start)


def _notes(period: Period) -> Iterator[str]:
    if period.wanted is not None and period.seconds < 0.9 * period.wanted:
        yield (
            f"The history covers {duration_words(round(period.seconds))} of the "
            f"{duration_words(round(period.wanted))} that were asked for."
        )
