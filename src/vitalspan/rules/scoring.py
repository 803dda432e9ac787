"""The model of health scoring: factors, levels and components."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.signals.catalogue import is_made_of_scores
from vitalspan.signals.query import Query

MODELS: Final = ("service", "classic", "pipeline", "slo")
"""The names of the built-in sets of factors."""

MOST_WEIGHT: Final = 1e6
"""The maximum weight of a factor or a component."""

CRITICAL_COMPONENT: Final = "critical_component"
"""The factor name of the points that the worst critical component costs."""

NO_DATA: Final = "no_data"
"""The status if there is no score."""

_BEST: Final = 100.0

_MOST_SHOWN: Final = 20
"""The maximum number of components of a cycle in a message."""

Levels = tuple[tuple[str, float], ...]
"""Names with their lowest scores, the best first; the last one begins at 0."""

DEFAULT_LEVELS: Final[Levels] = (
    ("healthy", 80.0),
    ("degraded", 60.0),
    ("unhealthy", 40.0),
    ("critical", 0.0),
)

LEVEL_PRESETS: Final[Mapping[str, Levels]] = {
    "default": DEFAULT_LEVELS,
    "studio": (("healthy", 70.0), ("degraded", 0.0)),
    "pipeline": (("excellent", 80.0), ("good", 60.0), ("warning", 40.0), ("critical", 0.0)),
}
"""The built-in levels by name."""


@dataclass(frozen=True)
class Factor:
    """A ramp on a signal: all points at `full` or better, none at `zero` or worse.

    Attributes:
        name: the `factor` label.
        query: the signal, without `by`.
        full: the value, in the signal's base unit, from which on all points are given.
        zero: the value from which on no points are given; it is on the worse side of `full`.
        weight: the points, in proportion to those of the other factors.
        min_count: the minimum number of samples in the window; with fewer the factor is absent.
        deduct: whether the points are deducted from the sum of the others, at most `weight`.
        critical: whether it limits the score instead of weighing: to 100 at `full`, to `least` at
            `zero`, and linearly in between.
        least: the score that a critical factor allows at its worst.
        full_count: the number of samples from which on the factor counts fully. With fewer, its
            distance from the best counts partially, so that few calls have little effect and the
            score never jumps.

    Raises:
        ConfigurationError: for invalid ends or an invalid weight.
    """

    name: str
    query: Query
    full: float
    zero: float
    weight: float
    min_count: int = 0
    deduct: bool = False
    critical: bool = False
    least: float = 0.0
    full_count: int = 0

    @property
    def counts(self) -> bool:
        """True if it counts at all; a factor without weight removes the one with the same name."""
        return self.critical or self.weight > 0

    def limit(self, score: float) -> float:
        """Return the limit that a critical factor sets, by its own score from 0 to 1."""
        return self.least + (_BEST - self.least) * score

    def __post_init__(self) -> None:
        ends = (self.full, self.zero)
        if not all(map(math.isfinite, ends)) or self.full == self.zero:
            raise ConfigurationError(
                f"factor {self.name!r:.80} goes from full={self.full!r} to zero={self.zero!r}: use "
                "two finite numbers that differ"
            )
        if self.critical and (self.weight or self.deduct or not 0.0 <= self.least < _BEST):
            raise ConfigurationError(
                f"factor {self.name!r:.80} is critical: it limits the score, so use least= from 0 "
                "to below 100, and neither weight= nor deduct="
            )
        if not 0.0 <= self.weight <= MOST_WEIGHT:
            raise ConfigurationError(
                f"factor {self.name!r:.80} has weight={self.weight!r}: use a number from 0 to "
                f"{MOST_WEIGHT:.0f}"
            )


@dataclass(frozen=True)
class Component:
    """A part of a service.

    Attributes:
        name: the `component` label.
        weight: its weight relative to the other components.
        critical: whether the score of the service is limited by this component.
        depends_on: the components that limit its score.
    """

    name: str
    weight: float = 1.0
    critical: bool = False
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scoring:
    """The scoring of health; missing parts come from the settings.

    Attributes:
        model: one of `MODELS`, which provides factors.
        factors: further factors, which replace those of the model with the same names; one whose
            weight is 0 does not count. Without a model these are the only ones.
        levels: the levels of the score.
        fail_below: the score below which `/health` responds with 503.
        components: the declared components.
    """

    model: str | None = None
    factors: tuple[Factor, ...] = ()
    levels: Levels | None = None
    fail_below: float | None = None
    components: tuple[Component, ...] = ()


def merged(first: Scoring | None, second: Scoring | None) -> Scoring | None:
    """Return two scorings combined; the second one takes precedence."""
    if first is None or second is None:
        return first if second is None else second
    own_model = second.model is not None or bool(second.factors)
    components = {one.name: one for one in (*first.components, *second.components)}
    return Scoring(
        model=second.model if own_model else first.model,
        factors=second.factors if own_model else first.factors,
        levels=second.levels or first.levels,
        fail_below=first.fail_below if second.fail_below is None else second.fail_below,
        components=tuple(components.values()),
    )


def cycle_of(components: Iterable[Component]) -> tuple[str, ...]:
    """Return a cycle of components that depend on each other, or () if there is none."""
    try:
        TopologicalSorter({one.name: one.depends_on for one in components}).prepare()
    except CycleError as error:
        # Each is followed by one that depends on it.
        return tuple(reversed(error.args[1]))
    return ()


def cycle_mistake(components: Iterable[Component]) -> str:
    """Return a message about components that depend on each other in a cycle; empty without one."""
    cycle = cycle_of(components)
    if not cycle:
        return ""
    if len(cycle) > _MOST_SHOWN:
        between = f"{len(cycle) - _MOST_SHOWN} more"
        cycle = (*cycle[: _MOST_SHOWN - 1], between, cycle[-1])
    path = " -> ".join(cycle)
    return f"components depend on each other in a circle, {path}: take one of them out"


def self_reference_mistake(factors: Iterable[Factor], prefix: str) -> str:
    """Return a message about factors that depend on the health score itself; empty without one.

    Args:
        factors: the user's own factors.
        prefix: the prefix of the monitor's metric names.
    """
    for factor in factors:
        series = factor.query.series
        if series is not None and factor.counts and is_made_of_scores(factor.query, prefix):
            return (
                f"factor {factor.name!r:.80} uses {series}, which is computed from the score "
                "itself: use the signals that the score is computed from, or alert_points"
            )
    return ""
