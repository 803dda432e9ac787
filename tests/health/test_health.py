"""Health from end to end: what it is made of, what it says, and what it must never count."""

from __future__ import annotations

import json
import math
import os
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

import vitalspan as vs
from support.machine import Machine
from support.subprograms import FORKING, run_program
from support.watched import Watched
from vitalspan.exposition.formats import Format
from vitalspan.health.result import FactorHealth, Health, Trend
from vitalspan.rules.scoring import Component, Factor, Scoring
from vitalspan.signals.catalogue import SIGNALS
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.query import Derivation, Query


def factor(health: Health, name: str) -> FactorHealth:
    [found] = [one for one in health.factors if one.factor == name]
    return found


def scores(health: Health) -> dict[str, tuple[float | None, float | None]]:
    """Of components: their own and effective ones."""
    return {one.component: (one.score, one.effective_score) for one in health.components}


def gauged(value: float, **fields: Any) -> tuple[Watched, Gauge]:
    """One factor on a gauge, whose value from 0 to 100 is the score."""
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", registry=watched.registry)
    gauge.set(value)
    wanted = {"name": "depth", "series": "depth", "full": 100, "zero": 0, "weight": 1} | fields
    watched.monitor.rules.set_health(factors=[wanted])
    return watched, gauge


ERRORS = (
    "error ratio 14.8 % over 5m costs 4.4 of 30 points: checkout, 9 of 61 calls failed, mostly "
    "TimeoutError"
)


TREND = (
    "change of latency mean 50 % over 15m costs 8.9 of 20 points: checkout, 100 ms before and "
    "150 ms now"
)


def in_trouble() -> Watched:
    """All four factors of the classic model cost something."""
    watched = Watched()
    machine = Machine()
    watched.registry.register(machine)
    monitor = watched.monitor
    monitor.rules.add(alert="Failing", signal="error_ratio", above="5%", severity="error")
    monitor.rules.add(alert="Slow", signal="latency_mean", above="10s")
    monitor.health()
    for _ in range(180):
        watched.call("checkout", 0.1, times=20)
        watched.call("search", 0.1, times=20)
        watched.tick()
    # Until nothing of it is in a window of five minutes.
    watched.tick(60)
    watched.call("checkout", 0.15, times=52)
    watched.call("checkout", 0.15, times=7, error=TimeoutError())
    watched.call("checkout", 0.15, times=2, error=ValueError())
    machine.available = 20.0
    watched.tick()
    return watched


def test_the_classic_model_says_what_costs_points_and_why() -> None:
    health = in_trouble().monitor.health()
    lost = {one.factor: one.points_lost for one in health.factors}
    assert lost == pytest.approx(
        {
            "errors": 30 * 9 / 61,
            "alerts": 30 * 5 / 30,
            "resources": 20 * (0.8 - 0.7) / 0.3,
            "trend": 20 * (0.5 - 0.1) / 0.9,
        }
    )
    assert health.score == pytest.approx(100 - sum(lost.values()))
    assert (health.status, health.failing, health.model) == ("degraded", False, "classic")
    assert health.reasons == (
        TREND,
        "resource utilization 80 % over 5m costs 6.7 of 20 points",
        "alert points 5 costs 5.0 of 30 points: Failing",
        ERRORS,
    )
    assert factor(health, "errors") == FactorHealth(
        factor="errors",
        signal="error_ratio",
        where=(),
        value=9 / 61,
        samples=61,
        min_count=10,
        window=300.0,
        full=0.0,
        zero=1.0,
        score=pytest.approx(52 / 61),
        weight=30.0,
        points_lost=pytest.approx(30 * 9 / 61),
        reason=ERRORS,
    )


def lines(text: str) -> list[str]:
    """The lines of a text that is indented as the code around it."""
    return textwrap.dedent(text).strip("\n").split("\n")


def test_it_is_told_for_people() -> None:
    own = TREND.replace("8.9 of 20", "17.8 of 40")
    assert in_trouble().monitor.health().explain().split("\n") == lines(
        f"""
        health 75.0 of 100: degraded (model classic)
            -8.9 of  20.0  trend      {TREND}
            -6.7 of  20.0  resources  resource utilization 80 % over 5m costs 6.7 of 20 points
            -5.0 of  30.0  alerts     alert points 5 costs 5.0 of 30 points: Failing
            -4.4 of  30.0  errors     {ERRORS}
        components
           73.4  default  degraded; {own}
        trend: -81.8 points an hour over the last 10 snapshots, which leads to 9.6 in an hour
        """
    )


def test_little_is_known_and_told() -> None:
    watched = Watched()
    watched.call("f", times=9)
    watched.monitor.rules.add_component("db", critical=True)
    watched.tick()
    health = watched.monitor.health()
    assert health.explain().split("\n") == lines(
        """
        health is not known: no_data (model classic)
                   absent  errors     error ratio is not known: 9 of the 10 samples that it needs
                   absent  alerts     alert points is not known: no data
                   absent  resources  resource utilization is not known: no data over 5m
                   absent  trend      change of latency mean is not known: no data over 15m
        components
              ?  db       no_data; critical
              ?  default  no_data
        """
    )
    assert health.reasons == ()
    assert health.trend.slope is None


