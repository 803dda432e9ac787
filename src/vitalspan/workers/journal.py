"""The journal: the leader's observations at each tick, for the process that takes over from it.

It consists of segments, which are append-only files. The first entry of a segment has all series,
the others those that have changed; the very first one has the counts from before the history began.
Reading a segment stops at an entry that is truncated or damaged.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from zlib import compress, crc32, decompress, error

from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.promql.engine.histogram_notation import notation, parse_histogram
from vitalspan.workers.compact_json import dump
from vitalspan.workers.encoded_series import EncodedSeries, encode_columns
from vitalspan.workers.payload import Payload, encode, head_of
from vitalspan.workers.private_files import open_file
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import WorkerCounts

_NAME: Final = "journal-"
_ENTRY: Final = struct.Struct("<II")
"""The length and the checksum of an entry."""

_SEGMENT_SECONDS: Final = 1800.0
_MAX_SEGMENTS: Final = 64
_MAX_BYTES: Final = 64 * 1024 * 1024


class Entry(NamedTuple):
    """The observations of one tick.

    Attributes:
        now: the time of the tick, in seconds on the steady clock.
        samples: the registry's metrics that rules use.
        reading: the samples that expressions of rules use.
        payload: the counts.
    """

    now: float
    samples: Samples
    reading: Reading
    payload: Payload


class Place(NamedTuple):
    """The place of an entry: the number of its segment, and the offset of the entry's end."""

    segment: int
    offset: int


BEGINNING: Final = Place(0, 0)
"""The place before the first entry."""


