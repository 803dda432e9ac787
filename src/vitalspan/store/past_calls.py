"""Imports past calls into a store that no other process is writing to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN
from vitalspan.metrics import COMPONENT, OPERATION, OTHER
from vitalspan.store.collector import slot_of
from vitalspan.store.frame import GROUP, PLAIN_GRID, Frame
from vitalspan.store.protocol import Batch, FrameRow, Record, Store
from vitalspan.store.reader import StoreReader, stored_tiers
from vitalspan.store.roll_up import ROLLED, frame_row
from vitalspan.store.series_numbers import SeriesNumbers
from vitalspan.store.tiers import Part, Tier
from vitalspan.store.writer import TIERS, WRITTEN


@dataclass(frozen=True)
class PastCall:
    """A call that has ended.

    Attributes:
        operation: the name of the operation.
        component: the component of the operation.
        end: the end in seconds since the Unix epoch.
        duration: the duration in seconds.
        failed: whether it failed.
        labels: the labels of its series.
        measures: the amounts that it added, by name.
        cpu_seconds: the CPU time; 0 if it was not measured.
        memory_growth: the growth of memory in bytes; 0 if it was not measured.
        hits: lookups in the cache of its component that found their entry.
        misses: lookups that did not find their entry.
    """

    operation: str
    component: str
    end: float
    duration: float
    failed: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    memory_growth: float = 0.0
    hits: float = 0.0
    misses: float = 0.0


class PastCalls:
    """Adds past calls to a store.

    Args:
        store: the store; it is open, and this process is the one that writes.
        now: the current time in seconds since the Unix epoch.

    Attributes:
        too_old: the number of calls that were left out, because the store would not keep them.
    """

    def __init__(self, store: Store, now: float) -> None:
        self._store = store
        self._now = now
        self._tiers = stored_tiers(store)
        self._reader = StoreReader(store, self._tiers)
        self._numbers = SeriesNumbers(store.series())
        self._rolled = self._rolled_up_to()
        self._frames: dict[tuple[int, int, int], Frame] = {}
        self._latest = 0.0
        self.too_old = 0

    def _rolled_up_to(self) -> dict[int, float]:
        """Return for each length the time up to which frames of it have been rolled up already."""
        document: Mapping[str, int] = self._store.document(ROLLED) or {}
        # Later writes begin at the present.
        return {
            tier.step: document.get(str(tier.step)) or int(self._now) // tier.step * tier.step
            for tier in self._tiers
        }

    def add(self, calls: Iterable[PastCall]) -> None:
        """Add calls that have ended."""
        for call in calls:
            slots = [(tier.step, slot_of(call.end, tier.step)) for tier in self._kept(call.end)]
            if not slots:
                self.too_old += 1
                continue
            self._latest = max(self._latest, call.end)
            number = self._numbers.number("operation", _labels(call))
            for step, slot in slots:
                _count(self._frame(step, slot, number // GROUP), number % GROUP, call)
            if call.hits or call.misses:
                self._add_lookups(call, slots)

    def _kept(self, end: float) -> Sequence[Tier]:
        """Return the tiers that need frames of a time, and for which no others are rolled up."""
        finest = self._tiers[0].step
        return [
            tier
            for tier in self._tiers
            if self._now - end <= tier.age
            and (tier.step == finest or slot_of(end, tier.step) < self._rolled[tier.step])
        ]

    def _add_lookups(self, call: PastCall, slots: Iterable[tuple[int, int]]) -> None:
        labels = {COMPONENT: call.component, "cache": call.component}
        number = self._numbers.number("cache", labels)
        for step, slot in slots:
            extras = self._frame(step, slot, number // GROUP).extras
            for column, amount in (("hits", call.hits), ("misses", call.misses)):
                if amount:
                    key = number % GROUP, column
                    extras[key] = extras.get(key, 0.0) + amount

    def _frame(self, step: int, slot: int, group: int) -> Frame:
        return self._frames.setdefault((step, slot, group), Frame())

    def write(self, records: Iterable[Record], documents: Mapping[str, Any]) -> None:
        """Write all added calls, with records and documents, wholly or not at all.

        Raises:
            StoreError: if that is not possible.
        """
        store = self._store
        written = max(self._latest, store.document(WRITTEN) or 0.0)
        rolled = {str(step): end for step, end in self._rolled.items()}
        store.write(
            Batch(
                series=list(self._numbers.fresh),
                frames=[self._row(*key, frame) for key, frame in sorted(self._frames.items())],
                documents={
                    TIERS: [list(tier) for tier in self._tiers],
                    ROLLED: rolled,
                    WRITTEN: written or self._now,
                    **documents,
                },
                records=list(records),
            )
        )

    def _row(self, step: int, slot: int, group: int, frame: Frame) -> FrameRow:
        for _, _, packed in self._reader.frames(Part(step, slot, slot + 1), [group]):
            packed.add_to(frame)
        return frame_row(step, slot, group, frame)


def _labels(call: PastCall) -> dict[str, str]:
    return {COMPONENT: call.component, OPERATION: call.operation, **call.labels}


def _count(frame: Frame, place: int, call: PastCall) -> None:
    seconds = call.duration
    frame.counts[place] += 1
    frame.totals[place] += seconds
    frame.squares[place] += seconds * seconds
    frame.shortest[place] = min(frame.shortest[place], seconds)
    frame.longest[place] = max(frame.longest[place], seconds)
    frame.add_buckets(place, {PLAIN_GRID.bucket(seconds): 1})
    amounts = {MEASURE_COLUMN + name: amount for name, amount in call.measures.items()}
    amounts |= {"cpu_seconds": call.cpu_seconds, "memory_growth": call.memory_growth}
    if call.failed:
        frame.errors[place] += 1
        amounts[ERROR_COLUMN + OTHER] = 1.0
    for column, amount in amounts.items():
        if amount > 0:
            frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount
