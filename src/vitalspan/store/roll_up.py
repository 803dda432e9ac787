"""Rolls up stored frames into frames of longer intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import Frame
from vitalspan.store.packed_frame import PackedFrame, add_all, pack_dense
from vitalspan.store.protocol import FrameRow, Store
from vitalspan.store.recent_intervals import RecentIntervals
from vitalspan.store.tiers import Tier

ROLLED: Final = "rolled"
"""The document with the time up to which there are frames of each length."""

_AT_ONCE: Final = 2
"""The minimum number of frames to make in one tick."""

_MOST: Final = 256
"""The maximum number of frames to make in one tick."""

_SHARE: Final = 10
"""The number of ticks over which the frames of one interval are spread, if there are many series.

There are twelve ticks in an interval, and the others are for the longer intervals.
"""


class _Due(NamedTuple):
    """The groups of one interval that are still to be rolled up."""

    level: int
    start: int
    groups: list[int]
    size: int

    def share(self, ticks: int) -> int:
        """Return how many groups to do in this many ticks, at an even pace."""
        done = self.size - len(self.groups)
        until = math.ceil(self.size * (done * _SHARE // max(1, self.size) + ticks) / _SHARE)
        return max(_AT_ONCE * ticks, until - done)


class RollUp:
    """Makes the frames of each tier from those of the previous tier, a few at a time.

    It reads them from the store, so that nothing is lost with the process, except for what this
    process has just written and still has. Repeating it changes nothing.

    Args:
        store: the store with the frames.
        tiers: the tiers, the finest first.
        recent: the finest frames that were just written.

    Attributes:
        rolled: for each tier, the time up to which its frames have been made. The finest tier is
            not made from others.
    """

    def __init__(self, store: Store, tiers: Sequence[Tier], recent: RecentIntervals) -> None:
        self._store = store
        self._recent = recent
        self._tiers = tiers
        self._due: _Due | None = None
        document = store.document(ROLLED)
        known: Mapping[str, int] = document if isinstance(document, dict) else {}
        self.rolled = [known.get(str(tier.step)) or self._beginning(tier) for tier in tiers]
        self._next: tuple[list[int], _Due | None] = (self.rolled, None)

    def _beginning(self, tier: Tier) -> int:
        spans = [self._store.span(one.step) for one in self._tiers]
        first = min((span[0] for span in spans if span is not None), default=0)
        return first // tier.step * tier.step

    def begin(self, now: float) -> None:
        """Begin with the interval of a time, if nothing was stored before."""
        self.rolled = [
            rolled or int(now) // tier.step * tier.step
            for rolled, tier in zip(self.rolled, self._tiers, strict=True)
        ]

    def next_frames(self, complete: int, seconds: float) -> list[FrameRow]:
        """Return some frames that are due.

        Args:
            complete: the time up to which the finest frames are final.
            seconds: the time since the previous call.
        """
        ahead, due, rows = list(self.rolled), self._due, list[FrameRow]()
        ticks = math.ceil(seconds / self._tiers[0].step) if seconds < math.inf else _MOST
        amount = _MOST
        while amount > 0:
            due = due or self._next_due(complete, ahead)
            if due is None:
                break
            amount = min(amount, due.share(max(1, ticks)) - len(rows))
            groups, rest = due.groups[: max(amount, 0)], due.groups[max(amount, 0) :]
            rows += self._rolled_up(due.level, due.start, groups)
            amount -= max(1, len(groups))
            if rest:
                due = due._replace(groups=rest)
                break
            ahead[due.level], due = due.start + self._tiers[due.level].step, None
        self._next = ahead, due
        return rows

    def _rolled_up(self, level: int, start: int, groups: Sequence[int]) -> list[FrameRow]:
        """Return the rolled-up frames of one interval.

        Args:
            level: the index of the frames' tier, which is not 0.
            start: the start of the interval.
            groups: the groups of the frames.
        """
        finer, step = self._tiers[level - 1].step, self._tiers[level].step
        rows = self._recent.rows(start, groups) if level == 1 else None
        if rows is None:
            rows = self._store.frames(finer, start, start + step, groups) if groups else []
        frames: dict[int, list[PackedFrame]] = {group: [] for group in groups}
        for row in rows:
            try:
                frames[row.group].append(PackedFrame(row.packed))
            except StoreError as fault:
                # A damaged frame must not keep everything after it from being stored.
                logger.warning(
                    "%s: a frame of %d s is left out: %s", self._store.name, finer, fault
                )
        sums = {group: Frame() for group in groups}
        for group, packed in frames.items():
            add_all(packed, sums[group])
        return [frame_row(step, start, group, frame) for group, frame in sums.items()]

    def done(self) -> None:
        """Record that the result of `next_frames` has been stored."""
        self.rolled, self._due = self._next

    def document(self) -> dict[str, Any]:
        """Return the document to store together with the result of `next_frames`."""
        return {
            str(tier.step): rolled for tier, rolled in zip(self._tiers, self._next[0], strict=True)
        }

    def unused(self) -> list[float]:
        """Return for each tier the time up to which its frames are not needed for other tiers."""
        return [float(rolled) for rolled in self.rolled[1:]] + [math.inf]

    def _next_due(self, complete: int, ahead: list[int]) -> _Due | None:
        """Return what is due next and can be made from stored frames.

        Args:
            complete: the time up to which the finest frames are final.
            ahead: for each tier, the time up to which its frames have been made; it is advanced
                over times without calls.
        """
        for level, (finer, coarser) in enumerate(pairwise(self._tiers), start=1):
            start, step = ahead[level], coarser.step
            if start + step <= complete:
                span = self._store.span(finer.step, start)
                first = complete if span is None else min(span[0], complete)
                start = ahead[level] = max(start, first // step * step)
            if start + step <= complete:
                groups = self._store.groups(finer.step, start, start + step)
                return _Due(level, start, groups, len(groups))
            complete = self.rolled[level]
        return None


def frame_row(
    step: int, start: int, group: int, frame: Frame, packed: Callable[[Frame], bytes] = pack_dense
) -> FrameRow:
    """Return a frame as a row for the store."""
    totals = sum(frame.counts), sum(frame.errors), sum(frame.totals)
    return FrameRow(step, start, group, *totals, packed(frame))
