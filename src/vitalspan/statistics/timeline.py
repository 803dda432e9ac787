"""Figures about calls over time: one slot of the period after the other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from vitalspan.history.operation_series import OperationSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.runtime.pace import pause_if_due
from vitalspan.statistics.call_sums import add_amounts, bucket_durations, quantile_of
from vitalspan.statistics.periods import Key, Window
from vitalspan.store.frame import PLAIN_GRID, Frame
from vitalspan.store.reader import StoredSums

if TYPE_CHECKING:
    from vitalspan.history.history import History

MAX_SLOTS: Final = 96
"""Slots that a period is divided into at most."""

_WIDTHS: Final = (
    *(5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(3600.0, 7200.0, 14400.0, 28800.0, 86400.0),
)
"""The seconds that slots can be long, as clocks show them."""

_FIGURES: Final = (
    *("start", "end", "count", "errors", "throughput", "error_rate"),
    *("mean", "p50", "p95", "p99", "max"),
)


@dataclass(frozen=True)
class Slot:
    """The calls that ended in one slot. Durations are in seconds; without calls they are None.

    Attributes:
        start: seconds since the Unix epoch.
        end: the same.
        count: the calls that ended.
        errors: those that failed.
        cancellations: those that were cancelled.
        mean: the arithmetic mean of the durations.
        p50: half of the calls take no longer.
        p95: 95 % of them take no longer.
        p99: 99 % of them take no longer.
        max: the longest one.
    """

    start: float
    end: float
    count: int
    errors: int
    cancellations: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None

    @property
    def throughput(self) -> float:
        """The calls that ended per second."""
        return self.count / (self.end - self.start)

    @property
    def error_rate(self) -> float | None:
        """The share of errors among the calls that were not cancelled, 0 to 1."""
        judged = self.count - self.cancellations
        return min(1.0, self.errors / judged) if judged > 0 else None


@dataclass(frozen=True)
class Timeline:
    """Figures about the calls of one operation, of one component or of all, over time.

    Attributes:
        component: of the calls; None for those of all components.
        operation: of the calls; None for those of all operations.
        slots: the oldest first, without gaps between them.
    """

    component: str | None
    operation: str | None
    slots: tuple[Slot, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has: a list of values for each figure."""
        figures = {name: [getattr(slot, name) for slot in self.slots] for name in _FIGURES}
        return {"component": self.component, "operation": self.operation, **figures}


def slot_width(seconds: float, most: int = MAX_SLOTS) -> float:
    """Return how many seconds the slots of a period are long.

    Args:
        seconds: the length of the period.
        most: how many slots there should be at most.
    """
    return next((width for width in _WIDTHS if seconds <= width * most), seconds / most)


