"""The counts of caches and APIs in one session."""

from __future__ import annotations

from collections.abc import Iterator

from vitalspan.recording.enclosing_sessions import CountedKey
from vitalspan.recording.lock_free_counter import LockFreeCounter
from vitalspan.statistics.call_statistics import ApiStatistics, CacheStatistics


class SessionAmounts:
    """The look-ups in caches and the calls to APIs of one session.

    There are as few of them as of the caches and APIs of a monitor.
    """

    def __init__(self) -> None:
        self._amounts: dict[CountedKey, dict[str, LockFreeCounter]] = {}

    def add(self, counted: CountedKey, column: str, amount: float) -> None:
        """Add an amount; any thread may do so at any time."""
        columns = self._amounts.get(counted)
        if columns is None:
            columns = self._amounts.setdefault(counted, {})
        counter = columns.get(column)
        if counter is None:
            counter = columns.setdefault(column, LockFreeCounter())
        counter.add(amount)

    def caches(self) -> Iterator[CacheStatistics]:
        """Yield what was looked up in each cache."""
        for component, name, totals in self._of("cache"):
            yield CacheStatistics(component, name, totals.get("hits", 0), totals.get("misses", 0))

    def apis(self) -> Iterator[ApiStatistics]:
        """Yield what was called of each API."""
        for component, name, totals in self._of("api"):
            oks, errors, tokens, cost = (
                totals.get(column, 0) for column in ("oks", "errors", "tokens", "cost")
            )
            yield ApiStatistics(component, name, oks + errors, errors, tokens, cost)

    def _of(self, kind: str) -> Iterator[tuple[str, str, dict[str, float]]]:
        for (counted, component, name), columns in list(self._amounts.items()):
            if counted == kind:
                yield component, name, {key: one.total() for key, one in list(columns.items())}
