"""Statistical tests, which tell a difference between two samples from noise."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

MANN_WHITNEY: Final = "Mann-Whitney U"
FISHER: Final = "Fisher's exact"

MIN_CALLS: Final = 8
"""The number of calls on each side from which on the normal approximation of U is good."""


@dataclass(frozen=True)
class Significance:
    """The result of a statistical test for a difference.

    Attributes:
        test: the name of the test.
        p_value: the probability of a difference that large by chance alone; None for too few calls.
        significant: whether that is small enough to treat the difference as real.
    """

    test: str
    p_value: float | None
    significant: bool

    @property
    def confidence(self) -> float | None:
        """The confidence that there is a difference, from 0 to 1; None for too few calls."""
        return None if self.p_value is None else 1 - self.p_value


def mann_whitney(first: list[tuple[float, int]], second: list[tuple[float, int]]) -> float | None:
    """Return the two-sided p-value of the Mann-Whitney U test; None for too few values.

    It uses the normal approximation, corrected for ties and for continuity (H. B. Mann and D. R.
    Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other", 1947). All values in one bucket are ties.

    Args:
        first: the values of the first sample, with their counts.
        second: the values of the second sample, with their counts.
    """
    sizes = [sum(calls for _, calls in sample) for sample in (first, second)]
    if min(sizes) < MIN_CALLS:
        return None
    counted: dict[float, list[int]] = {}
    for index, sample in enumerate((first, second)):
        for value, calls in sample:
            counted.setdefault(value, [0, 0])[index] += calls
    total, below, rank_sum, ties = sum(sizes), 0, 0.0, 0
    for _, (one, other) in sorted(counted.items()):
        equal = one + other
        rank_sum += one * (below + (equal + 1) / 2)
        ties += equal**3 - equal
        below += equal
    u = rank_sum - sizes[0] * (sizes[0] + 1) / 2
    variance = sizes[0] * sizes[1] / 12 * (total + 1 - ties / (total * (total - 1)))
    distance = abs(u - sizes[0] * sizes[1] / 2) - 0.5
    if variance <= 0 or distance <= 0:
        return 1.0
    return 2 * NormalDist().cdf(-distance / math.sqrt(variance))


def fisher(errors: int, size: int, other_errors: int, other_size: int) -> float:
    """Return the two-sided p-value of Fisher's exact test for two proportions.

    It is the probability of all tables with the same sums that are no likelier than this one (R. A.
    Fisher, "Statistical Methods for Research Workers", 1925).

    Args:
        errors: the number of failures in the first sample.
        size: the size of the first sample.
        other_errors: the number of failures in the second sample.
        other_size: the size of the second sample.
    """
    failed = errors + other_errors

    def log_probability(first: int) -> float:
        return (
            _log_choose(size, first)
            + _log_choose(other_size, failed - first)
            - _log_choose(size + other_size, failed)
        )

    least, most = max(0, failed - other_size), min(failed, size)
    likeliest = min(most, max(least, (failed + 1) * (size + 1) // (size + other_size + 2)))
    # Equal probabilities may differ by rounding errors.
    limit = log_probability(errors) + 1e-7
    below, above = range(least, likeliest + 1), range(likeliest + 1, most + 1)
    below = below[: bisect_right(below, limit, key=log_probability)]
    above = above[bisect_left(above, -limit, key=lambda one: -log_probability(one)) :]
    return min(1.0, sum(_tail(map(log_probability, one)) for one in (reversed(below), above)))


def _tail(logs: Iterable[float]) -> float:
    """Return the sum of falling probabilities, without those that no longer change it."""
    total = 0.0
    for one in map(math.exp, logs):
        total += one
        # Of a million calls, almost all tables are as good as impossible.
        if one <= total * 1e-17:
            break
    return total


def _log_choose(size: int, chosen: int) -> float:
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)
