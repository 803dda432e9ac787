"""What a recommendation is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from vitalspan.health.result import FactorHealth, Health
from vitalspan.health.score import ramp

Kind = Literal[
    "bottleneck",
    "slow_operation",
    "failing_operation",
    "cold_cache",
    "memory_leak",
    "saturation",
    "alert",
    "falling_score",
]


@dataclass(frozen=True)
class Recommendation:
    """Something to mend.

    Attributes:
        kind: what is the matter.
        subject: what it is about: an operation, a cache, an alert, a component, or `process`.
        component: where that is; None where it is no component's.
        evidence: what was seen, with its figures.
        suggestion: what to do.
        gain: the points that the score would gain by it, as far as can be told; 0 where the score
            does not depend on it.
    """

    kind: Kind
    subject: str
    component: str | None
    evidence: str
    suggestion: str
    gain: float = 0.0


def factors_on(health: Health, *signals: str) -> Iterable[FactorHealth]:
    """Return the factors of the whole that are about some signals of all series, absent ones not.

    Of those that are about some series alone nobody knows here what they would gain.
    """
    return [
        one
        for one in health.factors
        if one.signal in signals and not one.where and one.score is not None
    ]


def gained(factor: FactorHealth, value: float) -> float:
    """Return the points that a factor would cost less if its signal had another value."""
    if factor.score is None:
        return 0.0
    points = factor.weight * (ramp(value, factor.full, factor.zero) - factor.score)
    return min(factor.points_lost, max(0.0, points))


def best_first(found: Iterable[Recommendation]) -> list[Recommendation]:
    """Return recommendations, those that gain most first."""
    return sorted(found, key=lambda one: -one.gain)
