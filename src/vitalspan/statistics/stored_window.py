"""A period in the past that a store has and memory does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.recording.counts import ApiCounts, CacheCounts, ModelCounts
from vitalspan.recording.model_amounts import ModelAmounts
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.periods import Key, KeyOf, SeriesNames
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.reader import SeriesFilter, StoredPeriod
from vitalspan.store.series_numbers import overflow_labels
from vitalspan.store.stored_sums import StoredSums

if TYPE_CHECKING:
    from vitalspan.recording.counts import Counts


ReadPeriod = Callable[[float, float, float, SeriesFilter], StoredPeriod]
"""Returns the sums of a period, given its start, its end, the current time and a series filter."""


class StoredWindow:
    """The time between two moments in the past, as far as it is stored.

    Args:
        read: returns the sums of a period.
        counts: the counts, which have the clock.
        window: the intended length in seconds.
        offset: the seconds since its end.

    Attributes:
        seconds: the actual length.
    """

    def __init__(self, read: ReadPeriod, counts: Counts, window: float, offset: float) -> None:
        self._read = read
        self._now = counts.now() + counts.epoch()
        self._end = self._now - offset
        self._start = self._end - window
        self._series: list[StoredSums] = []
        self.seconds = window

    def pool(self, sums: dict[Key, CallSums], key_of: KeyOf) -> None:
        """Add the calls that ended in it to sums.

        Raises:
            StoreError: if the store cannot be read.
        """

        def includes(series: StoredSeries) -> bool:
            if series.kind == "operation":
                return key_of(_names(series)) is not None
            return series.kind in ("cache", "api", "model")

        period = self._read(self._start, self._end, self._now, includes)
        self._series = period.series
        self.seconds = period.end - period.start
        for stored in self._of_kind("operation"):
            key = key_of(_names(stored.series))
            if key is not None:
                sums.setdefault(key, CallSums()).add_stored(stored)

    def caches(self) -> Iterator[CacheCounts]:
        """Yield the lookups in caches."""
        for stored in self._of_kind("cache"):
            labels = _labels(stored.series)
            counts = (stored.extras.get(name, 0.0) for name in ("hits", "misses"))
            yield CacheCounts(labels[COMPONENT], labels["cache"], *counts)

    def apis(self) -> Iterator[ApiCounts]:
        """Yield the calls to APIs."""
        for stored in self._of_kind("api"):
            labels = _labels(stored.series)
            counts = (stored.extras.get(name, 0.0) for name in ("oks", "errors", "tokens", "cost"))
            yield ApiCounts(labels[COMPONENT], labels["api"], *counts)

    def models(self) -> Iterator[ModelCounts]:
        """Yield the calls to models of APIs."""
        for stored in self._of_kind("model"):
            labels, amounts = _labels(stored.series), ModelAmounts.of_columns(stored.extras)
            yield ModelCounts(labels[COMPONENT], labels["api"], labels["model"], amounts)

    def _of_kind(self, kind: str) -> Iterable[StoredSums]:
        return [one for one in self._series if one.series.kind == kind]


def _labels(series: StoredSeries) -> dict[str, str]:
    return {**overflow_labels(series.kind), **series.labels}


def _names(series: StoredSeries) -> SeriesNames:
    labels = dict(series.labels)
    component, operation = labels.pop(COMPONENT, ""), labels.pop(OPERATION, "")
    return SeriesNames(component, operation, tuple(sorted(labels.items())))
