"""The table of all series of one monitor, by component, operation and declared labels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from vitalspan.labels import Labels
from vitalspan.metrics import OVERFLOW
from vitalspan.recording.boundary_table import BoundaryTable
from vitalspan.recording.series import Series
from vitalspan.recording.slo_counter import SloCounter
from vitalspan.runtime.internal_errors import logger

Key = tuple[str, str, Labels]

_OVERFLOW_KEY: Final[Key] = (OVERFLOW, OVERFLOW, ())


class SeriesTable:
    """A bounded table of series.

    Args:
        limit: the maximum number of sets of operation labels with their own series.
        boundaries: the bucket boundaries of the operations.
        wall: returns the time of day in seconds since the epoch.
    """

    def __init__(self, limit: int, boundaries: BoundaryTable, wall: Callable[[], float]) -> None:
        self.limit = limit
        self._wall = wall
        self._boundaries = boundaries
        self.overflows = 0
        self._series: dict[Key, Series] = {}
        self.slo_counters: tuple[SloCounter, ...] = ()
        self._overflow: Series | None = None
        self.flush_first = False
        """Whether the first call of each new series is counted at once."""
        # Re-entrant, because a signal handler may define an operation while one is being defined.
        self._lock = threading.RLock()

    def get(self, component: str, operation: str, labels: Labels) -> Series:
        """Return the series for a set of labels, or the overflow series if there are too many."""
        key = (component, operation, labels)
        series = self._series.get(key)
        if series is not None:
            return series
        with self._lock:
            series = self._series.get(key)
            if series is None and key != _OVERFLOW_KEY and len(self._series) < self.limit:
                grid = self._boundaries.grid(component, operation)
                series = Series(component, operation, labels, grid)
                series.created = self._wall()
                if self.flush_first:
                    series.limit = 1
                self._series[key] = self._with_slo_counters(series)
        return self._refused() if series is None else series

    def hidden(self, component: str, operation: str, labels: Labels) -> Series:
        """Return the series for a set of labels; a new one is not shown before it has calls."""
        known = (component, operation, labels) in self._series
        series = self.get(component, operation, labels)
        if not known and series is not self._overflow:
            series.hidden = True
        return series

    def with_labels(self, series: Series, labels: Labels) -> Series:
        """Return the series with further labels; an empty value removes a label."""
        if series is self._overflow:
            return series
        combined = {**dict(series.labels), **dict(labels)}
        pairs = tuple(sorted((name, value) for name, value in combined.items() if value))
        return self.get(series.component, series.operation, pairs)

    def forget(
        self,
        operation: str,
        component: str | None,
        labels: Labels | None,
        in_use: Callable[[list[Series]], AbstractSet[int]],
    ) -> list[Series]:
        """Remove series from the table and return them, with all counts at zero.

        Those in use are hidden in the table instead, and shown again once they have calls.

        Args:
            operation: the operation of the series.
            component: the component of the series; None for any.
            labels: labels that the series have among others; None for any.
            in_use: returns the `id`s of the series that calls may still be counted in.
        """
        with self._lock:
            forgotten = {
                key: series
                for key, series in self._series.items()
                if key[1] == operation
                and component in (None, key[0])
                and set(labels or ()) <= set(key[2])
            }
            for key, series in forgotten.items():
                del self._series[key]
                series.forget_counts()
                series.created = self._wall()
            # Code that misses one of them from here on waits for the lock, so none is made twice.
            used = in_use(list(forgotten.values()))
            for key, series in forgotten.items():
                if id(series) in used:
                    series.hidden = True
                    self._series[key] = series
        return list(forgotten.values())

    def all(self) -> list[Series]:
        """Return every series, the overflow series last."""
        every = list(self._series.values())
        return every if self._overflow is None else [*every, self._overflow]

    def is_overflow(self, series: Series) -> bool:
        """Return whether a series is the one for labels beyond the limit."""
        return series is self._overflow

    def reset(self) -> None:
        """Set all counts to zero, with a lock that no other thread can hold."""
        self._lock = threading.RLock()
        self.overflows = 0
        for series in self.all():
            series.zero()
            series.created = self._wall()
        for counter in self.slo_counters:
            counter.reset()

    def count_slos(self, counters: tuple[SloCounter, ...]) -> None:
        """Let SLO counters judge the calls of the series that they select, also of later series."""
        with self._lock:
            self.slo_counters = counters
            for series in self.all():
                self._with_slo_counters(series)

    def _with_slo_counters(self, series: Series) -> Series:
        if self.slo_counters or series.slo_counters:
            labels = series.all_labels()
            judges = (counter.for_series(labels) for counter in self.slo_counters)
            series.slo_counters = tuple(judge for judge in judges if judge is not None)
        return series

    def _refused(self) -> Series:
        with self._lock:
            first = self._overflow is None
            series = self._overflow or Series(
                *_OVERFLOW_KEY, self._boundaries.grid(OVERFLOW, OVERFLOW)
            )
            if first:
                series.created = self._wall()
                self._overflow = self._with_slo_counters(series)
            self.overflows += 1
        # Not under the lock, because a logging handler in another thread may need it.
        if first:
            logger.warning(
                "there are more than %d distinct sets of operation labels, so further ones are "
                "recorded as %s: raise max_series, or use attributes for unbounded values",
                self.limit,
                OVERFLOW,
            )
        return series