def test_a_factor_counts_from_its_gate_on() -> None:
    watched = Watched()
    watched.call(times=9, error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert (health.score, health.status, health.failing) == (None, "no_data", False)
    assert factor(health, "errors").value == 1.0
    assert factor(health, "errors").weight == 0
    watched.call()
    watched.tick()
    health = watched.monitor.health()
    assert health.score == pytest.approx(10)
    assert factor(health, "errors").weight == 100
    [why] = health.reasons
    assert why == (
        "error ratio 90 % over 5m costs 90.0 of 100 points: f, 9 of 10 calls failed, all of them "
        "ValueError"
    )


def test_the_weight_of_what_is_absent_leaves_the_sum() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Idle", signal="absent", above=0, severity="critical")
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(100 * 20 / 30)
    watched.call(times=10)
    watched.call(times=10, error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    # Errors and alerts, 30 each, are all there is.
    assert [one.weight for one in health.factors] == [50, 50, 0, 0]
    assert health.score == pytest.approx(75)


@pytest.mark.parametrize("model", ["classic", "pipeline", "slo"])
def test_nothing_is_known_of_a_service_that_does_nothing(model: str) -> None:
    watched = Watched(health_model=model)
    watched.monitor.rules.add_slo(name="available", objective=0.99)
    watched.monitor.rules.set_health(
        factors=[{"name": "alerts", "signal": "memory_rss", "full": 1, "zero": 2, "weight": 0}],
        model=model,
    )
    watched.tick(3)
    health = watched.monitor.health()
    assert (health.score, health.status, health.reasons) == (None, "no_data", ())
    assert health.at == watched.clock.wall()
    assert watched.sample("health_score") is None
    assert watched.sample("health_status", health_status="no_data") == 1
    assert watched.sample("health_status", health_status="healthy") == 0
    assert not any("health_factor" in one.name for one in watched.registry.collect())


def test_the_pipeline_model() -> None:
    watched = Watched(health_model="pipeline")
    machine = Machine()
    watched.registry.register(machine)
    machine.resident = 1.5e9
    monitor = watched.monitor
    monitor.rules.add(alert="Failing", signal="error_ratio", above="5%", severity="critical")
    monitor.health()
    for cache, hits in (("pages", 3), ("users", 11)):
        for _ in range(hits):
            monitor.cache(cache).hit()
    for _ in range(26):
        monitor.cache("pages").miss()
    watched.call("fetch", 16.5, times=4)
    watched.call("parse", 3.0, times=5)
    watched.call("parse", 3.0, error=ValueError())
    watched.tick()
    health = monitor.health()
    assert health.model == "pipeline"
    lost = {one.factor: one.points_lost for one in health.factors}
    mean = (4 * 16.5 + 6 * 3.0) / 10
    assert lost == pytest.approx(
        {
            "cache": 30 * (0.7 - 0.35) / 0.7,
            "success": 25 * 0.1,
            "speed": 25 * (mean - 3) / 27,
            "memory": 20 * 0.5,
            "alerts": 10,
        }
    )
    assert health.score == pytest.approx(100 - sum(lost.values()))
    assert health.reasons == (
        (
            "cache hit ratio 35 % over 5m costs 15.0 of 30 points: pages, 3 of 29 look-ups found "
            "their entry"
        ),
        "memory rss 1.397 GiB costs 10.0 of 20 points",
        "alert points 10 costs 10.0 of 100 points: Failing",
        "latency mean 8.4 s over 5m costs 5.0 of 25 points: fetch takes 16.5 s on average",
        (
            "error ratio 10 % over 5m costs 2.5 of 25 points: parse, 1 of 6 calls failed, all of "
            "them ValueError"
        ),
    )
    assert "   -10.0           alerts   alert points 10" in health.explain()


def test_the_slo_model() -> None:
    watched = Watched(health_model="slo")
    rules = watched.monitor.rules
    rules.add_slo(name="pay", objective=0.99, where={"component": "payments"})
    rules.add_slo(name="all", objective=0.999)
    watched.call("pay", times=95, component="payments")
    watched.call("pay", times=5, component="payments", error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert health.model == "slo"
    pay = factor(health, "pay")
    assert pay.value == pytest.approx(5)
    assert pay.score == pytest.approx((14.4 - 5) / 13.4)
    # All of the budget of the other is burnt fifty times too fast.
    assert factor(health, "all").score == 0
    assert health.score == pytest.approx(50 * (14.4 - 5) / 13.4)
    assert health.reasons == (
        "burn rate of all 50 over 1h costs 50.0 of 50 points: 5 of 100 calls were bad",
        "burn rate of pay 5 over 1h costs 14.9 of 50 points: 5 of 100 calls were bad",
    )
    # An objective that names a component is a factor of that one.
    assert scores(health) == {"payments": (pytest.approx(100 * 9.4 / 13.4),) * 2}
    # One that was taken away does not count any more.
    assert rules.remove("all")
    watched.tick()
    assert [one.factor for one in watched.monitor.health().factors] == ["pay"]


def test_the_gate_of_an_objective() -> None:
    watched = Watched(health_model="slo")
    watched.monitor.rules.add_slo(name="all", objective=0.999)
    watched.call(times=68)
    watched.call(error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert health.score is None
    assert health.factors[0].reason == (
        "burn rate of all is not known: 69 of the 70 samples that it needs"
    )
    watched.call()
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(100 * (14.4 - 1000 / 70) / 13.4)


def test_what_burnt_long_ago_costs_nothing_now() -> None:
    watched = Watched(health_model="slo")
    watched.monitor.rules.add_slo(name="all", objective=0.9)
    watched.call(times=20, error=ValueError())
    watched.tick()
    # Everything fails, and faster than that this budget cannot be burnt.
    assert watched.monitor.health().score == pytest.approx(0)
    # The lesser of the burn rates of an hour and of five minutes counts.
    watched.tick(60)
    watched.call(times=20)
    watched.tick()
    assert watched.monitor.health().score == 100


def test_a_model_of_a_users_own() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(
        Scoring(factors=(Factor("tail", Query("latency_p95", quantile=0.95), 1.0, 5.0, 3.0),))
    )
    watched.call("slow", 3.0, times=3)
    watched.call("fast", 0.1, times=3)
    watched.tick()
    health = watched.monitor.health()
    assert health.model == "own"
    assert health.score == pytest.approx(50, abs=5)
    [tail] = health.factors
    assert (tail.factor, tail.weight, tail.samples) == ("tail", 100, 6)
    [why] = health.reasons
    assert why.startswith("latency p95 ")
    assert ": slow takes 3 s on average" in why
    assert (
        health.explain().splitlines()[1].startswith(f"   {-tail.points_lost:5.1f} of 100.0  tail")
    )


def test_a_factor_in_place_of_one_of_the_model() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(
        model="classic",
        factors=[
            {"name": "errors", "signal": "error_ratio", "full": 0, "zero": "50%", "weight": 10},
            {"name": "busy", "signal": "rate", "window": 5, "full": 0, "zero": 10, "weight": 10},
        ],
    )
    watched.call(times=24)
    watched.call(error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    names = [one.factor for one in health.factors]
    assert names == ["errors", "alerts", "resources", "trend", "busy"]
    assert (health.model, factor(health, "errors").weight) == ("classic", 50)
    assert health.score == pytest.approx(100 - 50 * 0.04 / 0.5 - 50 * 0.5)
    assert health.reasons[0] == "rate 5/s over 5s costs 25.0 of 50 points"


def test_factors_without_weight_are_none() -> None:
    watched, _ = gauged(50, weight=0)
    watched.tick()
    health = watched.monitor.health()
    assert (health.score, health.status, health.factors) == (None, "no_data", ())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_signal_that_is_no_number_is_no_data(value: float) -> None:
    watched, gauge = gauged(value)
    watched.tick()
    health = watched.monitor.health()
    assert (health.score, health.status) == (None, "no_data")
    assert factor(health, "depth").value is None
    assert json.loads(json.dumps(health.to_dict(), allow_nan=False))["score"] is None
    gauge.set(25)
    watched.tick()
    assert watched.monitor.health().score == 25


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (None, {100: "healthy", 80: "healthy", 79.9: "degraded", 40: "unhealthy", 39: "critical"}),
        ("studio", {70: "healthy", 69.9: "degraded", 0: "degraded"}),
        ("pipeline", {80: "excellent", 60: "good", 40: "warning", 39.9: "critical"}),
        ({"up": 1, "down": 0}, {100: "up", 1: "up", 0.9: "down", 0: "down"}),
    ],
)
def test_levels(levels: object, expected: dict[float, str]) -> None:
    watched, gauge = gauged(0)
    fields = {} if levels is None else {"levels": levels}
    watched.monitor.rules.set_health(
        factors=[{"name": "depth", "series": "depth", "full": 100, "zero": 0, "weight": 1}],
        **fields,
    )
    for score, status in expected.items():
        gauge.set(score)
        watched.tick()
        health = watched.monitor.health()
        assert (health.score, health.status) == (pytest.approx(score), status)
        assert watched.sample("health_status", health_status=status) == 1


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 40),
        ({"levels": "studio"}, 70),
        ({"levels": {"up": 0}}, 0),
        ({"fail_below": 55}, 55),
        ({"fail_below": 0, "levels": "studio"}, 0),
    ],
)
def test_below_which_score_it_is_failing(fields: dict[str, Any], limit: float) -> None:
    watched, gauge = gauged(0)
    watched.monitor.rules.set_health(
        factors=[{"name": "depth", "series": "depth", "full": 100, "zero": 0, "weight": 1}],
        **fields,
    )
    for score in (limit - 1, limit, limit + 1):
        gauge.set(max(0, score))
        watched.tick()
        assert watched.monitor.health().failing == (0 <= score < limit)


