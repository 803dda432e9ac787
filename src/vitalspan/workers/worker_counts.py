"""The counts of one process, or the sums of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import add
from typing import Any, Final

from vitalspan.labels import Labels
from vitalspan.recording.buckets import grid_of
from vitalspan.recording.detail_counts import DetailCounts
from vitalspan.recording.duration_histogram import NO_SPREAD, DurationHistogram, Spread
from vitalspan.recording.model_amounts import ModelAmounts, ModelKey

SloKey = tuple[str, str, Labels]
"""The name of an SLO, its definition, and the labels that separate its budgets."""

PROFILES: Final = "profiles:"
"""The prefix of the totals of slow calls to be profiled, by what became of it."""


@dataclass(slots=True, eq=False)
class SeriesCounts:
    """The counts of one series.

    Attributes:
        boundaries: the exported bucket boundaries of its grid.
        created: when the first of the processes started to count, in seconds since the Unix epoch;
            0 if that is unknown.
        first: the first fine bucket that is listed.
        fine: the counts of that fine bucket and of the following ones.
        total: the sum of the durations in seconds.
        spread: the sum of the squares, the shortest and the longest duration.
        split: whether calls that began here were counted in series with further labels.
        details: errors, measures and so on; None if there are none.
    """

    boundaries: tuple[float, ...]
    created: float = 0.0
    first: int = 0
    fine: list[int] = field(default_factory=list)
    total: float = 0.0
    spread: Spread = NO_SPREAD
    split: bool = False
    details: DetailCounts | None = None

    def histogram(self) -> DurationHistogram:
        """Return the durations as a histogram."""
        grid = grid_of(self.boundaries)
        return DurationHistogram.of(grid, self.first, self.fine, self.total, self.spread)

    def add_durations(
        self,
        boundaries: tuple[float, ...],
        first: int,
        fine: list[int],
        total: float,
        spread: Spread,
    ) -> None:
        """Add the durations of the same series in another process."""
        self.spread = self.spread.plus(spread)
        if not fine:
            self.total += total
            return
        if not self.fine:
            self.boundaries, self.first, self.fine = boundaries, first, fine
        elif boundaries != self.boundaries:
            self._add_other_grid(boundaries, first, fine, total)
            return
        elif first == self.first and len(fine) == len(self.fine):
            self.fine = list(map(add, self.fine, fine))
        else:
            begin = min(first, self.first)
            after = max(first + len(fine), self.first + len(self.fine))
            self.fine = list(
                map(
                    add,
                    _placed(self.fine, self.first - begin, after - begin),
                    _placed(fine, first - begin, after - begin),
                )
            )
            self.first = begin
        self.total += total

    def _add_other_grid(
        self, boundaries: tuple[float, ...], first: int, fine: list[int], total: float
    ) -> None:
        other = SeriesCounts(boundaries)
        other.first, other.fine, other.total = first, fine, total
        merged = self.histogram().merged(other.histogram())
        self.boundaries = merged.grid.boundaries
        items = dict(merged.items())
        self.first = min(items, default=0)
        last = max(items, default=-1)
        self.fine = [items.get(bucket, 0) for bucket in range(self.first, last + 1)]
        self.total = merged.total

    def add_details(self, other: DetailCounts) -> None:
        """Add errors, measures and so on."""
        own = self.details
        if own is None:
            self.details = other
            return
        own.cancellations += other.cancellations
        own.measured = own.measured or other.measured
        own.cpu_seconds += other.cpu_seconds
        own.memory_growth += other.memory_growth
        add_amounts(own.errors, other.errors.items())
        for error_type, error in other.last_errors.items():
            own.note_error(error_type, error)
        add_amounts(own.measures, other.measures.items())
        if other.first_bytes is not None:
            own.add_first_bytes(dict(other.first_bytes.items()), other.first_bytes.total)
        for bucket, exemplar in other.exemplars.items():
            kept = own.exemplars.get(bucket)
            if kept is None or kept[2] <= exemplar[2]:
                own.exemplars[bucket] = exemplar


def _placed(fine: list[int], before: int, size: int) -> list[int]:
    return [0] * before + fine + [0] * (size - before - len(fine))


def add_amounts(sums: dict[Any, Any], amounts: Iterable[tuple[Any, Any]]) -> None:
    """Add amounts to sums of the same keys."""
    for key, amount in amounts:
        sums[key] = sums.get(key, 0) + amount


def add_columns(sums: dict[Any, list[float]], key: Any, values: list[float]) -> None:
    """Add the columns of one row to sums."""
    known = sums.get(key)
    sums[key] = values if known is None else list(map(add, known, values))


@dataclass
class WorkerCounts:
    """Everything that one process, or several together, have counted.

    Attributes:
        series: the operations, by the encoded key of their labels.
        caches: hits and misses, by component and name.
        apis: successful calls, failed calls, tokens and cost, by component and name.
        models: the amounts of each model, by component, API and model.
        slos: events, and the bad ones among them.
        internal_errors: the internal errors, by where they happened.
        collector_errors: how often each type of collector was left out of a scrape.
        totals: other sums, by name.
        registry: the other metrics in an archive; empty in other files.
        archived: the ids of the processes in an archive; empty in other files.
    """

    series: dict[bytes, SeriesCounts] = field(default_factory=dict)
    caches: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    apis: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    models: dict[ModelKey, ModelAmounts] = field(default_factory=dict)
    slos: dict[SloKey, list[float]] = field(default_factory=dict)
    internal_errors: dict[str, int] = field(default_factory=dict)
    collector_errors: dict[str, int] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    archived: list[str] = field(default_factory=list)
    registry: list[Any] = field(default_factory=list)
