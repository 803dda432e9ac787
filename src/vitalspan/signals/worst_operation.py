"""Signals about the worst operation, because one of many would not show in a sum."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan import metrics as names
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.promql.expression import Expression, call
from vitalspan.promql.selection import Selection
from vitalspan.signals.operations import ERROR_INPUTS, error_ratio, most_errors, oldest_call
from vitalspan.signals.promtool_series import Inputs, InputSeries, Samples, Target
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.source import OPERATIONS
from vitalspan.units import NUMBER, RATIO

ENOUGH_CALLS: Final = 20
"""The number of calls from which on an operation's error ratio counts fully, not partially."""

USUAL_TIMES: Final = 10.0
LEAST_SECONDS: Final = 60.0
"""A call is unusually old once it has taken ten times as long as its operation's mean, and at least
this many seconds."""


def _worst_error_ratio(window: Window, query: Query) -> Reading:
    worst: float | None = None
    for operation in window.by_operation():
        if worst is not None and operation.increase("errors") <= 0:
            continue
        reading = error_ratio(operation, query)
        if reading.value is not None:
            weighed = reading.value * min(1.0, reading.samples / ENOUGH_CALLS)
            worst = weighed if worst is None else max(worst, weighed)
    return NO_DATA if worst is None else Reading(worst, 1)


def _worst_error_ratio_promql(selection: Selection, query: Query) -> Expression:
    apart = _each_operation(selection)
    calls = apart.sum_rate(names.DURATION_COUNT)
    judged = calls - apart.sum_rate(names.OPERATION_CANCELLATIONS.name) > 0
    # The error counter does not exist before the first error.
    errors = apart.sum_rate(names.OPERATION_ERRORS.name).or_(0 * calls)
    share = call("clamp_max", judged * float(f"{query.window / ENOUGH_CALLS:.9g}"), 1)
    return selection.total(errors / judged * share, how="max")


def _oldest_call(window: Window, query: Query) -> Reading:
    worst: float | None = None
    for operation in window.by_operation():
        seconds = operation.in_progress()[1]
        if worst is not None and seconds <= 0:
            continue
        count = operation.increase("count")
        if count > 0:
            usual = max(LEAST_SECONDS, USUAL_TIMES * operation.increase("total") / count)
            age = seconds / usual
            worst = age if worst is None else max(worst, age)
    return NO_DATA if worst is None else Reading(worst, 1)


def _oldest_call_promql(selection: Selection, query: Query) -> Expression:
    apart = _each_operation(selection)
    oldest = apart.total(apart.series(names.OPERATION_OLDEST.name), how="max")
    calls = apart.sum_rate(names.DURATION_COUNT)
    usual = USUAL_TIMES * apart.sum_rate(names.DURATION_SUM) / (calls > 0)
    return selection.total(oldest / call("clamp_min", usual, LEAST_SECONDS), how="max")


def _each_operation(selection: Selection) -> Selection:
    by = (*selection.by, *(one for one in (COMPONENT, OPERATION) if one not in selection.by))
    # Recorded rates are sums over operations.
    return replace(selection, by=by, context=selection.context.unrecorded())


def _oldest_call_inputs(target: Target) -> Samples:
    return {
        InputSeries(names.OPERATION_OLDEST.name): LEAST_SECONDS * target.value,
        InputSeries(names.DURATION_COUNT): target.calls,
        InputSeries(names.DURATION_SUM): 0.1 * target.calls,
    }


WORST_OPERATION: Final = (
    Signal(
        "worst_operation_error_ratio",
        RATIO,
        OPERATIONS,
        "the error ratio of the operation that fails most; fewer than 20 calls count in part",
        _worst_error_ratio,
        _worst_error_ratio_promql,
        Inputs(ERROR_INPUTS),
        contributor=most_errors,
    ),
    Signal(
        "oldest_call_ratio",
        NUMBER,
        OPERATIONS,
        "how many times longer than expected the oldest call has been running",
        _oldest_call,
        _oldest_call_promql,
        Inputs(_oldest_call_inputs),
        contributor=oldest_call,
    ),
)
