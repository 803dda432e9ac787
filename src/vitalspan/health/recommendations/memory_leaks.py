"""Recommendations about memory leaks: steady growth, and the time until memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.health.recommendations.recommendation import Recommendation, factors_on
from vitalspan.health.result import Health
from vitalspan.history.history import History
from vitalspan.signals.query import Derivation, Query
from vitalspan.signals.reader import QueryReader
from vitalspan.units import (
    BYTES,
    Unit,
    duration_text,
    value_text,
)

SPAN: Final = 1800.0
"""The seconds over which growth is measured."""

SOON: Final = 3 * 86400.0
"""The maximum number of seconds until memory runs out for a recommendation."""

_MIN_GROWTH: Final = 0.02
"""The minimum relative growth within the span; less is noise."""

_MIN_SPAN: Final = 0.5
"""The share of the span for which the growth has to be known."""

_PROCESS: Final = Query("memory_rss")
_SLOPE: Final = Query("memory_rss", derive=Derivation("slope", over=SPAN))
_LEFT: Final = Query("", series="system_memory_available_bytes", aggregate="min")


class MemoryGrowth:
    """Tracks the growth of the process' resident memory.

    Args:
        history: the past of the process.
    """

    def __init__(self, history: History) -> None:
        self._present, self._slope, self._time_left = (
            QueryReader(query, history) for query in (_PROCESS, _SLOPE, _LEFT)
        )
        self._since: float | None = None
        self._hourly: float | None = None

    def follow(self, now: float) -> None:
        """Record the growth at a tick."""
        self._hourly = self._slope.read(now)[0][1].value
        if self._since is None and self._hourly is not None:
            self._since = now

    def leaks(self, now: float, health: Health) -> Iterator[Recommendation]:
        """Yield a recommendation if memory was leaking at the last tick."""
        hourly, since = self._hourly, self._since
        present, left = (
            reader.read(now)[0][1].value for reader in (self._present, self._time_left)
        )
        if hourly is None or hourly <= 0 or since is None or not present or left is None:
            return
        growth = hourly / 3600.0 * SPAN
        seconds = left / hourly * 3600.0
        if now - since < SPAN * _MIN_SPAN or growth < _MIN_GROWTH * present or seconds > SOON:
            return
        span = duration_text(min(SPAN, now - since))
        yield Recommendation(
            "memory_leak",
            "process",
            None,
            f"resident memory is {value_text(present, BYTES)} and grows by "
            f"{value_text(hourly, Unit('bytes', 'h'))} over {span}; {value_text(left, BYTES)} are "
            f"left, which is enough for {duration_text(seconds)}",
            "put `with vitalspan.memory.track() as tracked:` around what repeats, and "
            "`tracked.lines()` says which lines keep memory; until that is fixed, restart the "
            "process",
            sum(one.points_lost for one in factors_on(health, "memory_rss")),
        )

    def forget(self) -> None:
        """Drop past values."""
        self._slope.forget()
        self._since = self._hourly = None
