"""Signals about operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from vitalspan import names
from vitalspan.record.grid import FINE
from vitalspan.signals.promql import Selection, sum_rate_of
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.units import (
    BYTES,
    NUMBER,
    PER_SECOND,
    RATIO,
    SECONDS,
)

_COUNT: Final = f"{names.OPERATION_DURATION.name}_count"
_SUM: Final = f"{names.OPERATION_DURATION.name}_sum"
_BUCKET: Final = f"{names.OPERATION_DURATION.name}_bucket"


def _middle(bucket: int) -> float:
    upper = FINE[bucket]
    if bucket == 0 or math.isinf(upper):
        return FINE[0] if bucket == 0 else FINE[bucket - 1]
    return math.sqrt(FINE[bucket - 1] * upper)


MIDDLES: Final = tuple(map(_middle, range(len(FINE))))
"""For each bucket of the fine grid the duration that stands for it, the geometric middle."""


def _rate(window: Window, query: Query, column: str = "count") -> Reading:
    if not window.series or not window.seconds:
        return NO_DATA
    grown = window.increase(column)
    return Reading(grown / window.seconds, grown if column == "count" else window.increase("count"))


def _error_ratio(window: Window, query: Query) -> Reading:
    judged = window.increase("count") - window.increase("cancellations")
    if judged <= 0:
        return NO_DATA
    return Reading(min(1.0, window.increase("errors") / judged), judged)


def _latency_mean(window: Window, query: Query) -> Reading:
    count = window.increase("count")
    return Reading(window.increase("total") / count, count) if count > 0 else NO_DATA


def _latency_quantile(window: Window, query: Query) -> Reading:
    buckets = window.buckets()
    count = sum(buckets)
    if not count:
        return NO_DATA
    rank = (query.quantile or 0.0) * count
    for bucket, below in enumerate(accumulate(buckets)):
        if below >= rank and below:
            return Reading(MIDDLES[bucket], count)
    return NO_DATA


def _latency_stddev(window: Window, query: Query) -> Reading:
    buckets = window.buckets()
    count = sum(buckets)
    if not count:
        return NO_DATA
    mean = sum(map(float.__mul__, MIDDLES, map(float, buckets))) / count
    square = sum(
        calls * (middle - mean) ** 2 for middle, calls in zip(MIDDLES, buckets, strict=True)
    )
    return Reading(math.sqrt(square / count), count)


def _concurrency(window: Window, query: Query) -> Reading:
    if not window.series or not window.seconds:
        return NO_DATA
    return Reading(window.increase("total") / window.seconds, window.increase("count"))


def _in_progress(window: Window, query: Query) -> Reading:
    inside = window.in_progress()[0]
    return Reading(inside, 1) if window.series else NO_DATA


def _oldest(window: Window, query: Query) -> Reading:
    return Reading(window.in_progress()[1], 1) if window.series else NO_DATA


def _measure_rate(window: Window, query: Query) -> Reading:
    return _rate(window, query, f"measure:{query.measure}")


def _call_memory_growth(window: Window, query: Query) -> Reading:
    count = window.increase("count")
    return Reading(window.increase("memory_growth") / count, count) if count > 0 else NO_DATA


def _absent(window: Window, query: Query) -> Reading:
    return Reading(0.0 if window.increase("count") > 0 else 1.0, 1)


def _error_ratio_promql(selection: Selection, query: Query) -> str:
    calls = selection.sum_rate(_COUNT)
    errors = selection.sum_rate(names.OPERATION_ERRORS.name)
    cancelled = selection.sum_rate(names.OPERATION_CANCELLATIONS.name)
    # A counter of errors is not there before the first of them.
    return f"({errors} or 0 * {calls}) / ({calls} - {cancelled} > 0)"


def _latency_quantile_promql(selection: Selection, query: Query) -> str:
    buckets = selection.total(selection.rate(_BUCKET), "le")
    return f"histogram_quantile({query.quantile:g}, {buckets})"


def _latency_stddev_promql(selection: Selection, query: Query) -> str:
    """Return the deviation from the exported buckets, each of which counts as its middle.

    With cumulative counts C(i) and middles m(i), the sum of n(i) m(i)^k is the sum of
    C(i) (m(i)^k - m(i+1)^k), the last term alone being C m^k.
    """
    bounds = (*names.DURATION_BOUNDARIES, math.inf)
    middles = [_exported_middle(index) for index in range(len(bounds))]

    def moment(power: int) -> str:
        terms = []
        for index, bound in enumerate(bounds):
            after = middles[index + 1] ** power if index + 1 < len(bounds) else 0.0
            text = "+Inf" if math.isinf(bound) else repr(float(bound))
            rate = selection.total(selection.rate(_BUCKET, f'le="{text}"'))
            terms.append(f"{middles[index] ** power - after:.9g} * {rate}")
        return f"({' + '.join(terms)}) / ({selection.sum_rate(_COUNT)} > 0)"

    return f"sqrt(clamp_min({moment(2)} - ({moment(1)}) ^ 2, 0))"


def _exported_middle(index: int) -> float:
    bounds = names.DURATION_BOUNDARIES
    if index == 0 or index == len(bounds):
        return bounds[0] if index == 0 else bounds[-1]
    return math.sqrt(bounds[index - 1] * bounds[index])


def _quotient(above: str, below: str) -> Callable[[Selection, Query], str]:
    def promql(selection: Selection, query: Query) -> str:
        return f"{selection.sum_rate(above)} / ({selection.sum_rate(below)} > 0)"

    return promql


def _absent_promql(selection: Selection, query: Query) -> str:
    return f"absent({selection.total(selection.rate(_COUNT))} > 0)"


LATENCY_QUANTILE: Final = Signal(
    "latency_pNN",
    SECONDS,
    "operations",
    "the duration that NN percent of the calls do not exceed",
    _latency_quantile,
    _latency_quantile_promql,
    counted=_COUNT,
)

CALLS: Final = (
    Signal(
        "rate",
        PER_SECOND,
        "operations",
        "the finished calls a second",
        _rate,
        sum_rate_of(_COUNT),
        counted=_COUNT,
    ),
    Signal(
        "error_ratio",
        RATIO,
        "operations",
        "the share of calls that raised, cancelled ones left out",
        _error_ratio,
        _error_ratio_promql,
        counted=_COUNT,
    ),
    Signal(
        "latency_mean",
        SECONDS,
        "operations",
        "the mean duration of the calls",
        _latency_mean,
        _quotient(_SUM, _COUNT),
        counted=_COUNT,
    ),
    Signal(
        "latency_stddev",
        SECONDS,
        "operations",
        "the standard deviation of the calls' durations",
        _latency_stddev,
        _latency_stddev_promql,
        counted=_COUNT,
    ),
    Signal(
        "concurrency",
        NUMBER,
        "operations",
        "the calls inside on average, those that have ended alone, by Little's law",
        _concurrency,
        sum_rate_of(_SUM),
        counted=_COUNT,
    ),
    Signal(
        "in_progress",
        NUMBER,
        "operations",
        "the calls inside at this moment",
        _in_progress,
        lambda selection, query: selection.total(selection.gauge(names.OPERATION_IN_PROGRESS.name)),
        instant=True,
    ),
    Signal(
        "oldest_in_progress",
        SECONDS,
        "operations",
        "the age of the oldest call inside",
        _oldest,
        lambda selection, query: selection.total(
            selection.gauge(names.OPERATION_OLDEST.name), how="max"
        ),
        instant=True,
    ),
    Signal(
        "measure_rate",
        PER_SECOND,
        "operations",
        "what `call.add` counted a second",
        _measure_rate,
        lambda selection, query: selection.sum_rate(names.measure(str(query.measure)).name),
        counted=_COUNT,
        argument="measure",
    ),
    Signal(
        "call_memory_growth",
        BYTES,
        "operations",
        "the growth of resident memory a call, where resources are measured",
        _call_memory_growth,
        _quotient(names.OPERATION_MEMORY_GROWTH.name, _COUNT),
        counted=_COUNT,
    ),
    Signal(
        "absent",
        NUMBER,
        "operations",
        "1 while no call has finished, 0 otherwise",
        _absent,
        _absent_promql,
        groups=False,
    ),
)
