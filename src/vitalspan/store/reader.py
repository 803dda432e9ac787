"""The reader: adds up the stored counts of a period."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN
from vitalspan.runtime.internal_errors import logger
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import GROUP, PLAIN_GRID, Frame
from vitalspan.store.packed_frame import PackedFrame, added
from vitalspan.store.protocol import Record, Store, StoredSeries
from vitalspan.store.roll_up import ROLLED
from vitalspan.store.tiers import DEFAULT_TIERS, Part, Tier, parse_tiers, parts_of
from vitalspan.store.writer import TIERS, WRITTEN

SeriesFilter = Callable[[StoredSeries], bool]
"""Returns True for a series to be read."""

_FEW: Final = 4
"""The number of a group's series up to which they are read one by one."""


@dataclass
class StoredSums:
    """The counts of one series in a period.

    Attributes:
        series: the series.
        count: the number of calls.
        errors: the number of failed calls.
        total: the sum of their durations in seconds.
        squares: the sum of the squares of their durations.
        shortest: the shortest duration; infinite without any.
        longest: the longest duration; negative infinity without any.
        buckets: the calls by bucket of `PLAIN_GRID`.
        extras: all other counts, by column.
    """

    series: StoredSeries
    count: int = 0
    errors: int = 0
    total: float = 0.0
    squares: float = 0.0
    shortest: float = float("inf")
    longest: float = float("-inf")
    buckets: Mapping[int, int] = field(default_factory=dict)
    extras: Mapping[str, float] = field(default_factory=dict)

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the durations in seconds.

        It is within 4.4 % of the duration of the call at that rank, and between the shortest and
        the longest call; None without calls.
        """
        rank, below = q * sum(self.buckets.values()), 0
        for bucket, calls in sorted(self.buckets.items()):
            below += calls
            if below >= rank:
                return min(max(PLAIN_GRID.middle(bucket), self.shortest), self.longest)
        return None

    @property
    def errors_by_type(self) -> dict[str, int]:
        """The errors by type."""
        return {
            column.removeprefix(ERROR_COLUMN): int(amount)
            for column, amount in self.extras.items()
            if column.startswith(ERROR_COLUMN)
        }

    @property
    def measures(self) -> dict[str, float]:
        """The sums of the amounts that calls added, by name."""
        return {
            column.removeprefix(MEASURE_COLUMN): amount
            for column, amount in self.extras.items()
            if column.startswith(MEASURE_COLUMN)
        }


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
        found: dict[int, list[PackedFrame]] = {}
        for part in parts if selected else ():
            for _, group, packed in self.frames(part, groups):
                if group in selected:
                    found.setdefault(group, []).append(packed)
        sums: list[StoredSums] = []
        for group, frames in found.items():
            members = selected[group]
            frame = _added(frames, members, whole=includes is None)
            sums += _sums(frame, members)
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
            sums += _sums(added([packed]), selected[group])
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


def _added(packed: Iterable[PackedFrame], places: Collection[int], *, whole: bool) -> Frame:
    if whole or len(places) > _FEW:
        return added(packed)
    frame = Frame()
    for one in packed:
        for place in places:
            one.add_series_to(frame, place)
    return frame


def _sums(frame: Frame, members: Mapping[int, StoredSeries]) -> Iterator[StoredSums]:
    buckets = frame.buckets_by_place()
    extras: dict[int, dict[str, float]] = {}
    for (place, column), amount in frame.extras.items():
        extras.setdefault(place, {})[column] = amount
    for place in frame.places():
        series = members.get(place)
        if series is not None:
            yield StoredSums(
                series,
                frame.counts[place],
                frame.errors[place],
                frame.totals[place],
                frame.squares[place],
                frame.shortest[place],
                frame.longest[place],
                buckets.get(place, {}),
                extras.get(place, {}),
            )
