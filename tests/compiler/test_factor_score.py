"""Health in a process and in Prometheus: at the same samples both say the same, and as often."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fleet import MODELS, FleetQuery
from support.health_points import (
    SCORES,
    aligned,
    at_ticks,
    health_rules,
    points_in,
    series_of,
    worst_of,
)
from support.long_runs import LONG
from support.promtool import evaluated

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

EXACT = 5e-5
"""Points of 100: ranges are a millisecond longer than their windows."""


@pytest.mark.parametrize("model", MODELS if LONG else ["slo", "own"])
def test_every_factor_and_score_agrees(model: str, tmp_path: Path) -> None:
    fleet = FleetQuery(model, tmp_path)
    said = at_ticks(fleet, apart="components" in MODELS[model])
    times = {f"{now:g}s": now for now in said if aligned(model, now)}
    rules = health_rules(fleet.rules)
    found = evaluated(SCORES, rules, series_of(fleet.instances), times, tmp_path)
    worst = worst_of((now, said[now], points_in(found[text])) for text, now in times.items())
    assert worst[0] <= EXACT, worst
    # Something happened: there was trouble, and factors came and went.
    assert len({said[now].get(("health_score", "pooled")) for now in times.values()}) > 20
    assert len({frozenset(said[now]) for now in times.values()}) >= 2