def test_components_seen_in_traffic_are_scored_by_themselves() -> None:
    watched = Watched()
    watched.call("a", times=10, component="api")
    watched.call("b", times=5, component="jobs")
    watched.call("b", times=5, component="jobs", error=ValueError())
    watched.monitor.cache("pages", component="store").hit()
    watched.monitor.api("maps", component="geo").record()
    watched.tick()
    health = watched.monitor.health()
    # Together three quarters of the calls are good.
    assert health.score == pytest.approx(75)
    assert scores(health) == {
        "api": (100, 100),
        "geo": (None, None),
        "jobs": (50, 50),
        "store": (None, None),
    }
    assert [one.status for one in health.components] == [
        "healthy",
        "no_data",
        "unhealthy",
        "no_data",
    ]
    [jobs] = [one for one in health.components if one.component == "jobs"]
    assert (jobs.weight, jobs.critical, jobs.depends_on, jobs.limited_by) == (1, False, (), "jobs")
    assert jobs.factors[0].reason == (
        "error ratio 50 % over 5m costs 50.0 of 100 points: b, 5 of 10 calls failed, all of them "
        "ValueError"
    )


def test_alerts_are_those_of_the_component_that_they_name() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Failing", signal="error_ratio", by=["component"], above="10%", severity="critical"
    )
    watched.call("a", times=10, component="api")
    watched.call("b", times=10, component="jobs", error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    api, jobs = health.components
    assert [one.points_lost for one in api.factors] == [0, 0, 0]
    assert [one.points_lost for one in jobs.factors] == pytest.approx([50, 50 / 3, 0])
    assert jobs.factors[1].reason == "alert points 10 costs 16.7 of 50 points: Failing"


def test_declared_components_weigh_in_the_whole() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    watched.call("a", times=90, component="api")
    watched.call("b", times=10, component="jobs", error=ValueError())
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(90)
    rules.add_component("jobs", weight=3)
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(25)
    rules.add_component("jobs", weight=0)
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(100)
    # Where nothing that weighs has any traffic, nothing is known.
    rules.add_component("api", weight=0)
    watched.tick()
    health = watched.monitor.health()
    assert (health.score, health.status) == (None, "no_data")
    assert factor(health, "errors").reason == (
        "error ratio does not count, because its components have the weight 0"
    )
    assert rules.remove_component("api")
    assert rules.remove_component("jobs")
    assert not rules.remove_component("jobs")
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(90)


def test_without_enough_of_each_component_all_of_them_together_count() -> None:
    watched = Watched()
    watched.monitor.rules.add_component("api", weight=5)
    watched.call("a", times=6, component="api")
    watched.call("b", times=6, component="jobs", error=ValueError())
    watched.tick()
    assert watched.monitor.health().score == pytest.approx(50)


def test_the_whole_is_no_better_than_a_critical_component() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.add_component("payments", critical=True)
    rules.add_component("mail", critical=True)
    watched.call("a", times=90, component="web")
    watched.call("b", times=4, component="payments")
    watched.call("b", times=6, component="payments", error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert health.score == pytest.approx(40)
    assert sum(one.points_lost for one in health.factors) == pytest.approx(60)
    limit = factor(health, "critical_component")
    assert limit.points_lost == pytest.approx(30)
    assert (limit.value, limit.score, limit.weight) == (
        pytest.approx(40),
        pytest.approx(0.4),
        0,
    )
    # Worst first; as they cost the same, in their order.
    assert "critical component payments at 40.0 costs 30.0 points" in health.reasons
    assert watched.sample("health_factor_points_lost", factor="critical_component") == (
        pytest.approx(30)
    )
    # A better one costs nothing, and an unknown one neither.
    watched.call("b", times=100, component="payments")
    watched.tick()
    health = watched.monitor.health()
    assert factor(health, "critical_component").points_lost == pytest.approx(0, abs=5)
    assert health.score == pytest.approx(100 * 104 / 110)


def test_a_component_does_no_better_than_what_it_depends_on() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.add_component("web", depends_on=["shop", "ads"], critical=True)
    rules.add_component("shop", depends_on=["db"])
    for name, failing in (("web", 1), ("shop", 2), ("db", 7), ("other", 10)):
        watched.call(name, times=10 - failing, component=name)
        watched.call(name, times=failing, component=name, error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert scores(health) == {
        "ads": (None, None),
        "db": (pytest.approx(30), pytest.approx(30)),
        "other": (pytest.approx(0), pytest.approx(0)),
        "shop": (pytest.approx(80), pytest.approx(30)),
        "web": (pytest.approx(90), pytest.approx(30)),
    }
    assert {one.component: one.limited_by for one in health.components} == {
        "ads": None,
        "db": "db",
        "other": "other",
        "shop": "db",
        "web": "db",
    }
    assert {one.component: one.status for one in health.components}["web"] == "critical"
    # The mean is 50, and the critical one does no better than what it depends on.
    assert health.score == pytest.approx(30)
    assert (
        "   90.0  web    critical; 30.0 because it depends on db; critical; error ratio 10 % over "
        "5m costs 10.0 of 100 points: web, 1 of 10 calls failed, all of them ValueError"
    ) in health.explain().splitlines()
    assert watched.sample("component_health_score", component="web") == pytest.approx(90)
    assert watched.sample("component_effective_health_score", component="web") == pytest.approx(30)
    assert watched.sample("component_health_score", component="ads") is None
    for one, other in (("web", "shop"), ("web", "ads"), ("shop", "db")):
        assert watched.sample("component_dependency_info", component=one, depends_on=other) == 1
    assert json.loads(json.dumps(health.graph())) == {
        "nodes": [
            {
                "id": name,
                "score": own,
                "effective_score": effective,
                "status": status,
                "weight": 1.0,
                "critical": name == "web",
            }
            for (name, (own, effective)), status in zip(
                scores(health).items(),
                ["no_data", "critical", "critical", "critical", "critical"],
                strict=True,
            )
        ],
        "edges": [
            {"source": "shop", "target": "db"},
            {"source": "web", "target": "shop"},
            {"source": "web", "target": "ads"},
        ],
    }


FEEDBACK: list[dict[str, Any]] = [
    {"signal": "health_score", "below": 90},
    {"signal": "component_health_score", "by": ["component"], "below": 90},
    {"signal": "component_health_score", "where": {"component": "jobs"}, "below": 90},
    {"signal": "health_score", "derive": {"slope": "1m"}, "below": -1},
    {"signal": "health_score", "derive": {"forecast": "1h", "over": "1m"}, "below": 90},
    {"signal": "alert_points", "above": 0},
    {"series": "health_score", "below": 90},
    {"series": "health_score", "derive": {"slope": "1m"}, "below": -1},
    {"series": "health_factor_points_lost", "where": {"factor": "errors"}, "above": 0},
    {"series": "health_factor_score", "aggregate": "min", "below": 0.9},
    {"series": "health_factor_weight", "where": {"factor": "errors"}, "above": 1},
    {"series": "health_status", "where": {"{}health_status": "healthy"}, "below": 1},
    {"series": "component_health_score", "aggregate": "min", "below": 90},
    {"series": "component_effective_health_score", "aggregate": "min", "below": 90},
    {"series": "alert_state", "where": {"alertname": "Failing"}, "above": 1},
    {"series": "alert_transitions_total", "above": 0},
]


def with_prefix(rule: dict[str, Any], prefix: str) -> dict[str, Any]:
    changed = dict(rule)
    if "series" in rule:
        changed["series"] = prefix + rule["series"]
    if "where" in rule:
        changed["where"] = {name.format(prefix): value for name, value in rule["where"].items()}
    return changed


def getting_worse(prefix: str, *more: dict[str, Any]) -> tuple[list[Health], set[str]]:
    """What health is at each tick, and which alerts fire in the end."""
    watched = Watched(metric_prefix=prefix)
    rules = watched.monitor.rules
    rules.add(alert="Failing", signal="error_ratio", above="5%", window="10s")
    for index, rule in enumerate(more):
        rules.add(alert=f"More{index}", severity="critical", **with_prefix(rule, prefix))
    found, firing = [], set()
    # It fires, ends and fires again, so that counters of alerts are seen to grow.
    for failing in (0, 9, 0, 0, 0, 9, 30, 60, 90, 120):
        watched.call("b", times=30, component="jobs")
        watched.call("b", times=failing, component="jobs", error=ValueError())
        watched.tick()
        found.append(watched.monitor.health())
        firing |= {one.alertname for one in watched.monitor.alerts.active(state="firing")}
    return found, firing


@pytest.mark.parametrize("prefix", ["", "shop_"])
@pytest.mark.parametrize("rule", FEEDBACK, ids=repr)
def test_an_alert_on_the_score_never_counts_against_it(prefix: str, rule: dict[str, Any]) -> None:
    plain, firing = getting_worse(prefix)
    assert firing == {"Failing"}
    found, firing = getting_worse(prefix, rule)
    assert firing == {"Failing", "More0"}
    assert found == plain


def test_such_an_alert_is_evaluated_on_the_score_of_the_same_tick() -> None:
    watched, gauge = gauged(100)
    watched.monitor.rules.add(alert="Ill", signal="health_score", below=50)
    watched.tick()
    assert watched.states() == {}
    gauge.set(49)
    watched.tick()
    assert watched.states() == {"Ill": ("warning", "firing")}
    assert watched.monitor.alerts.active()[0].message == "health_score is 49, below 50"
    # One that is new knows nothing of the score before it.
    watched.monitor.rules.add(alert="Poor", signal="health_score", below=60)
    gauge.set(100)
    watched.tick()
    assert [one.state for one in watched.monitor.alerts.history()] == ["firing", "resolved"]
    assert {one.alertname for one in watched.monitor.alerts.history()} == {"Ill"}


def test_any_other_alert_does_count() -> None:
    """Else the tests above could not fail: one on what does not come from the score."""
    for rule in (
        {"signal": "error_ratio", "above": "1%"},
        {"series": "operation_errors_total", "above": 0},
        {"series": "slo_health_score", "below": 5, "no_data": "alert"},
    ):
        plain, _ = getting_worse("")
        found, firing = getting_worse("", rule)
        assert firing == {"Failing", "More0"}
        assert found[-1].score is not None
        assert plain[-1].score is not None
        assert found[-1].score < plain[-1].score


def test_a_prefix_that_comes_later() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Ill", series="shop_health_score", below=101, severity="critical"
    )
    watched.call(times=20)
    watched.tick()
    assert factor(watched.monitor.health(), "alerts").score == 1
    watched.monitor.configure(metric_prefix="shop_")
    watched.call(times=20)
    watched.tick(2)
    assert watched.states() == {"Ill": ("critical", "firing")}
    assert factor(watched.monitor.health(), "alerts").score is None


def test_alert_points() -> None:
    watched = Watched()
    for severity in ("critical", "error", "warning", "info"):
        watched.monitor.rules.add(
            alert=severity.title(), signal="error_ratio", above="5%", severity=severity
        )
    watched.monitor.rules.add(
        alert="Pending", signal="error_ratio", above="5%", severity="critical", for_="1h"
    )
    watched.call(times=10)
    watched.tick()
    assert watched.read("alert_points") == 0
    watched.call(times=10, error=ValueError())
    watched.tick()
    assert watched.read("alert_points") == 17
    assert factor(watched.monitor.health(), "alerts").reason == (
        "alert points 17 costs 28.3 of 50 points: Critical, Error, Warning"
    )


def test_one_alert_of_several_severities_counts_once() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Failing", signal="error_ratio", above={"warning": "5%", "critical": "20%"}
    )
    watched.call(times=9)
    watched.call(error=ValueError())
    watched.tick()
    assert watched.read("alert_points") == 2
    watched.call(times=10, error=ValueError())
    watched.tick()
    assert watched.read("alert_points") == 10


def test_who_is_to_blame() -> None:
    watched = Watched()
    monitor = watched.monitor
    for _ in range(182):
        for name, seconds in (("a", 0.1), ("b", 0.2)):
            watched.call(name, seconds, times=20, component=name)
        watched.tick()
        monitor.health()
    watched.tick(60)
    watched.call("a", 0.1, times=15, component="a")
    watched.call("a", 0.1, times=3, component="a", error=ValueError())
    watched.call("a", 0.1, times=2, component="a", error=KeyError())
    watched.call("b", 0.5, times=20, component="b")
    watched.tick()
    health = monitor.health()
    assert health.reasons == (
        (
            "change of latency mean 100 % over 15m costs 40.0 of 40 points: b, 200 ms before and "
            "500 ms now"
        ),
        (
            "error ratio 12.5 % over 5m costs 7.5 of 60 points: a, 5 of 20 calls failed, mostly "
            "ValueError"
        ),
    )
    own = {one.component: [part.reason for part in one.factors] for one in health.components}
    assert own["a"] == [
        (
            "error ratio 25 % over 5m costs 15.0 of 60 points: a, 5 of 20 calls failed, mostly "
            "ValueError"
        ),
        "change of latency mean 0 % over 15m costs 0.0 of 40 points",
    ]
    assert own["b"][0] == "error ratio 0 % over 5m costs 0.0 of 60 points"


def test_calls_that_were_cancelled_are_not_among_those_that_failed() -> None:
    import asyncio

    watched = Watched()
    watched.call(times=5)
    watched.call(times=5, error=ValueError())
    watched.call(times=10, error=asyncio.CancelledError())
    watched.tick()
    [why] = watched.monitor.health().reasons
    assert why == (
        "error ratio 50 % over 5m costs 50.0 of 100 points: f, 5 of 10 calls failed, all of them "
        "ValueError"
    )


@pytest.mark.parametrize(
    ("signal", "full", "zero", "reason"),
    [
        ("latency_mean", 1, 2, "latency mean 2.002 s over 5m costs 100.0 of 100 points: {}"),
        ("latency_p50", 1, 1.5, "latency p50 2.089 s over 5m costs 100.0 of 100 points: {}"),
        ("rate", 0, 0.02, "rate 0.0333/s over 5m costs 100.0 of 100 points"),
        ("in_progress", -1, 1, "in progress 0 costs 50.0 of 100 points"),
        ("latency_stddev", 1, 0, "latency stddev 0 s over 5m costs 100.0 of 100 points"),
    ],
)
def test_reasons_of_other_signals(signal: str, full: float, zero: float, reason: str) -> None:
    watched = Watched()
    asked = Query(signal, quantile=0.5 if signal == "latency_p50" else None)
    watched.monitor.rules.set_health(Scoring(factors=(Factor("one", asked, full, zero, 1),)))
    watched.call("fast", 2.001, times=9)
    watched.call("slow", 2.01)
    watched.tick()
    [why] = watched.monitor.health().reasons
    assert why == reason.format("slow takes 2.01 s on average")


def test_a_ramp_may_go_the_other_way() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(
        factors=[{"name": "odd", "signal": "error_ratio", "full": 1, "zero": 0, "weight": 1}]
    )
    watched.call(times=10)
    watched.tick()
    health = watched.monitor.health()
    assert health.score == 0
    assert health.reasons == (
        "error ratio 0 % over 5m costs 100.0 of 100 points: f, 0 of 10 calls failed",
    )


@pytest.mark.parametrize("name", [name for name in SIGNALS if name != "burn_rate"])
def test_nothing_contributes_where_nothing_happens(name: str) -> None:
    watched = Watched()
    watched.tick()
    view = HistoryView(watched.monitor.evaluation.history)
    for query in (Query(name), Query(name, derive=Derivation("change", 900.0))):
        for component in (None, "default"):
            assert SIGNALS[name].worst_contributor(query, view, component) == ""


def test_factors_on_some_operations_alone() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(
        factors=[
            {
                "name": "pay",
                "signal": "error_ratio",
                "where": {"operation": "pay"},
                "full": 0,
                "zero": 1,
                "weight": 1,
            }
        ]
    )
    watched.call("pay", times=5)
    watched.call("pay", times=5, error=ValueError())
    watched.call("other", times=50, error=KeyError())
    watched.tick()
    health = watched.monitor.health()
    assert health.score == 50
    assert health.factors[0].where == ('operation="pay"',)
    [why] = health.reasons
    assert why == (
        "error ratio 50 % over 5m costs 50.0 of 100 points: pay, 5 of 10 calls failed, all of them "
        "ValueError"
    )


ODD_NAMES = ['quo"te', "back\\slash", "new\nline", "café ☃", "\x1b[31mred", "x" * 1000, "{a=1}"]


@pytest.mark.parametrize("prefix", ["", "shop_"])
@pytest.mark.parametrize("format", [Format.TEXT_0_0_4, Format.OPENMETRICS_1_0_0])
def test_the_series_can_be_read(prefix: str, format: Format) -> None:  # noqa: A002 - the word
    watched = Watched(metric_prefix=prefix)
    monitor = watched.monitor
    monitor.rules.set_health(
        model="classic",
        levels={'very "good"': 60, "a\\b": 20, "☃": 0},
        factors=[
            {"name": 'a"b\\☃', "signal": "rate", "window": 5, "full": 0, "zero": 5, "weight": 10}
        ],
    )
    monitor.rules.add_component('quo"te', critical=True, depends_on=["back\\slash", "café ☃"])
    for name in ODD_NAMES:
        watched.call(name, times=10, component=name)
        watched.call(name, times=10, component=name, error=ValueError())
    watched.tick()
    text = monitor.generate_latest(format).decode()
    parse = parse_openmetrics if format.is_openmetrics else parse_text
    families = {family.name.removeprefix(prefix): family for family in parse(text)}
    seen = {name[:256] for name in ODD_NAMES}
    for family in ("component_health_score", "component_effective_health_score"):
        found = {one.labels["component"]: one.value for one in families[family].samples}
        assert found.keys() == seen
        assert min(found.values()) == families["health_score"].samples[0].value
    states = families["health_status"]
    assert states.type == ("stateset" if format.is_openmetrics else "gauge")
    label = f"{prefix}health_status"
    assert {one.labels[label]: one.value for one in states.samples} == {
        'very "good"': 0,
        "a\\b": 1,
        "☃": 0,
        "no_data": 0,
    }
    for family in ("health_factor_score", "health_factor_weight", "health_factor_points_lost"):
        found = {one.labels["factor"]: one.value for one in families[family].samples}
        assert found.keys() == {"errors", 'a"b\\☃', "critical_component"}
    family = "component_dependency" if format.is_openmetrics else "component_dependency_info"
    edges = {tuple(one.labels.values()) for one in families[family].samples}
    assert edges == {('quo"te', "back\\slash"), ('quo"te', "café ☃")}
    assert {family.type for name, family in families.items() if "health_s" in name} <= {
        "gauge",
        states.type,
    }


def test_odd_names_are_told_in_one_line_each() -> None:
    watched = Watched()
    for name in ODD_NAMES:
        watched.call(name, times=10, component=name, error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    lines = health.explain().split("\n")
    assert len(lines) == 6 + len(ODD_NAMES)
    assert all(line.isprintable() for line in lines)
    assert all(why.isprintable() for why in health.reasons)
    assert any("new\\nline" in line for line in lines)
    # One long name does not push all others to the right.
    assert max(len(line) for line in lines if "xxx" not in line) < 200
    assert {one["id"] for one in health.graph()["nodes"]} == {name[:256] for name in ODD_NAMES}
    assert json.loads(json.dumps(health.to_dict()))["components"][0]["component"]


def test_all_of_it_as_json() -> None:
    health = in_trouble().monitor.health()
    read = json.loads(json.dumps(health.to_dict(), allow_nan=False))
    assert read["score"] == health.score
    assert read["factors"][0]["reason"] == ERRORS
    assert read["components"][0]["factors"][0]["factor"] == "errors"
    assert len(read["trend"]["snapshots"]) == 10


def test_snapshots_and_where_they_are_going() -> None:
    watched, gauge = gauged(90)
    seen = []
    for index in range(12 * 4):
        gauge.set(90 - 0.5 * index / 12)
        watched.tick()
        seen.append(watched.monitor.health().trend)
    # One each minute; from the third on they make a line.
    assert [len(one.snapshots) for one in seen[::12]] == [1, 2, 3, 4]
    assert [one.slope for one in seen[:24]] == [None] * 24
    assert seen[24].slope == pytest.approx(-30)
    assert seen[24].forecast == pytest.approx(90 - 1 - 30)
    assert seen[-1].snapshots[0].score == 90
    first, second = seen[-1].snapshots[:2]
    assert second.at - first.at == pytest.approx(60)
    assert first.at == pytest.approx(watched.clock.wall() - 47 * 5)
    assert (first.status, second.status) == ("healthy", "healthy")
    for _ in range(10 * 12):
        watched.tick()
    last = watched.monitor.health().trend
    assert len(last.snapshots) == 10
    assert last.slope == pytest.approx(0, abs=1)


@pytest.mark.parametrize(("per_minute", "forecast"), [(-30, 0), (20, 100)])
def test_a_forecast_is_a_score(per_minute: float, forecast: float) -> None:
    watched, gauge = gauged(50)
    for index in range(3):
        gauge.set(50 + index * per_minute / 2)
        watched.tick(seconds=60)
    trend = watched.monitor.health().trend
    assert trend.slope == pytest.approx(per_minute / 2 * 60)
    assert trend.forecast == forecast
    assert f"{trend.slope:+.1f} points an hour" in watched.monitor.health().explain()


def test_scores_that_are_not_known_are_snapshots_but_make_no_line() -> None:
    watched, gauge = gauged(math.nan)
    watched.tick(3, seconds=60)
    trend = watched.monitor.health().trend
    assert [(one.score, one.status) for one in trend.snapshots] == [(None, "no_data")] * 3
    assert trend.slope is None
    gauge.set(50)
    watched.tick(3, seconds=60)
    assert watched.monitor.health().trend.slope == pytest.approx(0)


def test_how_many_snapshots_are_kept_and_how_far_apart() -> None:
    watched, _ = gauged(50)
    watched.tick(24)
    assert len(watched.monitor.health().trend.snapshots) == 2
    watched.monitor.configure(health_snapshots=4, health_snapshot_interval=0)
    watched.tick(10)
    trend = watched.monitor.health().trend
    apart = [after.at - before.at for before, after in pairwise(trend.snapshots)]
    assert apart == pytest.approx([5, 5, 5])
    watched.monitor.configure(health_snapshots=2)
    watched.tick()
    assert len(watched.monitor.health().trend.snapshots) == 2
    watched.monitor.configure(health_snapshots=0)
    watched.tick()
    assert watched.monitor.health().trend == Trend()


def test_it_can_be_asked_for_without_anything_that_ticks() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        system_metrics=False,
        clock=clock,
        tick_interval=0,
        health_model="classic",
    )
    with monitor.operation("f"):
        clock.advance(1)
    first = monitor.health()
    assert (first.at, first.status) == (clock.wall(), "no_data")
    # At the same moment nothing can have changed.
    assert monitor.health() is first
    for _ in range(9):
        with monitor.operation("f"):
            clock.advance(0.1)
    assert monitor.health().score == 100
    assert monitor.health().at == clock.wall()


def test_with_a_thread_that_ticks_it_is_as_of_the_last_tick() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, clock=clock, tick_interval=3600
    )
    monitor.start()
    try:
        clock.advance(1)
        first = monitor.health()
        assert first.at == clock.wall()
        clock.advance(1)
        assert monitor.health() is first
    finally:
        monitor.close()


