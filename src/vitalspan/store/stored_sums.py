"""The counts of stored series in a period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN
from vitalspan.store.frame import PLAIN_GRID, Frame
from vitalspan.store.protocol import StoredSeries


@dataclass
class StoredSums:
    """The counts of one series in a period.

    Attributes:
        series: the series.
        count: the number of calls.
        errors: the number of failed calls.
        total: the sum of their durations in seconds.
        squares: the sum of the squares of their durations.
        shortest: the shortest duration; infinite without any.
        longest: the longest duration; negative infinity without any.
        buckets: the calls by bucket of `PLAIN_GRID`.
        extras: all other counts, by column.
    """

    series: StoredSeries
    count: int = 0
    errors: int = 0
    total: float = 0.0
    squares: float = 0.0
    shortest: float = float("inf")
    longest: float = float("-inf")
    buckets: Mapping[int, int] = field(default_factory=dict)
    extras: Mapping[str, float] = field(default_factory=dict)

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the durations in seconds.

        It is within 4.4 % of the duration of the call at that rank, and between the shortest and
        the longest call; None without calls.
        """
        rank, below = q * sum(self.buckets.values()), 0
        for bucket, calls in sorted(self.buckets.items()):
            below += calls
            if below >= rank:
                return min(max(PLAIN_GRID.middle(bucket), self.shortest), self.longest)
        return None

    @property
    def errors_by_type(self) -> dict[str, int]:
        """The errors by type."""
        return {
            column.removeprefix(ERROR_COLUMN): int(amount)
            for column, amount in self.extras.items()
            if column.startswith(ERROR_COLUMN)
        }

    @property
    def measures(self) -> dict[str, float]:
        """The sums of the amounts that calls added, by name."""
        return {
            column.removeprefix(MEASURE_COLUMN): amount
            for column, amount in self.extras.items()
            if column.startswith(MEASURE_COLUMN)
        }


def sums_of(frame: Frame, members: Mapping[int, StoredSeries]) -> Iterator[StoredSums]:
    """Yield the sums of each series in a frame, by its place, that has counted anything."""
    buckets = frame.buckets_by_place()
    extras: dict[int, dict[str, float]] = {}
    for (place, column), amount in frame.extras.items():
        extras.setdefault(place, {})[column] = amount
    for place in frame.places():
        series = members.get(place)
        if series is not None:
            yield StoredSums(
                series,
                frame.counts[place],
                frame.errors[place],
                frame.totals[place],
                frame.squares[place],
                frame.shortest[place],
                frame.longest[place],
                buckets.get(place, {}),
                extras.get(place, {}),
            )
