"""Exports stored history as OpenMetrics with timestamps, which Prometheus can import as blocks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Final

from vitalspan import metrics as names
from vitalspan.history.operation_series import ERROR_COLUMN
from vitalspan.labels import label_text
from vitalspan.store.export.rows import Selection
from vitalspan.store.frame import PLAIN_GRID
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.reader import StoreReader
from vitalspan.store.stored_sums import StoredSums

_Pairs = tuple[tuple[str, str], ...]

Sample = tuple[str, _Pairs, float]
"""The suffix of a sample's name, its labels, and its increase in an interval."""

SamplesOf = Callable[[StoredSums], Iterable[Sample]]
"""Returns the samples of one family for a series."""

_INFINITE: Final = float("inf")


def write_openmetrics(
    reader: StoreReader,
    selection: Selection,
    file: IO[str],
    prefix: str = "",
) -> None:
    """Write counters and histograms as they would have been scraped at the end of each interval.

    They start at zero at the start of the selection. A call is counted in the bucket that contains
    the middle of its stored bucket, so near a boundary it may be counted in the next one.

    Args:
        reader: reads the store.
        selection: the part of the history to write.
        file: the file to write to.
        prefix: the prefix of the metric names.

    Raises:
        StoreError: if the store cannot be read.
    """
    series = reader.series()
    for family, kind, samples_of in _FAMILIES:
        selected = [one for one in series if one.kind == kind]
        if not selected:
            continue
        name = prefix + family.name
        bare = name.removesuffix("_total") if family.type == "counter" else name
        file.write(f"# TYPE {bare} {family.type}\n")
        if family.unit:
            file.write(f"# UNIT {bare} {family.unit}\n")
        file.write(f"# HELP {bare} {family.help}\n")
        for group in sorted({one.group for one in selected}):
            for points in _points(reader, selection, kind, group):
                file.writelines(_lines(selection, points, name, samples_of))
    file.write("# EOF\n")


def _points(
    reader: StoreReader, selection: Selection, kind: str, group: int
) -> Iterable[Mapping[int, StoredSums]]:
    """Return the intervals of each series of a group; only one group is in memory at a time."""

    def wanted(series: StoredSeries) -> bool:
        return series.kind == kind and series.group == group

    grown: dict[int, dict[int, StoredSums]] = {}
    for start, sums in reader.points(*selection, wanted):
        for one in sums:
            grown.setdefault(one.series.number, {})[start] = one
    return grown.values()


def _lines(
    selection: Selection, points: Mapping[int, StoredSums], name: str, samples_of: SamplesOf
) -> Iterator[str]:
    """Yield the samples of one series, one label set after the other."""
    step = selection.step
    first, last = min(points), max(points)
    values: dict[tuple[str, _Pairs], dict[int, float]] = {}
    for start, sums in points.items():
        for ending, labels, amount in samples_of(sums):
            values.setdefault((ending, labels), {})[start] = amount
    for (ending, labels), amounts in values.items():
        text = f"{name}{ending}{{{label_text(labels)}}}"
        total = 0.0
        yield f"{text} 0 {first}\n"
        for start in range(first, last + step, step):
            total += amounts.get(start, 0.0)
            yield f"{text} {total!r} {start + step}\n"


def _durations(sums: StoredSums) -> Iterator[Sample]:
    labels = tuple(sums.series.labels.items())
    boundaries = names.DURATION_BOUNDARIES
    counts = [0] * (len(boundaries) + 1)
    for bucket, calls in sums.buckets.items():
        counts[bisect_left(boundaries, PLAIN_GRID.middle(bucket))] += calls
    below = 0
    for boundary, calls in zip([*boundaries, _INFINITE], counts, strict=True):
        below += calls
        edge = "+Inf" if boundary == _INFINITE else repr(boundary)
        yield "_bucket", (*labels, ("le", edge)), below
    yield "_count", labels, sums.count
    yield "_sum", labels, sums.total


def _errors(sums: StoredSums) -> Iterator[Sample]:
    for column, amount in sums.extras.items():
        if column.startswith(ERROR_COLUMN):
            error_type = (names.ERROR_TYPE, column.removeprefix(ERROR_COLUMN))
            yield "", (*sums.series.labels.items(), error_type), amount


def _column(column: str, *more: tuple[str, str]) -> SamplesOf:
    def samples(sums: StoredSums) -> Iterable[Sample]:
        if column in sums.extras:
            yield "", (*sums.series.labels.items(), *more), sums.extras[column]

    return samples


def _either(*parts: SamplesOf) -> SamplesOf:
    return lambda sums: (sample for part in parts for sample in part(sums))


_FAMILIES: Final = (
    (names.OPERATION_DURATION, "operation", _durations),
    (names.OPERATION_ERRORS, "operation", _errors),
    (names.OPERATION_CANCELLATIONS, "operation", _column("cancellations")),
    (
        names.CACHE_REQUESTS,
        "cache",
        _either(_column("hits", ("result", "hit")), _column("misses", ("result", "miss"))),
    ),
    (
        names.API_CALLS,
        "api",
        _either(_column("oks", ("outcome", "ok")), _column("errors", ("outcome", "error"))),
    ),
    (names.API_TOKENS, "api", _column("tokens")),
    (names.API_COST, "api", _column("cost")),
    (names.SLO_EVENTS, "slo", _column("events")),
    (names.SLO_BAD_EVENTS, "slo", _column("bad")),
)
"""The families, with the kind of series and the function for their samples."""
