"""Reads values of single queries for programs."""

from __future__ import annotations

from typing import Final

from vitalspan.history.history import History
from vitalspan.signals.query import Query
from vitalspan.signals.reader import QueryReader
from vitalspan.signals.signal import NO_DATA, Reading

MAX_QUERIES: Final = 100
"""The maximum number of queries to remember, because derivations have a past."""


class QueryReaders:
    """Remembers the queries that were read, so that derivations know their past.

    Args:
        history: the history to read.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._readers: dict[Query, QueryReader] = {}

    def read(self, query: Query) -> Reading:
        """Return the value of a query without `by`, at the last tick."""
        reader = self._readers.pop(query, None) or QueryReader(query, self._history)
        self._readers[query] = reader
        if len(self._readers) > MAX_QUERIES:
            del self._readers[next(iter(self._readers))]
        readings = reader.read(self._history.ticks.times[-1])
        return readings[0][1] if readings else NO_DATA

    def follow(self, now: float) -> None:
        """Read all queries with derivations at a tick, in seconds on the steady clock."""
        for query, reader in self._readers.items():
            if query.derive is not None:
                reader.read(now)

    def forget(self) -> None:
        """Drop the past of derivations."""
        for reader in self._readers.values():
            reader.forget()
