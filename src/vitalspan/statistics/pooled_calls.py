"""The calls of a period, pooled by component and operation, and their statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vitalspan.runtime.pace import pause_if_due
from vitalspan.statistics.call_statistics import ApiStatistics, CacheStatistics, CallStatistics
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.periods import Key

ALL: Key = (None, None)
"""The key of all calls."""


@dataclass(frozen=True)
class PooledCalls:
    """The calls of a period.

    Attributes:
        sums: the sums by component and operation; None for all.
        seconds: the length of the period.
        caches: the lookups in caches.
        apis: the calls to APIs.
    """

    sums: dict[Key, CallSums]
    seconds: float
    caches: tuple[CacheStatistics, ...]
    apis: tuple[ApiStatistics, ...]

    def figures(self, now: float, epoch: float, *, always: bool = False) -> list[CallStatistics]:
        """Return the statistics by key, ordered by total time, the most first.

        Args:
            now: the current time on the steady clock in seconds.
            epoch: the difference between the time of day and the steady clock in seconds.
            always: whether to include keys without calls.
        """
        result = []
        for (component, operation), one in self.sums.items():
            pause_if_due()
            if one.count or one.in_progress or always:
                figures = one.statistics(component, operation, self.seconds, now, epoch)
                if operation is None:
                    figures = replace(
                        figures,
                        caches=tuple(c for c in self.caches if component in (None, c.component)),
                        apis=tuple(a for a in self.apis if component in (None, a.component)),
                    )
                result.append(figures)
        return sorted(result, key=lambda figures: -figures.total)

    def by_component(self) -> PooledCalls:
        """Return the calls combined by component."""
        return self._together(lambda key: (key[0], None))

    def of_all(self) -> PooledCalls:
        """Return all calls combined, even if there are none."""
        together = self._together(lambda _: ALL)
        together.sums.setdefault(ALL, CallSums())
        return together

    def _together(self, key_of: Callable[[Key], Key]) -> PooledCalls:
        sums: dict[Key, CallSums] = {}
        for key, one in self.sums.items():
            pooled = sums.setdefault(key_of(key), CallSums())
            pooled.add(one)
            pooled.add_in_progress(one.in_progress, one.oldest)
        return replace(self, sums=sums)