class Journal:
    """Writes and reads the segments of a directory.

    Args:
        directory: the shared directory of the processes.
        boot: the id of this boot; steady times of other boots mean nothing.
        keep: the minimum number of seconds of the past to keep.
    """

    def __init__(self, directory: Path, boot: str, keep: float) -> None:
        self._directory = directory
        self._boot = boot
        self._keep = keep
        self._segment: Path | None = None
        self._began = 0.0
        self._first = 0
        self._size = 0

    def begin(self) -> None:
        """Continue in a new segment, as new leaders do: the last one may end in a partial entry."""
        self._segment = None

    def wants_everything(self, now: float) -> bool:
        """Whether the entry of this tick begins a segment, and so needs to have all series."""
        return (
            self._segment is None
            or now - self._began >= _SEGMENT_SECONDS
            # At this size, entries with all series would be no longer.
            or self._size >= max(_MAX_BYTES // 8, 2 * self._first)
        )

    def append(
        self,
        now: float,
        counts: WorkerCounts,
        series: tuple[list[EncodedSeries], list[tuple[float, ...]]],
        samples: Samples,
        reading: Reading,
    ) -> None:
        """Append the observations of a tick.

        Args:
            now: the time of the tick, in seconds on the steady clock.
            counts: all counts except those of the operations.
            series: the series that have changed, and their bucket boundaries.
            samples: the registry's metrics that rules use.
            reading: the samples that expressions of rules use.

        Raises:
            OSError: if it cannot be written, for example to a full disk.
        """
        new = self.wants_everything(now)
        head = {
            **head_of(counts),
            "grids": series[1],
            "now": now,
            "samples": samples,
            "boot": self._boot,
        }
        payload = encode(head, encode_columns(series[0]), compress(dump(_flat(reading)), 1))
        if self._segment is None or new:
            self._segment, self._began = self._next_segment(), now
            self._first = self._size = 0
            self._prune(now)
        file = open_file(self._segment, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            entry = _ENTRY.pack(len(payload), crc32(payload)) + payload
            if os.write(file, entry) < len(entry):
                # Entries after a partial one could not be read.
                self._segment = None
            self._size += len(entry)
            self._first = self._first or len(entry)
        except OSError:
            self._segment = None
            raise
        finally:
            os.close(file)

    def entries(self, now: float) -> Iterator[Entry]:
        """Yield the entries since this boot, in order, each later than the one before.

        Args:
            now: the time, in seconds on the steady clock.
        """
        last = float("-inf")
        for path in self._segments():
            for entry in _read(path, self._boot):
                if last < entry.now <= now:
                    last = entry.now
                    yield entry

    def entries_after(self, place: Place) -> Iterator[tuple[Entry, Place]]:
        """Yield the entries that were appended after a place, each with its own place.

        Args:
            place: the place of the last known entry; `BEGINNING` if there is none.
        """
        for path in self._segments():
            number = int(path.name.removeprefix(_NAME))
            if number < place.segment:
                continue
            offset = place.offset if number == place.segment else 0
            for entry, end in _read_from(path, self._boot, offset):
                yield entry, Place(number, end)

    def _segments(self) -> list[Path]:
        numbers = []
        for path in self._directory.glob(f"{_NAME}*"):
            with suppress(ValueError):
                numbers.append((int(path.name.removeprefix(_NAME)), path))
        return [path for _, path in sorted(numbers)]

    def _next_segment(self) -> Path:
        segments = self._segments()
        last = int(segments[-1].name.removeprefix(_NAME)) if segments else 0
        return self._directory / f"{_NAME}{last + 1}"

    def _prune(self, now: float) -> None:
        segments = self._segments()
        starts = [_start(path, self._boot) for path in segments]
        size = 0
        for index in range(len(segments) - 1, -1, -1):
            with suppress(OSError):
                size += segments[index].stat().st_size
                follower = starts[index + 1] if index + 1 < len(segments) else now
                is_old = starts[index] is None or (
                    follower is not None and now - follower > self._keep
                )
                if is_old or size > _MAX_BYTES or len(segments) - index > _MAX_SEGMENTS:
                    segments[index].unlink()


def _start(path: Path, boot: str) -> float | None:
    return next((entry.now for entry in _read(path, boot)), None)


def _read(path: Path, boot: str) -> Iterator[Entry]:
    for entry, _ in _read_from(path, boot, 0):
        yield entry


def _read_from(path: Path, boot: str, offset: int) -> Iterator[tuple[Entry, int]]:
    """Yield the entries of a segment from an offset on, each with the offset of its end."""
    try:
        with open(path, "rb", opener=open_file) as file:
            file.seek(offset)
            while len(prefix := file.read(_ENTRY.size)) == _ENTRY.size:
                length, checksum = _ENTRY.unpack(prefix)
                payload = file.read(length)
                if len(payload) < length or crc32(payload) != checksum:
                    return
                parts = Payload(payload, {})
                head = parts.head
                if head["boot"] != boot:
                    return
                samples: Samples = {
                    name: [(dict(labels), value) for labels, value in found]
                    for name, found in head["samples"].items()
                }
                flat = json.loads(decompress(parts.calls))
                reading = _reading(flat)
                offset += _ENTRY.size + length
                yield Entry(head["now"], samples, reading, parts), offset
    except (OSError, UnreadableError, error):
        return
    except (LookupError, ValueError, TypeError, AttributeError):
        return


_Flat = list[tuple[str, list[tuple[str, str]], float | str]]
"""Names, labels, and values, which are numbers or the text of native histograms."""


def _flat(reading: Reading) -> _Flat:
    """Return all samples of a reading with their names and labels."""
    flat: _Flat = [(name, list(labels.items()), value) for name, labels, value in reading.samples]
    for name, own, histogram in reading.histograms:
        flat.append((name, list(own.items()), notation(histogram)))
    for point, layout, values in reading.points:
        labels = list(point.all_labels().items())
        for (name, more), value in zip(layout.series, values, strict=True):
            flat.append((name, [*labels, *more], value))
    return flat


def _reading(flat: _Flat) -> Reading:
    reading = Reading()
    for name, labels, value in flat:
        if isinstance(value, str):
            reading.histograms.append((name, dict(labels), parse_histogram(value)))
        else:
            reading.samples.append((name, dict(labels), value))
    return reading
