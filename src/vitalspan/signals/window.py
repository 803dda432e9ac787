"""The series that a signal is about, over a window of their history."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from vitalspan.history.calls import CallTrack
from vitalspan.history.history import History
from vitalspan.history.metrics import VALUE
from vitalspan.history.track import Track
from vitalspan.record.grid import FINE


class Pool:
    """Series taken together, and a window that moves over them tick by tick.

    Args:
        history: what is looked back on.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._start = self._now = history.ticks.times[-1]
        self.tracks: list[Track] = []
        self.counters: dict[str, list[Track]] = {}
        self.present: dict[str, list[float]] = {}
        self._grown: dict[str, float] = {}
        self._sums: list[int] = []
        self._places: list[_Place] = []

    def move(self, start: float, now: float) -> None:
        """Let the window end now, and begin at a tick."""
        self._start, self._now = start, now
        self._grown.clear()

    def is_empty(self) -> bool:
        """Whether there is not a single series."""
        return not (self.tracks or self.present or self.counters)

    @property
    def seconds(self) -> float:
        """The time between the ticks at which the window begins and ends."""
        return self._now - self._start

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self.tracks)

    def increase(self, column: str) -> float:
        """How much a counter has grown, over all series."""
        grown = self._grown.get(column)
        if grown is None:
            start, tracks = self._start, self.tracks
            if len(tracks) == 1:
                grown = tracks[0].increase(column, start)
            else:
                grown = sum([track.increase(column, start) for track in tracks])
            self._grown[column] = grown
        return grown

    def buckets(self) -> list[int]:
        """The calls by bucket of the fine grid."""
        if not self._sums or not self._follow():
            self._sums = [0] * len(FINE)
            self._places = [_Place(track) for track in self.tracks if isinstance(track, CallTrack)]
            self._follow()
        return self._sums

    def in_progress(self) -> tuple[int, float]:
        """How many calls are inside now, and the age of the oldest in seconds."""
        inside, oldest = 0, self._now
        for track in self.tracks:
            cell = track.cell if isinstance(track, CallTrack) else None
            if cell is not None and (cell.records or cell.in_hand):
                count, began = self._history.folder.in_progress(cell)
                inside += count
                oldest = oldest if began is None else min(oldest, began)
        return inside, self._now - oldest

    def gauges(self, metric: str) -> list[float]:
        """The present values of a metric of the registry, of all matching series."""
        return self.present.get(metric, [])

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """How much a counter of the registry has grown; None before it was seen twice."""
        tracks = [
            track
            for track in self.counters.get(metric, [])
            if not label or track.labels.get(label) == value
        ]
        if not any(track.times[0] < self._now for track in tracks):
            return None
        return sum(track.increase(VALUE, self._start) for track in tracks)

    def objective(self) -> float:
        """The objective of the SLO that is asked about."""
        return self._history.judges[self.tracks[0].labels["slo"]].objective

    def _follow(self) -> bool:
        """Move the sums to the present window; False where that is not possible."""
        sums, start = self._sums, self._start
        if len(self._places) != len(self.tracks):
            return False
        now, history = self._now, self._history
        return all(place.move(sums, start, now, history) for place in self._places)


class Union:
    """The series of several pools, all over the same window, as one.

    Args:
        pools: which.
    """

    def __init__(self, pools: Iterable[Pool]) -> None:
        self._pools = list(pools)

    @property
    def seconds(self) -> float:
        """The time between the ticks at which the window begins and ends."""
        return self._pools[0].seconds if self._pools else 0.0

    @property
    def series(self) -> int:
        """How many series there are."""
        return sum(pool.series for pool in self._pools)

    def increase(self, column: str) -> float:
        """How much a counter has grown, over all series."""
        return sum(pool.increase(column) for pool in self._pools)

    def buckets(self) -> list[int]:
        """The calls by bucket of the fine grid."""
        return [sum(calls) for calls in zip(*(pool.buckets() for pool in self._pools), strict=True)]

    def in_progress(self) -> tuple[int, float]:
        """How many calls are inside now, and the age of the oldest in seconds."""
        every = [pool.in_progress() for pool in self._pools]
        return sum(inside for inside, _ in every), max((age for _, age in every), default=0.0)

    def gauges(self, metric: str) -> list[float]:
        """The present values of a metric of the registry or monitor, of all matching series."""
        return [value for pool in self._pools for value in pool.gauges(metric)]

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """How much a counter of the registry has grown; None before it was seen twice."""
        every = [pool.growth(metric, label, value) for pool in self._pools]
        known = [grown for grown in every if grown is not None]
        return sum(known) if known else None

    def objective(self) -> float:
        """The objective of the SLO that is asked about."""
        return self._pools[0].objective()


class _Place:
    """Which entries of one track are in the sums."""

    __slots__ = ("_after", "_first", "_seen", "_start", "_track", "_version")

    def __init__(self, track: CallTrack) -> None:
        self._track = track
        self._version = track.version
        self._first = self._after = 0
        self._start = self._seen = float("-inf")

    def move(self, sums: list[int], start: float, now: float, history: History) -> bool:
        track = self._track
        if start < self._start:
            # Ticks that were forgotten meanwhile; what was taken away is missing now.
            return False
        if self._version != track.version:
            # Entries are merged up to ticks that are kept, so the sums stay right as long as the
            # window's ends are among them.
            ends_kept = history.ticks.has(self._start) and history.ticks.has(self._seen)
            if self._start < track.horizon or not ends_kept:
                return False
            self._first = bisect_right(track.times, self._start)
            self._after = bisect_right(track.times, self._seen)
            self._version = track.version
        times = track.times
        size = len(times)
        if self._after < size:
            track.add_buckets(sums, self._after, size)
            self._after = size
        first = self._first
        if first < size and times[first] <= start:
            first = bisect_right(times, start, first)
            track.add_buckets(sums, self._first, first, -1)
            self._first = first
        self._start, self._seen = start, now
        return True
