"""The binary form of the counts of many series: one column per quantity, all of one length.

Columns are read and summed many values at a time, which takes a tenth of the time that a record per
series would take. They are little-endian, and come in this order:

- the keys of the series, compressed, because they are long and hardly ever change,
- the columns of the layout, which rarely change: when counting began, the first fine bucket and the
  number of fine buckets, the bucket boundaries, the bytes of a count, flags,
- the columns of values: sums, extremes and resources,
- the counts of the fine buckets of all series, those with one byte for a count first,
- the calls in progress, for the few series that have any,
- errors, measures and exemplars in JSON, for the few series that have any.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final, NamedTuple

from vitalspan.workers.binary_columns import (
    COUNT_TYPES,
    columns_of,
    decode_counts,
    row_size,
    widened,
)
from vitalspan.workers.details_encoding import Document
from vitalspan.workers.series_keys import decode_keys
from vitalspan.workers.state_file import UnreadableError, decoding

LAYOUT_TYPES: Final = "dHHHBB"
VALUE_TYPES: Final = "dddddq"
IN_PROGRESS: Final = struct.Struct("<IId")
"""The index of the series, its number of calls in progress, and the oldest one's steady time."""

SIZES: Final = struct.Struct("<III")
"""The bytes of the keys, the number of series, and how many of them have calls in progress."""

SPLIT: Final = 1
MEASURED: Final = 2
"""Flags: calls were counted in series with further labels; resources of calls were measured."""

_MOST_CALLS: Final = 1 << 48
"""The limit for one fine bucket of a process, so that the sum fits into eight bytes."""

Grids = tuple[tuple[float, ...], ...]
"""The sets of bucket boundaries of a process' series, in seconds."""


class Values(NamedTuple):
    """The values of one series.

    Attributes:
        total: the sum of the durations in seconds.
        squares: the sum of their squares.
        shortest: the shortest duration; infinite without any.
        longest: the longest duration; negative infinity without any.
        cpu_seconds: the CPU time of the calls whose resources were measured.
        memory_growth: the bytes by which resident memory grew during them.
    """

    total: float
    squares: float
    shortest: float
    longest: float
    cpu_seconds: float
    memory_growth: int


class InProgress(NamedTuple):
    """The calls in progress of one series.

    Attributes:
        slot: the place of the series in the columns.
        calls: how many calls are in progress.
        oldest: when the oldest of them began, in seconds on the steady clock.
    """

    slot: int
    calls: int
    oldest: float


class SeriesLayout:
    """The part of the columns that rarely changes. Processes with equal ones share the object.

    Args:
        keys: the compressed keys.
        columns: the columns of the layout, encoded.
        size: the number of series.
        grids: the bucket boundaries that the layout refers to.

    Attributes:
        source: what the layout was made of.
        keys: the key of each series.
        boundaries: the bucket boundaries of each series in seconds.
        created: when counting began, in seconds since the Unix epoch; 0 if that is unknown.
        first: the first fine bucket of each series.
        lengths: the number of fine buckets of each series.
        offsets: where they begin among those of all series.
        flags: `SPLIT` and `MEASURED`.
        groups: how many counts there are of each size in bytes.

    Raises:
        UnreadableError: for a layout that this version cannot read.
    """

    def __init__(self, keys: bytes, columns: bytes, size: int, grids: Grids) -> None:
        self.source = (keys, columns, grids)
        with decoding("its series"):
            self.keys = decode_keys(keys) if size else []
            rows = (column.tolist() for column in columns_of(columns, LAYOUT_TYPES, size))
            created, first, lengths, indexes, widths, flags = rows
            self.boundaries = [grids[index] for index in indexes]
            self.offsets, self.groups = _placed(lengths, widths)
        if len(self.keys) != size:
            raise UnreadableError("its series have no keys")
        self.created, self.first, self.lengths, self.flags = created, first, lengths, flags


class SeriesColumns(NamedTuple):
    """The counts of a process' series.

    Attributes:
        layout: the part that rarely changes.
        values: the columns of `Values`.
        encoded_counts: the encoded counts of fine buckets, by the number of bytes of each.
        in_progress: the calls in progress, for series that have any.
        details: the details, for series that have any, by their place in the columns.
    """

    layout: SeriesLayout
    values: list[array[Any]]
    encoded_counts: Mapping[int, bytes]
    in_progress: list[InProgress]
    details: Mapping[int, Document]

    def counts(self, width: int) -> bytes:
        """Return the fine bucket counts of all series, at the offsets of the layout.

        Args:
            width: the number of bytes for each count, at least `widest`; little-endian.
        """
        return b"".join(widened(part, own, width) for own, part in self.encoded_counts.items())

    @property
    def widest(self) -> int:
        """The number of bytes that the greatest of the counts needs."""
        return max((width for width, part in self.encoded_counts.items() if part), default=1)


def decode_columns(
    encoded: bytes, grids: Grids, layouts: Mapping[Any, SeriesLayout]
) -> SeriesColumns:
    """Return the decoded columns of series.

    Args:
        encoded: the columns.
        grids: the bucket boundaries that they refer to.
        layouts: the known layouts, by their `source`.

    Raises:
        UnreadableError: for columns that this version cannot read.
    """
    with decoding("its series"):
        keys_size, size, running = SIZES.unpack_from(encoded)
        begin = SIZES.size + keys_size
        values_begin = begin + size * row_size(LAYOUT_TYPES)
        keys, columns = encoded[SIZES.size : begin], encoded[begin:values_begin]
        layout = layouts.get((keys, columns, grids)) or SeriesLayout(keys, columns, size, grids)
        at = values_begin + size * row_size(VALUE_TYPES)
        values = columns_of(encoded[values_begin:at], VALUE_TYPES, size)
        counts = {}
        for width, count in layout.groups.items():
            counts[width] = encoded[at : at + width * count]
            at += width * count
        if max(decode_counts(counts[8], 8), default=0) > _MOST_CALLS:
            raise ValueError("it has an impossible number of calls")
        end = at + running * IN_PROGRESS.size
        in_progress = [InProgress(*row) for row in IN_PROGRESS.iter_unpack(encoded[at:end])]
        details: dict[int, Document] = dict(json.loads(encoded[end:]))
    if len(in_progress) != running or not all(
        slot in range(size) for slot in (*details, *(one.slot for one in in_progress))
    ):
        raise UnreadableError("its series are cut off")
    return SeriesColumns(layout, values, counts, in_progress, details)


def _placed(lengths: list[int], widths: list[int]) -> tuple[list[int], dict[int, int]]:
    """Return where the counts of each series begin, and how many counts there are of each size."""
    groups = dict.fromkeys(COUNT_TYPES, 0)
    within = []
    for length, width in zip(lengths, widths, strict=True):
        within.append(groups[width])
        groups[width] += length
    begins = dict(zip(groups, accumulate(groups.values(), initial=0), strict=False))
    return [begins[width] + at for width, at in zip(widths, within, strict=True)], groups
