"""The last intervals of the second tier, added up while those of the first are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from vitalspan.history.operation_series import OperationSeries
from vitalspan.recording.buckets import SCALE, ZERO_INDEX
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.store.frame import GROUP, HIGHEST_BUCKET, Frame, sketch_of

_KEPT: Final = 3
"""The number of intervals to keep: the current one, and those that are rolled up meanwhile."""

Slots = dict[int, dict[int, Frame]]
"""Frames by their start and their group."""

Histograms = dict[OperationSeries, DurationHistogram]
"""The histogram of each operation at a tick."""

Members = Callable[[int], Iterable[tuple[int, OperationSeries]]]
"""Returns the operations of a group with their places."""


class RecentIntervals:
    """Frames of the last intervals of the second tier, which need not be read from the store.

    Their columns are added up at every tick. Their buckets are the difference of the operations'
    histograms at both ends of the interval, which takes far less time than adding the buckets of
    every tick. If the two do not agree, the frames have to be read from the store.

    Args:
        step: the length of the intervals in seconds.
        members: returns the operations of a group.
    """

    def __init__(self, step: int, members: Members) -> None:
        self._step = step
        self._members = members
        self._frames: dict[int, dict[int, Frame]] = {}
        self._histograms: dict[int, Histograms] = {}

    def add(self, slots: Slots, histograms: Mapping[int, Histograms]) -> None:
        """Add the frames that were written at a tick.

        Args:
            slots: the frames of the first tier, without earlier writes of the same frames.
            histograms: the histograms of the operations by the end of their interval, at what is
                probably the last tick of an interval.
        """
        for slot, groups in sorted(slots.items()):
            start = slot // self._step * self._step
            # Histograms at the end of this interval were taken too early, before these calls.
            self._histograms.pop(start + self._step, None)
            frames = self._frames.setdefault(start, {})
            for group, frame in groups.items():
                frames.setdefault(group, Frame()).add_columns(frame)
        self._histograms.update(histograms)
        for kept in (self._frames, self._histograms):
            while len(kept) > _KEPT:
                del kept[min(kept)]

    def frames(self, start: int, groups: Iterable[int]) -> dict[int, Frame]:
        """Return the frames of an interval that are known completely, by group.

        Args:
            start: the start of the interval.
            groups: the groups to return.
        """
        before = self._histograms.get(start)
        after = self._histograms.get(start + self._step)
        frames = self._frames.get(start)
        if before is None or after is None or frames is None:
            return {}
        return {
            group: frames[group]
            for group in groups
            if group in frames and self._has_buckets(frames[group], group, before, after)
        }

    def _has_buckets(self, frame: Frame, group: int, before: Histograms, after: Histograms) -> bool:
        """Set the buckets of a frame; return False if they do not agree with its calls."""
        counted = [0] * GROUP
        sketches = [0] * GROUP
        for place, operation in self._members(group):
            then, now = before.get(operation), after.get(operation)
            if now is None or now is then:
                continue
            if then is not None and not now.continues(then):
                return False
            fresh = now.exponential(SCALE, then)
            lowest = fresh.offset - ZERO_INDEX
            if min(fresh.counts, default=0) < 0 or lowest + len(fresh.counts) > HIGHEST_BUCKET:
                return False
            counted[place] += fresh.count
            sketches[place] += fresh.zero_count + sketch_of(lowest, fresh.counts)
        frame.sketches[:] = sketches
        return counted == frame.counts
