"""Health as a text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.health.reasons import plain
from vitalspan.health.result import ComponentHealth, FactorHealth, Health

_WIDTH: Final = 40
"""Characters of a component's name that the others are brought in line with."""


def explain(health: Health) -> str:
    """Return the score, what each factor costs and why, the components, and the trend."""
    return "\n".join(_lines(health))


def _lines(health: Health) -> Iterator[str]:
    yield f"health {_score(health.score)}: {health.status} (model {health.model})"
    width = max((len(one.factor) for one in health.factors), default=0)
    for factor in sorted(health.factors, key=lambda one: -one.points_lost):
        yield f"  {_cost(factor)}  {factor.factor:{width}}  {factor.reason}"
    if health.components:
        yield "components"
        yield from _components(health.components)
    trend = health.trend
    if trend.slope is not None and trend.forecast is not None:
        yield (
            f"trend: {trend.slope:+.1f} points an hour over the last {len(trend.snapshots)} "
            f"snapshots, which makes {trend.forecast:.1f} in an hour"
        )


def _cost(factor: FactorHealth) -> str:
    if factor.score is None:
        return "absent".rjust(15)
    of = f" of {factor.weight:5.1f}" if factor.weight else " " * 9
    return f"{-factor.points_lost or 0.0:6.1f}{of}"


def _components(components: tuple[ComponentHealth, ...]) -> Iterator[str]:
    width = min(_WIDTH, max(len(one.component) for one in components))
    for one in components:
        notes = [one.status]
        if one.limited_by not in (None, one.component):
            limiting = plain(one.limited_by or "")
            notes.append(f"{one.effective_score:.1f} for it depends on {limiting}")
        if one.critical:
            notes.append("critical")
        worst = max(one.factors, key=lambda factor: factor.points_lost, default=None)
        if worst is not None and worst.points_lost >= 1.0:
            notes.append(worst.reason)
        score = "    ?" if one.score is None else f"{one.score:5.1f}"
        yield f"  {score}  {plain(one.component):{width}}  {'; '.join(notes)}"


def _score(score: float | None) -> str:
    return "is not known" if score is None else f"{score:.1f} of 100"
