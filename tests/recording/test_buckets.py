"""The fine grid: the exponential buckets of OpenTelemetry and Prometheus, and exported ones."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections import Counter
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from support.durations import BOUNDARIES, BOUNDS, DURATIONS, POWERS, neighbours
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.recording.buckets import (
    SCALE,
    ZERO_INDEX,
    ZERO_THRESHOLD,
    BucketGrid,
    exponential_index,
    grid_of,
)

SDK = LogarithmMapping(SCALE)


def same_as_sdk(seconds: float) -> bool:
    """Whether an index is the SDK's, apart from the rounding of its logarithm at boundaries.

    The product of a logarithm and a scale misses whole numbers up to 8,192 by 1e-12 or so.
    """
    index, theirs = exponential_index(seconds), SDK.map_to_index(seconds)
    boundary = max(index, theirs)
    misses = abs(math.log2(seconds) * 2**SCALE - boundary) < 1e-11
    # Powers of two are exact for both.
    return index == theirs or (misses and abs(index - theirs) == 1 and seconds not in EXACT)


EXACT = {2.0**exponent for exponent in range(-1022, 1024)}


@given(st.floats(sys.float_info.min, sys.float_info.max, exclude_min=True) | POWERS | BOUNDS)
@example(sys.float_info.max)
@example(math.nextafter(sys.float_info.min, 1))
def test_indexes_are_those_of_the_opentelemetry_sdk(seconds: float) -> None:
    assert same_as_sdk(seconds)


def test_all_bounds_of_the_grid_have_the_indexes_of_the_opentelemetry_sdk() -> None:
    for bound in grid_of(DURATION_BOUNDARIES).bounds:
        assert all(map(same_as_sdk, (bound, *neighbours(bound))))


def test_powers_of_two_end_their_buckets() -> None:
    for exponent in range(-1021, 1024):
        power = 2.0**exponent
        assert exponential_index(power) == SDK.map_to_index(power) == 8 * exponent - 1
        assert exponential_index(math.nextafter(power, math.inf)) == 8 * exponent


@given(st.floats(0, ZERO_THRESHOLD, allow_subnormal=True, exclude_min=True))
@example(5e-324)
@example(ZERO_THRESHOLD)
def test_durations_in_the_zero_bucket_are_below_all_buckets_of_the_sdk(seconds: float) -> None:
    assert SDK.map_to_index(seconds) <= ZERO_INDEX or same_as_sdk(seconds)
    assert exponential_index(seconds) <= ZERO_INDEX
    assert grid_of(DURATION_BOUNDARIES).bucket(seconds) == 0


def test_boundaries_are_within_an_ulp_of_the_eighth_roots() -> None:
    bounds = grid_of(DURATION_BOUNDARIES).bounds
    roots = [bound for bound in bounds if bound not in {*DURATION_BOUNDARIES} - EXACT]
    assert len(roots) == 8 * 37 + 1
    for number, bound in enumerate(roots):
        assert abs(bound - 2 ** (number / 8 - 20)) <= math.ulp(bound)
        assert number % 8 or bound == 2 ** (number // 8 - 20)


def test_the_grid_covers_less_than_a_microsecond_to_more_than_a_day() -> None:
    bounds = grid_of(DURATION_BOUNDARIES).bounds
    assert bounds[0] < 1e-6
    assert bounds[-1] > 86400
    assert set(DURATION_BOUNDARIES) <= set(bounds)
    assert max(high / low for low, high in pairwise(bounds)) <= 2 ** (1 / 8) + 1e-12


@given(BOUNDARIES, DURATIONS)
def test_every_bucket_lies_in_one_exported_and_one_exponential_bucket(
    boundaries: tuple[float, ...], seconds: float
) -> None:
    grid = BucketGrid(boundaries)
    bucket = grid.bucket(seconds)
    listed = bucket < len(grid.bounds)
    exported = grid.exported_of[bucket] if listed else len(boundaries)
    assert exported == grid.exported_bucket(seconds) == bisect_left(boundaries, seconds)
    zero = seconds <= ZERO_THRESHOLD
    assert grid.index(bucket) == (ZERO_INDEX if zero else exponential_index(seconds))
    assert seconds <= grid.upper(bucket)
    assert bucket == 0 or grid.upper(bucket - 1) < seconds


@given(BOUNDARIES, DURATIONS)
def test_the_middle_of_a_bucket_is_within_four_and_a_half_percent(
    boundaries: tuple[float, ...], seconds: float
) -> None:
    grid = BucketGrid(boundaries)
    middle = grid.middle(grid.bucket(seconds))
    if seconds > ZERO_THRESHOLD:
        assert abs(middle - seconds) <= (2 ** (1 / 16) - 1 + 1e-9) * seconds
    else:
        assert 0 < middle <= ZERO_THRESHOLD


@given(BOUNDARIES, st.lists(DURATIONS, min_size=1, max_size=80))
def test_a_batch_is_counted_as_one_by_one(
    boundaries: tuple[float, ...], durations: list[float]
) -> None:
    grid = BucketGrid(boundaries)
    counted = grid.count(sorted(durations))
    assert counted == Counter(map(grid.bucket, durations))
    assert list(counted) == sorted(counted)


@given(BOUNDARIES)
def test_boundaries_are_upper_inclusive(boundaries: tuple[float, ...]) -> None:
    grid = BucketGrid(boundaries)
    for number, bound in enumerate(boundaries):
        below, above = neighbours(bound)
        assert grid.exported_bucket(bound) == number
        assert grid.exported_bucket(above) > number
        assert grid.bucket(below) <= grid.bucket(bound) < grid.bucket(above)


def test_series_with_the_same_boundaries_share_a_grid() -> None:
    assert grid_of((0.1, 1.0)) is grid_of((0.1, 1.0))
    assert grid_of((0.1, 1.0)) is not grid_of((0.1, 2.0))
