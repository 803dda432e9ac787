"""Scores in PromQL, made of the recorded scores of factors: as `health.score` makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from vitalspan.health.graph import Graph
from vitalspan.health.recorded import EFFECTIVE, POOLED, UNCAPPED, Level, Recorded
from vitalspan.health.score import BEST, CRITICAL_COMPONENT
from vitalspan.names import COMPONENT
from vitalspan.rules.operators import SUM, any_of, enclosed, number, part
from vitalspan.rules.scoring import Component, Factor
from vitalspan.signals.matching import quoted

FACTOR: Final = "factor"

_USUAL_WEIGHT: Final = Component("").weight

Weighed = Callable[[str, str], str]
"""Takes a number and a selector, returns the one times something of the other."""


def _itself(weight: str, series: str) -> str:
    return series if weight == "1" else f"{weight} * {series}"


def _presence(weight: str, series: str) -> str:
    return _itself(weight, f"({series} >= bool 0)")


def one_of(label: str, values: Sequence[str], *, none: bool = False) -> str:
    """Return the condition that a label has one of some values, or none of them."""
    if len(values) == 1:
        return f"{label}{'!=' if none else '='}{quoted(values[0])}"
    return f"{label}{'!~' if none else '=~'}{quoted('|'.join(map(re.escape, values)))}"


class Scores:
    """Writes the scores of one level.

    Args:
        level: what they are told apart by.
        factors: that there can be at this level.
        recorded: names of the series.
    """

    def __init__(self, level: Level, factors: Iterable[Factor], recorded: Recorded) -> None:
        self._level = level
        self._by = f"by ({', '.join(level.labels)})"
        self._on = f"on ({', '.join(level.labels)})"
        every = list(factors)
        self._counted = [factor for factor in every if not factor.deduct]
        self._deducted = [factor for factor in every if factor.deduct]
        self._recorded = recorded
        self._series = recorded.factor_score(level)

    @property
    def is_known(self) -> bool:
        """Whether there can be a score: deductions alone are none."""
        return bool(self._counted)

    def weights(self) -> str:
        """Return the points that each known factor stands for: all of them together are 100."""
        weights = enclosed(self._sum_of(self._counted, _presence))
        points = f"{number(BEST)} * {weights}\n/ {self._on} group_left ()\nsum {self._by} {weights}"
        if not self._deducted:
            return points
        return any_of(points, f"0 * {self._of(self._deducted)}")

    def lost(self) -> str:
        """Return the points that each known factor takes off; a deduction no more than there is."""
        weights = self._recorded.factor_weight(self._level)
        of_sum = f"{weights}{{{one_of(FACTOR, [one.name for one in self._counted])}}}"
        points = f"{of_sum} * (1 - {self._of(self._counted)})"
        if not self._deducted:
            return points
        taken = enclosed(
            self._sum_of(self._deducted, lambda weight, series: _itself(weight, f"(1 - {series})"))
        )
        left = f"{self._on} group_left () {enclosed(self.weighted())}"
        return any_of(points, f"{taken} <= {left}", f"0 * {taken} + {left}")

    def weighted(self) -> str:
        """Return the weighted mean of the known factors, as points."""
        if len({factor.weight for factor in self._counted}) == 1:
            return f"{number(BEST)} * avg {self._by} ({self._of(self._counted)})"
        above, below = (
            f"sum {self._by} {enclosed(self._sum_of(self._counted, how))}"
            for how in (_itself, _presence)
        )
        return f"{number(BEST)} * {above}\n/\n{below}"

    def deducted(self, score: str) -> str:
        """Return a score less what the deductions take off, as far as there is something left."""
        if not self._deducted:
            return score
        lost = self._sum_of(
            self._deducted, lambda weight, series: _itself(weight, f"(1 - {series})")
        )
        # Without deductions that are known, nothing is taken off.
        lost = any_of(lost, f"0 * {self._of(self._counted)}")
        return f"clamp_min({part(score, SUM)} - sum {self._by} {enclosed(lost)}, 0)"

    def capped(self, score: str, critical: Sequence[str]) -> str:
        """Return a score that is no better than the worst critical component."""
        return any_of(f"{self.worst(critical)} < {part(score, SUM)}", score)

    def worst(self, critical: Sequence[str]) -> str:
        """Return the least effective score of the critical components."""
        level = self._level._replace(component=True)
        series = self._recorded.score(level, EFFECTIVE)
        return f"min {self._by} ({series}{{{one_of(COMPONENT, critical)}}})"

    def critical_score(self, critical: Sequence[str]) -> str:
        """Return the worst critical component as a factor, where there is a score at all."""
        uncapped = self._recorded.score(self._level, UNCAPPED)
        return f"{self.worst(critical)} / {number(BEST)}\nand {self._on}\n{uncapped}"

    def critical_weight(self) -> str:
        """Return the points that the worst critical component stands for, which are none."""
        return f"0 * {self._series}{{{FACTOR}={quoted(CRITICAL_COMPONENT.name)}}}"

    def _of(self, factors: Sequence[Factor]) -> str:
        return f"{self._series}{{{one_of(FACTOR, [factor.name for factor in factors])}}}"

    def _sum_of(self, factors: Sequence[Factor], how: Weighed) -> str:
        """Return what is made of factors, those of one weight together."""
        by_weight: dict[float, list[Factor]] = {}
        for factor in factors:
            by_weight.setdefault(factor.weight, []).append(factor)
        return any_of(
            *(how(number(weight), self._of(alike)) for weight, alike in by_weight.items())
        )


def mean_of_components(factor: Factor, level: Level, graph: Graph, recorded: Recorded) -> str:
    """Return a factor's score of the whole: the mean of the components', as heavy as they are.

    Args:
        factor: of traffic.
        level: of the whole.
        graph: of the components.
        recorded: names of the series.
    """
    by = f"by ({', '.join(level.labels)})"
    series = recorded.factor_score(level._replace(component=True))
    of_factor = f"{FACTOR}={quoted(factor.name)}"
    unusual: dict[float, list[str]] = {}
    for one in graph.declared.values():
        if one.weight != _USUAL_WEIGHT:
            unusual.setdefault(one.weight, []).append(one.name)
    heavy = {weight: names for weight, names in unusual.items() if weight}
    named = [name for names in unusual.values() for name in names]
    others = f",{one_of(COMPONENT, named, none=True)}" if named else ""
    usual = f"{series}{{{of_factor}{others}}}"
    if not heavy:
        return f"avg {by} ({usual})"
    chosen = [
        (number(weight), f"{series}{{{of_factor},{one_of(COMPONENT, names)}}}")
        for weight, names in heavy.items()
    ]
    above, below = (
        enclosed(any_of(*(how(*one) for one in (*chosen, ("1", usual)))))
        for how in (_itself, _presence)
    )
    return f"sum {by} {above}\n/\nsum {by} {below}"


def without_components(
    score: str, factor: Factor, level: Level, graph: Graph, recorded: Recorded
) -> str:
    """Return a factor's score of the whole where that of no component is known.

    Components that weigh nothing make it absent: then nothing stands in for their mean.
    """
    if all(one.weight for one in graph.declared.values()):
        return score
    series = recorded.factor_score(level._replace(component=True))
    on = f"on ({', '.join(level.labels)})"
    known = f"{series}{{{FACTOR}={quoted(factor.name)}}}"
    return f"{enclosed(score)}\nunless {on}\n{known}"


def effective(component: str, graph: Graph, level: Level, recorded: Recorded) -> str:
    """Return the least score of a component and of all that it depends on, directly or not."""
    own = recorded.score(level, POOLED)
    outer = level._replace(component=False)
    chosen = one_of(COMPONENT, reached_from(component, graph))
    return f"min by ({', '.join(outer.labels)}) ({own}{{{chosen}}})"


def reached_from(component: str, graph: Graph) -> list[str]:
    """Return a component and all that it depends on, directly or not."""
    found = [component]
    for name in found:
        found += [other for other in graph.component(name).depends_on if other not in found]
    return found
