"""The sums of several processes' series; only those that have changed are computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import fsum, inf
from operator import is_
from typing import Any, Final, NamedTuple

from vitalspan.recording.detail_counts import DetailCounts
from vitalspan.recording.duration_histogram import Spread
from vitalspan.workers.binary_columns import decode_counts
from vitalspan.workers.details_encoding import Document, sum_of_details
from vitalspan.workers.merged_layout import MergedLayout
from vitalspan.workers.series_columns import MEASURED, SPLIT, SeriesColumns, Values
from vitalspan.workers.worker_counts import SeriesCounts


def _exact_sum(values: Iterable[float]) -> float:
    """Return the sum with a single rounding, so that the order of the processes does not matter."""
    try:
        return fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


_MERGING: Final[tuple[tuple[Callable[[Any], Any], Any], ...]] = (
    (_exact_sum, 0.0),
    (_exact_sum, 0.0),
    (min, inf),
    (max, -inf),
    (_exact_sum, 0.0),
    (sum, 0),
)
"""For each column, the function that merges values, and the value for a missing series."""


class Source(NamedTuple):
    """The series of one process.

    Attributes:
        columns: the series.
        living: whether it is alive; a dead one has no calls in progress.
    """

    columns: SeriesColumns
    living: bool


class _Parts(NamedTuple):
    """The sums of one series before they are decoded; equal ones are decoded only once."""

    boundaries: tuple[float, ...]
    first: int
    fine: list[int]
    values: tuple[Any, ...]
    flags: int
    created: float
    details: list[Document]
    differing: list[tuple[Any, ...]]


class SeriesSums:
    """Sums the series of several processes.

    Args:
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        report: called with the reason if the details of a series cannot be read.

    Attributes:
        series: the sums by the encoded key of the series' labels. They are never modified; a
            changed one is replaced.
        in_progress: the number of calls in progress in living processes, and when the oldest of
            them began on the steady clock, by the same keys.
    """

    def __init__(
        self, epoch: Callable[[], float], report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._epoch = epoch
        self._report = report
        self.series: dict[bytes, SeriesCounts] = {}
        self.in_progress: dict[bytes, tuple[int, float]] = {}
        self._columns: list[SeriesColumns] = []
        self._layout = MergedLayout(())
        self._parts: dict[bytes, _Parts] = {}

    def update(self, sources: Sequence[Source]) -> list[bytes]:
        """Sum up processes; return the keys of the series that have changed or disappeared.

        Args:
            sources: the series of all processes; a process that has published nothing new has the
                same object as before.
        """
        self.in_progress = _in_progress(sources)
        columns = [one.columns for one in sources]
        if len(columns) == len(self._columns) and all(map(is_, columns, self._columns)):
            return []
        self._columns = columns
        layouts = [one.layout for one in columns]
        if not self._layout.is_of(layouts):
            self._layout = MergedLayout(layouts, self._layout)
        known, self._parts = self._parts, self._parts_by_key()
        changed = [key for key, parts in self._parts.items() if known.get(key) != parts]
        gone = [key for key in known if key not in self._parts]
        for key in gone:
            del self.series[key]
        for key in changed:
            self.series[key] = self._sum(self._parts[key])
        return changed + gone

    def _parts_by_key(self) -> dict[bytes, _Parts]:
        layout, columns = self._layout, self._columns
        fine = self._fine()
        details: dict[bytes, list[Document]] = {}
        for one in columns:
            for slot, document in one.details.items():
                details.setdefault(one.layout.keys[slot], []).append(document)
        differing = {
            layout.keys[slot]: list(_durations(columns, layout.keys[slot]))
            for slot in layout.differing
        }
        values: Iterable[tuple[Any, ...]] = zip(*self._values(), strict=True)
        rows: Any = zip(
            *(layout.keys, layout.boundaries, layout.first, layout.offsets, layout.offsets[1:]),
            *(values, layout.flags, layout.created),
            strict=False,
        )
        return {
            key: _Parts(
                *(boundaries, first, fine[begin:end], row, flags, created),
                details.get(key, []),
                differing.get(key, []),
            )
            for key, boundaries, first, begin, end, row, flags, created in rows
        }

    def _fine(self) -> list[int]:
        """Return the sums of the fine buckets of all series.

        All counts of a process are read as one large integer, and these integers are added. Each
        count has room for its sum, so there is no carry from one to the next.
        """
        layout, columns = self._layout, self._columns
        greatest = max((one.widest for one in columns), default=1)
        width = 4 if len(columns) << (8 * greatest) <= 1 << 32 else 8
        total = 0
        for place, one in enumerate(columns):
            aligned = layout.aligned_counts(place, one.counts(width), width)
            total += int.from_bytes(aligned, "little")
        return decode_counts(total.to_bytes(layout.offsets[-1] * width, "little"), width)

    def _values(self) -> Iterator[Sequence[Any]]:
        """Yield the sums of each column of values."""
        layout, columns = self._layout, self._columns
        for number, (merge, missing) in enumerate(_MERGING):
            aligned = [
                layout.aligned(place, one.values[number], missing)
                for place, one in enumerate(columns)
            ]
            yield aligned[0] if len(aligned) == 1 else list(map(merge, zip(*aligned, strict=True)))

    def _sum(self, parts: _Parts) -> SeriesCounts:
        counts = SeriesCounts(parts.boundaries)
        counts.first, counts.fine = parts.first, parts.fine
        for durations in parts.differing:
            counts.add_durations(*durations)
        values = Values(*parts.values)
        counts.total = values.total
        counts.spread = Spread(values.squares, values.shortest, values.longest)
        counts.created = parts.created
        counts.split = bool(parts.flags & SPLIT)
        counts.details = self._sum_details(parts, values)
        return counts

    def _sum_details(self, parts: _Parts, values: Values) -> DetailCounts | None:
        if not parts.details and not parts.flags & MEASURED:
            return None
        try:
            details = sum_of_details(parts.details, self._epoch())
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            self._report(f"errors, measures or exemplars cannot be decoded ({error!r:.80})")
            details = DetailCounts()
        if parts.flags & MEASURED:
            details.measured = True
            details.cpu_seconds = values.cpu_seconds
            details.memory_growth = values.memory_growth
        return details


def _durations(columns: Iterable[SeriesColumns], key: bytes) -> Iterator[tuple[Any, ...]]:
    """Yield the durations of a series in each process: the arguments of `add_durations`."""
    for one in columns:
        layout = one.layout
        if key in layout.keys:
            slot = layout.keys.index(key)
            values = Values(*(column[slot] for column in one.values))
            begin, size = 8 * layout.offsets[slot], 8 * layout.lengths[slot]
            fine = decode_counts(one.counts(8)[begin : begin + size], 8)
            spread = Spread(values.squares, values.shortest, values.longest)
            yield layout.boundaries[slot], layout.first[slot], fine, values.total, spread


def _in_progress(sources: Iterable[Source]) -> dict[bytes, tuple[int, float]]:
    in_progress: dict[bytes, tuple[int, float]] = {}
    for columns, living in sources:
        for slot, calls, oldest in columns.in_progress if living else ():
            key = columns.layout.keys[slot]
            more, began = in_progress.get(key, (0, oldest))
            in_progress[key] = (calls + more, min(began, oldest))
    return in_progress