def test_what_was_long_before_anybody_asked_is_not_known() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
    for _ in range(20):
        with monitor.operation("f"):
            pass
    clock.advance(3600)
    assert monitor.health().score is None


def test_before_the_first_tick_there_is_nothing_to_see() -> None:
    watched = Watched()
    assert not [one for one in watched.registry.collect() if "health" in one.name]
    health = watched.monitor.health()
    assert health == Health(None, "no_data", failing=False, model="classic", at=None)
    assert health.explain() == "health is not known: no_data (model classic)"
    assert health.graph() == {"nodes": [], "edges": []}


def test_a_disabled_monitor_says_nothing_new() -> None:
    watched = Watched(enabled=False)
    watched.call(times=20)
    watched.tick()
    assert watched.monitor.health().at is None
    watched.monitor.enable()
    watched.call(times=20)
    watched.tick()
    before = watched.monitor.health()
    assert before.score == 100
    watched.monitor.disable()
    watched.tick(3)
    assert watched.monitor.health() is before


def test_no_model_at_all() -> None:
    watched = Watched(health_model="off")
    rules = watched.monitor.rules
    rules.add(alert="Failing", signal="error_ratio", above="5%", severity="critical")
    rules.add(alert="Ill", signal="health_score", below=100)
    rules.add(alert="Alerts", signal="alert_points", above=5)
    watched.call(times=20, error=ValueError())
    watched.tick()
    health = watched.monitor.health()
    assert (health.score, health.status, health.model, health.at) == (None, "no_data", "off", None)
    assert not [one for one in watched.registry.collect() if "health" in one.name]
    # Alerts count for rules, with a score or without.
    assert watched.states().keys() == {"Failing", "Alerts"}
    # What a rule file says goes before the setting.
    rules.set_health(model="classic")
    watched.tick()
    assert watched.monitor.health().model == "classic"
    assert watched.states()["Ill"] == ("warning", "firing")


