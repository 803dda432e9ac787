"""One set of counts, read as a classic and as an exponential histogram, both exact."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.exponent_mapping import (
    ExponentMapping,
)
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from support.durations import BOUNDARIES, DURATIONS
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.recording.buckets import ZERO_THRESHOLD, exponential_index, grid_of
from vitalspan.recording.duration_histogram import DurationHistogram, Spread
from vitalspan.recording.exponential_buckets import ExponentialBuckets

SAMPLES = st.lists(DURATIONS, max_size=60)


def histogram(durations: list[float], boundaries: tuple[float, ...]) -> DurationHistogram:
    """Return a histogram that was filled in batches, as the aggregator does it."""
    filled = DurationHistogram(grid_of(boundaries))
    for start in range(0, len(durations), 16):
        batch = durations[start : start + 16]
        spread = Spread(sum(one * one for one in batch), min(batch), max(batch))
        filled.add(filled.grid.count(sorted(batch)), sum(batch), spread)
    return filled


def classic(durations: list[float], boundaries: tuple[float, ...]) -> tuple[int, ...]:
    """Return what a classic histogram counts, one comparison at a time."""
    bounds = (*boundaries, math.inf)
    return tuple(sum(seconds <= bound for seconds in durations) for bound in bounds)


def sdk_index(seconds: float, scale: int) -> int:
    """Return the index by the SDK; where its logarithm rounds across a boundary, the exact one."""
    mapping = LogarithmMapping(scale) if scale > 0 else ExponentMapping(scale)
    theirs, ours = mapping.map_to_index(seconds), exponential_index(seconds) >> (3 - scale)
    on_boundary = abs(math.log2(seconds) * 2**scale - max(ours, theirs)) < 1e-11
    return ours if on_boundary and scale > 0 else theirs


def listed_again(filled: DurationHistogram) -> DurationHistogram:
    return DurationHistogram.of(filled.grid, *filled.listed(), filled.total)


def by_index(buckets: ExponentialBuckets) -> dict[int, int]:
    return {index: n for index, n in enumerate(buckets.counts, buckets.offset) if n}


@given(SAMPLES, BOUNDARIES)
def test_classic_counts_equal_a_brute_force_count(
    durations: list[float], boundaries: tuple[float, ...]
) -> None:
    filled = histogram(durations, boundaries)
    for same in (filled, listed_again(filled)):
        assert same.cumulative() == classic(durations, boundaries)
        assert same.count == len(durations)
        assert same.total == filled.total
        assert same.exponential() == filled.exponential()


@given(SAMPLES, BOUNDARIES, st.integers(-4, 3))
def test_exponential_counts_equal_the_opentelemetry_sdk_value_by_value(
    durations: list[float], boundaries: tuple[float, ...], scale: int
) -> None:
    buckets = histogram(durations, boundaries).exponential(scale)
    above = [seconds for seconds in durations if seconds > ZERO_THRESHOLD]
    assert by_index(buckets) == Counter(sdk_index(seconds, scale) for seconds in above)
    assert buckets.zero_count == len(durations) - len(above)
    assert (buckets.scale, buckets.zero_threshold) == (scale, ZERO_THRESHOLD)
    assert buckets.count == len(durations)
    assert not buckets.counts or (buckets.counts[0] and buckets.counts[-1])


@given(SAMPLES, BOUNDARIES, st.integers(2, 40))
def test_buckets_fit_at_the_highest_scale_that_does(
    durations: list[float], boundaries: tuple[float, ...], size: int
) -> None:
    buckets = histogram(durations, boundaries).exponential()
    fitted = buckets.fitted(size)
    assert len(fitted.counts) <= size
    assert fitted == buckets.downscaled(fitted.scale)
    assert fitted.scale == 3 or len(buckets.downscaled(fitted.scale + 1).counts) > size


@given(SAMPLES, BOUNDARIES, SAMPLES, BOUNDARIES)
def test_merging_is_exact_at_the_boundaries_that_both_have(
    some: list[float],
    boundaries: tuple[float, ...],
    others: list[float],
    other_boundaries: tuple[float, ...],
) -> None:
    first, second = histogram(some, boundaries), histogram(others, other_boundaries)
    merged = first.merged(second)
    together = [*some, *others]
    common = tuple(sorted({*boundaries} & {*other_boundaries}))
    assert merged.grid.boundaries == common
    assert merged.cumulative() == classic(together, common)
    assert merged.count == len(together)
    assert merged.total == first.total + second.total
    assert merged.exponential() == histogram(together, boundaries).exponential()
    assert first.cumulative() == classic(some, boundaries)


@given(SAMPLES, SAMPLES, BOUNDARIES)
def test_merging_and_copying_keep_equal_boundaries(
    some: list[float], others: list[float], boundaries: tuple[float, ...]
) -> None:
    first = histogram(some, boundaries)
    copy = listed_again(first)
    merged = copy.merged(histogram(others, boundaries))
    assert merged.grid is first.grid
    assert merged.cumulative() == classic([*some, *others], boundaries)
    assert dict(copy.items()) == dict(first.items())
    assert (copy.count, copy.total, copy.cumulative()) == (
        first.count,
        first.total,
        first.cumulative(),
    )


@pytest.mark.parametrize("many", [2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**40])
def test_counts_may_be_large(many: int) -> None:
    filled = histogram([0.2, 30.0], DURATION_BOUNDARIES)
    bucket = filled.grid.bucket(0.2)
    for _ in range(3):
        filled.add({bucket: many}, many * 0.2)
    assert filled.count == 3 * many + 2
    assert dict(filled.items())[bucket] == 3 * many + 1
    assert filled.cumulative()[-1] == 3 * many + 2
    assert filled.exponential().count == 3 * many + 2


@given(SAMPLES, SAMPLES, BOUNDARIES)
def test_what_was_counted_since_an_earlier_state(
    before: list[float], after: list[float], boundaries: tuple[float, ...]
) -> None:
    both, earlier = histogram(before + after, boundaries), histogram(before, boundaries)
    assert both.since(earlier) == dict(histogram(after, boundaries).items())
    # Any two histograms of a grid can be compared.
    assert earlier.since(both) == {}
    more = Counter(dict(histogram(after, boundaries).items())) - Counter(dict(earlier.items()))
    assert histogram(after, boundaries).since(earlier) == more


def test_nothing_counted_has_no_buckets() -> None:
    empty = DurationHistogram(grid_of(DURATION_BOUNDARIES))
    assert empty.cumulative() == (0,) * (len(DURATION_BOUNDARIES) + 1)
    assert empty.exponential() == ExponentialBuckets(3, ZERO_THRESHOLD, 0, 0, ())
    assert empty.exponential().fitted(2).counts == ()


def test_counts_cannot_be_told_more_finely_than_they_were_counted() -> None:
    buckets = histogram([0.1], DURATION_BOUNDARIES).exponential(0)
    with pytest.raises(ValueError, match="scale 0 cannot be converted to scale 1"):
        buckets.downscaled(1)
    with pytest.raises(ValueError, match="scale 3 cannot be converted to scale 4"):
        histogram([0.1], DURATION_BOUNDARIES).exponential(4)
    with pytest.raises(ValueError, match="1 buckets are too few"):
        buckets.fitted(1)


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=20))
def test_room_grows_with_what_is_counted(buckets: list[int]) -> None:
    filled = DurationHistogram(grid_of(DURATION_BOUNDARIES))
    for bucket in buckets:
        filled.add({bucket: 1}, 0.0)
    assert dict(filled.items()) == Counter(buckets)
    assert filled.cumulative()[-1] == len(buckets)


def test_le_is_upper_inclusive_and_so_are_exponential_buckets() -> None:
    filled = histogram([0.25, math.nextafter(0.25, 1)], DURATION_BOUNDARIES)
    place = bisect_left(DURATION_BOUNDARIES, 0.25)
    assert filled.cumulative()[place : place + 2] == (1, 2)
    buckets = filled.exponential()
    # 0.25 ends the bucket of index -17, and begins that of index -16.
    assert (buckets.offset, buckets.counts) == (-17, (1, 1))
