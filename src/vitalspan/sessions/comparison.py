"""Compares two sessions, and detects which changes are more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.call_sums import CallSums

MANN_WHITNEY: Final = "Mann-Whitney U"
FISHER: Final = "Fisher's exact"

MIN_CALLS: Final = 8
"""The number of calls on each side from which on the normal approximation of U is good."""

FIGURES: Final = (
    "count",
    "errors",
    "error_rate",
    "mean",
    "min",
    "max",
    "stddev",
    "p50",
    "p95",
    "p99",
)


@dataclass(frozen=True)
class Change:
    """The change of one figure.

    Attributes:
        figure: the name of the figure, as in `CallStatistics`.
        before: the old value; None if it was undefined.
        after: the new value.
        difference: the increase; None if one of the values is undefined.
        ratio: the new value as a multiple of the old one; None if that was 0.
    """

    figure: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """The difference between both values; None if one of them is undefined."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    @property
    def ratio(self) -> float | None:
        """The new value as a multiple of the old one; None if that was 0."""
        return self.after / self.before if self.before and self.after is not None else None


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


@dataclass(frozen=True)
class OperationComparison:
    """The changes of one operation.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        before: the statistics in the first session; None if it was not called.
        after: the statistics in the second session; None if it was not called.
        changes: the changes of each figure, by name.
        durations: whether calls take longer or shorter, by the Mann-Whitney U test.
        errors: whether calls fail more or less often, by Fisher's exact test.
    """

    component: str
    operation: str
    before: CallStatistics | None
    after: CallStatistics | None
    changes: dict[str, Change]
    durations: Significance
    errors: Significance


@dataclass(frozen=True)
class Comparison:
    """The changes between two sessions.

    Attributes:
        before: the statistics of the first session.
        after: the statistics of the second session.
        confidence: the required confidence of a test for a change to count.
        operations: the changes of each operation, ordered by the time in the second session.
        counts: the changes of the program's own counts, by name.
    """

    before: SessionStatistics
    after: SessionStatistics
    confidence: float
    operations: tuple[OperationComparison, ...]
    counts: dict[str, Change]

    def operation(self, name: str, component: str | None = None) -> OperationComparison:
        """Return the changes of one operation.

        Raises:
            KeyError: for an operation that was called in neither session.
        """
        for one in self.operations:
            if one.operation == name and component in (None, one.component):
                return one
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the changes in types that JSON has."""
        return {
            "before": self.before.name,
            "after": self.after.name,
            "confidence": self.confidence,
            "operations": [
                {
                    "component": one.component,
                    "operation": one.operation,
                    "changes": {name: _plain(change) for name, change in one.changes.items()},
                    "durations": {**vars(one.durations), "confidence": one.durations.confidence},
                    "errors": {**vars(one.errors), "confidence": one.errors.confidence},
                }
                for one in self.operations
            ],
            "counts": {name: _plain(change) for name, change in self.counts.items()},
        }


def compare(before: SessionStatistics, after: SessionStatistics, confidence: float) -> Comparison:
    """Return the changes between two sessions.

    Raises:
        ConfigurationError: for an invalid confidence.
    """
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence={confidence!r:.80}: give a number between 0 and 1")
    names = {**dict.fromkeys(before.counts), **dict.fromkeys(after.counts)}
    operations = sorted(
        _operations(before, after, 1 - confidence),
        key=lambda one: -(one.after.total if one.after else 0.0),
    )
    counts = {
        name: Change(name, before.counts.get(name, 0), after.counts.get(name, 0)) for name in names
    }
    return Comparison(before, after, confidence, tuple(operations), counts)


def _operations(
    before: SessionStatistics, after: SessionStatistics, alpha: float
) -> Iterator[OperationComparison]:
    first, second = (
        {(one.component, one.operation): one for one in session.operations}
        for session in (before, after)
    )
    for key in {**before.sums, **after.sums}:
        one, other = first.get(key), second.get(key)
        yield OperationComparison(
            *key,
            one,
            other,
            {
                name: Change(name, getattr(one, name, None), getattr(other, name, None))
                for name in FIGURES
            },
            _result(MANN_WHITNEY, _durations_p(before.sums.get(key), after.sums.get(key)), alpha),
            _result(FISHER, _errors_p(one, other), alpha),
        )


def _result(test: str, p_value: float | None, alpha: float) -> Significance:
    return Significance(test, p_value, p_value is not None and p_value < alpha)


def _durations_p(before: CallSums | None, after: CallSums | None) -> float | None:
    if before is None or after is None:
        return None
    return mann_whitney(before.durations(), after.durations())


def _errors_p(before: CallStatistics | None, after: CallStatistics | None) -> float | None:
    if before is None or after is None:
        return None
    judged = [one.count - one.cancellations for one in (before, after)]
    errors = [min(one.errors, size) for one, size in zip((before, after), judged, strict=True)]
    return fisher(errors[0], judged[0], errors[1], judged[1]) if all(judged) else None


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


def _plain(change: Change) -> dict[str, Any]:
    return {
        "before": change.before,
        "after": change.after,
        "difference": change.difference,
        "ratio": change.ratio,
    }