def test_the_model_can_be_changed() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Ill", signal="health_score", below=100)
    watched.call(times=20)
    watched.call(error=ValueError())
    watched.tick()
    assert watched.monitor.health().model == "classic"
    assert watched.states() == {"Ill": ("warning", "firing")}
    watched.monitor.configure(health_model="pipeline")
    watched.tick()
    assert watched.monitor.health().model == "pipeline"
    assert watched.sample("health_factor_weight", factor="success") == 50
    assert watched.sample("health_factor_weight", factor="errors") is None
    watched.monitor.configure(health_model="off")
    assert watched.monitor.health().model == "off"
    assert watched.sample("health_score") is None
    # A score that is not made any more is seen by no rule.
    watched.tick()
    assert watched.read("health_score") is None
    assert watched.read("component_health_score") is None
    assert watched.states() == {"Ill": ("warning", "resolved")}


def test_other_rules_leave_the_last_score_as_it_is() -> None:
    watched = Watched()
    watched.call(times=20)
    watched.tick()
    before = watched.monitor.health()
    watched.monitor.rules.add(alert="Slow", signal="latency_mean", above=1)
    assert watched.monitor.health() is before
    assert watched.sample("health_score") == 100
    # How health is scored has changed: what was known last stays until the next tick.
    watched.monitor.rules.set_health(model="pipeline")
    assert watched.monitor.health.latest == before
    assert watched.sample("health_score") == 100
    # It is put into the levels that there are now.
    watched.monitor.rules.set_health(levels={"fine": 99, "ill": 0})
    assert watched.monitor.health().status == "fine"
    assert watched.sample("health_status", health_status="fine") == 1
    watched.monitor.rules.set_health(model="pipeline")
    watched.tick()
    assert watched.monitor.health().model == "pipeline"


