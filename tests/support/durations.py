"""Durations and bucket boundaries for hypothesis, with many edge cases."""

from __future__ import annotations

import math
import sys

from hypothesis import strategies as st

from vitalspan.bucket_boundaries import LONGEST, MAX_BOUNDARIES
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.recording.buckets import ZERO_THRESHOLD, grid_of


def neighbours(value: float) -> tuple[float, float]:
    """Return the floats just below and just above."""
    return math.nextafter(value, 0.0), math.nextafter(value, math.inf)


def _near(value: float) -> list[float]:
    below, above = neighbours(value)
    return [below, value, above]


POWERS = st.integers(-1021, 1023).flatmap(lambda exponent: st.sampled_from(_near(2.0**exponent)))
"""Powers of two, and the floats next to them."""

BOUNDS = st.sampled_from(grid_of(DURATION_BOUNDARIES).bounds).flatmap(
    lambda bound: st.sampled_from(_near(bound))
)
"""Boundaries of the fine grid, and the floats next to them."""

DURATIONS = (
    st.floats(0, 100)
    | st.floats(0, 1e-5)
    | st.floats(0, sys.float_info.max)
    | BOUNDS
    | POWERS
    | st.sampled_from([0.0, 5e-324, sys.float_info.min, ZERO_THRESHOLD, sys.float_info.max])
)
"""Durations in seconds: ordinary, subnormal, huge, and at or next to boundaries."""

BOUNDARIES = st.just(DURATION_BOUNDARIES) | st.lists(
    st.floats(5e-324, LONGEST)
    | st.floats(1e-7, 100)
    | BOUNDS
    | st.integers(-40, 29).map(lambda exponent: 2.0**exponent),
    min_size=1,
    max_size=MAX_BOUNDARIES,
    unique=True,
).map(lambda bounds: tuple(sorted(bounds)))
"""Exported boundaries in seconds."""
