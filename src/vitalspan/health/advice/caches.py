"""Caches that find little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.health.advice.recommendation import Recommendation, factors_on, gained
from vitalspan.health.blame import OPEN, Scene, Stretch
from vitalspan.health.result import Health
from vitalspan.names import COMPONENT
from vitalspan.signals.units import RATIO, duration_text, value_text

WINDOW: Final = 300.0
"""Seconds that are looked back on."""

COLD: Final = 0.5
"""The share of look-ups that find their entry, below which a cache is cold."""

_LEAST: Final = 20
"""Look-ups without which nothing is said of a cache."""


def cold_caches(scene: Scene, health: Health) -> Iterator[Recommendation]:
    """Yield the cold caches, with what the score would gain if they missed half as often."""
    start = scene.start(WINDOW)
    counted = []
    for track in scene.history.caches.all:
        stretch = Stretch((track,), start, OPEN)
        counted.append((track.labels, stretch.increase("hits"), stretch.increase("misses")))
    hits = sum(one[1] for one in counted)
    lookups = hits + sum(one[2] for one in counted)
    for labels, found, missed in counted:
        ratio = found / (found + missed) if found + missed >= _LEAST else 1.0
        if ratio < COLD:
            better = (hits + missed / 2) / lookups
            gain = sum(gained(factor, better) for factor in factors_on(health, "cache_hit_ratio"))
            yield Recommendation(
                "cold_cache",
                labels["cache"],
                labels[COMPONENT],
                f"{value_text(ratio, RATIO)} of {found + missed:.0f} look-ups over "
                f"{duration_text(WINDOW)} found their entry",
                "make it larger, keep entries longer, or fill it before it is asked",
                gain,
            )
