"""One definition, two evaluators: at the same samples, the process and Prometheus say the same."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge

from support.promtool import promtool
from support.sampled import Sampled
from support.watched import TICK
from vitalspan.cli.main import main
from vitalspan.compiler.condition import expression
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.file.load import build_query

pytestmark = pytest.mark.prometheus2

TICKS = 60

EXACT = 1e-6

QUESTIONS: list[tuple[dict[str, Any], float]] = [
    ({"signal": "rate", "window": "1m"}, EXACT),
    ({"signal": "rate", "window": "1m", "where": {"operation": "!=browse"}}, EXACT),
    ({"signal": "rate", "window": "1m", "where": {"tier": "=~g.*"}}, EXACT),
    ({"signal": "error_ratio", "window": "2m"}, EXACT),
    ({"signal": "error_ratio", "window": "2m", "where": {"operation": "pay"}}, EXACT),
    ({"signal": "latency_mean", "window": "1m"}, EXACT),
    # As good as the exported buckets, in which Prometheus interpolates.
    ({"signal": "latency_p50", "window": "2m"}, 0.35),
    ({"signal": "latency_p95", "window": "2m"}, 0.35),
    ({"signal": "latency_stddev", "window": "2m"}, 0.2),
    ({"signal": "in_progress"}, EXACT),
    ({"signal": "oldest_in_progress"}, EXACT),
    ({"signal": "measure_rate", "measure": "items", "window": "1m"}, EXACT),
    ({"signal": "cache_hit_ratio", "window": "1m"}, EXACT),
    ({"signal": "api_rate", "window": "1m"}, EXACT),
    ({"signal": "api_error_ratio", "window": "1m"}, EXACT),
    ({"signal": "api_tokens_rate", "window": "1m", "where": {"api": "llm"}}, EXACT),
    ({"signal": "api_cost_rate", "window": "1m"}, EXACT),
    ({"signal": "burn_rate", "slo": "fast", "window": "2m"}, EXACT),
    ({"series": "depth"}, EXACT),
    ({"series": "depth", "aggregate": "max"}, EXACT),
    ({"series": "jobs_total", "window": "1m"}, EXACT),
    ({"signal": "rate", "window": "1m", "derive": {"change": "1m"}}, EXACT),
    ({"series": "depth", "derive": {"slope": "2m"}}, EXACT),
    ({"series": "depth", "derive": {"forecast": "10m", "over": "2m"}}, EXACT),
    ({"series": "depth", "derive": {"until": 100000, "over": "2m"}}, EXACT),
    ({"series": "depth", "derive": {"anomaly": "4m"}}, 0.05),
]


def live(watched: Sampled) -> None:
    """Make five minutes of traffic and note every sample."""
    luck = random.Random(7)
    rules = watched.monitor.rules
    rules.add_slo(name="fast", objective=0.9, under=0.2)
    # What is followed, and what is derived, needs a rule that asks for it from the beginning.
    for number, (fields, _) in enumerate(QUESTIONS):
        if "series" in fields or "derive" in fields:
            low = {"jobs_total": 0, None: -0.999}.get(fields.get("series"), -1e12)
            low = 0 if {"anomaly", "until"} & set(fields.get("derive", ())) else low
            rules.add(alert=f"Q{number}", above=low, **fields)
    depth = Gauge("depth", "Waiting.", ["queue"], registry=watched.registry)
    jobs = Counter("jobs", "Done.", registry=watched.registry)
    stuck = watched.monitor.operation("restock")
    pages, llm = watched.monitor.cache("pages"), watched.monitor.api("llm")
    # Every series is there from the first sample on.
    watched.call("pay", 0.1, error=ValueError(), labels={"tier": "gold"})
    watched.call("browse", 0.1, error=ValueError())
    for tick in range(TICKS):
        for _ in range(luck.randint(1, 6)):
            watched.call("browse", luck.lognormvariate(-2, 0.7))
            error = ValueError() if luck.random() < 0.3 else None
            watched.call("pay", luck.uniform(0.05, 0.4), error=error, labels={"tier": "gold"})
            watched.call("import", 0.02, add={"items": luck.randint(1, 50)})
        if luck.random() < 0.3:
            watched.call("browse", 0.3, error=asyncio.CancelledError())
        (pages.hit if luck.random() < 0.7 else pages.miss)()
        llm.record(tokens=100, cost=0.25, error="down" if luck.random() < 0.2 else None)
        depth.labels("a").set(tick * 3 + luck.random())
        depth.labels("b").set(5)
        jobs.inc(luck.randint(0, 9))
        if tick == 40:
            stuck.__enter__()
        watched.tick()
        watched.take_samples()


@pytest.fixture(scope="module")
def samples_and_values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of promtool's tests: every sample, and what the process makes of them."""
    watched = Sampled()
    live(watched)
    end = (TICKS - 1) * TICK
    engine = watched.monitor.evaluation.engine
    derived = {run.rule.alert: run for run in engine.rule_states()}
    tests = []
    for number, (fields, tolerance) in enumerate(QUESTIONS):
        run = derived.get(f"Q{number}")
        if run is not None:
            [instance] = run.instances.values()
            value = instance.value
        else:
            value = watched.read(**fields)
        assert value is not None, fields
        text = expression(build_query(fields), PromqlContext(step=TICK))
        allowed = tolerance * max(abs(value), 1e-9)
        tests.append(
            {
                "expr": f"abs(({text}) - ({value!r})) <= bool {allowed!r}",
                "eval_time": f"{end:g}s",
                "exp_samples": [{"labels": '{job="shop"}', "value": 1}],
            }
        )
    document = {
        "evaluation_interval": "5s",
        "tests": [
            {
                "interval": f"{TICK:g}s",
                "input_series": [
                    {"series": series, "values": " ".join(values)}
                    for series, values in watched.series.items()
                ],
                "promql_expr_test": tests,
            }
        ],
    }
    file = tmp_path_factory.mktemp("signals") / "test.yml"
    file.write_text(json.dumps(document))
    return file


