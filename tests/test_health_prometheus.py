"""Health in a real Prometheus, and between the ticks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from backfill import BackfilledServer, in_stages
from fleet import MODELS, STEP, Fleet
from health_points import (
    SCORES,
    SECONDS,
    Points,
    aligned,
    at_ticks,
    health_rules,
    points_at,
    points_in,
    series_of,
    settled,
    worst_of,
)
from promtool import evaluated
from watched import TICK

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

EXACT = 1e-6


def samples_of(fleet: Fleet, start: float) -> Iterator[tuple[str, float, str]]:
    for instance in fleet.instances:
        for series, values in instance.series.items():
            for number, value in enumerate(values):
                if value not in ("_", "stale"):
                    yield series, start + number * STEP, value.replace("nan", "NaN")


@pytest.mark.parametrize("model", MODELS)
def test_a_server_with_samples_of_the_past_agrees(model: str, tmp_path: Path) -> None:
    fleet = Fleet(model, tmp_path)
    said = at_ticks(fleet, apart="components" in MODELS[model])
    # Blocks of the past must not reach into the present.
    start = (time.time() - SECONDS - 3600) // 60 * 60
    # What has ended is not looked back on: a sample counts at its own tick alone.
    server = BackfilledServer(tmp_path, {"global": {}}, lookback=STEP - 1)
    server.fill(samples_of(fleet, start))
    server.record(health_rules(fleet.rules), start, start + SECONDS, STEP)
    found: dict[float, list[tuple[dict[str, str], float]]] = {}
    with server:
        for series in server.between(SCORES, start, start + SECONDS, STEP):
            for when, value in series["values"]:
                found.setdefault(when - start, []).append((series["metric"], float(value)))
    ticks = [now for now in said if aligned(model, now)]
    assert len(ticks) > 50
    worst = worst_of((now, said[now], points_in(found.get(now, []))) for now in ticks)
    assert worst[0] <= EXACT, worst


def differences(
    pairs: list[tuple[Points, Points]], *, of_factors: bool
) -> tuple[float, float, float]:
    """The median, the 99th percentile and the greatest of all differences."""
    found = sorted(
        abs(ours[point] - theirs[point])
        for ours, theirs in pairs
        for point in ours.keys() & theirs.keys()
        if point[0].startswith("health_factor") is of_factors
        and "weight" not in point[0]
        and "points" not in point[0]
    )
    return median(found), found[len(found) * 99 // 100], found[-1]


@pytest.mark.parametrize("model", ["classic", "pipeline", "slo"])
def test_between_the_ticks_they_differ_little(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet(model, tmp_path)
    said: dict[float, Points] = {}
    # Ticks come every 5 s, a scrape with every third, and an evaluation 10 s later.
    for now in fleet.live(SECONDS, TICK):
        if now % STEP == TICK:
            for instance in fleet.instances:
                instance.take_samples(before=1, after=1)
        said[now] = points_at(fleet, apart="components" in MODELS[model])
    for instance in fleet.instances:
        instance.finish()
    begin = settled(model) + 2 * STEP
    times = {f"{now:g}s": now for now in said if now % STEP == 0 and now > begin}
    rules, series = health_rules(fleet.rules), series_of(fleet.instances)
    found = evaluated(SCORES, rules, series, times, tmp_path, spacing=f"{TICK:g}s")
    pairs = [(said[now], points_in(found[text])) for text, now in times.items()]
    factors = differences(pairs, of_factors=True)
    scores = differences(pairs, of_factors=False)
    alone = sum(len(ours.keys() ^ theirs.keys()) for ours, theirs in pairs)
    share = alone / sum(len(ours.keys() | theirs.keys()) for ours, theirs in pairs)
    with capsys.disabled():
        print(  # noqa: T201 - figures for people, who may want them in docs/health.md
            f"\n{model}: factors {factors[0]:.4f} {factors[1]:.3f} {factors[2]:.2f}; "
            f"points {scores[0]:.2f} {scores[1]:.1f} {scores[2]:.0f}; known to one {share:.2%}"
        )
    assert factors[0] <= 0.001
    assert factors[1] <= 0.1
    assert scores[0] <= 0.1
    assert scores[1] <= 5.0
    assert share <= 0.01


def test_stages_follow_each_other() -> None:
    rules = [
        {"record": "a:b:c", "expr": "up"},
        {"record": "d:e:f", "expr": "a:b:c + x"},
        {"record": "d:e:f", "expr": "up", "labels": {"x": "y"}},
        {"record": "g:h:i", "expr": "d:e:f"},
    ]
    assert [[one["expr"] for one in stage] for stage in in_stages(rules)] == [
        ["up", "up"],
        ["a:b:c + x"],
        ["d:e:f"],
    ]
