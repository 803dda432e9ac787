"""Recommendations about cold caches, which have few of the requested entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.health.recommendations.recommendation import Recommendation, gain_of
from vitalspan.health.result import Health
from vitalspan.metrics import COMPONENT
from vitalspan.signals.history_view import OPEN, HistoryView, Interval
from vitalspan.units import RATIO, duration_text, value_text

WINDOW: Final = 300.0
"""The window of the lookups in seconds."""

COLD: Final = 0.5
"""The hit ratio below which a cache is cold."""

_MIN_LOOKUPS: Final = 20
"""The minimum number of lookups for judging a cache."""


def cold_caches(view: HistoryView, health: Health) -> Iterator[Recommendation]:
    """Yield the cold caches, and the points to gain if they missed half as often."""
    start = view.start(WINDOW)
    lookups_by_cache = []
    for series in view.history.caches.all:
        interval = Interval((series,), start, OPEN)
        lookups_by_cache.append(
            (series.labels, interval.increase("hits"), interval.increase("misses"))
        )
    hits = sum(one[1] for one in lookups_by_cache)
    lookups = hits + sum(one[2] for one in lookups_by_cache)
    for labels, hit, missed in lookups_by_cache:
        ratio = hit / (hit + missed) if hit + missed >= _MIN_LOOKUPS else 1.0
        if ratio < COLD:
            better = (hits + missed / 2) / lookups
            yield Recommendation(
                "cold_cache",
                labels["cache"],
                labels[COMPONENT],
                f"{value_text(ratio, RATIO)} of {hit + missed:.0f} look-ups over "
                f"{duration_text(WINDOW)} found their entry",
                "make it larger, keep entries longer, or fill it in advance",
                gain_of(health, "cache_hit_ratio", better),
            )
