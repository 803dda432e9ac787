"""The events of SLOs over days and weeks, which the journal is too short for.

The leader writes them when it begins a segment of the journal, so that together they have no gap.
The file has a checksum, a head in JSON, and columns: the ticks, and for each SLO the times of its
entries and the increases of the events and of the bad ones.
"""

from __future__ import annotations

import json
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

from vitalspan.history.history import History
from vitalspan.history.time_series import TimeSeries
from vitalspan.workers.binary_columns import columns_of, packed
from vitalspan.workers.compact_json import dump
from vitalspan.workers.private_files import read_file, replace_file

_NAME: Final = "slo-history"
_PREFIX: Final = struct.Struct("<II")
"""The checksum of everything after the prefix, and the length of the head."""

_MAX_ENTRIES: Final = 500_000
"""The limit of all SLOs together, which is 12 MB; further SLOs start over."""

_COLUMNS: Final = ("events", "bad")


class _Past(NamedTuple):
    """The past of one SLO, for one set of the labels that separate its budgets."""

    slo: str
    labels: dict[str, str]
    definition: str
    times: Sequence[float]
    grown: list[tuple[float, ...]]


class SloHistory:
    """Writes and reads the file.

    Args:
        directory: the shared directory of the processes.
        boot: the id of this boot; steady times of other boots mean nothing.
    """

    def __init__(self, directory: Path, boot: str) -> None:
        self._path = directory / _NAME
        self._boot = boot

    def write(self, history: History) -> None:
        """Write the events of SLOs in a history.

        Raises:
            OSError: if it cannot be written, for example to a full disk; the previous file stays.
        """
        ticks = history.ticks.times
        past: list[_Past] = []
        entries = 0
        for track in history.slos.all:
            entries += len(track.times)
            if track.times and entries <= _MAX_ENTRIES:
                past.append(_past(track, history))
        head = {
            "boot": self._boot,
            "ticks": len(ticks),
            "slos": [[one.slo, one.labels, one.definition, len(one.times)] for one in past],
        }
        parts = [dump(head), packed("d", ticks)]
        for one in past:
            parts += [packed("d", one.times)]
            parts += [packed("d", column) for column in zip(*one.grown, strict=True)]
        content = b"".join(parts)
        replace_file(self._path, _PREFIX.pack(crc32(content), len(parts[0])) + content)

    def restore(self, history: History) -> None:
        """Insert the stored events before the first tick of a history.

        SLOs whose definition has changed are ignored.

        Raises:
            OSError: if there is no such file.
            ValueError: for a file that cannot be read.
        """
        content = read_file(self._path)
        try:
            ticks, past = self._decoded(content)
        except (struct.error, LookupError, ValueError, TypeError) as error:
            raise ValueError(f"{error!r:.80}") from None
        first = history.ticks.times[0]
        older = ticks[: bisect_left(ticks, first)]
        if not older:
            return
        known = {frozenset(track.labels.items()): track for track in history.slos.all}
        for one in past:
            track = known.get(frozenset(one.labels.items()))
            if track is not None and _definition(one.slo, history) == one.definition:
                _prepend(track, one, first)
        history.ticks.put_before(older)

    def _decoded(self, content: bytes) -> tuple[Sequence[float], list[_Past]]:
        checksum, head_size = _PREFIX.unpack_from(content)
        body = content[_PREFIX.size :]
        if crc32(body) != checksum:
            raise ValueError("its checksum is wrong")
        head: dict[str, Any] = json.loads(body[:head_size])
        if head["boot"] != self._boot:
            return [], []
        at = head_size + 8 * head["ticks"]
        [ticks] = columns_of(body[head_size:at], "d", head["ticks"])
        past = []
        for slo, labels, definition, size in head["slos"]:
            end = at + 8 * size * (1 + len(_COLUMNS))
            times, *columns = columns_of(body[at:end], "ddd", size)
            past.append(_Past(slo, labels, definition, times, list(zip(*columns, strict=True))))
            at = end
        return ticks, past


def _past(track: TimeSeries, history: History) -> _Past:
    slo = track.labels["slo"]
    grown = list(zip(*(_grown(track, column) for column in _COLUMNS), strict=True))
    return _Past(slo, track.labels, _definition(slo, history), track.times, grown)


def _grown(track: TimeSeries, column: str) -> Iterator[float]:
    base = track.base.get(column, 0.0)
    values = track.columns.get(column, [base] * len(track.times))
    return (after - before for before, after in pairwise((base, *values)))


def _definition(slo: str, history: History) -> str:
    counter = history.slo_counters.get(slo)
    return "" if counter is None else counter.definition


def _prepend(track: TimeSeries, past: _Past, first: float) -> None:
    size = bisect_left(past.times, min([first, *track.times[:1]]))
    if size:
        rows = past.grown[:size]
        track.prepend(past.times[:size], [dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        track.since = min(track.since, past.times[0])
