"""The grid of durations holds the exported boundaries and is fine enough for quantiles."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vitalspan.names import DURATION_BOUNDARIES
from vitalspan.record.grid import EXPORTED_BUCKETS, EXPORTED_OF_FINE, FINE, exported_bucket


def test_exported_boundaries_are_in_the_grid_exactly() -> None:
    assert set(DURATION_BOUNDARIES) <= set(FINE)
    assert list(FINE) == sorted(set(FINE))
    assert FINE[-1] == math.inf


def test_neighbours_are_at_most_ten_percent_apart() -> None:
    inside = [bound for bound in FINE if 1e-5 <= bound <= 100.0]
    assert inside[0] == 1e-5
    assert inside[-1] == 100.0
    assert max(high / low for low, high in pairwise(inside)) <= 1.1 + 1e-12


@given(st.floats(1e-5, 100.0))
def test_the_geometric_middle_is_within_five_percent(seconds: float) -> None:
    bucket = bisect_left(FINE, seconds)
    high = FINE[bucket]
    low = FINE[bucket - 1] if bucket else 1e-5
    assert low <= seconds <= high
    assert abs(math.sqrt(low * high) - seconds) <= 0.05 * seconds


@given(st.floats(0, 1e6) | st.sampled_from(FINE) | st.sampled_from(DURATION_BOUNDARIES))
def test_fine_and_exported_buckets_agree(seconds: float) -> None:
    assert EXPORTED_OF_FINE[bisect_left(FINE, seconds)] == exported_bucket(seconds)
    assert exported_bucket(seconds) < EXPORTED_BUCKETS
