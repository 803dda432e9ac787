"""Timelines of a period that a store has and memory does not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.statistics.periods import Key, keys_of
from vitalspan.statistics.timeline import MAX_SLOTS, SlotSums, Timeline, slot_width
from vitalspan.store.frame import Frame
from vitalspan.store.packed_frame import PackedFrame, add_all
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.reader import StoreReader

_MOST_SUMS: Final = 40_000
"""Counts of one series in one frame that are read at most: where there are many series, slots are
wider instead."""

_KeysByPlace = dict[int, list[Key]]
"""The keys of each series in a group, by its place in the group."""


def stored_timelines(
    reader: StoreReader, keys: Sequence[Key], start: float, end: float, now: float
) -> list[Timeline]:
    """Return timelines of a period, with the same slots.

    Args:
        reader: reads the store.
        keys: the component and the operation of each; None for those of all.
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        now: the current time in seconds since the Unix epoch.

    Raises:
        StoreError: if the store cannot be read.
    """
    groups = _groups(keys, reader.series())
    series = sum(map(len, groups.values()))
    slots = max(1, min(MAX_SLOTS, _MOST_SUMS // max(1, series)))
    width = slot_width(end - start, slots)
    parts = reader.parts(start, end, now, math.floor(width))
    if not parts:
        return [Timeline(*key, ()) for key in keys]
    width = max(width, *(part.step for part in parts))
    first, last = parts[0].start, min(parts[-1].end, reader.written())
    if last <= first:
        return [Timeline(*key, ()) for key in keys]
    edges = [first, *_boundaries(first, last, width), last]
    frames: dict[tuple[int, int], Frame] = {}
    for part in parts:
        found: dict[tuple[int, int], list[PackedFrame]] = {}
        for moment, group, packed in reader.frames(part, groups):
            # Frames that began after the last write are not complete.
            index = min(int(max(moment, first) // width - first // width), len(edges) - 2)
            found.setdefault((index, group), []).append(packed)
        for key, some in found.items():
            add_all(some, frames.setdefault(key, Frame()))
    sums = {key: [SlotSums() for _ in edges[1:]] for key in keys}
    for (index, group), frame in frames.items():
        _add({key: slots[index] for key, slots in sums.items()}, groups[group], frame)
    return [Timeline(*key, tuple(map(SlotSums.slot, sums[key], edges, edges[1:]))) for key in keys]


def _groups(keys: Iterable[Key], every: Iterable[StoredSeries]) -> dict[int, _KeysByPlace]:
    wanted = set(keys)
    groups: dict[int, _KeysByPlace] = {}
    for series in every:
        if series.kind != "operation":
            continue
        component, operation = series.labels.get(COMPONENT), series.labels.get(OPERATION)
        chosen = [key for key in keys_of(component, operation) if key in wanted]
        if chosen:
            groups.setdefault(series.group, {})[series.place] = chosen
    return groups


def _add(slots: Mapping[Key, SlotSums], keys_by_place: _KeysByPlace, frame: Frame) -> None:
    buckets = frame.buckets_by_place()
    for place, keys in keys_by_place.items():
        if frame.counts[place]:
            for key in keys:
                slots[key].add_place(frame, place, buckets.get(place, {}))


def _boundaries(first: float, last: float, width: float) -> list[float]:
    """Return the multiples of a width between two times."""
    numbers = range(math.floor(first / width) + 1, math.ceil(last / width))
    return [number * width for number in numbers]
