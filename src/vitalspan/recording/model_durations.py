"""The columns in which durations of calls to models are counted, so that they can be added up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vitalspan.recording.buckets import grid_of

DURATION: Final = "duration"
FIRST_TOKEN: Final = "first_token"  # noqa: S105 - the name of a duration

GRID: Final = grid_of(())
"""The buckets of the durations, which are those of a store."""


def duration_columns(name: str, seconds: float | None) -> dict[str, float]:
    """Return what one call adds, by column: its seconds, and 1 in the column of its bucket.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        seconds: the duration; None if it was not measured, which adds nothing.
    """
    if seconds is None:
        return {}
    return columns_of(name, seconds, {GRID.bucket(seconds): 1})


def columns_of(name: str, total: float, buckets: Mapping[int, float]) -> dict[str, float]:
    """Return durations by column.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        total: the sum of the durations in seconds.
        buckets: the number of durations by bucket of `GRID`.
    """
    counts = {f"{name}:{bucket}": count for bucket, count in buckets.items()}
    return {f"{name}_seconds": total, **counts}


def durations_in(name: str, amounts: Mapping[str, float]) -> tuple[float, dict[int, int]]:
    """Return the sum of durations in seconds, and their number by bucket of `GRID`.

    Args:
        name: `DURATION` or `FIRST_TOKEN`.
        amounts: amounts by column, of which others are ignored.
    """
    prefix = f"{name}:"
    buckets = {
        int(column.removeprefix(prefix)): int(count)
        for column, count in amounts.items()
        if count and column.startswith(prefix)
    }
    return amounts.get(f"{name}_seconds", 0.0), buckets
