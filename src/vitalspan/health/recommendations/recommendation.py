"""The type of recommendations, and the points that they gain."""

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
    """Something that could be improved.

    Attributes:
        kind: the kind of problem.
        subject: the subject: an operation, a cache, an alert, a component, or `process`.
        component: the component of the subject; None if it has none.
        evidence: what was observed, with numbers.
        suggestion: what to do.
        gain: the points that the score would gain, as far as they are known; 0 if the score does
            not depend on it.
    """

    kind: Kind
    subject: str
    component: str | None
    evidence: str
    suggestion: str
    gain: float = 0.0


def factors_on(health: Health, *signals: str) -> Iterable[FactorHealth]:
    """Return the known factors of the whole that measure one of some signals.

    Factors with matchers are left out, because their gain is not known here.
    """
    return [
        one
        for one in health.factors
        if one.signal in signals and not one.where and one.score is not None
    ]


def gain_of(health: Health, signal: str, value: float) -> float:
    """Return the points that the score would gain if a signal had another value."""
    return sum(gained(factor, value) for factor in factors_on(health, signal))


def gained(factor: FactorHealth, value: float) -> float:
    """Return the points that the score would gain if the signal of a factor had another value."""
    if factor.score is None:
        return 0.0
    worth = 100.0 - factor.least if factor.critical else factor.weight
    points = worth * (ramp(value, factor.full, factor.zero) - factor.score)
    return min(factor.points_lost, max(0.0, points))
