"""The writer: stores the data of each tick, and continues if the store cannot be written."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from vitalspan.history.history import History
from vitalspan.runtime.internal_errors import logger
from vitalspan.store.collector import Collector, Slots, slot_of
from vitalspan.store.errors import NewerStoreError, StoreError
from vitalspan.store.packed_frame import pack_sparse
from vitalspan.store.protocol import Batch, Record, Store
from vitalspan.store.recent_intervals import RecentIntervals
from vitalspan.store.roll_up import ROLLED, RollUp, frame_row
from vitalspan.store.series_numbers import SeriesNumbers
from vitalspan.store.store_status import StoreStatus
from vitalspan.store.tiers import Tier

WRITTEN: Final = "written"
"""The document with the time up to which everything is stored."""

TIERS: Final = "tiers"
"""The document with the lengths of frames and how long they are kept."""

MAX_WAITING: Final = 1000
"""The maximum number of records that wait for the store; beyond it, the oldest are dropped."""

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
"""The maximum pause in seconds after a failed attempt; it doubles with every failure."""

_HOUSEKEEPING: Final = 60.0
"""Seconds between two checks for expired data and of the size."""

_SHRINK: Final = 0.9
"""The factor by which ages shrink if the store is too large."""


class StoreWriter:
    """Writes to a store, in one batch for each tick.

    Args:
        store: the store.
        tiers: the tiers, the finest first.
        history: the history to store.
        max_bytes: the size above which old frames are deleted sooner; 0 for no limit.

    Attributes:
        store: the store.
        tiers: the tiers, the finest first.
        status: the status of the store.
        record_ages: the seconds after which records of some kinds are deleted.
    """

    def __init__(
        self, store: Store, tiers: tuple[Tier, ...], history: History, max_bytes: int = 0
    ) -> None:
        self.store = store
        self.tiers = tiers
        self._history = history
        self._max_bytes = max_bytes
        self._waiting: deque[Record] = deque()
        self.record_ages: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Start over, in a forked child."""
        self.is_open = False
        self.status = StoreStatus(self.store.name)
        self._pause = 0.0
        self._next_attempt = float("-inf")
        self._next_housekeeping = float("-inf")
        self._ages_scale = 1.0
        self._since = float("-inf")
        self._last_slot = 0
        self._open_slot: tuple[int, Mapping[int, Any]] = (0, {})
        self._documents: dict[str, Any] = {}
        self._waiting.clear()

    @property
    def rolled(self) -> list[int]:
        """For each tier, the time up to which it has frames."""
        return self._roll_up.rolled if self.is_open else [0] * len(self.tiers)

    def prepare(self, now: float) -> bool:
        """Open the store, unless it is open or an attempt has failed recently.

        Args:
            now: the tick, on the steady clock.

        Returns:
            Whether it was opened by this call.
        """
        if self.is_open or now < self._next_attempt:
            return False
        try:
            self._open()
        except StoreError as fault:
            self._fail(now, fault)
            return False
        return True

    def _open(self) -> None:
        self.store.open()
        self._numbers = SeriesNumbers(self.store.series())
        self._former_tiers = [(step, age) for step, age in self.store.document(TIERS) or ()]
        step = self.tiers[0].step
        self._collector = Collector(self._history, self._numbers, step)
        span = self.store.span(step)
        following = 0 if span is None else span[1] + step
        interval = self.tiers[min(1, len(self.tiers) - 1)].step
        self._recent = RecentIntervals(interval, following)
        self._roll_up = RollUp(self.store, self.tiers, self._recent)
        # Frames of another process are not replaced, and those that are rolled up are final.
        self._last_slot = max([following, *self._roll_up.rolled[1:]])
        self.is_open = True

    def leave_out(self, until: float) -> None:
        """Treat everything up to a tick, on the steady clock, as stored."""
        self._since = max(self._since, until)

    def record(self, records: Iterable[Record]) -> None:
        """Add records to store."""
        for one in records:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.status.dropped += 1
            self._waiting.append(one)

    def collect(
        self, now: float, epoch: float, documents: Mapping[str, Any]
    ) -> PreparedBatch | None:
        """Return the batch to write at a tick; None if it is not time to try.

        Args:
            now: the tick, on the steady clock, which the history has observed.
            epoch: the difference between the time of day and the steady clock in seconds.
            documents: the current documents by name.
        """
        self.status.unwritten = now - max(self._since, self._history.ticks.times[0])
        if not self.is_open or now < self._next_attempt:
            return None
        step = self.tiers[0].step
        slot = max(slot_of(now + epoch, step), self._last_slot)
        collected = self._collector.collect(self._since, epoch, self._last_slot, slot)
        slots, until = self._with_open_slot(collected.slots), collected.until
        batch = Batch(
            series=list(self._numbers.fresh),
            frames=[
                frame_row(step, start, group, frame, pack_sparse)
                for start, groups in sorted(slots.items())
                for group, frame in groups.items()
            ],
            documents={
                name: document
                for name, document in documents.items()
                if self._documents.get(name) != document
            },
            records=list(self._waiting),
        )
        if TIERS not in self._documents:
            batch.documents[TIERS] = [list(tier) for tier in self.tiers]
        batch.documents[WRITTEN] = until + epoch
        return PreparedBatch(batch, slots, until, now, epoch)

    def _with_open_slot(self, slots: Slots) -> Slots:
        """Return frames together with what was written before of the same interval."""
        start, written = self._open_slot
        if start not in slots:
            return slots
        whole = dict(slots[start])
        for group in whole.keys() & written.keys():
            whole[group] = written[group].plus(whole[group])
        return {**slots, start: whole}

    def write(self, prepared: PreparedBatch) -> None:
        """Write a batch. It never raises; data that could not be written is tried again."""
        began = perf_counter()
        batch, now = prepared.batch, prepared.now
        try:
            self._roll_up.begin(prepared.wall)
            seconds = now - self._since
            batch.frames += self._roll_up.next_frames(self._complete(prepared), seconds)
            if now >= self._next_housekeeping:
                self._keep_house(batch, prepared.wall)
            batch.documents[ROLLED] = self._roll_up.document()
            self.store.write(batch)
        except StoreError as fault:
            self._fail(now, fault)
            return
        self._roll_up.done()
        finest = self.tiers[0].step
        self._recent.add(row for row in batch.frames if row.step == finest)
        self._wrote(prepared)
        self.status.seconds += perf_counter() - began

    def _complete(self, prepared: PreparedBatch) -> int:
        """Return the time up to which the finest frames are stored and final."""
        step = self.tiers[0].step
        return min([*prepared.slots, slot_of(prepared.until + prepared.epoch, step)])

    def _keep_house(self, batch: Batch, wall: float) -> None:
        batch.expired_frames = {
            tier.step: min(wall - max(tier.age * self._ages_scale, 2 * tier.step), unused)
            for tier, unused in zip(self.tiers, self._roll_up.unused(), strict=True)
        }
        for step, age in self._former_tiers:
            batch.expired_frames.setdefault(step, wall - age * self._ages_scale)
        batch.expired_records = wall - self.tiers[-1].age * self._ages_scale
        batch.expired_kinds = {kind: wall - age for kind, age in self.record_ages.items()}

    def _wrote(self, prepared: PreparedBatch) -> None:
        status, batch = self.status, prepared.batch
        if status.fault:
            logger.info("%s can be written again", self.store.name)
        status.fault, self._pause = "", 0.0
        status.writes["written"] += 1
        status.unwritten = prepared.now - prepared.until
        fresh = len(batch.series)
        del self._numbers.fresh[:fresh]
        for _ in batch.records:
            self._waiting.popleft()
        self._documents.update(batch.documents)
        self._since = prepared.until
        step = self.tiers[0].step
        latest = slot_of(prepared.until + prepared.epoch, step)
        self._last_slot = max(self._last_slot, latest, *prepared.slots)
        if self._last_slot in prepared.slots:
            kept_slot, kept = self._open_slot
            still = kept if kept_slot == self._last_slot else {}
            self._open_slot = self._last_slot, {**still, **prepared.slots[self._last_slot]}
        if batch.expired_frames:
            self._next_housekeeping = prepared.now + _HOUSEKEEPING
            self._look_at_size()

    def _look_at_size(self) -> None:
        try:
            size = self.status.size = self.store.size()
        except StoreError:
            return
        if self._max_bytes and size > self._max_bytes:
            self._ages_scale *= _SHRINK
        elif self._max_bytes and size < self._max_bytes * _SHRINK * _SHRINK:
            self._ages_scale = min(1.0, self._ages_scale / _SHRINK)

    def _fail(self, now: float, fault: StoreError) -> None:
        status = self.status
        status.writes["failed"] += 1
        if not status.fault:
            logger.warning(
                "%s; recording continues, and the history in memory is stored when possible",
                fault,
            )
        status.fault = str(fault)
        longest = math.inf if isinstance(fault, NewerStoreError) else _LONGEST_PAUSE
        wanted = 2 * self._pause if longest < math.inf else math.inf
        self._pause = min(max(wanted, _FIRST_PAUSE), longest)
        self._next_attempt = now + self._pause

    def close(self) -> None:
        """Close the store."""
        try:
            self.store.close()
        except StoreError as fault:
            logger.warning("%s", fault)
        self.is_open = False


@dataclass
class PreparedBatch:
    """A batch for one tick, with its times.

    Attributes:
        batch: the batch to write.
        slots: the frames of the finest tier, including earlier writes of the same interval.
        until: the tick up to which the frames go, on the steady clock.
        now: the current tick.
        epoch: the difference between the time of day and the steady clock in seconds.
    """

    batch: Batch
    slots: Slots
    until: float
    now: float
    epoch: float

    @property
    def wall(self) -> float:
        """The tick in seconds since the Unix epoch."""
        return self.now + self.epoch