def slot_edges(
    ticks: Sequence[float], start: float, end: float, width: float, epoch: float
) -> list[float]:
    """Return the ticks at which slots begin and end: the last one of each stretch of time.

    Args:
        ticks: on the steady clock, in order.
        start: the tick at which the first slot begins.
        end: the tick at which the last one ends.
        width: the seconds of a slot, which begins at a multiple of them of the time of day.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    within = ticks[bisect_right(ticks, start) : bisect_right(ticks, end)]
    edges = [start]
    for tick, following in pairwise(within):
        if _slot(tick, width, epoch) != _slot(following, width, epoch):
            edges.append(tick)
    edges += within[-1:]
    # Rates over next to no time say nothing, so short ends belong to their neighbours.
    while len(edges) > 2 and edges[-1] - edges[-2] < width / 2:
        del edges[-2]
    while len(edges) > 2 and edges[1] - edges[0] < width / 2:
        del edges[1]
    return edges


def _slot(tick: float, width: float, epoch: float) -> int:
    # What is noted at the very end of a slot was counted within it.
    return int((tick + epoch - 1e-6) // width)


@dataclass
class SlotSums:
    """The sums of the calls of one slot."""

    count: int = 0
    errors: int = 0
    cancellations: int = 0
    total: float = 0.0
    longest: float = 0.0
    shortest: float = float("inf")
    buckets: dict[BucketGrid, dict[int, int]] = field(default_factory=dict)

    def add(self, track: OperationSeries, first: int, after: int) -> None:
        """Add entries of a track, one at least."""
        last, before, base = after - 1, first - 1, track.base

        def increase(name: str) -> float:
            column = track.columns.get(name)
            if column is None:
                return 0.0
            return column[last] - (column[before] if first else base.get(name, 0.0))

        self.count += int(increase("count"))
        self.total += increase("total")
        self.errors += int(increase("errors"))
        self.cancellations += int(increase("cancellations"))
        shortest, longest = track.extremes(first, after)
        self.shortest = min(self.shortest, shortest)
        self.longest = max(self.longest, longest)
        track.add_buckets(self.buckets.setdefault(track.grid, {}), first, after)

    def add_place(self, frame: Frame, place: int, buckets: Mapping[int, int]) -> None:
        """Add the calls of a series that a store has.

        Args:
            frame: of its group of series.
            place: of the series in the frame.
            buckets: its calls by bucket of `PLAIN_GRID`.
        """
        self.count += frame.counts[place]
        self.errors += frame.errors[place]
        self.cancellations += int(frame.extras.get((place, "cancellations"), 0))
        self.total += frame.totals[place]
        self.shortest = min(self.shortest, frame.shortest[place])
        self.longest = max(self.longest, frame.longest[place])
        add_amounts(self.buckets.setdefault(PLAIN_GRID, {}), buckets)

    def add_stored(self, stored: StoredSums) -> None:
        """Add the calls of a series that a store or a server has."""
        self.count += stored.count
        self.errors += stored.errors
        self.cancellations += int(stored.extras.get("cancellations", 0))
        self.total += stored.total
        self.shortest = min(self.shortest, stored.shortest)
        self.longest = max(self.longest, stored.longest)
        add_amounts(self.buckets.setdefault(PLAIN_GRID, {}), stored.buckets)

    def slot(self, start: float, end: float) -> Slot:
        """Return the figures, of a slot from one time to another in seconds since the epoch."""
        if not self.count:
            return Slot(start, end, 0, 0, 0, None, None, None, None, None)
        durations = bucket_durations(self.buckets)
        p50, p95, p99 = (
            quantile_of(durations, q, self.shortest, self.longest) for q in (0.5, 0.95, 0.99)
        )
        mean = self.total / self.count
        counts = self.count, self.errors, self.cancellations
        return Slot(start, end, *counts, mean, p50, p95, p99, self.longest)


class TimelineSums:
    """The calls in each slot of a period.

    Args:
        edges: the ticks at which slots begin and end, as `slot_edges` returns them.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self._slots = [SlotSums() for _ in edges[1:]]

    def add(self, track: OperationSeries) -> None:
        """Add what a track has noted."""
        pause_if_due()
        edges, times = self._edges, track.times
        first = bisect_right(times, edges[0])
        while first < len(times) and times[first] <= edges[-1]:
            # A track has few entries where little happens, so slots are looked for, not each tried.
            index = bisect_left(edges, times[first])
            after = bisect_right(times, edges[index], first)
            self._slots[index - 1].add(track, first, after)
            first = after

    def timeline(self, component: str | None, operation: str | None, epoch: float) -> Timeline:
        """Return the figures of each slot.

        Args:
            component: whose calls these are; None for those of all.
            operation: whose calls these are; None for those of all.
            epoch: the difference between the time of day and the steady clock in seconds.
        """
        slots = (
            sums.slot(start + epoch, end + epoch)
            for sums, (start, end) in zip(self._slots, pairwise(self._edges), strict=True)
        )
        return Timeline(component, operation, tuple(slots))


def timelines(
    history: History, period: Window, keys: Sequence[Key], epoch: float
) -> list[Timeline]:
    """Return timelines of a period of the history, which have the same slots.

    Args:
        history: that is looked back on.
        period: which time.
        keys: the component and the operation of each; None for those of all.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    width = slot_width(period.seconds)
    edges = slot_edges(history.ticks.times, period.start, period.end, width, epoch)
    sums = {key: TimelineSums(edges) for key in keys}
    for track in history.operations.all:
        component, operation = track.series.component, track.series.operation
        own: tuple[Key, ...] = ((None, None), (component, None), (None, operation))
        for key in (*own, (component, operation)):
            one = sums.get(key)
            if one is not None:
                one.add(track)
    return [sums[key].timeline(*key, epoch) for key in keys]
