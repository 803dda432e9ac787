"""The reader: adds up the stored counts of a period."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import GROUP, Frame
from vitalspan.store.packed_frame import PackedFrame, add_all
from vitalspan.store.protocol import Record, Store, StoredSeries
from vitalspan.store.roll_up import ROLLED
from vitalspan.store.stored_sums import StoredSums, sums_of
from vitalspan.store.tiers import DEFAULT_TIERS, Part, Tier, parse_tiers, parts_of
from vitalspan.store.writer import TIERS, WRITTEN

SeriesFilter = Callable[[StoredSeries], bool]
"""Returns True for a series to be read."""

_AT_ONCE: Final = 2000
"""The number of frames, 10 MB, from which on those that were read are added up."""

_FEW: Final = 4
"""The number of a group's series up to which they are read one by one."""


@dataclass
class StoredPeriod:
    """The counts of a period.

    Attributes:
        start: the actual start, in seconds since the Unix epoch.
        end: the actual end.
        series: the sums of each series that has counted anything.
    """

    start: float
    end: float
    series: list[StoredSums]


def stored_tiers(store: Store) -> tuple[Tier, ...]:
    """Return the tiers of a store, as the last writer had them.

    Raises:
        StoreError: if the store cannot be read.
    """
    document = store.document(TIERS)
    return tuple(Tier(*tier) for tier in document) if document else parse_tiers(DEFAULT_TIERS)


class StoreReader:
    """Reads a store, which another process may be writing to.

    Args:
        store: the store.
        tiers: the tiers, the finest first.
    """

    def __init__(self, store: Store, tiers: Sequence[Tier]) -> None:
        self._store = store
        self._tiers = tiers
        self._has_told = False

    def period(
        self, start: float, end: float, now: float, includes: SeriesFilter | None = None
    ) -> StoredPeriod:
        """Return the sums of a period, from coarse frames inside and finer ones at both ends.

        Args:
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
            now: the current time in seconds since the Unix epoch.
            includes: selects the series; None takes all.

        Raises:
            StoreError: if the store cannot be read.
        """
        selected = _by_group(self._store.series(), includes)
        groups = None if includes is None else sorted(selected)
        parts = parts_of(self._tiers, self.rolled(), start, end, now)
        frames: dict[int, Frame] = {}
        found: dict[int, list[PackedFrame]] = {}
        # The sparse frames of the finest tier come last, so that they are added up only once.
        ordered = sorted(parts, key=lambda part: -part.step) if selected else []
        for part in ordered:
            for _, group, packed in self.frames(part, groups):
                if group in selected:
                    found.setdefault(group, []).append(packed)
            if part is ordered[-1] or sum(map(len, found.values())) > _AT_ONCE:
                for group, some in found.items():
                    frame = frames.setdefault(group, Frame())
                    _add(frame, some, selected[group], whole=includes is None)
                found.clear()
        sums = [one for group, frame in frames.items() for one in sums_of(frame, selected[group])]
        first = parts[0].start if parts else start
        last = min(parts[-1].end, self.written()) if parts else end
        return StoredPeriod(first, max(first, last), sums)

    def series(self) -> list[StoredSeries]:
        """Return all series that were ever stored.

        Raises:
            StoreError: if the store cannot be read.
        """
        return self._store.series()

    def span(self) -> tuple[float, float] | None:
        """Return the start and end of the history, in seconds since the Unix epoch.

        Raises:
            StoreError: if the store cannot be read.
        """
        spans = [self._store.span(tier.step) for tier in self._tiers]
        starts = [span[0] for span in spans if span is not None]
        return (float(min(starts)), self.written()) if starts else None

    def parts(self, start: float, end: float, now: float, coarsest: int) -> list[Part]:
        """Return the frames that make up a period.

        Args:
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
            now: the current time in seconds since the Unix epoch.
            coarsest: the maximum length of the frames in seconds, if there are any that short.

        Raises:
            StoreError: if the store cannot be read.
        """
        rolled = self.rolled()
        kept = [place for place, tier in enumerate(self._tiers) if tier.step <= coarsest]
        most = max(kept, default=0) + 1
        return parts_of(self._tiers[:most], rolled[:most], start, end, now)

    def points(
        self, step: int, start: float, end: float, includes: SeriesFilter | None = None
    ) -> Iterator[tuple[int, list[StoredSums]]]:
        """Yield the sums of each interval of a length, as far as there are frames of that length.

        Args:
            step: the length in seconds, which one of the tiers has.
            start: the start in seconds since the Unix epoch.
            end: the end in seconds since the Unix epoch.
            includes: selects the series; None takes all.

        Raises:
            StoreError: if the store cannot be read.
        """
        selected = _by_group(self._store.series(), includes)
        current: int | None = None
        sums: list[StoredSums] = []
        first = int(start // step) * step
        for moment, group, packed in self.frames(Part(step, first, int(end)), sorted(selected)):
            if moment != current:
                if current is not None:
                    yield current, sums
                current, sums = moment, []
            frame = Frame()
            add_all([packed], frame)
            sums += sums_of(frame, selected[group])
        if current is not None:
            yield current, sums

    def frames(
        self, part: Part, groups: Collection[int] | None
    ) -> Iterator[tuple[int, int, PackedFrame]]:
        """Yield frames, each with its start and its group.

        A frame that cannot be read is left out. Only the first one is logged, because the same
        period may be read again and again.

        Args:
            part: selects the frames.
            groups: the groups of series; None for all.

        Raises:
            StoreError: if the store cannot be read.
        """
        for row in self._store.frames(part.step, part.start, part.end, groups):
            try:
                packed = PackedFrame(row.packed)
            except StoreError as fault:
                if not self._has_told:
                    name = self._store.name
                    logger.warning("%s: a frame of %d s is left out: %s", name, row.step, fault)
                self._has_told = True
            else:
                yield row.start, row.group, packed

    def records(self, kind: str, start: float, end: float, most: int) -> list[Record]:
        """Return the latest records of a kind in a period, in order.

        Args:
            kind: the kind of the records.
            start: the start of the period, in seconds since the Unix epoch.
            end: the end of the period, exclusive.
            most: the maximum number of records.

        Raises:
            StoreError: if the store cannot be read.
        """
        return self._store.records(kind, start, end, most)

    def close(self) -> None:
        """Disconnect from the database; the next reading connects again."""
        with suppress(StoreError):
            self._store.close()

    def rolled(self) -> list[int]:
        """Return for each tier the time up to which it has frames."""
        document = self._store.document(ROLLED) or {}
        return [document.get(str(tier.step), 0) for tier in self._tiers]

    def written(self) -> float:
        """Return the time up to which everything is stored, in seconds since the Unix epoch."""
        written: Any = self._store.document(WRITTEN)
        return float(written or 0.0)


def _by_group(
    series: Sequence[StoredSeries], includes: SeriesFilter | None
) -> dict[int, dict[int, StoredSeries]]:
    selected: dict[int, dict[int, StoredSeries]] = {}
    for one in series:
        if includes is None or includes(one):
            group, place = divmod(one.number, GROUP)
            selected.setdefault(group, {})[place] = one
    return selected


def _add(
    frame: Frame, packed: Sequence[PackedFrame], places: Collection[int], *, whole: bool
) -> None:
    if whole or len(places) > _FEW:
        add_all(packed, frame)
    else:
        for one in packed:
            for place in places:
                one.add_series_to(frame, place)
