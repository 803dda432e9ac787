"""Histograms in the protobuf format: with classic buckets, native ones, or both."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Final, TypeGuard

from vitalspan.exposition import protobuf_wire as wire
from vitalspan.exposition.families import HistogramFamily
from vitalspan.exposition.native_histogram import BucketSpans, NativeHistogram
from vitalspan.exposition.points import BucketBoundaries, Exemplar, HistogramPoint
from vitalspan.exposition.protobuf_parts import exemplar_message, timestamp_message

_BOUND_SIZE: Final = len(wire.double(2, 0))

_ZIGZAG: Final = bytes(
    min(0xFF, wire.zigzag(byte - 0x100 if byte >= 0x80 else byte)) for byte in range(0x100)
)
"""The zigzag encoding of each signed byte."""

_UNCOUNTED: Final = wire.message(12, wire.sint(1, 0) + wire.uint(2, 0))
"""A span of no buckets, without which an empty native histogram would count as classic."""


def histogram_message(
    family: HistogramFamily, point: HistogramPoint, created: float | None
) -> bytes:
    """Return the `Histogram` message of a point.

    If the classic buckets are shown, the exemplars are in them: Prometheus reads them from there
    for native histograms as well.

    Args:
        family: the family of the point.
        point: the point to write.
        created: when it started to count at zero, in seconds since the epoch; None if unknown.
    """
    histogram = point.histogram
    counts, total = histogram.cumulative(), histogram.total
    native = family.native(histogram)
    exemplars = family.exemplars(point)
    parts = [_total(counts[-1]) if native is None else _native_total(native)]
    if total is not None:
        parts.append(wire.double(2, total))
    if native is None or family.classic:
        parts += _classic(histogram.grid, counts, exemplars)
    if native is not None:
        timed = native.exemplars
        if exemplars and not timed and not family.classic:
            timed = tuple(exemplars.values())
        parts += _native(native)
        parts += (
            wire.message(16, exemplar_message(exemplar))
            for exemplar in timed
            if exemplar.timestamp is not None
        )
    if created is not None:
        parts.append(wire.message(15, timestamp_message(created)))
    return b"".join(parts)


def _total(count: float) -> bytes:
    """Return the number of observations, in the integer field if it is an integer.

    A histogram and a bucket have the same fields for it.
    """
    return wire.uint(1, count) if _is_whole(count) else wire.double(4, count)


def _native_total(native: NativeHistogram) -> bytes:
    return _total(native.count) if native.whole else wire.double(4, native.count)


def _is_whole(count: float) -> TypeGuard[int]:
    return isinstance(count, int) and 0 <= count < 2**64


def _classic(
    grid: BucketBoundaries, counts: tuple[float, ...], exemplars: Mapping[int, Exemplar]
) -> Iterator[bytes]:
    """Return the buckets; `+Inf` only has a message if it has an exemplar."""
    bounds = _bounds(grid)
    if not exemplars:
        return chain.from_iterable(zip(map(_bucket_head, counts[:-1]), bounds, strict=False))
    buckets = enumerate(zip(counts, bounds, strict=True))
    last = len(counts) - 1
    return (
        _bucket(count, bound, exemplars.get(index))
        for index, (count, bound) in buckets
        if index < last or index in exemplars
    )


def _bucket(count: float, bound: bytes, exemplar: Exemplar | None) -> bytes:
    if exemplar is None:
        return _bucket_head(count) + bound
    return wire.message(3, _total(count) + bound + wire.message(3, exemplar_message(exemplar)))


@lru_cache(maxsize=4096)
def _bucket_head(count: float) -> bytes:
    """Return an encoded bucket without its exemplar and its bound."""
    cumulative = _total(count)
    return wire.key(3, wire.LENGTH) + wire.varint(len(cumulative) + _BOUND_SIZE) + cumulative


@lru_cache(maxsize=64)
def _bounds(grid: BucketBoundaries) -> tuple[bytes, ...]:
    return tuple(wire.double(2, bound) for bound in (*grid.boundaries, math.inf))


def _native(native: NativeHistogram) -> Iterator[bytes]:
    yield _resolution(native.schema, native.zero_threshold)
    if native.whole:
        yield wire.uint(7, int(native.zero_count))
    else:
        yield wire.double(8, native.zero_count)
    if native.negative.spans:
        yield from _spans((9, 10, 11), native.negative, whole=native.whole)
    if native.positive.spans:
        yield from _spans((12, 13, 14), native.positive, whole=native.whole)
    elif not native.negative.spans:
        yield _UNCOUNTED


@lru_cache(maxsize=256)
def _resolution(schema: int, zero_threshold: float) -> bytes:
    return wire.sint(5, schema) + wire.double(6, zero_threshold)


def _spans(fields: tuple[int, int, int], buckets: BucketSpans, *, whole: bool) -> Iterator[bytes]:
    of_spans, of_deltas, of_counts = fields
    for offset, length in buckets.spans:
        yield _span(of_spans, offset, length)
    if not buckets.deltas:
        return
    if whole:
        yield wire.message(of_deltas, _zigzag_deltas(buckets.deltas))
    else:
        yield wire.packed_double(of_counts, list(accumulate(buckets.deltas)))


@lru_cache(maxsize=4096)
def _span(field: int, offset: int, length: int) -> bytes:
    return wire.message(field, wire.sint(1, offset) + wire.uint(2, length))


def _zigzag_deltas(deltas: Sequence[float]) -> bytes:
    """Return differences between counts as `sint64` numbers."""
    try:
        # If all of them take one byte each, no loop is necessary.
        encoded = array("b", deltas).tobytes().translate(_ZIGZAG)
        if max(encoded) < 0x80:
            return encoded
    except (OverflowError, TypeError):
        pass
    return b"".join(map(_delta, deltas))


@lru_cache(maxsize=4096)
def _delta(delta: float) -> bytes:
    return wire.varint(wire.zigzag(int(delta)))
