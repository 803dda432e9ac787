"""The signal for any metric of the registry, which rules use as `series`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from vitalspan.metrics import is_counter
from vitalspan.promql.expression import Expression
from vitalspan.promql.selection import Selection
from vitalspan.signals.promtool_series import Inputs, plain
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Amount, Reading, Signal, Window
from vitalspan.signals.source import REGISTRY, SeriesLabels
from vitalspan.units import NUMBER, PER_SECOND

_AGGREGATES: Final[dict[str, Callable[[list[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}


_FRACTIONAL: Final = ("_seconds", "_dollars", "_joules", "_ratio", "_sum")
"""The suffixes of counters that are not integers."""


def counter_rate(window: Window, metric: str) -> Reading:
    """Return the rate of a registry counter."""
    increase = window.growth(metric)
    if increase is None or not window.seconds:
        return NO_DATA
    return Reading(increase / window.seconds, 1)


def _value(window: Window, query: Query) -> Reading:
    metric = str(query.series)
    if is_counter(metric):
        return counter_rate(window, metric)
    present = window.gauges(metric)
    numbers = [value for value in present if not math.isnan(value)]
    # As in PromQL: NaN makes a sum or a mean NaN, which is never beyond a threshold, but it is not
    # the minimum or maximum as long as there are numbers.
    if not numbers or (len(numbers) < len(present) and query.aggregate in ("sum", "avg")):
        return NO_DATA
    return Reading(_AGGREGATES[query.aggregate](numbers), 1)


def _promql(selection: Selection, query: Query) -> Expression:
    metric = str(query.series)
    selection = selection.verbatim()
    if is_counter(metric):
        return selection.sum_rate(metric)
    return selection.total(selection.series(metric), how=query.aggregate)


def _is_whole(metric: str) -> bool:
    """Return whether a counter counts whole things, by its name."""
    return not metric.removesuffix("_total").endswith(_FRACTIONAL)


def registry_metric(metric: str) -> Signal:
    """Return the signal of a registry metric: the rate of a counter, or the value of a gauge."""
    counter = is_counter(metric)
    return Signal(
        metric,
        PER_SECOND if counter else NUMBER,
        REGISTRY,
        "the growth of a counter per second" if counter else "the {aggregate} of its values",
        _value,
        _promql,
        Inputs(plain(metric)),
        lowest=0.0 if counter else -math.inf,
        series_labels=SeriesLabels(),
        amount=Amount(NUMBER, "the growth of a counter", _is_whole(metric)) if counter else None,
        metrics=(metric,),
        own_metric=True,
        instant=not counter,
    )
