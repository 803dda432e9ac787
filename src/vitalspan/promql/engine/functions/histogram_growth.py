"""The increase of native histograms in a range, for `rate`, `increase`, `delta` and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.histogram_arithmetic import (
    IncompatibleHistogramsError,
    added,
    began_anew,
    subtracted,
)
from vitalspan.promql.engine.histogram_operators import mixed_schemas, say_how_combined
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.engine.series import Window


def histogram_growth(
    window: Window, context: EvaluationContext, *, is_counter: bool
) -> FloatHistogram | None:
    """Return the increase of at least two native histograms; None if they are incompatible.

    This is `histogramRate` of Prometheus, in its promql/functions.go.

    Args:
        window: the histograms.
        context: collects annotations.
        is_counter: whether they are counters, which are reset when a count decreases.
    """
    histograms, labels = window.histograms, window.labels
    say_if_wrong_type(histograms, labels, context, is_counter=is_counter)
    first, last = histograms[0], histograms[-1]
    lost: Sequence[FloatHistogram] = ()
    if is_counter and window.resets is None and began_anew(histograms[1], first):
        # Whatever the first one had counted, the second one started at zero.
        first = FloatHistogram(schema=histograms[1].schema, bounds=histograms[1].bounds)
    if is_counter:
        lost = _lost_in_resets(window, first)
    if any(one.is_custom != first.is_custom for one in (*histograms[1:-1], last)):
        context.annotations.warn(mixed_schemas(labels))
        return None
    try:
        growth = subtracted(last, first)
        say_how_combined(growth._replace(resets_collide=False), "subtraction", context.annotations)
        if lost:
            growth = added([growth.histogram, *lost])
            say_how_combined(growth._replace(resets_collide=False), "addition", context.annotations)
    except IncompatibleHistogramsError:
        context.annotations.warn(mixed_schemas(labels))
        return None
    return replace(growth.histogram, reset_hint="gauge")


def _lost_in_resets(window: Window, first: FloatHistogram) -> Sequence[FloatHistogram]:
    """Return what the counter had counted before each reset."""
    if window.resets is not None:
        start, end = window.histogram_times[0], window.histogram_times[-1]
        return [
            before
            for time, before in window.resets
            if start < time <= end and isinstance(before, FloatHistogram)
        ]
    histograms = [first, *window.histograms[1:]]
    return [before for before, after in pairwise(histograms) if began_anew(after, before)]


def say_if_wrong_type(
    histograms: Sequence[FloatHistogram],
    labels: MetricLabels,
    context: EvaluationContext,
    *,
    is_counter: bool,
) -> None:
    """Warn about gauges that are treated as counters, and the other way round."""
    name = labels.get(NAME)
    if is_counter and any(one.reset_hint == "gauge" for one in histograms):
        context.annotations.warn(f'this native histogram metric is not a counter: "{name}"')
    ends = (histograms[0], histograms[-1])
    if not is_counter and any(one.reset_hint != "gauge" for one in ends):
        context.annotations.warn(f'this native histogram metric is not a gauge: "{name}"')
