"""Assigns the numbers of series in a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vitalspan.store.protocol import StoredSeries

MAX_SERIES: Final = 65_536
"""The maximum number of series in a store; further ones are counted in an overflow series."""

_OTHER_LABELS: Final = {"component": "_overflow", "operation": "_overflow"}

_Key = tuple[str, frozenset[tuple[str, str]]]


class SeriesNumbers:
    """Assigns each series a permanent number.

    Args:
        known: the series in the store.
    """

    def __init__(self, known: Iterable[StoredSeries]) -> None:
        self._numbers = {_key(one.kind, one.labels): one.number for one in known}
        self._next = 1 + max(self._numbers.values(), default=-1)
        self.fresh: list[StoredSeries] = []
        """The series that the store does not have yet."""

    def number(self, kind: str, labels: Mapping[str, str]) -> int:
        """Return the number of a series."""
        key = _key(kind, labels)
        number = self._numbers.get(key)
        if number is None:
            if self._next >= MAX_SERIES:
                labels = _OTHER_LABELS
                key = _key(kind, labels)
                known = self._numbers.get(key)
                if known is not None:
                    return known
            number = self._numbers[key] = self._next
            self._next += 1
            self.fresh.append(StoredSeries(number, kind, dict(labels)))
        return number


def _key(kind: str, labels: Mapping[str, str]) -> _Key:
    return kind, frozenset(labels.items())
