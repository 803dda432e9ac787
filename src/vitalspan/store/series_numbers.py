"""Assigns the numbers of series in a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vitalspan.metrics import COMPONENT, OPERATION, OVERFLOW
from vitalspan.store.protocol import StoredSeries

MAX_SERIES: Final = 65_536
"""The maximum number of series in a store; further ones are counted in an overflow series."""

_LABEL_NAMES: Final = {
    "operation": (COMPONENT, OPERATION),
    "cache": (COMPONENT, "cache"),
    "api": (COMPONENT, "api"),
    "model": (COMPONENT, "api", "model"),
    "slo": ("slo",),
}

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
                labels = overflow_labels(kind)
                key = _key(kind, labels)
                known = self._numbers.get(key)
                if known is not None:
                    return known
            number = self._numbers[key] = self._next
            self._next += 1
            self.fresh.append(StoredSeries(number, kind, dict(labels)))
        return number


def overflow_labels(kind: str) -> dict[str, str]:
    """Return the labels of the overflow series of a kind.

    Those of caches, APIs and models in stores of earlier versions had the labels of operations.
    """
    return dict.fromkeys(_LABEL_NAMES[kind], OVERFLOW)


def _key(kind: str, labels: Mapping[str, str]) -> _Key:
    return kind, frozenset(labels.items())
