"""Health in a real Prometheus, and between the ticks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from support.backfill import BackfilledServer, in_stages
from support.fleet import MODELS, STEP, FleetQuery
from support.health_points import (
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
from support.long_runs import LONG
from support.promtool import evaluated
from support.watched import TICK

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

EXACT = 5e-5
"""Points of 100: ranges are a millisecond longer than their windows."""


def samples_of(fleet: FleetQuery, start: float) -> Iterator[tuple[str, float, str]]:
    for instance in fleet.instances:
        for series, values in instance.series.items():
            for number, value in enumerate(values):
                if value not in ("_", "stale"):
                    yield series, start + number * STEP, value.replace("nan", "NaN")


@pytest.mark.prometheus2
@pytest.mark.parametrize("model", MODELS if LONG else ["service"])
def test_a_server_with_samples_of_the_past_agrees(model: str, tmp_path: Path) -> None:
    fleet = FleetQuery(model, tmp_path)
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
    assert len(ticks) >= 50
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


BETWEEN_THE_TICKS = [
    (model, interval)
    for model in ("service", "classic", "pipeline", "slo")
    for interval in (5, 15, 60)
]


@pytest.mark.parametrize(("model", "interval"), BETWEEN_THE_TICKS if LONG else [("slo", 60)])
def test_between_the_ticks_they_differ_little(
    model: str, interval: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = FleetQuery(model, tmp_path)
    said: dict[float, Points] = {}
    # Ticks come every 5 s. A scrape comes with one of them, and an evaluation well after it: 10 s
    # after one of 15 s, 30 s after one of 60 s, a millisecond before the next of 5 s.
    scraped, before, after = {5: (0, 0, 0), 15: (5, 1, 1), 60: (30, 6, 5)}[interval]
    early = 0.001 if interval == TICK else 0.0
    for now in fleet.live(SECONDS, TICK):
        if now % interval == scraped:
            for instance in fleet.instances:
                instance.take_samples(before=before, after=after)
        said[now] = points_at(fleet, apart="components" in MODELS[model])
    for instance in fleet.instances:
        instance.finish()
    begin = settled(model) + 2 * STEP
    step = max(interval, STEP)
    times = {
        f"{now * 1000 - early * 1000:.0f}ms": now for now in said if now > begin and not now % step
    }
    rules, series = health_rules(fleet.rules), series_of(fleet.instances)
    found = evaluated(SCORES, rules, series, times, tmp_path, spacing=f"{TICK:g}s")
    pairs = [(said[now], points_in(found[text])) for text, now in times.items()]
    factors = differences(pairs, of_factors=True)
    scores = differences(pairs, of_factors=False)
    alone = sum(len(ours.keys() ^ theirs.keys()) for ours, theirs in pairs)
    share = alone / sum(len(ours.keys() | theirs.keys()) for ours, theirs in pairs)
    with capsys.disabled():
        print(  # noqa: T201 - figures for people, who may want them in docs/health.md
            f"\n| `{model}` | {interval} s | {factors[0]:.4f}, {factors[1]:.3f}, {factors[2]:.2f} "
            f"| {scores[0]:.2f}, {scores[1]:.1f}, {scores[2]:.0f} | {share:.2%} |"
        )
    assert factors[0] <= 0.01
    assert factors[1] <= 0.4
    assert scores[0] <= 1.0
    assert share <= 0.05


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
