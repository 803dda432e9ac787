"""The growth of native histograms in a range, for `rate`, `increase`, `delta` and their like."""

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
    """Return what native histograms in a range, at least two, have grown by; None if nothing fits.

    This is `histogramRate` of Prometheus, in its promql/functions.go.

    Args:
        window: the histograms.
        context: is told what there is to say.
        is_counter: whether they are counters, which begin at zero again when a count falls.
    """
    histograms, labels = window.histograms, window.labels
    say_if_wrong_type(histograms, labels, context, is_counter=is_counter)
    first, last = histograms[0], histograms[-1]
    if is_counter and began_anew(histograms[1], first):
        # Whatever the first one counted, the second one began at zero.
        second = histograms[1]
        first = FloatHistogram(schema=second.schema, bounds=second.bounds)
    if any(one.is_custom != first.is_custom for one in (*histograms[1:-1], last)):
        context.annotations.warn(mixed_schemas(labels))
        return None
    try:
        growth = subtracted(last, first)
        if growth.bounds_differ:
            say_how_combined(
                growth._replace(resets_collide=False), "subtraction", context.annotations
            )
        result = growth.histogram
        if is_counter:
            for before in _lost_in_resets([first, *histograms[1:]]):
                total = added([result, before])
                say_how_combined(
                    total._replace(resets_collide=False), "addition", context.annotations
                )
                result = total.histogram
    except IncompatibleHistogramsError:
        context.annotations.warn(mixed_schemas(labels))
        return None
    return replace(result.compacted(), reset_hint="gauge")


def _lost_in_resets(histograms: Sequence[FloatHistogram]) -> Sequence[FloatHistogram]:
    """Return what the counter had counted each time before it began at zero again."""
    return [before for before, after in pairwise(histograms) if began_anew(after, before)]


def say_if_wrong_type(
    histograms: Sequence[FloatHistogram],
    labels: MetricLabels,
    context: EvaluationContext,
    *,
    is_counter: bool,
) -> None:
    """Warn of gauges that are taken for counters, and of counters that are taken for gauges."""
    name = labels.get(NAME)
    if is_counter and any(one.reset_hint == "gauge" for one in histograms):
        context.annotations.warn(f'this native histogram metric is not a counter: "{name}"')
    ends = (histograms[0], histograms[-1])
    if not is_counter and any(one.reset_hint != "gauge" for one in ends):
        context.annotations.warn(f'this native histogram metric is not a gauge: "{name}"')
