"""The past values of signals that are not based on counters."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from vitalspan.history.history import History
from vitalspan.history.ticks import kept
from vitalspan.signals.derivations import LOOKBACK
from vitalspan.signals.query import Query
from vitalspan.signals.reader import QueryReader

KEPT_SIGNALS: Final = (*("health_score", "cpu_utilization", "memory_rss", "memory_utilization"),)
"""The signals that a monitor records. Health reads all of them anyway."""

_CHECK: Final = 64


class SignalHistory:
    """The values of some signals at the ticks: all of the last minutes, and fewer further back.

    Args:
        history: the history to read.
        signals: the names of the signals.
    """

    def __init__(self, history: History, signals: Iterable[str] = KEPT_SIGNALS) -> None:
        self._readers = {name: QueryReader(Query(name), history) for name in signals}
        self.reset()

    def follow(self, now: float) -> None:
        """Record the values at a tick, in seconds on the steady clock."""
        self._times.append(now)
        for name, reader in self._readers.items():
            value = reader.read(now)[0][1].value
            self._values[name].append(math.nan if value is None else value)
        if len(self._times) - self._thinned >= _CHECK:
            self._thin(now)

    def mean(self, signal: str, start: float, end: float) -> float | None:
        """Return the mean of a signal after one tick, up to and with another; None for no data.

        If no tick between them is kept, it is the value at the previous one.
        """
        first, after = bisect_right(self._times, start), bisect_right(self._times, end)
        if first == after and first and start - self._times[first - 1] <= LOOKBACK:
            first -= 1
        known = [one for one in self._values[signal][first:after] if not math.isnan(one)]
        return math.fsum(known) / len(known) if known else None

    def reset(self) -> None:
        """Drop all values."""
        self._times = array("d")
        self._values = {name: array("d") for name in self._readers}
        self._thinned = 0

    def _thin(self, now: float) -> None:
        wanted = set(kept(self._times, now))
        places = [index for index, when in enumerate(self._times) if when in wanted]
        self._times = array("d", [self._times[index] for index in places])
        for name, values in self._values.items():
            self._values[name] = array("d", [values[index] for index in places])
        self._thinned = len(places)
