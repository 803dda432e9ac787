"""Functions of ranges that contain native histograms, alone or together with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.functions.histogram_growth import say_if_wrong_type
from vitalspan.promql.engine.histogram_arithmetic import (
    IncompatibleHistogramsError,
    added,
    averaged,
    began_anew,
    divided,
    subtracted,
)
from vitalspan.promql.engine.histogram_operators import (
    mixed_samples,
    mixed_schemas,
    say_how_combined,
)
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.plan import Matrix
from vitalspan.promql.engine.series import Value, Window
from vitalspan.promql.engine.sums import combine

NativeFunction = Callable[[Window, EvaluationContext], Value | None]
"""Takes a range with native histograms, and returns None if it has no value."""


def windows_of_numbers(matrix: Matrix, context: EvaluationContext) -> Iterator[Window]:
    """Yield the windows with numbers, and annotate that histograms in them are ignored."""
    for window in matrix:
        if window.values:
            if window.histograms:
                say_ignored(window, context)
            yield window


def say_ignored(window: Window, context: EvaluationContext) -> None:
    """Add an info annotation that the histograms in a range are ignored."""
    context.annotations.inform(
        "ignored histograms in a range containing both floats and histograms for metric name "
        f'"{window.labels.get(NAME)}"'
    )


def _average(window: Window, context: EvaluationContext) -> Value | None:
    if window.values:
        context.annotations.warn(mixed_samples(window.labels))
        return None
    return combine(averaged, window.histograms, window.labels, context)


def _sum(window: Window, context: EvaluationContext) -> Value | None:
    if window.values:
        context.annotations.warn(mixed_samples(window.labels))
        return None
    return combine(added, window.histograms, window.labels, context)


def _changes(window: Window, _: EvaluationContext) -> float:
    values = [value for _, value in window.samples()]
    return float(sum(1 for before, after in pairwise(values) if _differ(before, after)))


def _differ(before: Value, after: Value) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return before != after and not (math.isnan(before) and math.isnan(after))
    return before != after


def _resets(window: Window, _: EvaluationContext) -> float:
    values = [value for _, value in window.samples()]
    return float(sum(1 for before, after in pairwise(values) if _is_reset(before, after)))


def _is_reset(before: Value, after: Value) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return after < before
    if isinstance(before, FloatHistogram) and isinstance(after, FloatHistogram):
        return began_anew(after, before)
    return True


def _instant(window: Window, context: EvaluationContext, *, is_rate: bool) -> Value | None:
    """Return the difference of the last two samples, per second for `irate`."""
    samples = window.samples()
    if len(samples) < 2:
        return None
    (start, before), (end, after) = samples[-2:]
    if start == end:
        return None
    seconds = (end - start) / 1000
    if isinstance(before, float) and isinstance(after, float):
        growth = after if is_rate and after < before else after - before
        return growth / seconds if is_rate else growth
    if not (isinstance(before, FloatHistogram) and isinstance(after, FloatHistogram)):
        context.annotations.warn(mixed_samples(window.labels))
        return None
    say_if_wrong_type([before, after], window.labels, context, is_counter=is_rate)
    if not (is_rate and began_anew(after, before)):
        try:
            difference = subtracted(after, before)
        except IncompatibleHistogramsError:
            context.annotations.warn(mixed_schemas(window.labels))
            return None
        say_how_combined(
            difference._replace(resets_collide=False), "subtraction", context.annotations
        )
        after = difference.histogram
    after = replace(after.compacted(), reset_hint="gauge")
    return divided(after, seconds) if is_rate else after


HISTOGRAMS_OVER_TIME: Final[dict[str, NativeFunction]] = {
    "avg_over_time": _average,
    "changes": _changes,
    "count_over_time": lambda window, _: float(len(window.samples())),
    "first_over_time": lambda window, _: window.samples()[0][1],
    "idelta": lambda window, context: _instant(window, context, is_rate=False),
    "irate": lambda window, context: _instant(window, context, is_rate=True),
    "last_over_time": lambda window, _: window.samples()[-1][1],
    "present_over_time": lambda _, __: 1.0,
    "resets": _resets,
    "sum_over_time": _sum,
    "ts_of_first_over_time": lambda window, _: window.samples()[0][0] / 1000,
    "ts_of_last_over_time": lambda window, _: window.samples()[-1][0] / 1000,
}
"""Functions that are defined for native histograms; all others ignore them."""
