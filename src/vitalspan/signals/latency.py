"""Signals about the durations of calls."""

from __future__ import annotations

import math
from functools import reduce
from itertools import accumulate, pairwise
from typing import Final

from vitalspan import metrics as names
from vitalspan.promql.expression import Expression, call
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection, quotient_of
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.promtool_series import Inputs, InputSeries, Samples, Target, labelled, share
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.source import OPERATIONS
from vitalspan.signals.values import per_call
from vitalspan.units import SECONDS, value_text

_CALLS: Final = names.DURATION_COUNT
_BUCKETS: Final = names.DURATION_BUCKET


def _quantile(window: Window, query: Query) -> Reading:
    durations = window.durations()
    count = sum([calls for _, calls in durations])
    rank, below = (query.quantile or 0.0) * count, 0
    for seconds, calls in durations:
        below += calls
        if below >= rank:
            return Reading(seconds, count)
    return NO_DATA


def _stddev(window: Window, query: Query) -> Reading:
    durations = window.durations()
    count = sum(calls for _, calls in durations)
    if not count:
        return NO_DATA
    mean = sum(seconds * calls for seconds, calls in durations) / count
    square = sum(calls * (seconds - mean) ** 2 for seconds, calls in durations)
    return Reading(math.sqrt(square / count), count)


def _quantile_promql(selection: Selection, query: Query) -> Expression:
    quantile = query.quantile or 0.0
    buckets = selection.total(selection.rate(_BUCKETS), "le")
    classic = call("histogram_quantile", quantile, buckets)
    if not selection.context.native_histograms:
        return classic
    histograms = selection.total(selection.rate(names.OPERATION_DURATION.name))
    return call("histogram_quantile", quantile, histograms).or_(classic)


def _stddev_promql(selection: Selection, query: Query) -> Expression:
    """Return the deviation from the exported buckets, with all calls in the middles of buckets.

    With cumulative counts C(i) and middles m(i), the sum of n(i) m(i)^k is the sum of C(i) (m(i)^k
    - m(i+1)^k), where the last term is just C m^k.
    """
    boundaries = selection.context.boundaries
    bounds, middles = (*boundaries, math.inf), _exported_middles(boundaries)

    def moment(power: int) -> Expression:
        terms: list[Expression] = []
        for index, bound in enumerate(bounds):
            after = middles[index + 1] ** power if index + 1 < len(bounds) else 0.0
            below = selection.sum_rate(_BUCKETS, Matcher("le", "=", _bound_text(bound)))
            terms.append(float(f"{middles[index] ** power - after:.9g}") * below)
        return reduce(Expression.__add__, terms) / (selection.sum_rate(_CALLS) > 0)

    return call("sqrt", call("clamp_min", moment(2) - moment(1) ** 2, 0))


def _exported_middles(boundaries: tuple[float, ...]) -> list[float]:
    middles = (math.sqrt(low * high) for low, high in pairwise(boundaries))
    return [boundaries[0], *middles, boundaries[-1]]


def _bound_text(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else repr(float(bound))


def _quantile_inputs(target: Target) -> Samples:
    """Put calls into two buckets such that the quantile is at the right place in one of them."""
    value, quantile = target.value, target.query.quantile or 0.5
    bounds = (*target.boundaries, math.inf)
    here = next(index for index, bound in enumerate(bounds) if value <= bound)
    low = bounds[here - 1] if here else 0.0
    place = (value - low) / (bounds[here] - low)
    shares = [0.0] * len(bounds)
    if value >= bounds[-2]:
        shares[-1] = 1.0
    elif here and place <= quantile:
        shares[here - 1] = (quantile - place) / (1 - place)
        shares[here] = 1 - shares[here - 1]
    else:
        shares[here] = min(1.0, quantile / place)
        shares[here + 1] = 1 - shares[here]
    return _histogram(shares, target)


def _stddev_inputs(target: Target) -> Samples:
    """Put calls into the lowest bucket and one whose distance results in the deviation."""
    lowest, *others = _exported_middles(target.boundaries)
    shares = [0.0] * (len(target.boundaries) + 1)
    for bucket, middle in enumerate(others, 1):
        # A share x at a distance d has the variance x (1 - x) d^2, at most d^2 / 4.
        variance = (target.value / (middle - lowest)) ** 2
        if variance <= 0.25:
            shares[bucket] = (1 - math.sqrt(1 - 4 * variance)) / 2
            shares[0] = 1 - shares[bucket]
            break
    return _histogram(shares, target)


def _quantile_limits(boundaries: tuple[float, ...]) -> tuple[float, float]:
    return boundaries[0], boundaries[-1]


def _stddev_limits(boundaries: tuple[float, ...]) -> tuple[float, float]:
    # A deviation is at most half of the distance of two middles.
    return 0.0, 0.4 * (boundaries[-1] - boundaries[0])


def _histogram(shares: list[float], target: Target) -> Samples:
    samples: Samples = {}
    bounds = (*target.boundaries, math.inf)
    for bound, below in zip(bounds, accumulate(shares), strict=True):
        series = labelled(_BUCKETS, "le", _bound_text(bound))
        samples[series] = min(1.0, below) * target.calls
    return samples | {InputSeries(_CALLS): target.calls}


def _slowest(query: Query, view: HistoryView, component: str | None) -> str:
    operations = view.intervals(query, view.history.operations, component)
    worst = max(operations, key=lambda name: operations[name].mean(), default="")
    if not worst:
        return ""
    return f"{worst} takes {value_text(operations[worst].mean(), SECONDS)} on average"


def _slowed_down(query: Query, view: HistoryView, component: str | None) -> str:
    over = 0.0 if query.derive is None else query.derive.over
    recent, past = (
        view.intervals(query, view.history.operations, component, ago) for ago in (0.0, over)
    )
    most, text = 0.0, ""
    for name, interval in recent.items():
        before, now = past[name].mean(), interval.mean()
        seconds = (now - before) * interval.increase("count")
        if before and seconds > most:
            most = seconds
            text = (
                f"{name}, {value_text(before, SECONDS)} before and {value_text(now, SECONDS)} now"
            )
    return text


LATENCY_QUANTILE: Final = Signal(
    "latency_pNN",
    SECONDS,
    OPERATIONS,
    "the duration that {percent} percent of the calls do not exceed",
    _quantile,
    _quantile_promql,
    Inputs(_quantile_inputs, limits=_quantile_limits, averaged=True),
    counted=_CALLS,
    buckets=True,
    nan_when_empty=True,
    contributor=_slowest,
)
"""The signal for all quantiles: `latency_p50`, `latency_p999`."""

LATENCY: Final = (
    LATENCY_QUANTILE,
    Signal(
        "latency_mean",
        SECONDS,
        OPERATIONS,
        "the mean duration of the calls",
        per_call("total"),
        quotient_of(names.DURATION_SUM, _CALLS),
        Inputs(share(InputSeries(names.DURATION_SUM), {InputSeries(_CALLS): 1.0}), averaged=True),
        counted=_CALLS,
        contributor=_slowest,
        change_contributor=_slowed_down,
    ),
    Signal(
        "latency_stddev",
        SECONDS,
        OPERATIONS,
        "the standard deviation of the calls' durations",
        _stddev,
        _stddev_promql,
        Inputs(_stddev_inputs, limits=_stddev_limits, averaged=True),
        counted=_CALLS,
        buckets=True,
    ),
)
