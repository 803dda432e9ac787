"""Statistical tests, which tell a difference between two samples from noise."""

from __future__ import annotations

import math
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

    # Equal probabilities may differ by rounding errors.
    limit = log_probability(errors) + 1e-7
    tables = range(max(0, failed - other_size), min(failed, size) + 1)
    logs = map(log_probability, tables)
    return min(1.0, math.fsum(math.exp(one) for one in logs if one <= limit))


def _log_choose(size: int, chosen: int) -> float:
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)
