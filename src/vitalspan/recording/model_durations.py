"""The columns in which durations of calls to models are counted, so that they can be added up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from vitalspan.recording.buckets import grid_of

DURATION: Final = "duration"
FIRST_TOKEN: Final = "first_token"  # noqa: S105 - the name of a duration

GRID: Final = grid_of(())
"""The buckets of the durations, which are those of a store."""

_BUCKET_COLUMN: Final = re.compile(r"(duration|first_token):(\d{1,5})", re.ASCII)


def columns_of(name: str, total: float, buckets: Iterable[tuple[int, float]]) -> dict[str, float]:
    """Return durations by column: their seconds, and their number in the column of each bucket.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        total: the sum of the durations in seconds.
        buckets: the number of durations by bucket of `GRID`.
    """
    return {f"{name}_seconds": total, **bucket_columns(name, buckets)}


def bucket_columns(name: str, buckets: Iterable[tuple[int, float]]) -> dict[str, float]:
    """Return the number of durations in the column of each bucket; the arguments are the same."""
    return {_column_of(name, bucket): count for bucket, count in buckets}


@lru_cache(maxsize=4096)
def _column_of(name: str, bucket: int) -> str:
    # Cached, so that all models have the same texts: there may be a hundred for each.
    return f"{name}:{bucket}"


@lru_cache(maxsize=4096)
def bucket_of(column: str) -> tuple[str, int] | None:
    """Return the name and the bucket of a column for a bucket of durations; None for others."""
    found = _BUCKET_COLUMN.fullmatch(column)
    return found and (found[1], int(found[2]))


def durations_in(name: str, amounts: Mapping[str, float]) -> tuple[float, dict[int, int]]:
    """Return the sum of durations in seconds, and their number by bucket of `GRID`.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        amounts: amounts by column, of which others are ignored.
    """
    return amounts.get(f"{name}_seconds", 0.0), buckets_in(amounts).get(name, {})


def buckets_in(amounts: Mapping[str, float]) -> dict[str, dict[int, int]]:
    """Return the number of durations by bucket of `GRID`, for each name with any.

    Args:
        amounts: amounts by column, of which others are ignored.
    """
    result: dict[str, dict[int, int]] = {}
    for column, count in amounts.items():
        found = bucket_of(column)
        if found is not None and count:
            result.setdefault(found[0], {})[found[1]] = int(count)
    return result
