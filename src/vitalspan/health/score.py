"""From readings to a score: ramps, weights, what each factor takes off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.rules import scoring
from vitalspan.rules.scoring import Factor
from vitalspan.signals.query import Query
from vitalspan.signals.signal import Reading

BEST: Final = 100.0

CRITICAL_COMPONENT: Final = Factor(
    scoring.CRITICAL_COMPONENT,
    Query("component_health_score"),
    full=BEST,
    zero=0.0,
    weight=BEST,
    deduct=True,
)
"""What the worst critical component takes off what would be the score without it."""


def ramp(value: float, full: float, zero: float) -> float:
    """Return 1 at `full` or better, 0 at `zero` or worse, and what lies between on a line."""
    if math.isinf(full - zero):
        value, full, zero = value / 2, full / 2, zero / 2
    return min(1.0, max(0.0, (value - zero) / (full - zero)))


def finite(value: float | None) -> float | None:
    """Return a number; None for no data, and for what is no number or endless."""
    return value if value is not None and math.isfinite(value) else None


def factor_score(factor: Factor, reading: Reading) -> float | None:
    """Return where a reading lies on a factor's ramp, from 0 to 1; None where it does not count."""
    value = finite(reading.value)
    if value is None or reading.samples < factor.min_count:
        return None
    return ramp(value, factor.full, factor.zero)


@dataclass(frozen=True)
class Part:
    """What one factor makes of a score.

    Attributes:
        factor: which.
        reading: of its signal.
        score: from 0 to 1; None where the factor is absent.
        weight: the points that it stands for: those of all parts are 100 together. A deduction
            stands for none.
        lost: the points that it takes off.
    """

    factor: Factor
    reading: Reading
    score: float | None
    weight: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True)
class Score:
    """A score and its parts, whose losses are together what it lacks of 100."""

    value: float | None
    parts: tuple[Part, ...]


def score_of(
    factors: Sequence[Factor],
    readings: Sequence[Reading],
    given: Mapping[str, float | None] | None = None,
) -> Score:
    """Return the weighted mean of the factors that are known, less the deductions.

    Args:
        factors: of the model.
        readings: one for each.
        given: scores of factors that are not where their own readings lie; None for absent ones.
    """
    given = given or {}
    known = [
        Part(factor, reading, given.get(factor.name, factor_score(factor, reading)))
        for factor, reading in zip(factors, readings, strict=True)
    ]
    counted = [part for part in known if part.score is not None and not part.factor.deduct]
    whole = math.fsum(part.factor.weight for part in counted)
    if not whole:
        return Score(None, tuple(known))
    # Not 100 less what is lost: rounding would leave a little more than 0 of it.
    score = math.fsum(part.factor.weight * (part.score or 0.0) for part in counted) / whole * BEST
    parts = []
    for part in sorted(known, key=lambda one: one.factor.deduct):
        weight = 0.0
        lost = 0.0
        if part.score is not None and part.factor.deduct:
            lost = min(score, part.factor.weight * (1.0 - part.score))
            score -= lost
        elif part.score is not None:
            weight = part.factor.weight / whole * BEST
            lost = weight * (1.0 - part.score)
        parts.append(replace(part, weight=weight, lost=lost))
    return Score(score, tuple(parts))


def capped(score: Score, worst: float | None) -> Score:
    """Return a score that is no better than the worst critical component, where there is one."""
    if score.value is None or worst is None:
        return score
    lost = max(0.0, score.value - worst)
    part = Part(CRITICAL_COMPONENT, Reading(worst, 1), worst / BEST, lost=lost)
    return Score(min(score.value, worst), (*score.parts, part))


def weighted_mean(scores: Iterable[tuple[float | None, float]]) -> float | None:
    """Return the mean of the scores that are known, each with its weight; None without any."""
    known = [(score, weight) for score, weight in scores if score is not None]
    whole = math.fsum(weight for _, weight in known)
    if not whole:
        return None
    return math.fsum(score * weight for score, weight in known) / whole
