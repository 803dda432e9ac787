"""Checks the bucket boundaries that users set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from vitalspan.errors import ConfigurationError

MAX_BOUNDARIES: Final = 100
"""The maximum number of boundaries of a histogram, each of which is a series in Prometheus."""

LONGEST: Final = 1e9
"""The greatest boundary in seconds, about 31 years."""

_EXAMPLE: Final = "use seconds in increasing order, such as (0.1, 0.5, 1, 5)"


def check_boundaries(boundaries: Any, name: str = "buckets") -> tuple[float, ...]:
    """Return bucket boundaries, in seconds, as a tuple of floats.

    Args:
        boundaries: the upper bounds of all buckets except the last one, which has none.
        name: the name of the setting in messages.

    Raises:
        ConfigurationError: for boundaries that are not numbers, not positive, not finite or not
            increasing, and for none or too many of them.
    """
    if isinstance(boundaries, (str, bytes)) or not isinstance(boundaries, Iterable):
        raise ConfigurationError(f"{name}={boundaries!r:.80}: {_EXAMPLE}")
    bounds = tuple(boundaries)
    for bound in bounds:
        if not isinstance(bound, (int, float)) or isinstance(bound, bool) or math.isnan(bound):
            raise ConfigurationError(f"{name}: {bound!r:.40} is not a number of seconds")
        if bound == math.inf:
            raise ConfigurationError(f"{name}: leave the infinite boundary out, it is always there")
        if not 0 < bound <= LONGEST:
            raise ConfigurationError(
                f"{name}: {bound!r:.40} is not above 0 and at most {LONGEST:g} seconds"
            )
    if not 0 < len(bounds) <= MAX_BOUNDARIES:
        raise ConfigurationError(
            f"{name}: there are {len(bounds)} boundaries, use 1 to {MAX_BOUNDARIES}"
        )
    for low, high in pairwise(bounds):
        if low >= high:
            raise ConfigurationError(f"{name}: {high!r} comes after {low!r}, {_EXAMPLE}")
    return tuple(map(float, bounds))
