"""Memory that grows and grows, and the time until there is none left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.health.advice.recommendation import Recommendation, factors_on
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.signals.bound import Bound
from vitalspan.signals.query import Derivation, Query
from vitalspan.signals.units import BYTES, Unit, duration_text, value_text

SPAN: Final = 1800.0
"""Seconds that growth is measured over."""

SOON: Final = 3 * 86400.0
"""Seconds until memory runs out, from which on growth is not mentioned."""

_LEAST_GROWTH: Final = 0.02
"""What memory has to grow by within the span, as a share of itself: less is noise."""

_TRAINED: Final = 0.5
"""The share of the span that has to be over before anything is said."""

_PROCESS: Final = Query("memory_rss")
_SLOPE: Final = Query("memory_rss", derive=Derivation("slope", over=SPAN))
_LEFT: Final = Query("", series="system_memory_available_bytes", aggregate="min")


class Memory:
    """Follows the memory of the process.

    Args:
        history: that has it.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._present, self._slope, self._left = (
            Bound(query, history) for query in (_PROCESS, _SLOPE, _LEFT)
        )
        self._since: float | None = None
        self._hourly: float | None = None

    def follow(self, now: float) -> None:
        """Take note of the memory at a tick."""
        self._hourly = self._slope.read(now)[0][1].value
        if self._since is None and self._hourly is not None:
            self._since = now

    def leaks(self, now: float, health: Health) -> Iterator[Recommendation]:
        """Yield what there is to say about growth, as of the last tick."""
        hourly, since = self._hourly, self._since
        present, left = (bound.read(now)[0][1].value for bound in (self._present, self._left))
        if hourly is None or hourly <= 0 or since is None or not present or left is None:
            return
        grown = hourly / 3600.0 * SPAN
        seconds = left / hourly * 3600.0
        if now - since < SPAN * _TRAINED or grown < _LEAST_GROWTH * present or seconds > SOON:
            return
        span = duration_text(min(SPAN, now - since))
        yield Recommendation(
            "memory_leak",
            "process",
            None,
            f"resident memory is {value_text(present, BYTES)} and grows by "
            f"{value_text(hourly, Unit('bytes', 'h'))} over {span}; "
            f"{value_text(left, BYTES)} are left, which is enough for {duration_text(seconds)}",
            "compare two snapshots of tracemalloc to find what is kept; restart it until then",
            sum(one.points_lost for one in factors_on(health, "memory_rss")),
        )

    def forget(self) -> None:
        """Forget what memory was."""
        self._slope.forget()
        self._since = self._hourly = None
