"""What the calls to a model add up to: amounts, and durations in buckets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from vitalspan.recording.buckets import grid_of
from vitalspan.recording.duration_histogram import DurationHistogram

DURATION: Final = "duration"
FIRST_TOKEN: Final = "first_token"  # noqa: S105 - the name of a duration

GRID: Final = grid_of(())
"""The buckets of the durations, which are those of a store."""

ModelKey = tuple[str, str, str]
"""The component and the name of an API, and the model."""

_BUCKET_COLUMN: Final = re.compile(rf"({DURATION}|{FIRST_TOKEN}):(\d{{1,4}})", re.ASCII)

_MOST: Final = 2**53
"""The number of calls below which floats are exact."""


_NOTHING: Final = DurationHistogram(GRID)


class ModelAmounts(NamedTuple):
    """The sums over some calls to a model.

    Attributes:
        sums: the amounts by column, which are `oks`, `errors`, `tokens`, `cost` and those of
            `MODEL_AMOUNTS`; what is 0 may be missing.
        durations: the durations that were measured, by `DURATION` and `FIRST_TOKEN`.
    """

    sums: Mapping[str, float] = {}
    durations: Mapping[str, DurationHistogram] = {}

    @property
    def calls(self) -> float:
        """The number of calls."""
        return self.sums.get("oks", 0) + self.sums.get("errors", 0)

    def plus(self, other: ModelAmounts) -> ModelAmounts:
        """Return the sums over both sets of calls."""
        sums, durations = dict(self.sums), dict(self.durations)
        for column, amount in other.sums.items():
            sums[column] = sums.get(column, 0) + amount
        for name, histogram in other.durations.items():
            known = durations.get(name, _NOTHING)
            durations[name] = known.plus(dict(histogram.items()), histogram.total)
        return ModelAmounts(sums, durations)

    @classmethod
    def of_columns(cls, columns: Mapping[str, float]) -> ModelAmounts:
        """Return amounts that are given as columns, as in `columns_of`, or as those of a store."""
        sums = without_buckets(columns)
        durations = {
            name: histogram_of(sums.pop(seconds_column(name), 0.0), buckets)
            for name, buckets in buckets_in(columns).items()
        }
        return cls(sums, durations)

    def to_document(self) -> list[Any]:
        """Return the amounts in types that JSON has."""
        durations = {
            name: [histogram.total, *histogram.listed()]
            for name, histogram in self.durations.items()
        }
        return [self.sums, durations]

    @classmethod
    def of_document(cls, sums: Mapping[str, Any], durations: Mapping[str, Any]) -> ModelAmounts:
        """Return the amounts in a result of `to_document`.

        Raises:
            ValueError: for counts that are impossible.
            TypeError: for values of other types.
        """
        found = {}
        for name, (total, first, counts) in durations.items():
            if first < 0 or not all(0 <= count < _MOST for count in counts):
                raise ValueError("a number of calls is negative or too large")
            found[name] = DurationHistogram.of(GRID, first, counts, total + 0.0)
        return cls({name: amount + 0 for name, amount in sums.items()}, found)


def histogram_of(total: float, buckets: Mapping[int, int]) -> DurationHistogram:
    """Return durations as a histogram.

    Args:
        total: their sum in seconds.
        buckets: their number by bucket of `GRID`.
    """
    histogram = DurationHistogram(GRID)
    histogram.add(buckets, total)
    return histogram


def columns_of(name: str, total: float, buckets: Mapping[int, float]) -> dict[str, float]:
    """Return durations by column: their seconds, and their number in the column of each bucket.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        total: the sum of the durations in seconds.
        buckets: the number of durations by bucket of `GRID`.
    """
    return {seconds_column(name): total, **dict(bucket_columns(name, buckets.items()))}


def seconds_column(name: str) -> str:
    """Return the column for the sum of durations; the argument is the same."""
    return f"{name}_seconds"


def bucket_columns(name: str, buckets: Iterable[tuple[int, float]]) -> Iterator[tuple[str, float]]:
    """Yield the columns for the number of durations in buckets; the arguments are the same."""
    return ((_column_of(name, bucket), count) for bucket, count in buckets)


def without_buckets(columns: Mapping[str, float]) -> dict[str, float]:
    """Return the columns that are not for a bucket of durations."""
    return {name: amount for name, amount in columns.items() if bucket_of(name) is None}


def buckets_in(columns: Mapping[str, float]) -> dict[str, dict[int, int]]:
    """Return the number of durations by bucket of `GRID`, for each name with any.

    Args:
        columns: amounts by column, of which others are ignored.
    """
    result: dict[str, dict[int, int]] = {}
    for column, count in columns.items():
        found = bucket_of(column)
        if found is not None and count > 0:
            result.setdefault(found[0], {})[found[1]] = int(count)
    return result


@lru_cache(maxsize=4096)
def bucket_of(column: str) -> tuple[str, int] | None:
    """Return the name and the bucket of a column for a bucket of durations; None for others."""
    found = _BUCKET_COLUMN.fullmatch(column)
    return found and (found[1], int(found[2]))


@lru_cache(maxsize=4096)
def _column_of(name: str, bucket: int) -> str:
    # Cached, because there may be a hundred of them for each model.
    return f"{name}:{bucket}"
