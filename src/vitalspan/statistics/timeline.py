"""Statistics of calls over time, in consecutive slots of a period."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from vitalspan.history.operation_series import OperationSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.runtime.pace import pause_if_due
from vitalspan.statistics.call_sums import add_amounts
from vitalspan.statistics.call_text import figures_text, subject_text
from vitalspan.statistics.periods import Key, Window, keys_of
from vitalspan.statistics.quantiles import bucket_durations, quantile_of
from vitalspan.store.frame import PLAIN_GRID, Frame
from vitalspan.store.stored_sums import StoredSums
from vitalspan.timestamps import timestamp
from vitalspan.words import counted

if TYPE_CHECKING:
    from vitalspan.history.history import History

MAX_SLOTS: Final = 96
"""The maximum number of slots in a period."""

_WIDTHS: Final = (
    *(5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(3600.0, 7200.0, 14400.0, 28800.0, 86400.0),
)
"""The possible lengths of slots in seconds, which are round on a clock."""

_FIGURES: Final = (
    *("start", "end", "count", "errors", "throughput", "error_rate"),
    *("mean", "p50", "p95", "p99", "max"),
)


@dataclass(frozen=True)
class Slot:
    """The calls that ended in one slot. Durations are in seconds; without calls they are None.

    Attributes:
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        count: the number of calls that ended.
        errors: the number of failed calls.
        cancellations: the number of cancelled calls.
        mean: the arithmetic mean of the durations.
        p50: the median duration.
        p95: the 95th percentile of the durations.
        p99: the 99th percentile of the durations.
        max: the longest duration.
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
        """The number of calls that ended per second."""
        return self.count / (self.end - self.start)

    @property
    def error_rate(self) -> float | None:
        """The ratio of errors to calls that were not cancelled, 0 to 1."""
        judged = self.count - self.cancellations
        return min(1.0, self.errors / judged) if judged > 0 else None

    def __str__(self) -> str:
        return f"{timestamp(self.start)}: {figures_text(self, self.end - self.start)}"


@dataclass(frozen=True)
class Timeline:
    """Statistics of the calls of one operation, of one component or of all, over time.

    Attributes:
        component: the component of the calls; None for all components.
        operation: the operation of the calls; None for all operations.
        slots: the oldest first, without gaps between them.
    """

    component: str | None
    operation: str | None
    slots: tuple[Slot, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has: a list of values for each figure."""
        figures = {name: [getattr(slot, name) for slot in self.slots] for name in _FIGURES}
        return {"component": self.component, "operation": self.operation, **figures}

    def __str__(self) -> str:
        slots = counted(len(self.slots), "slot") if self.slots else "no slots"
        head = f"{subject_text(self.component, self.operation)}: {slots}"
        return "\n  ".join([head, *map(str, self.slots)])


def slot_width(seconds: float, most: int = MAX_SLOTS) -> float:
    """Return the length of the slots of a period in seconds.

    Args:
        seconds: the length of the period.
        most: the maximum number of slots.
    """
    return next((width for width in _WIDTHS if seconds <= width * most), seconds / most)


def slot_edges(
    ticks: Sequence[float], start: float, end: float, width: float, epoch: float
) -> list[float]:
    """Return the ticks at the boundaries of slots: the last one of each.

    Args:
        ticks: the ticks on the steady clock, in order.
        start: the tick at the start of the first slot.
        end: the tick at the end of the last slot.
        width: the length of a slot in seconds; slots begin at its multiples in the time of day.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    within = ticks[bisect_right(ticks, start) : bisect_right(ticks, end)]
    edges = [start]
    for tick, following in pairwise(within):
        if _slot(tick, width, epoch) != _slot(following, width, epoch):
            edges.append(tick)
    edges += within[-1:]
    # Rates over very short times mean nothing, so short ends are merged with their neighbours.
    while len(edges) > 2 and edges[-1] - edges[-2] < width / 2:
        del edges[-2]
    while len(edges) > 2 and edges[1] - edges[0] < width / 2:
        del edges[1]
    return edges


def _slot(tick: float, width: float, epoch: float) -> int:
    # A tick at the very end of a slot observes counts within it.
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
        """Add entries of a series, at least one."""
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
        """Add the calls of a stored series.

        Args:
            frame: the frame of its group of series.
            place: the place of the series in the frame.
            buckets: the calls by bucket of `PLAIN_GRID`.
        """
        self.count += frame.counts[place]
        self.errors += frame.errors[place]
        self.cancellations += int(frame.extras.get((place, "cancellations"), 0))
        self.total += frame.totals[place]
        self.shortest = min(self.shortest, frame.shortest[place])
        self.longest = max(self.longest, frame.longest[place])
        add_amounts(self.buckets.setdefault(PLAIN_GRID, {}), buckets)

    def add_stored(self, stored: StoredSums) -> None:
        """Add the calls of a series in a store or on a server."""
        self.count += stored.count
        self.errors += stored.errors
        self.cancellations += int(stored.extras.get("cancellations", 0))
        self.total += stored.total
        self.shortest = min(self.shortest, stored.shortest)
        self.longest = max(self.longest, stored.longest)
        add_amounts(self.buckets.setdefault(PLAIN_GRID, {}), stored.buckets)

    def slot(self, start: float, end: float) -> Slot:
        """Return the statistics of a slot between two times in seconds since the epoch."""
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
    """The sums of calls in each slot of a period.

    Args:
        edges: the ticks at the boundaries of slots, from `slot_edges`.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self._slots = [SlotSums() for _ in edges[1:]]

    def add(self, track: OperationSeries) -> None:
        """Add the entries of a series."""
        pause_if_due()
        edges, times = self._edges, track.times
        first = bisect_right(times, edges[0])
        while first < len(times) and times[first] <= edges[-1]:
            # A series has few entries if little happens, so slots are searched, not all visited.
            index = bisect_left(edges, times[first])
            after = bisect_right(times, edges[index], first)
            self._slots[index - 1].add(track, first, after)
            first = after

    def timeline(self, component: str | None, operation: str | None, epoch: float) -> Timeline:
        """Return the statistics of each slot.

        Args:
            component: the component of the calls; None for all.
            operation: the operation of the calls; None for all.
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
    """Return timelines of a period of the history, with the same slots.

    Args:
        history: the history to read.
        period: the period.
        keys: the component and the operation of each; None for those of all.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    width = slot_width(period.seconds)
    edges = slot_edges(history.ticks.times, period.start, period.end, width, epoch)
    sums = {key: TimelineSums(edges) for key in keys}
    for track in history.operations.all:
        for key in keys_of(track.series.component, track.series.operation):
            one = sums.get(key)
            if one is not None:
                one.add(track)
    return [sums[key].timeline(*key, epoch) for key in keys]
