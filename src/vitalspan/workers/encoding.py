"""The binary form of what a process has counted.

A payload is a prefix, a head in JSON, the recent calls in JSON, and one record for each series. A
record has a part of fixed layout, the key, the counts of its fine buckets as unsigned integers of
the least width that holds them, and a tail in JSON for what few series have: errors, measures and
exemplars. The prefix gives the length of the fixed part, so that a later version can lengthen it.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.trace import SpanContext, TraceFlags

from vitalspan.labels import Labels
from vitalspan.recording.detail_counts import NO_DETAILS, DetailCounts, LastError
from vitalspan.recording.duration_histogram import Spread
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import (
    SeriesCounts,
    WorkerCounts,
    add_amounts,
    add_columns,
)

_PREFIX: Final = struct.Struct("<IIIH")
"""The lengths of head and calls, the number of records, the length of their fixed part."""

_RECORD: Final = struct.Struct("<HHBBHHIddddddI")
"""The length of the key, the grid, flags, bytes of a count, the first fine bucket, how many fine
buckets, calls in progress, when the oldest of them began, the sum of seconds, that of their
squares, the shortest and the longest call, when counting began, the length of the tail."""

_RESOURCES_ONLY: Final = b"\x01"
"""Begins a tail that is no JSON: CPU time in seconds and growth of memory in bytes follow."""

_RESOURCES: Final = struct.Struct("<dq")

_SPLIT: Final = 1
_MAX_KEY: Final = 65535
_TYPES: Final = {array(code).itemsize: code for code in "BHIQ"}
_SWAPPED: Final = sys.byteorder == "big"


class Sections(NamedTuple):
    """A payload taken apart, with its records still encoded.

    Attributes:
        head: everything but operations and calls.
        calls: the recent calls, encoded.
        records: how many records there are.
        size: bytes of the fixed part of a record.
        begin: where the first of them begins in the payload.
        payload: all of it.
    """

    head: dict[str, Any]
    calls: bytes
    records: int
    size: int
    begin: int
    payload: bytes


def encode_key(component: str, operation: str, labels: Labels) -> bytes:
    """Return what tells a series from others."""
    return json.dumps([component, operation, labels], separators=(",", ":")).encode()


def decode_key(key: bytes) -> tuple[str, str, Labels]:
    """Return component, operation and labels of a series.

    Raises:
        UnreadableError: for a key that this version cannot read.
    """
    try:
        component, operation, labels = json.loads(key)
        return component, operation, tuple((name, value) for name, value in labels)
    except (ValueError, TypeError) as error:
        raise UnreadableError(f"the key of a series cannot be decoded ({error!r:.80})") from None


def encode_series(key: bytes, series: SeriesCounts, grid: int, epoch: float) -> bytes:
    """Return the record of one series; empty for a key that is too long to be written.

    Args:
        key: from `encode_key`.
        series: its counts.
        grid: the index of its bucket boundaries in the head.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    if len(key) > _MAX_KEY:
        return b""
    first, fine = _trimmed(series.first, series.fine)
    greatest = max(fine, default=0)
    width = next(size for size in _TYPES if greatest < 1 << (8 * size))
    tail = b"" if series.details is None else _encode_details(series.details, epoch)
    fixed = _RECORD.pack(
        len(key),
        grid,
        _SPLIT if series.split else 0,
        width,
        first,
        len(fine),
        series.running,
        series.oldest,
        series.total,
        *series.spread,
        series.created,
        len(tail),
    )
    return b"".join((fixed, key, _packed(fine, width), tail))


def encode(head: Mapping[str, Any], records: list[bytes], calls: bytes = b"") -> bytes:
    """Return a payload."""
    encoded = dump(head)
    prefix = _PREFIX.pack(len(encoded), len(calls), len(records), _RECORD.size)
    return b"".join((prefix, encoded, calls, *records))


def dump(document: Any) -> bytes:
    """Return compact JSON; what JSON cannot say is written as text."""
    return json.dumps(document, separators=(",", ":"), default=str).encode()


