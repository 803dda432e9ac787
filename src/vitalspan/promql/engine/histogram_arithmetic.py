"""Arithmetic on native histograms: sums, differences, averages, and detection of resets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

from vitalspan.promql.engine.arithmetic import divide, exact_sum, mean
from vitalspan.promql.engine.float_histogram import Counts, FloatHistogram, ResetHint
from vitalspan.promql.engine.packed_counts import unpacked

Combine = Callable[[Sequence[float]], float]
"""Combines the numbers of several histograms at the same place."""


class IncompatibleHistogramsError(ValueError):
    """Histograms with exponential and with custom buckets cannot be combined."""


class Combined(NamedTuple):
    """The result of combining several histograms.

    Attributes:
        histogram: the result, without empty buckets.
        resets_collide: whether the reset hints contradict each other.
        bounds_differ: whether custom bounds differ, so that only common ones are kept.
    """

    histogram: FloatHistogram
    resets_collide: bool
    bounds_differ: bool


def added(histograms: Sequence[FloatHistogram]) -> Combined:
    """Return the sum of at least one histogram.

    Raises:
        IncompatibleHistogramsError: if exponential and custom buckets are mixed.
    """
    # A plain sum of two numbers is as exact as `exact_sum`.
    return _combined(histograms, sum if len(histograms) <= 2 else exact_sum)


def averaged(histograms: Sequence[FloatHistogram]) -> Combined:
    """Return the average of at least one histogram.

    Raises:
        IncompatibleHistogramsError: if exponential and custom buckets are mixed.
    """
    return _combined(histograms, mean)


def subtracted(histogram: FloatHistogram, other: FloatHistogram) -> Combined:
    """Return the difference of two histograms.

    Raises:
        IncompatibleHistogramsError: if one has exponential buckets and the other custom ones.
    """
    return _combined([histogram, other], _difference)


def _difference(numbers: Sequence[float]) -> float:
    return numbers[0] - numbers[1]


def scaled(histogram: FloatHistogram, factor: float) -> FloatHistogram:
    """Return a histogram with all counts and the sum multiplied; a negative result is a gauge."""
    return _each(histogram, lambda value: value * factor, is_gauge=factor < 0)


def divided(histogram: FloatHistogram, divisor: float) -> FloatHistogram:
    """Return a histogram with all counts and the sum divided; division by zero drops buckets."""
    if divisor == 0:
        histogram = replace(histogram, positive={}, negative={})
    return _each(histogram, lambda value: divide(value, divisor), is_gauge=divisor < 0)


def _each(
    histogram: FloatHistogram, change: Callable[[float], float], *, is_gauge: bool
) -> FloatHistogram:
    return replace(
        histogram,
        count=change(histogram.count),
        total=change(histogram.total),
        zero_count=change(histogram.zero_count),
        positive={index: change(count) for index, count in histogram.positive.items()},
        negative={index: change(count) for index, count in histogram.negative.items()},
        reset_hint="gauge" if is_gauge else histogram.reset_hint,
    )


def _combined(histograms: Sequence[FloatHistogram], combine: Combine) -> Combined:
    if len(histograms) == 1:
        return Combined(histograms[0].compacted(), resets_collide=False, bounds_differ=False)
    alike, bounds_differ = _alike([unpacked(one) for one in histograms])
    hint, resets_collide = _reset_hint(histograms)
    histogram = replace(
        alike[0],
        count=combine([one.count for one in alike]),
        total=combine([one.total for one in alike]),
        zero_count=combine([one.zero_count for one in alike]),
        positive=_by_index([one.positive for one in alike], combine),
        negative=_by_index([one.negative for one in alike], combine),
        reset_hint=hint,
    )
    return Combined(histogram.compacted(), resets_collide, bounds_differ)


def _by_index(sides: Sequence[Counts], combine: Combine) -> Counts:
    indexes = set().union(*sides)
    return {index: combine([side.get(index, 0.0) for side in sides]) for index in indexes}


def _alike(histograms: Sequence[FloatHistogram]) -> tuple[Sequence[FloatHistogram], bool]:
    """Return histograms with the same buckets, and whether custom bounds were left out."""
    first = histograms[0]
    if any(one.is_custom != first.is_custom for one in histograms):
        raise IncompatibleHistogramsError("histograms have exponential and custom buckets")
    if first.is_custom:
        if all(one.bounds == first.bounds for one in histograms):
            return histograms, False
        common = set(first.bounds).intersection(*(one.bounds for one in histograms))
        bounds = tuple(sorted(common))
        return [one.with_bounds(bounds) for one in histograms], True
    threshold = max(one.zero_threshold for one in histograms)
    while any(one.zero_threshold != threshold for one in histograms):
        histograms = [one.with_zero_threshold(threshold) for one in histograms]
        threshold = max(one.zero_threshold for one in histograms)
    schema = min(one.schema for one in histograms)
    return [one.with_schema(schema) for one in histograms], False


def _reset_hint(histograms: Sequence[FloatHistogram]) -> tuple[ResetHint, bool]:
    """Return the hint of the result, and whether the hints contradict each other."""
    hints = {one.reset_hint for one in histograms}
    collide = {"reset", "not_reset"} <= hints
    return reduce(_hint_of_two, [one.reset_hint for one in histograms]), collide


def _hint_of_two(one: ResetHint, other: ResetHint) -> ResetHint:
    if one == other:
        return one
    return "gauge" if "gauge" in (one, other) else "unknown"


def began_anew(histogram: FloatHistogram, before: FloatHistogram) -> bool:
    """Return whether a counter was reset between two samples.

    It was if a count has decreased, or if its buckets became narrower. This is `DetectReset` of
    Prometheus, in its model/histogram/float_histogram.go.
    """
    if histogram.reset_hint in ("reset", "not_reset"):
        return histogram.reset_hint == "reset"
    if histogram.count < before.count or histogram.is_custom != before.is_custom:
        return True
    if histogram.is_custom:
        bounds = tuple(sorted(set(histogram.bounds).intersection(before.bounds)))
        return _has_less(
            histogram.with_bounds(bounds).positive, before.with_bounds(bounds).positive
        )
    before = before.with_zero_threshold(histogram.zero_threshold)
    if histogram.schema > before.schema or before.zero_threshold != histogram.zero_threshold:
        return True
    before = before.with_schema(histogram.schema)
    return (
        histogram.zero_count < before.zero_count
        or _has_less(histogram.positive, before.positive)
        or _has_less(histogram.negative, before.negative)
    )


def _has_less(counts: Counts, before: Counts) -> bool:
    return any(counts.get(index, 0.0) < count for index, count in before.items())
