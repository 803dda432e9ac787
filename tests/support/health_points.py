"""The health of processes and of Prometheus in the same form, for comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from support.fleet import JOB, STEP, FleetQuery, Instance
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.health.result import Health
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load

SECONDS = 7200.0
SETTLED = {
    "classic": 1230.0,
    "mixed": 1230.0,
    "slo": 3615.0,
    "service": 4215.0,
    "parts": 4215.0,
}
"""By model; without a factor that looks far back, every window is soon full of samples."""

SCORES = '{__name__=~"job.*:(component_)?health_.*"}'

Point = tuple[str, ...]
"""A recorded series: its name without the level, and its labels in order."""

Points = dict[Point, float]


def health_rules(path: str, **options: Any) -> list[dict[str, Any]]:
    """The recording rules for health of a rule file."""
    text = export(with_burn_rate_alerts(load(path)), Options(interval=STEP, **options))["rules.yml"]
    [group] = [one for one in yaml.safe_load(text)["groups"] if one["name"] == "vitalspan:health"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def points_of(health: Health, instance: str = "") -> Iterator[tuple[Point, float | None]]:
    """The state of a process, as the points that Prometheus should have."""
    labels = (instance,) if instance else ()
    yield ("health_score", "pooled", *labels), health.score
    for factor in health.factors:
        yield ("health_factor_score", *labels, factor.factor), factor.score
        weight = None if factor.score is None else factor.weight
        yield ("health_factor_weight", *labels, factor.factor), weight
        lost = None if factor.score is None else factor.points_lost
        yield ("health_factor_points_lost", *labels, factor.factor), lost
    for one in health.components:
        own = (*labels, one.component)
        yield ("component_health_score", "pooled", *own), one.score
        yield ("component_health_score", "effective", *own), one.effective_score
        for factor in one.factors:
            yield ("health_factor_score", *own, factor.factor), factor.score


def known(every: Iterator[tuple[Point, float | None]]) -> Points:
    return {point: value for point, value in every if value is not None}


def points_in(samples: list[tuple[dict[str, str], float]]) -> Points:
    """The points that Prometheus has."""
    found = {}
    for labels, value in samples:
        _, metric, operation = labels["__name__"].split(":")
        assert labels["job"] == JOB
        told = [labels[name] for name in ("instance", "component", "factor") if name in labels]
        if operation != "uncapped":
            kind = [] if metric.startswith("health_factor") else [operation]
            found[(metric, *kind, *told)] = value
    return found


def points_at(fleet: FleetQuery, *, apart: bool) -> Points:
    """The state of the processes as of the last tick.

    Args:
        fleet: the fleet of the processes.
        apart: whether the components of each instance are recorded.
    """
    points = known(points_of(fleet.pooled.latest))
    for instance in fleet.instances:
        own = known(points_of(instance.latest, instance.name))
        if not apart:
            # Without declared components, nothing reads the components of one instance.
            names = {one.component for one in instance.latest.components}
            own = {point: value for point, value in own.items() if not names & set(point)}
        points |= own
    return points


def at_ticks(fleet: FleetQuery, *, apart: bool) -> dict[float, Points]:
    """The state of the processes at each tick; every tick is scraped."""
    said = {}
    for now in fleet.live(SECONDS):
        for instance in fleet.instances:
            instance.take_samples()
        said[now] = points_at(fleet, apart=apart)
    for instance in fleet.instances:
        instance.finish()
    return said


def series_of(instances: list[Instance]) -> dict[str, str]:
    return {
        name: " ".join(values) for instance in instances for name, values in instance.series.items()
    }


def settled(model: str) -> float:
    """The number of seconds after which every window is full of samples."""
    return SETTLED.get(model, 330.0)


def aligned(model: str, now: float) -> bool:
    """Whether windows end at ticks that processes keep; of the last hour, that is one a minute."""
    over_an_hour = model in ("slo", "service", "parts")
    return now >= settled(model) and (not over_an_hour or now % 60 == 15)


def worst_of(compared: Iterable[tuple[float, Points, Points]]) -> tuple[float, str]:
    """The largest difference, and its place; both must have the same points at each time."""
    worst = (0.0, "")
    for now, ours, theirs in compared:
        assert ours.keys() == theirs.keys(), (now, sorted(ours.keys() ^ theirs.keys()))
        for point, value in ours.items():
            worst = max(worst, (abs(value - theirs[point]), f"{now} {point}"))
    return worst