def test_what_is_known_of_the_past_stays_when_it_is_scored_in_another_way() -> None:
    watched = Watched()
    watched.monitor.health()
    for _ in range(182):
        watched.call(times=20, seconds=0.1)
        watched.tick()
    assert factor(watched.monitor.health(), "trend").score == 1
    watched.monitor.rules.add_component("default", weight=2)
    watched.tick()
    assert factor(watched.monitor.health(), "trend").score == 1


def test_what_is_said_anew_takes_the_place_of_what_was_said() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.add_component("db", critical=True)
    rules.set_health(model="pipeline", fail_below=90, components={"web": {"weight": 2}})
    assert rules.in_force.health == Scoring(
        model="pipeline",
        fail_below=90,
        components=(Component("web", 2.0), Component("db", critical=True)),
    )
    assert rules.set_health() is None
    assert rules.in_force.health == Scoring(components=(Component("db", critical=True),))
    assert rules.remove_component("db")
    assert rules.in_force.health is None
    assert rules.set_health(Scoring("slo")) == Scoring("slo")
    with pytest.raises(vs.ConfigurationError):
        rules.set_health(model="fast")
    assert rules.in_force.health == Scoring("slo")


def test_a_file_that_changes(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("health: {model: pipeline, components: {db: {critical: true}}}")
    watched = Watched()
    rules = watched.monitor.rules
    rules.load(file)
    rules.add_component("web", depends_on=["db"])
    watched.tick()
    health = watched.monitor.health()
    assert (health.model, scores(health).keys()) == ("pipeline", {"db", "web"})
    assert not rules.remove_component("db")

    def write(text: str) -> Health:
        file.write_text(text)
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
        # It is read when it has been still for a tick.
        watched.tick(2)
        return watched.monitor.health()

    # With a mistake, and with a circle that what was added closes, all stays as it was.
    for text in ("health: fast", "health: {components: {db: {depends_on: [web]}}}"):
        assert write(text).model == "pipeline"
        assert rules.reload_failed
        assert watched.sample("vitalspan_rules_reload_failed") == 1
    health = write("health: {model: slo, levels: studio}\nslos: [{name: a, objective: 90%}]")
    assert (health.model, scores(health).keys()) == ("slo", {"db", "web"})
    assert not rules.reload_failed
    assert [one.factor for one in health.factors] == ["a"]
    assert watched.sample("health_status", health_status="unhealthy") is None
    assert write("groups: []").model == "classic"


def test_beginning_anew() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Failing", signal="error_ratio", above="5%")
    watched.monitor.rules.add(alert="Ill", signal="health_score", below=100)
    for _ in range(200):
        watched.call(times=20, error=ValueError())
        watched.tick()
    assert watched.monitor.health().score is not None
    watched.monitor.reset()
    assert watched.monitor.health().at is None
    assert not [one for one in watched.registry.collect() if "health" in one.name]
    watched.tick()
    health = watched.monitor.health()
    assert [one.score for one in health.factors] == [None, 1, None, None]
    assert scores(health) == {"default": (None, None)}
    assert len(health.trend.snapshots) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_health_of_its_own() -> None:
    run_program(
        FORKING
        + """
clock = vs.ManualClock()
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
monitor.rules.add_component("default", critical=True)

def calls(error=None):
    for _ in range(20):
        try:
            with monitor.operation("f"):
                if error:
                    raise error
        except ValueError:
            pass
    clock.advance(60)

for _ in range(5):
    calls(ValueError())
    assert monitor.health().score == 0
assert monitor.health().trend.slope == 0

def child():
    clock.advance(5)
    health = monitor.health()
    assert (health.score, health.status) == (None, "no_data"), health
    assert len(health.trend.snapshots) == 1
    calls()
    assert monitor.health().score == 100
    assert monitor.health().graph()["nodes"][0]["critical"]

in_child(child)
assert monitor.health().score == 0
assert len(monitor.health().trend.snapshots) == 5
"""
    )


LOOP = {"name": "loop", "series": "app_health_score", "full": 100, "zero": 0, "weight": 9}


def test_a_factor_on_the_score_is_refused_whatever_its_prefix() -> None:
    watched = Watched(metric_prefix="app_")
    with pytest.raises(vs.ConfigurationError, match="factor 'loop' uses app_health_score"):
        watched.monitor.rules.set_health(factors=[LOOP])
    assert watched.monitor.rules.in_force.health is None


def test_a_prefix_that_makes_a_factor_one_on_the_score_is_refused() -> None:
    watched = Watched()
    watched.monitor.rules.set_health(factors=[LOOP])
    with pytest.raises(vs.ConfigurationError, match="which is computed from the score itself"):
        watched.monitor.configure(metric_prefix="app_")
    watched.call()
    watched.tick()
    assert watched.sample("health_status", health_status="no_data") == 1


def test_a_fault_in_assessing_ends_neither_rules_nor_receivers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Busy", signal="rate", above=0)

    def fail(now: float) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(watched.monitor.evaluation.assessor, "assess", fail)
    watched.call()
    watched.tick(2)
    assert watched.states()["Busy"] == ("warning", "firing")
    assert watched.monitor.evaluation.ticks == 2
    assert watched.sample("vitalspan_internal_errors_total", where="health") == 2
    assert "assessing health failed" in caplog.text
