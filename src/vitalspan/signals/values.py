"""Values that are computed alike for many signals: rates, shares, means and gauges."""

from __future__ import annotations

from collections.abc import Callable

from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Window

Value = Callable[[Window, Query], Reading]


def rate_of(*columns: str, calls: tuple[str, ...] = ("count",)) -> Value:
    """Return the value of a signal that is what counters have grown by, a second.

    Args:
        *columns: the counters, which are added up.
        calls: those whose growth is the number of samples.
    """

    def value(window: Window, query: Query) -> Reading:
        if not window.series or not window.seconds:
            return NO_DATA
        growth = sum([window.increase(column) for column in columns])
        return Reading(growth / window.seconds, sum([window.increase(one) for one in calls]))

    return value


def share_of(part: str, rest: str) -> Value:
    """Return the value of a signal that is the share of one counter in two."""

    def value(window: Window, query: Query) -> Reading:
        counted = window.increase(part)
        every = counted + window.increase(rest)
        return Reading(counted / every, every) if every > 0 else NO_DATA

    return value


def per_call(column: str) -> Value:
    """Return the value of a signal that is what a counter has grown by, a call."""

    def value(window: Window, query: Query) -> Reading:
        count = window.increase("count")
        return Reading(window.increase(column) / count, count) if count > 0 else NO_DATA

    return value


def gauge_of(metric: str, choose: Callable[[list[float]], float]) -> Value:
    """Return the value of a signal that is made of the present values of a metric."""

    def value(window: Window, query: Query) -> Reading:
        present = window.gauges(metric)
        return Reading(choose(present), 1) if present else NO_DATA

    return value
