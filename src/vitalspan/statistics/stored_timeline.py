"""Timelines of a period that a store has and memory has not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.statistics.periods import Key
from vitalspan.statistics.timeline import MAX_SLOTS, SlotSums, Timeline, slot_width
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.reader import StoredSums, StoreReader

_MOST_SUMS: Final = 40_000
"""Sums of one series in one frame that are read at most: where there are many series, slots are
wider instead."""


def stored_timelines(
    reader: StoreReader, keys: Sequence[Key], start: float, end: float, now: float
) -> list[Timeline]:
    """Return timelines of a period, which have the same slots.

    Args:
        reader: reads the store.
        keys: the component and the operation of each; None for those of all.
        start: in seconds since the Unix epoch.
        end: the same.
        now: the same, the present.

    Raises:
        StoreError: where the store cannot be read.
    """
    series = sum(map(_is_operation, reader.series()))
    frames = max(1.0, min(MAX_SLOTS, _MOST_SUMS / max(1, series)))
    width = slot_width(end - start, math.floor(frames))
    parts = reader.parts(start, end, now, math.floor(width))
    if not parts:
        return [Timeline(*key, ()) for key in keys]
    width = max(width, *(part.step for part in parts))
    first, last = parts[0].start, min(parts[-1].end, reader.written())
    edges = [first, *_boundaries(first, last, width), last] if last > first else [first]
    sums = [[SlotSums() for _ in edges[1:]] for _ in keys]
    for part in parts if len(edges) > 1 else ():
        for moment, every in reader.points(part.step, part.start, part.end, _is_operation):
            index = int(max(moment, first) // width - first // width)
            for slots, stored in _selected(keys, sums, every):
                slots[min(index, len(slots) - 1)].add_stored(stored)
    return [
        Timeline(*key, tuple(map(SlotSums.slot, slots, edges, edges[1:])))
        for key, slots in zip(keys, sums, strict=True)
    ]


def _selected(
    keys: Sequence[Key], sums: Sequence[list[SlotSums]], every: Sequence[StoredSums]
) -> Iterator[tuple[list[SlotSums], StoredSums]]:
    """Yield the sums of each series, with the slots of each key that it belongs to."""
    for stored in every:
        labels = stored.series.labels
        component, operation = labels.get(COMPONENT), labels.get(OPERATION)
        for key, slots in zip(keys, sums, strict=True):
            if key[0] in (None, component) and key[1] in (None, operation):
                yield slots, stored


def _boundaries(first: float, last: float, width: float) -> list[float]:
    """Return the multiples of a width between two times."""
    numbers = range(math.floor(first / width) + 1, math.ceil(last / width))
    return [number * width for number in numbers]


def _is_operation(series: StoredSeries) -> bool:
    return series.kind == "operation"
