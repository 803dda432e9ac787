"""A counter that any thread may add to without a lock."""

from __future__ import annotations

import threading
from typing import Final

_BATCH: Final = 64


class Tally:
    """A sum of amounts.

    `add` only appends, which is atomic; amounts are summed in batches and when the sum is read.
    """

    __slots__ = ("_amounts", "_lock", "_total")

    def __init__(self) -> None:
        self._amounts: list[float] = []
        self._total: float = 0
        self._lock = threading.Lock()

    def add(self, amount: float = 1) -> None:
        """Add an amount."""
        amounts = self._amounts
        amounts.append(amount)
        # Whoever finds the lock taken leaves its amount to the next batch: an `add` from a signal
        # handler, inside a summing one, must not wait for itself.
        if len(amounts) >= _BATCH and self._lock.acquire(blocking=False):
            try:
                self._sum()
            finally:
                self._lock.release()

    def total(self) -> float:
        """Return the sum of everything added so far."""
        if not self._lock.acquire(timeout=0.1):
            return self._total
        try:
            self._sum()
            return self._total
        finally:
            self._lock.release()

    def reset(self) -> None:
        """Begin anew from zero, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self._amounts.clear()
        self._total = 0

    def _sum(self) -> None:
        amounts = self._amounts
        count = len(amounts)
        self._total += sum(amounts[:count])
        del amounts[:count]