def encode_counts(counts: WorkerCounts, epoch: float) -> bytes:
    """Return a payload of counts that were put together, without calls in progress."""
    grids: dict[tuple[float, ...], int] = {}
    records = []
    for key, series in counts.series.items():
        grid = grids.setdefault(series.boundaries, len(grids))
        record = encode_series(key, series, grid, epoch)
        if record:
            records.append(record)
    return encode({**head_of(counts), "grids": list(grids)}, records)


def head_of(counts: WorkerCounts) -> dict[str, Any]:
    """Return the head for everything but the operations."""
    return {
        "caches": [[*key, *values] for key, values in counts.caches.items()],
        "apis": [[*key, *values] for key, values in counts.apis.items()],
        "slos": [[*key, *values] for key, values in counts.slos.items()],
        "internal_errors": counts.internal_errors,
        "collector_errors": counts.collector_errors,
        "totals": counts.totals,
        "folded": counts.folded,
        "registry": counts.registry,
    }


def sections(payload: bytes) -> Sections:
    """Take a payload apart.

    Raises:
        UnreadableError: for one that this version cannot read.
    """
    try:
        head_size, calls_size, records, size = _PREFIX.unpack_from(payload)
        calls = _PREFIX.size + head_size
        begin = calls + calls_size
        head = json.loads(payload[_PREFIX.size : calls])
        if not isinstance(head, dict):
            raise ValueError("its head is no object")  # noqa: TRY301, TRY004
        return Sections(head, payload[calls:begin], records, size, begin, payload)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise UnreadableError(f"its content cannot be decoded ({error})") from None


