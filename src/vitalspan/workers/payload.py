"""The state that a process publishes, in binary form: a head, recent calls, and the series.

The head and the calls are JSON, so that later versions can add to them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

from vitalspan.recording.model_amounts import ModelAmounts
from vitalspan.workers.compact_json import dump
from vitalspan.workers.encoded_series import EncodedSeries, encode_columns, encode_series
from vitalspan.workers.merged_registry import Row, rows_of
from vitalspan.workers.series_columns import Grids, SeriesColumns, SeriesLayout, decode_columns
from vitalspan.workers.state_file import decoding
from vitalspan.workers.worker_counts import WorkerCounts, add_amounts, add_columns

_PREFIX: Final = struct.Struct("<II")
"""The lengths of the head and of the calls."""


class Payload:
    """A decoded state that a process has published.

    Args:
        encoded: the encoded state.
        layouts: the known layouts of series, by their `source`.

    Attributes:
        head: everything except the series and the calls.
        calls: the recent calls, still encoded.
        columns: the series.

    Raises:
        UnreadableError: for a state that this version cannot read.
    """

    def __init__(self, encoded: bytes, layouts: Mapping[Any, SeriesLayout]) -> None:
        with decoding("its content"):
            head_size, calls_size = _PREFIX.unpack_from(encoded)
            calls = _PREFIX.size + head_size
            series = calls + calls_size
            self.head: dict[str, Any] = json.loads(encoded[_PREFIX.size : calls])
            grids: Grids = tuple(_shared(tuple(map(float, one))) for one in self.head["grids"])
            self._rows = _rows(self.head)
        self.calls = encoded[calls:series]
        self.columns: SeriesColumns = decode_columns(encoded[series:], grids, layouts)

    @cached_property
    def registry(self) -> list[Row]:
        """The other metrics of the process.

        Raises:
            UnreadableError: for metrics that this version cannot read.
        """
        return rows_of(self.head)

    def add_head(self, counts: WorkerCounts) -> None:
        """Add everything except the series and the calls to some counts."""
        for name in ("caches", "apis", "slos"):
            sums: dict[Any, list[float]] = getattr(counts, name)
            for key, values in self._rows[name]:
                add_columns(sums, key, values)
        for key, amounts in self._rows["models"]:
            known = counts.models.get(key)
            counts.models[key] = amounts if known is None else known.plus(amounts)
        for name in ("internal_errors", "collector_errors", "totals"):
            add_amounts(getattr(counts, name), self._rows[name].items())


def encode(head: Mapping[str, Any], columns: bytes, calls: bytes = b"") -> bytes:
    """Return an encoded state.

    Args:
        head: the result of `head_of`, with the bucket boundaries of the series as `grids`.
        columns: the result of `encode_columns`.
        calls: the recent calls, encoded.
    """
    encoded = dump(head)
    return b"".join((_PREFIX.pack(len(encoded), len(calls)), encoded, calls, columns))


def encode_counts(counts: WorkerCounts, epoch: float) -> bytes:
    """Return the encoded state of summed counts, without calls in progress.

    Args:
        counts: the counts.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    series, grids = encode_all(counts, counts.series, epoch)
    return encode({**head_of(counts), "grids": grids}, encode_columns(series))


def encode_all(
    counts: WorkerCounts, keys: Iterable[bytes], epoch: float
) -> tuple[list[EncodedSeries], list[tuple[float, ...]]]:
    """Return series ready to be put into columns, and their bucket boundaries.

    Args:
        counts: the counts with the series.
        keys: the keys of the series.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    grids: dict[tuple[float, ...], int] = {}
    encoded = []
    for key in keys:
        series = counts.series[key]
        grid = grids.setdefault(series.boundaries, len(grids))
        encoded.append(encode_series(key, series, grid, epoch))
    return encoded, list(grids)


def head_of(counts: WorkerCounts) -> dict[str, Any]:
    """Return the head for everything except the series."""
    return {
        "caches": [[*key, *values] for key, values in counts.caches.items()],
        "apis": [[*key, *values] for key, values in counts.apis.items()],
        "models": [[*key, *amounts.to_document()] for key, amounts in counts.models.items()],
        "slos": [[*key, *values] for key, values in counts.slos.items()],
        "internal_errors": counts.internal_errors,
        "collector_errors": counts.collector_errors,
        "totals": counts.totals,
        "archived": counts.archived,
        "registry": counts.registry,
    }


@lru_cache(maxsize=64)
def _shared(boundaries: tuple[float, ...]) -> tuple[float, ...]:
    """Return the same object for equal boundaries, which makes comparing them faster."""
    return boundaries


def _rows(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a head after checking it."""
    return {
        "caches": [((str(one[0]), str(one[1])), _numbers(one[2:4])) for one in head["caches"]],
        "apis": [((str(one[0]), str(one[1])), _numbers(one[2:6])) for one in head["apis"]],
        # Earlier versions did not share them.
        "models": [
            ((str(component), str(api), str(model)), ModelAmounts.of_document(*amounts))
            for component, api, model, *amounts in head.get("models", ())
        ],
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
