"""Health in a process and in Prometheus: at the same samples both say the same, and as often."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet import JOB, MODELS, STEP, Fleet, Instance
from promtool import evaluated
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.health.result import Health
from vitalspan.rules.file import load
from vitalspan.rules.slos import expand

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

SECONDS = 7200.0
SETTLED = {"classic": 1230.0, "mixed": 1230.0, "slo": 3615.0}
"""Seconds after which every window is full of samples; of those of 5 minutes soon."""

EXACT = 1e-6

SCORES = '{__name__=~"job.*:(component_)?health_.*"}'

Point = tuple[str, ...]
"""A recorded series: its name without the level, and its labels in order."""

Points = dict[Point, float]


def health_rules(path: str, **options: Any) -> list[dict[str, Any]]:
    """The recording rules for health of a rule file."""
    text = export(expand(load(path)), Options(interval=STEP, **options))["rules.yml"]
    [group] = [one for one in yaml.safe_load(text)["groups"] if one["name"] == "vitalspan:health"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def points_of(health: Health, instance: str = "") -> Iterator[tuple[Point, float | None]]:
    """What a process says, as the points that Prometheus should have."""
    labels = (instance,) if instance else ()
    yield ("health_score", "pooled", *labels), health.score
    for factor in health.factors:
        yield ("health_factor_score", *labels, factor.factor), factor.score
        weight = None if factor.score is None else factor.weight
        yield ("health_factor_weight", *labels, factor.factor), weight
    for one in health.components:
        own = (*labels, one.component)
        yield ("component_health_score", "pooled", *own), one.score
        yield ("component_health_score", "effective", *own), one.effective_score
        for factor in one.factors:
            yield ("health_factor_score", *own, factor.factor), factor.score


def known(every: Iterator[tuple[Point, float | None]]) -> Points:
    return {point: value for point, value in every if value is not None}


def points_in(samples: list[tuple[dict[str, str], float]]) -> Points:
    """What Prometheus has."""
    found = {}
    for labels, value in samples:
        _, metric, operation = labels["__name__"].split(":")
        assert labels["job"] == JOB
        told = [labels[name] for name in ("instance", "component", "factor") if name in labels]
        if operation != "uncapped":
            kind = [] if metric.startswith("health_factor") else [operation]
            found[(metric, *kind, *told)] = value
    return found


def at_ticks(fleet: Fleet, *, apart: bool) -> dict[float, Points]:
    """What the processes say at each tick; every tick is scraped."""
    said = {}
    for now in fleet.live(SECONDS):
        points = known(points_of(fleet.pooled.latest))
        for instance in fleet.instances:
            instance.take_samples()
            own = known(points_of(instance.latest, instance.name))
            if not apart:
                # Without declared components nobody asks what those of one instance are like.
                names = {one.component for one in instance.latest.components}
                own = {point: value for point, value in own.items() if not names & set(point)}
            points |= own
        said[now] = points
    for instance in fleet.instances:
        instance.finish()
    return said


def series_of(instances: list[Instance]) -> dict[str, str]:
    return {
        name: " ".join(values) for instance in instances for name, values in instance.series.items()
    }


def aligned(model: str, now: float) -> bool:
    """Whether windows end at ticks that processes keep; of the last hour they keep one a minute."""
    return now >= SETTLED.get(model, 330.0) and (model != "slo" or now % 60 == 15)


@pytest.mark.parametrize("model", MODELS)
def test_every_factor_and_score_agrees(model: str, tmp_path: Path) -> None:
    fleet = Fleet(model, tmp_path)
    said = at_ticks(fleet, apart="components" in MODELS[model])
    times = {f"{now:g}s": now for now in said if aligned(model, now)}
    found = evaluated(
        SCORES, health_rules(fleet.rules), series_of(fleet.instances), times, tmp_path
    )
    worst: tuple[float, str] = (0.0, "")
    for text, now in times.items():
        ours, theirs = said[now], points_in(found[text])
        assert ours.keys() == theirs.keys(), (text, sorted(ours.keys() ^ theirs.keys()))
        for point, value in ours.items():
            worst = max(worst, (abs(value - theirs[point]), f"{text} {point}"))
    assert worst[0] <= EXACT, worst
    # Something happened: there was trouble, and factors came and went.
    assert len({said[now].get(("health_score", "pooled")) for now in times.values()}) > 20
    assert len({frozenset(said[now]) for now in times.values()}) > 2
