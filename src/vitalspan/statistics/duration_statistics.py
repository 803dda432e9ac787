"""Statistics of durations that are known by their sum and their buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.statistics.quantiles import bucket_durations, quantile_of


@dataclass(frozen=True)
class DurationStatistics:
    """Durations in seconds, of the calls that were measured.

    Values that are undefined without such calls are None.

    Attributes:
        count: the number of these calls.
        mean: the arithmetic mean of the durations.
        max: the longest duration, accurate to 4.4 %.
        p50: the median, accurate to 4.4 %.
        p95: the 95th percentile, accurate to 4.4 %.
        p99: the 99th percentile, accurate to 4.4 %.
    """

    count: int = 0
    mean: float | None = None
    max: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, histogram: DurationHistogram | None) -> DurationStatistics:
        """Return the statistics of durations of which the sum and the buckets are known."""
        if histogram is None or not histogram.count:
            return cls()
        count = histogram.count
        mean = histogram.total / count
        durations = bucket_durations({histogram.grid: dict(histogram.items())})
        # A mean beyond the middles of all buckets says more than these, as that of one call does.
        shortest, longest = min(mean, durations[0][0]), max(mean, durations[-1][0])
        if count == 1:
            shortest = longest = mean
        p50, p95, p99 = (quantile_of(durations, q, shortest, longest) for q in (0.5, 0.95, 0.99))
        return cls(count, mean, longest, p50, p95, p99)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return dict(vars(self))
