"""Health results: the score, its factors and components, and its trend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from vitalspan.words import one_line

_WIDTH: Final = 40
"""The maximum width of the column of component names, in characters."""


@dataclass(frozen=True)
class FactorHealth:
    """A factor of a score.

    Attributes:
        factor: the name of the factor.
        signal: the signal that it measures, for example `change of latency_mean`.
        where: the matchers of its series.
        value: the value of the signal, in its base unit; None without data.
        samples: the number of samples of the value.
        min_count: the minimum number of samples for the factor to count.
        window: the window of the value in seconds.
        full: the value from which on it gets all points.
        zero: the value from which on it gets no points.
        score: from 0 to 1; None if the factor is absent.
        weight: the points that it can give; those of all factors add up to 100. Factors that are
            only subtracted, such as alerts in the model `pipeline`, have 0.
        critical: whether it limits the score instead of weighing.
        least: the score that a critical factor allows at its worst.
        points_lost: the points that it costs; those of all factors add up to the difference between
            the score and 100.
        reason: what it costs and what contributes most, or why it is absent.
    """

    factor: str
    signal: str
    where: tuple[str, ...]
    value: float | None
    samples: float
    min_count: int
    window: float
    full: float
    zero: float
    score: float | None
    weight: float
    points_lost: float
    reason: str
    critical: bool = False
    least: float = 0.0


@dataclass(frozen=True)
class ComponentHealth:
    """The health of a component.

    Attributes:
        component: the name of the component.
        score: its own score, from 0 to 100; None if it is unknown.
        effective_score: the lowest of its own score and those of all its dependencies.
        status: the level of its effective score.
        limited_by: the component whose score is its effective score.
        weight: its weight relative to the other components.
        critical: whether its effective score limits the score of the whole.
        depends_on: its direct dependencies.
        recommended_concurrency: how many calls at once there should be room for, by Little's law;
            None without recent calls.
        factors: the factors of its own score.
    """

    component: str
    score: float | None
    effective_score: float | None
    status: str
    limited_by: str | None
    weight: float
    critical: bool
    depends_on: tuple[str, ...]
    recommended_concurrency: int | None
    factors: tuple[FactorHealth, ...]


@dataclass(frozen=True)
class Snapshot:
    """The score at one time, which is in seconds since the Unix epoch."""

    at: float
    score: float | None
    status: str


@dataclass(frozen=True)
class Trend:
    """The trend of the score.

    Attributes:
        snapshots: the snapshots, the latest last.
        slope: the points that the score gains per hour, by least squares; None for fewer than three
            snapshots.
        forecast: the score in an hour on the same line, from 0 to 100.
    """

    snapshots: tuple[Snapshot, ...] = ()
    slope: float | None = None
    forecast: float | None = None


@dataclass(frozen=True)
class Health:
    """The health of a service.

    Attributes:
        score: from 0 to 100; None if it is unknown.
        status: the level of the score; `no_data` without a score.
        failing: whether the score is below `fail_below`.
        model: the name of the model; `own` if all factors are a user's own.
        at: the time of its tick, in seconds since the Unix epoch; None before the first tick.
        factors: all factors, including absent ones.
        components: the components, sorted by name.
        reasons: descriptions of what costs points, the most costly first.
        trend: the latest scores, and their trend.
    """

    score: float | None
    status: str
    failing: bool
    model: str
    at: float | None
    factors: tuple[FactorHealth, ...] = ()
    components: tuple[ComponentHealth, ...] = ()
    reasons: tuple[str, ...] = ()
    trend: Trend = Trend()

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has."""
        return asdict(self)

    def graph(self) -> dict[str, Any]:
        """Return the components as nodes, and their dependencies as edges.

        The source of an edge depends on its target.
        """
        nodes = [
            {
                "id": one.component,
                "score": one.score,
                "effective_score": one.effective_score,
                "status": one.status,
                "weight": one.weight,
                "critical": one.critical,
            }
            for one in self.components
        ]
        edges = [
            {"source": one.component, "target": other}
            for one in self.components
            for other in one.depends_on
        ]
        return {"nodes": nodes, "edges": edges}

    def explain(self) -> str:
        """Return a text for people: the score, what costs points, the components and the trend."""
        return "\n".join(_lines(self))

    def __str__(self) -> str:
        return self.explain()


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
            f"snapshots, which leads to {trend.forecast:.1f} in an hour"
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
            limiting = one_line(one.limited_by or "")
            notes.append(f"{one.effective_score:.1f} because it depends on {limiting}")
        if one.critical:
            notes.append("critical")
        worst = max(one.factors, key=lambda factor: factor.points_lost, default=None)
        if worst is not None and worst.points_lost >= 1.0:
            notes.append(worst.reason)
        score = "    ?" if one.score is None else f"{one.score:5.1f}"
        yield f"  {score}  {one_line(one.component):{width}}  {'; '.join(notes)}"


def _score(score: float | None) -> str:
    return "is not known" if score is None else f"{score:.1f} of 100"
