"""What is said about health: the score, its factors and components, where it is going."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FactorHealth:
    """A factor of a score.

    Attributes:
        factor: its name.
        signal: what it is about, `change of latency_mean` for example.
        where: the conditions on labels that series must meet to count.
        value: of the signal, in its base unit; None without data.
        samples: that the value is made of.
        min_count: samples without which the factor is absent.
        window: seconds that the value is of.
        full: the value from which on all points are given.
        zero: the value from which on none is.
        score: from 0 to 1; None where the factor is absent.
        weight: the points that it stands for; those of all factors are 100 together. Factors that
            only take off, as alerts do in the model `pipeline`, stand for none.
        points_lost: those that it costs; of all factors together, what the score lacks of 100.
        reason: in words: what it costs and by whom, or why it is absent.
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


@dataclass(frozen=True)
class ComponentHealth:
    """A component's health.

    Attributes:
        component: its name.
        score: its own, from 0 to 100; None while nothing is known.
        effective_score: the least of its own and those of all that it depends on.
        status: the level of its effective score.
        limited_by: the component whose score its effective one is.
        weight: how much it counts beside the others.
        critical: whether the whole is never better.
        depends_on: what it depends on directly.
        recommended_concurrency: calls that there should be room for at once, by Little's law; None
            without a call lately.
        factors: of its own score.
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
    """The score at one moment, in seconds since the Unix epoch."""

    at: float
    score: float | None
    status: str


@dataclass(frozen=True)
class Trend:
    """Where the score is going.

    Attributes:
        snapshots: the latest last.
        slope: points an hour, by least squares through the snapshots; None for fewer than three.
        forecast: the score in an hour by the same line, from 0 to 100.
    """

    snapshots: tuple[Snapshot, ...] = ()
    slope: float | None = None
    forecast: float | None = None


@dataclass(frozen=True)
class Health:
    """How a service does.

    Attributes:
        score: from 0 to 100; None while nothing is known.
        status: the level that the score is in; `no_data` without one.
        failing: whether the score is below `fail_below`.
        model: the name of the set of factors; `own` for those of a user.
        at: the time of the tick that it is of, in seconds since the Unix epoch; None before any.
        factors: each of them, absent ones included.
        components: sorted by name.
        reasons: what costs points, in words, worst first.
        trend: where the score is going.
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
        """Return all of it as what JSON has."""
        return asdict(self)

    def graph(self) -> dict[str, Any]:
        """Return the components as nodes, and as edges what depends (source) on what (target)."""
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
        """Return the score, what costs points, the components and the trend, for people."""
        # What it needs is about texts alone.
        from vitalspan.health.explain import explain  # noqa: PLC0415

        return explain(self)
