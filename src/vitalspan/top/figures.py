"""Figures of operations: rates and quantiles between two scrapes, summed over instances."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from vitalspan.top.service_metrics import Counts, Key, Reading

_Name = TypeVar("_Name", str, float)


@dataclass
class Figures:
    """The figures of an operation.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        instance: the instance; empty for the sum of all.
        calls: the number of calls that have finished since the process started.
        errors: the failed calls by type.
        cancelled: the number of cancelled calls.
        in_progress: the number of running calls.
        oldest: the age of the oldest running call in seconds.
        call_rate: finished calls per second; None after a single scrape.
        error_rate: failed calls per second; None after a single scrape.
        busy: seconds of calls per second, which is their concurrency; None after a single scrape.
        bucket_rates: calls per second in each bucket, by its upper bound in seconds.
    """

    component: str
    operation: str
    instance: str = ""
    calls: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    cancelled: float = 0.0
    in_progress: float = 0.0
    oldest: float = 0.0
    call_rate: float | None = None
    error_rate: float | None = None
    busy: float | None = None
    bucket_rates: dict[float, float] = field(default_factory=dict)

    @property
    def error_ratio(self) -> float | None:
        """The ratio of failed calls; None without calls."""
        if not self.call_rate or self.error_rate is None:
            return None
        return min(1.0, self.error_rate / self.call_rate)

    @property
    def mean(self) -> float | None:
        """The mean duration in seconds; None without calls."""
        return self.busy / self.call_rate if self.call_rate and self.busy is not None else None

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the durations in seconds.

        It is interpolated within the bucket, like `histogram_quantile` of Prometheus; above the
        highest bound it is that bound. None without calls.

        Args:
            q: the quantile, 0 to 1.
        """
        rank, lower, below = q * sum(self.bucket_rates.values()), 0.0, 0.0
        if rank <= 0:
            return None
        for bound, rate in sorted(self.bucket_rates.items()):
            if below + rate >= rank and rate:
                if math.isinf(bound):
                    return lower
                return lower + (bound - lower) * (rank - below) / rate
            lower, below = (lower if math.isinf(bound) else bound), below + rate
        return lower


def figures_of(before: Reading | None, after: Reading, instance: str = "") -> list[Figures]:
    """Return the figures of the operations of one process.

    A counter that has decreased, or a process that has restarted, counts from 0.

    Args:
        before: the previous scrape; without it there are no rates.
        after: the latest scrape.
        instance: the name of the instance.
    """
    restarted = before is not None and before.started != after.started
    earlier = {} if before is None or restarted else before.operations
    seconds = None if before is None else after.time - before.time
    return [
        _figures(key, earlier.get(key, Counts()), counts, seconds, instance)
        for key, counts in after.operations.items()
    ]


def _figures(
    key: Key, before: Counts, after: Counts, seconds: float | None, instance: str
) -> Figures:
    figures = Figures(
        *key,
        instance,
        calls=after.calls,
        errors=dict(after.errors),
        cancelled=after.cancelled,
        in_progress=after.in_progress,
        oldest=after.oldest,
    )
    if seconds is None or seconds <= 0:
        return figures
    if after.calls < before.calls:
        before = Counts()
    figures.call_rate = _increase(before.calls, after.calls) / seconds
    figures.busy = _increase(before.seconds, after.seconds) / seconds
    errors = (
        _increase(before.errors.get(kind, 0.0), count) for kind, count in after.errors.items()
    )
    figures.error_rate = sum(errors) / seconds
    figures.bucket_rates = _bucket_rates(before.buckets, after.buckets, seconds)
    return figures


def _increase(before: float, after: float) -> float:
    return after - before if after >= before else max(0.0, after)


def _bucket_rates(
    before: Mapping[float, float], after: Mapping[float, float], seconds: float
) -> dict[float, float]:
    """The calls per second in each bucket, not cumulative."""
    bounds = sorted(after)
    upto = [_increase(before.get(bound, 0.0), after[bound]) for bound in bounds]
    pairs = itertools.pairwise([0.0, *upto])
    return {
        bound: max(0.0, high - low) / seconds
        for bound, (low, high) in zip(bounds, pairs, strict=True)
    }


def summed(figures: Iterable[Figures]) -> list[Figures]:
    """Return the figures of each operation over all instances; counts are summed first."""
    totals: dict[Key, Figures] = {}
    for one in figures:
        total = totals.setdefault(
            Key(one.component, one.operation), Figures(one.component, one.operation)
        )
        total.calls += one.calls
        total.cancelled += one.cancelled
        total.in_progress += one.in_progress
        total.oldest = max(total.oldest, one.oldest)
        total.call_rate = _sum(total.call_rate, one.call_rate)
        total.error_rate = _sum(total.error_rate, one.error_rate)
        total.busy = _sum(total.busy, one.busy)
        _add(total.errors, one.errors)
        _add(total.bucket_rates, one.bucket_rates)
    return list(totals.values())


def _sum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _add(totals: dict[_Name, float], more: Mapping[_Name, float]) -> None:
    for name, value in more.items():
        totals[name] = totals.get(name, 0.0) + value
