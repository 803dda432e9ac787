"""Trends of the signals of a period: of calls, of the score and of the machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING, Final

from vitalspan.metrics import HEALTH_SCORE
from vitalspan.reports.overview import OperationAnomaly
from vitalspan.reports.trends import SignalTrend, anomalies_of, trend_of
from vitalspan.signals.catalogue import find
from vitalspan.signals.query import Query
from vitalspan.signals.signal_history import KEPT_SIGNALS, SignalHistory
from vitalspan.statistics.timeline import Slot, Timeline

if TYPE_CHECKING:
    from vitalspan.statistics.earlier_history import EarlierHistory

_Points = list[tuple[float, float | None]]

_CALL_SIGNALS: Final[dict[str, Callable[[Slot], float | None]]] = {
    "rate": lambda slot: slot.throughput,
    "error_ratio": lambda slot: slot.error_rate,
    "latency_p50": lambda slot: slot.p50,
    "latency_p95": lambda slot: slot.p95,
    "latency_p99": lambda slot: slot.p99,
}
"""The signals of calls, with their values in one slot of a timeline."""

_OF_OPERATIONS: Final = ("rate", "error_ratio", "latency_p95")
"""The signals that are checked for unusual values of single operations."""

_LIMITS: Final = {"memory_utilization": 1.0}
"""The values at which nothing is left."""

_QUANTILES: Final = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


def call_trends(timeline: Timeline) -> Iterator[SignalTrend]:
    """Yield the trends of the signals of calls, if there were any."""
    slots = timeline.slots
    if not any(slot.count for slot in slots):
        return
    for name, value_of in _CALL_SIGNALS.items():
        points = [(slot.end, value_of(slot)) for slot in slots]
        yield _trend(name, points, *_certainty(name, slots))


def followed_trends(
    signal_history: SignalHistory, timeline: Timeline, epoch: float, earlier: EarlierHistory | None
) -> Iterator[SignalTrend]:
    """Yield the trends of the score and of the machine, as far as they are known.

    Args:
        signal_history: the past values.
        timeline: the timeline, over whose slots they are averaged.
        epoch: the difference between the time of day and the steady clock in seconds.
        earlier: the history from before this process; None if there is none.
    """
    for name in KEPT_SIGNALS:
        points: _Points = [
            (slot.end, signal_history.mean(name, slot.start - epoch, slot.end - epoch))
            for slot in timeline.slots
        ]
        if earlier is not None and points:
            known = earlier.means(name, timeline.slots)
            points = [
                (end, before if value is None else value)
                for (end, value), before in zip(points, known, strict=True)
            ]
        if any(value is not None for _, value in points):
            yield _trend(name, points, highest=100.0 if name == HEALTH_SCORE.name else None)


def operation_anomalies(timelines: Sequence[Timeline]) -> list[OperationAnomaly]:
    """Return when operations were unusual, in order."""
    found = []
    for timeline in timelines:
        slots = timeline.slots
        for name in _OF_OPERATIONS:
            signal = find(name)
            assert signal is not None  # noqa: S101 - they are named in this module
            points = [(slot.end, _CALL_SIGNALS[name](slot)) for slot in slots]
            found += [
                OperationAnomaly(
                    str(timeline.component), str(timeline.operation), name, signal.unit, one
                )
                for one in anomalies_of(points, signal.unit, *_certainty(name, slots))
            ]
    return sorted(found, key=lambda one: one.anomaly.start)


def _certainty(name: str, slots: Sequence[Slot]) -> tuple[list[int] | None, float]:
    """Return the number of calls for each value of a signal, and the noise of the values.

    The number of independent calls has a standard deviation of the square root of its mean, which
    is the noise of a rate.
    """
    if name != "rate":
        return [slot.count for slot in slots], 0.0
    if not slots:
        return None, 0.0
    seconds = median(slot.end - slot.start for slot in slots)
    calls = max(1.0, median(slot.count for slot in slots))
    return None, math.sqrt(calls) / seconds


def _trend(
    name: str,
    points: Sequence[tuple[float, float | None]],
    weights: Sequence[int] | None = None,
    noise: float = 0.0,
    *,
    highest: float | None = None,
) -> SignalTrend:
    signal = find(name)
    assert signal is not None  # noqa: S101 - they are named in this module and in KEPT_SIGNALS
    query = Query(name, quantile=_QUANTILES.get(name))
    return trend_of(
        name,
        signal.summary_of(query),
        signal.unit,
        points,
        weights=weights,
        noise=noise,
        highest=signal.highest_value() if highest is None else highest,
        limit=_LIMITS.get(name),
    )