def test_the_same_samples_give_the_same_values(samples_and_values: Path) -> None:
    assert promtool("test", "rules", samples_and_values) == ""


def test_the_evaluator_of_promql_says_the_same(
    samples_and_values: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(samples_and_values)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == "ok      test 1\n"


def test_with_other_buckets_the_values_are_the_same_as_well(tmp_path: Path) -> None:
    """Calls of minutes, which the default buckets could not tell apart."""
    boundaries = (1.0, 10.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 240.0, 300.0, 600.0)
    watched = Sampled(buckets=boundaries)
    luck = random.Random(3)
    watched.call("report", 5.0)
    for _ in range(TICKS):
        watched.call("report", luck.uniform(20.0, 280.0), times=2)
        watched.tick()
        watched.take_samples()
    context = PromqlContext(step=TICK, boundaries=boundaries)
    tests = []
    for signal, tolerance in (("latency_p50", 0.2), ("latency_p95", 0.2), ("latency_stddev", 0.2)):
        value = watched.read(signal, window="4m")
        assert value is not None
        assert value > 60
        text = expression(build_query({"signal": signal, "window": "4m"}), context)
        tests.append(
            {
                "expr": f"abs(({text}) - {value!r}) <= bool {tolerance * value!r}",
                "eval_time": f"{(TICKS - 1) * TICK:g}s",
                "exp_samples": [{"labels": '{job="shop"}', "value": 1}],
            }
        )
    series = [{"series": name, "values": " ".join(v)} for name, v in watched.series.items()]
    test = {"interval": f"{TICK:g}s", "input_series": series, "promql_expr_test": tests}
    (tmp_path / "test.yml").write_text(json.dumps({"evaluation_interval": "5s", "tests": [test]}))
    assert promtool("test", "rules", tmp_path / "test.yml") == ""
