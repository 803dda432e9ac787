"""Sums that any thread may add to without a lock."""

from __future__ import annotations

import math
import threading
from typing import Final, Generic, TypeVar

from vitalspan.labels import value_text
from vitalspan.runtime.locks import acquire

_BATCH: Final = 64

_PATIENCE: Final = 0.1
"""Seconds that a reader waits before it returns a sum without the latest amounts."""


_EXACT: Final = 2**53
"""The integer from which on the numbers in exposition formats are not exact."""


def amount_of(value: object) -> float:
    """Return an amount that a counter can take: a finite number of at least 0.

    Raises:
        ValueError: if the value is not such a number.
    """
    if type(value) is int and 0 <= value < _EXACT:
        return value
    try:
        amount = float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a user's __float__ may raise anything
        amount = math.nan
    if not math.isfinite(amount) or amount < 0 or isinstance(value, (str, bytes, bytearray)):
        raise ValueError(
            f"a counter only takes finite numbers from 0 up, not {value_text(value)!r:.80}"
        )
    return amount


Amount = TypeVar("Amount")


class LockFreeSum(Generic[Amount]):
    """A sum of amounts of any kind.

    Adding only appends, which is atomic; amounts are summed in batches and on reading.
    """

    __slots__ = ("_amounts", "_lock")

    def __init__(self) -> None:
        self._amounts: list[Amount] = []
        self._lock = threading.Lock()

    def _sum_batch(self) -> None:
        """Sum what was added, unless that is being done already."""
        # If the lock is taken, the amounts are left to the next batch: an `add` in a signal handler
        # that interrupts the summing must not wait for itself.
        lock = self._lock
        if acquire(lock):
            try:
                self._sum()
            finally:
                lock.release()

    def _sum_everything(self) -> None:
        """Sum what was added so far, unless another thread is summing for long."""
        lock = self._lock
        if acquire(lock, _PATIENCE):
            try:
                self._sum()
            finally:
                lock.release()

    def _sum(self) -> None:
        amounts = self._amounts
        count = len(amounts)
        self._include(amounts[:count])
        del amounts[:count]

    def _include(self, amounts: list[Amount]) -> None:
        """Add amounts to the sum, in one thread at a time."""
        raise NotImplementedError


class LockFreeCounter(LockFreeSum[float]):
    """A sum of numbers."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        super().__init__()
        self._total: float = 0

    def add(self, amount: float = 1) -> None:
        """Add an amount."""
        amounts = self._amounts
        amounts.append(amount)
        if len(amounts) >= _BATCH:
            self._sum_batch()

    def total(self) -> float:
        """Return the sum of everything added so far."""
        self._sum_everything()
        return self._total

    def reset(self) -> None:
        """Start over from zero, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self._amounts.clear()
        self._total = 0

    def _include(self, amounts: list[float]) -> None:
        self._total = self._total + sum(amounts)
