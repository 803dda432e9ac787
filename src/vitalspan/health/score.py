"""Computes scores from readings: ramps, weights, and the points that each factor costs."""

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
"""A factor for the points that the worst critical component costs."""


def ramp(value: float, full: float, zero: float) -> float:
    """Return 1 at `full` or better, 0 at `zero` or worse, and a linear value in between."""
    if math.isinf(full - zero):
        value, full, zero = value / 2, full / 2, zero / 2
    return min(1.0, max(0.0, (value - zero) / (full - zero)))


def finite(value: float | None) -> float | None:
    """Return a finite number unchanged, and None for everything else."""
    return value if value is not None and math.isfinite(value) else None


def factor_score(factor: Factor, reading: Reading) -> float | None:
    """Return the score of a reading on a factor's ramp, from 0 to 1; None if it does not count."""
    value = finite(reading.value)
    if value is None or reading.samples < factor.min_count:
        return None
    score = ramp(value, factor.full, factor.zero)
    if reading.samples < factor.full_count:
        score = 1.0 - (1.0 - score) * reading.samples / factor.full_count
    return score


@dataclass(frozen=True)
class Part:
    """The part of a score that comes from one factor.

    Attributes:
        factor: the factor.
        reading: the reading of its signal.
        score: the score from 0 to 1; None if the factor is absent.
        weight: the points that it can give; those of all parts add up to 100. Deductions and
            critical factors have 0.
        lost: the points that it costs.
    """

    factor: Factor
    reading: Reading
    score: float | None
    weight: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True)
class Score:
    """A score and its parts, whose losses add up to the difference between the score and 100."""

    value: float | None
    parts: tuple[Part, ...]


def score_of(
    factors: Sequence[Factor],
    readings: Sequence[Reading],
    scores: Mapping[str, float | None] | None = None,
) -> Score:
    """Return the weighted mean of the known factors, minus the deductions, within the limits.

    Without factors that weigh, the limits apply to 100 points. Each critical factor costs what it
    lowers the score by, after the ones before it.

    Args:
        factors: the factors of the model.
        readings: one for each factor.
        scores: scores that replace those of the readings, by factor; None for absent factors.
    """
    scores = scores or {}
    known = [
        Part(factor, reading, scores.get(factor.name, factor_score(factor, reading)))
        for factor, reading in zip(factors, readings, strict=True)
    ]
    counted = [part for part in known if part.score is not None and not part.factor.deduct]
    whole = math.fsum(part.factor.weight for part in counted)
    if not whole and not any(part.factor.critical for part in counted):
        return Score(None, tuple(known))
    # This is not 100 minus the losses, because rounding would leave a little more than 0.
    points = math.fsum(part.factor.weight * (part.score or 0.0) for part in counted)
    score = points / whole * BEST if whole else BEST
    parts = []
    for part in sorted(known, key=lambda one: (one.factor.critical, one.factor.deduct)):
        weight = 0.0
        lost = 0.0
        if part.score is not None and part.factor.critical:
            lost = max(0.0, score - part.factor.limit(part.score))
            score = min(score, part.factor.limit(part.score))
        elif part.score is not None and part.factor.deduct:
            lost = min(score, part.factor.weight * (1.0 - part.score))
            score -= lost
        elif part.score is not None:
            weight = part.factor.weight / whole * BEST if whole else 0.0
            lost = weight * (1.0 - part.score)
        parts.append(replace(part, weight=weight, lost=lost))
    return Score(score, tuple(parts))


def capped(score: Score, worst: float | None) -> Score:
    """Return a score that is at most that of the worst critical component, if any."""
    if score.value is None or worst is None:
        return score
    lost = max(0.0, score.value - worst)
    part = Part(CRITICAL_COMPONENT, Reading(worst, 1), worst / BEST, lost=lost)
    return Score(min(score.value, worst), (*score.parts, part))


def weighted_mean(scores: Iterable[tuple[float | None, float]]) -> float | None:
    """Return the weighted mean of the known scores; None without any."""
    pairs = [(score, weight) for score, weight in scores if score is not None]
    whole = math.fsum(weight for _, weight in pairs)
    if not whole:
        return None
    return math.fsum(score * weight for score, weight in pairs) / whole
