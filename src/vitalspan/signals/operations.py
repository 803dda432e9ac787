"""Signals about calls: how many there are, how many fail, how many are in progress."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics as names
from vitalspan.history.operation_series import ERROR_COLUMN
from vitalspan.promql.expression import Expression, call
from vitalspan.promql.selection import Selection, quotient_of, sum_rate_of, total_of
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.promtool_series import (
    Inputs,
    InputSeries,
    Samples,
    Target,
    beside,
    labelled,
    plain,
    share,
)
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Amount, Reading, Signal, Window
from vitalspan.signals.source import OPERATIONS
from vitalspan.signals.values import per_call, rate_of
from vitalspan.units import BYTES, NUMBER, PER_SECOND, RATIO, SECONDS, duration_text

_CALLS: Final = names.DURATION_COUNT


def error_ratio(window: Window, query: Query) -> Reading:
    """Return the ratio of calls that raised; cancelled ones are left out."""
    judged = window.increase("count") - window.increase("cancellations")
    if judged <= 0:
        return NO_DATA
    return Reading(min(1.0, window.increase("errors") / judged), judged)


def _measure_rate(window: Window, query: Query) -> Reading:
    return rate_of(f"measure:{query.measure}")(window, query)


def _in_progress(window: Window, query: Query) -> Reading:
    inside = window.in_progress()[0]
    return Reading(inside, 1) if window.series else NO_DATA


def _oldest(window: Window, query: Query) -> Reading:
    return Reading(window.in_progress()[1], 1) if window.series else NO_DATA


def _absent(window: Window, query: Query) -> Reading:
    return Reading(0.0 if window.increase("count") > 0 else 1.0, 1)


def _error_ratio_promql(selection: Selection, query: Query) -> Expression:
    calls = selection.sum_rate(_CALLS)
    errors = selection.sum_rate(names.OPERATION_ERRORS.name)
    cancelled = selection.sum_rate(names.OPERATION_CANCELLATIONS.name)
    # The error counter does not exist before the first error.
    return errors.or_(0 * calls) / (calls - cancelled > 0)


def _measure_rate_promql(selection: Selection, query: Query) -> Expression:
    return selection.sum_rate(names.measure(str(query.measure)).name)


def _absent_promql(selection: Selection, query: Query) -> Expression:
    return call("absent", selection.sum_rate(_CALLS) > 0)


def _absent_factor_promql(selection: Selection, query: Query) -> Expression:
    return selection.sum_rate(_CALLS).compare("== bool", 0)


def _measure_inputs(target: Target) -> Samples:
    metric = names.measure(str(target.query.measure)).name
    return beside(metric, InputSeries(_CALLS))(target)


def _absent_inputs(target: Target) -> Samples:
    return {InputSeries(_CALLS): (1 - target.value) * target.calls}


ERROR_INPUTS: Final = share(
    labelled(names.OPERATION_ERRORS.name, names.ERROR_TYPE, "ValueError"),
    {InputSeries(_CALLS): 1.0, InputSeries(names.OPERATION_CANCELLATIONS.name): 0.0},
)
"""Makes a share of the calls of one operation fail."""


def most_errors(query: Query, view: HistoryView, component: str | None) -> str:
    """Return the operation with the most errors, and their most frequent type."""
    operations = view.intervals(query, view.history.operations, component)
    worst = max(operations, key=lambda name: operations[name].increase("errors"), default="")
    if not worst:
        return ""
    interval = operations[worst]
    bad = interval.increase("errors")
    calls = interval.increase("count") - interval.increase("cancellations")
    text = f"{worst}, {bad:.0f} of {calls:.0f} calls failed"
    kinds = {column for track in interval.tracks for column in track.columns}
    errors = sorted(kind for kind in kinds if kind.startswith(ERROR_COLUMN))
    if not errors or bad <= 0:
        return text
    kind = max(errors, key=interval.increase)
    most = "mostly " if interval.increase(kind) < bad else "all of them "
    return f"{text}, {most}{kind.removeprefix(ERROR_COLUMN)}"


def oldest_call(query: Query, view: HistoryView, component: str | None) -> str:
    """Return the operation whose oldest call has been running longest, and for how long."""
    history = view.history
    started: dict[str, float] = {}
    for name, interval in view.intervals(query, history.operations, component).items():
        for track in interval.tracks:
            series = getattr(track, "series", None)
            began = None if series is None else history.counts.in_progress(series)[1]
            if began is not None:
                started[name] = min(began, started.get(name, began))
    if not started:
        return ""
    oldest = min(started, key=lambda name: started[name])
    age = history.ticks.times[-1] - started[oldest]
    return f"a call of {oldest} has been running for {duration_text(round(age))}"


CALLS: Final = (
    Signal(
        "rate",
        PER_SECOND,
        OPERATIONS,
        "the finished calls per second",
        rate_of("count"),
        sum_rate_of(_CALLS),
        Inputs(plain(_CALLS), counts_calls=True),
        amount=Amount(NUMBER, "the finished calls", whole=True),
        counted=_CALLS,
    ),
    Signal(
        "error_ratio",
        RATIO,
        OPERATIONS,
        "the share of calls that raised an exception, without cancelled calls",
        error_ratio,
        _error_ratio_promql,
        Inputs(ERROR_INPUTS, averaged=True),
        counted=_CALLS,
        uncounted=names.OPERATION_CANCELLATIONS.name,
        contributor=most_errors,
    ),
    Signal(
        "concurrency",
        NUMBER,
        OPERATIONS,
        "the average number of calls in progress, of the finished calls alone, by Little's law",
        rate_of("total"),
        sum_rate_of(names.DURATION_SUM),
        Inputs(beside(names.DURATION_SUM, InputSeries(_CALLS))),
        amount=Amount(SECONDS, "the total time of the finished calls"),
        counted=_CALLS,
    ),
    Signal(
        "in_progress",
        NUMBER,
        OPERATIONS,
        "the number of calls in progress",
        _in_progress,
        total_of(names.OPERATION_IN_PROGRESS.name),
        Inputs(plain(names.OPERATION_IN_PROGRESS.name)),
        instant=True,
    ),
    Signal(
        "oldest_in_progress",
        SECONDS,
        OPERATIONS,
        "the age of the oldest call in progress",
        _oldest,
        total_of(names.OPERATION_OLDEST.name, how="max"),
        Inputs(plain(names.OPERATION_OLDEST.name)),
        instant=True,
    ),
    Signal(
        "measure_rate",
        PER_SECOND,
        OPERATIONS,
        "the amount of {measure} per second that `call.add` counted",
        _measure_rate,
        _measure_rate_promql,
        Inputs(_measure_inputs),
        amount=Amount(NUMBER, "the amount of {measure} that `call.add` counted"),
        counted=_CALLS,
        argument="measure",
    ),
    Signal(
        "call_memory_growth",
        BYTES,
        OPERATIONS,
        "the growth of resident memory per call, where resources are measured",
        per_call("memory_growth"),
        quotient_of(names.OPERATION_MEMORY_GROWTH.name, _CALLS),
        Inputs(
            share(InputSeries(names.OPERATION_MEMORY_GROWTH.name), {InputSeries(_CALLS): 1.0}),
            averaged=True,
        ),
        counted=_CALLS,
    ),
    Signal(
        "absent",
        NUMBER,
        OPERATIONS,
        "1 while no call has finished, 0 otherwise",
        _absent,
        _absent_promql,
        Inputs(_absent_inputs),
        highest=1.0,
        grouped_promql=_absent_factor_promql,
        absence=True,
    ),
)