def add_to(counts: WorkerCounts, parts: Sections, *, living: bool, epoch: float) -> None:
    """Add what a process has published to counts.

    Args:
        counts: what it is added to.
        parts: what was published.
        living: whether the process lives; a dead one has no calls in progress.
        epoch: the difference between the time of day and the steady clock in seconds.

    Raises:
        UnreadableError: for content that this version cannot read; nothing is added then.
    """
    try:
        grids = [tuple(map(float, boundaries)) for boundaries in parts.head["grids"]]
        records = list(_records(parts, grids))
        details = [_decode_details(tail, epoch) if tail else None for *_, tail in records]
        rows = _rows(parts.head)
    except (struct.error, LookupError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(f"its content cannot be decoded ({error!r:.80})") from None
    series_by_key = counts.series
    for record, detail in zip(records, details, strict=True):
        key, boundaries, first, fine, total, spread, flags, running, oldest, created, _ = record
        series = series_by_key.get(key)
        if series is None:
            series = series_by_key[key] = SeriesCounts(boundaries)
        series.add_durations(boundaries, first, fine, total, spread)
        if created:
            series.created = min(series.created, created) if series.created else created
        if flags & _SPLIT:
            series.split = True
        if detail is not None:
            series.add_details(detail)
        if living and running:
            series.running += running
            series.oldest = min(series.oldest, oldest) if series.oldest else oldest
    _add_rows(counts, rows)


def _records(parts: Sections, grids: list[tuple[float, ...]]) -> Iterable[tuple[Any, ...]]:
    payload, at, size = parts.payload, parts.begin, parts.size
    unpack, types = _RECORD.unpack_from, _TYPES
    if size < _RECORD.size:
        raise ValueError("short records")
    for _ in range(parts.records):
        key_size, grid, flags, width, first, length, running, oldest, total, *more = unpack(
            payload, at
        )
        squares, shortest, longest, created, tail_size = more
        key_at = at + size
        fine_at = key_at + key_size
        tail_at = fine_at + length * width
        at = tail_at + tail_size
        if at > len(payload):
            raise ValueError("records are cut off")
        fine = array(types[width], payload[fine_at:tail_at])
        if _SWAPPED:
            fine.byteswap()
        yield (
            payload[key_at:fine_at],
            grids[grid],
            first,
            fine.tolist(),
            total,
            Spread(squares, shortest, longest),
            flags,
            running,
            oldest,
            created,
            payload[tail_at:at],
        )


def _rows(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head's content, checked."""
    return {
        "caches": [((str(one[0]), str(one[1])), _numbers(one[2:4])) for one in head["caches"]],
        "apis": [((str(one[0]), str(one[1])), _numbers(one[2:6])) for one in head["apis"]],
        "slos": [
            ((one[0], one[1], tuple((name, value) for name, value in one[2])), _numbers(one[3:5]))
            for one in head["slos"]
        ],
        "internal_errors": _amounts(head["internal_errors"]),
        "collector_errors": _amounts(head["collector_errors"]),
        "totals": _amounts(head["totals"]),
    }


def _numbers(values: list[Any]) -> list[float]:
    return [value + 0 for value in values]


def _amounts(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: value + 0 for name, value in values.items()}


def _add_rows(counts: WorkerCounts, rows: Mapping[str, Any]) -> None:
    for name in ("caches", "apis", "slos"):
        sums: dict[Any, list[float]] = getattr(counts, name)
        for key, values in rows[name]:
            add_columns(sums, key, values)
    for name in ("internal_errors", "collector_errors", "totals"):
        add_amounts(getattr(counts, name), rows[name].items())


def _trimmed(first: int, fine: list[int]) -> tuple[int, list[int]]:
    begin, after = 0, len(fine)
    while after and not fine[after - 1]:
        after -= 1
    while begin < after and not fine[begin]:
        begin += 1
    return (first + begin, fine[begin:after]) if after else (0, [])


def _packed(fine: list[int], width: int) -> bytes:
    counts = array(_TYPES[width], fine)
    if _SWAPPED:
        counts.byteswap()
    return counts.tobytes()


def _encode_details(details: DetailCounts, epoch: float) -> bytes:
    if details is NO_DETAILS:
        return b""
    if details.measured and not (
        details.errors or details.cancellations or details.measures or details.exemplars
    ):
        # Most series have no more than this, and reading JSON takes ten times as long.
        return _RESOURCES_ONLY + _RESOURCES.pack(details.cpu_seconds, details.memory_growth)
    tail: dict[str, Any] = {}
    if details.errors:
        tail["e"] = details.errors
        tail["l"] = [
            [name, error.end + epoch, error.message, error.trace_id]
            for name, error in details.last_errors.items()
        ]
    if details.cancellations:
        tail["c"] = details.cancellations
    if details.measured:
        tail["r"] = [details.cpu_seconds, details.memory_growth]
    if details.measures:
        tail["m"] = details.measures
    if details.exemplars:
        tail["x"] = [
            [bucket, f"{span.trace_id:x}", f"{span.span_id:x}", seconds, end + epoch]
            for bucket, (span, seconds, end) in details.exemplars.items()
        ]
    return dump(tail) if tail else b""


def _decode_details(tail: bytes, epoch: float) -> DetailCounts:
    details = DetailCounts()
    if tail[:1] == _RESOURCES_ONLY:
        details.measured = True
        details.cpu_seconds, details.memory_growth = _RESOURCES.unpack(tail[1:])
        return details
    decoded = json.loads(tail)
    details.errors = _amounts(decoded.get("e", {}))  # type: ignore[assignment]
    for name, end, message, trace_id in decoded.get("l", ()):
        details.last_errors[name] = LastError(end - epoch, message, trace_id)
    details.cancellations = decoded.get("c", 0) + 0
    details.measured = "r" in decoded
    if details.measured:
        details.cpu_seconds, details.memory_growth = _numbers(decoded["r"])  # type: ignore[assignment]
    details.measures = _amounts(decoded.get("m", {}))
    for bucket, trace, span, seconds, end in decoded.get("x", ()):
        context = SpanContext(
            int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(1)
        )
        details.exemplars[int(bucket)] = (context, seconds + 0.0, end - epoch)
    return details
