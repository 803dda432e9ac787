"""The grid of durations: fine enough for quantiles, and holding the exported boundaries exactly."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from vitalspan.names import DURATION_BOUNDARIES

_RATIO: Final = 1.1
_LOWEST: Final = 1e-5
_HIGHEST: Final = 100.0


def _fine_boundaries() -> list[float]:
    boundaries = set(DURATION_BOUNDARIES)
    step = 0
    while (bound := _LOWEST * _RATIO**step) < _HIGHEST:
        boundaries.add(bound)
        step += 1
    return sorted(boundaries | {_HIGHEST, float("inf")})


FINE: Final = _fine_boundaries()
"""Upper bounds in seconds, the last infinite. Neighbours are at most 10 % apart between 10 µs and
100 s, so the geometric middle of a bucket is within 5 % of every duration in it."""

EXPORTED_BUCKETS: Final = len(DURATION_BOUNDARIES) + 1
"""How many buckets a histogram has outside, `+Inf` included."""

EXPORTED_OF_FINE: Final = tuple(bisect_left(DURATION_BOUNDARIES, bound) for bound in FINE)
"""For each fine bucket the index of the exported bucket that contains it."""


def exported_bucket(seconds: float) -> int:
    """Return the index of the exported bucket for a duration in seconds."""
    return bisect_left(DURATION_BOUNDARIES, seconds)
