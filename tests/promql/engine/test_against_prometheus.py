"""A real Prometheus and the evaluator answer alike, for all that the dashboards ask."""

from __future__ import annotations

import math
import random
import re
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Gauge

from support.backfill import BackfilledServer
from support.dashboards import DASHBOARDS, expanded, targets
from support.sampled import Sampled
from support.watched import TICK
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import MetricLabels, metric_labels
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand, Series
from vitalspan.promql.engine.series_notation import parse_series

pytestmark = pytest.mark.once

TICKS = 120

MORE = (
    "rate(operation_duration_seconds_count[1m]) > 0.1 and on (operation) depth",
    "histogram_quantile(0.9, sum by (le, operation) (rate(operation_duration_seconds_bucket[2m])))",
    "topk(2, sum by (operation) (increase(operation_duration_seconds_count[5m])))",
    "predict_linear(depth[5m], 3600)",
    "deriv(depth[3m])",
    "quantile_over_time(0.9, depth[4m])",
    "stddev_over_time(depth[4m]) / avg_over_time(depth[4m])",
    "max_over_time(rate(operation_errors_total[1m])[5m:30s])",
    "changes(depth[5m]) + on () group_left () vector(1)",
    "absent(nothing{a='b'})",
    "sum without (instance) (depth) % 7",
    "depth offset 1m - depth",
    "label_replace(depth, 'q', '$1-x', 'queue', '(.)')",
    "count_values('depth', round(depth, 100))",
    "avg(depth) or vector(0)",
    "irate(operation_duration_seconds_sum[1m])",
)
"""What dashboards do not ask."""


class Recorded:
    """The series of the test, at the times that the server has them."""

    def __init__(self, series: dict[str, list[str]], begin: float) -> None:
        self.series = []
        for text, values in series.items():
            times, column = array("q"), array("d")
            for number, value in enumerate(values):
                if value != "_":
                    times.append(round((begin + number * TICK) * 1000))
                    column.append(float(value))
            self.series.append(Series(parse_series(text)[0], times, column))

    def select(self, demand: Demand) -> list[Series]:
        return [series for series in self.series if demand.selector.matches(series.labels)]


def traffic() -> Sampled:
    """Ten minutes of operations, a cache and a gauge."""
    luck = random.Random(5)
    watched = Sampled()
    watched.monitor.rules.add_slo(name="fast", objective=0.9, under=0.2)
    depth = Gauge("depth", "Waiting.", ["queue"], registry=watched.registry)
    pages, llm = watched.monitor.cache("pages"), watched.monitor.api("llm")
    for tick in range(TICKS):
        for _ in range(luck.randint(1, 5)):
            watched.call("browse", luck.lognormvariate(-2, 0.7))
            error = ValueError() if luck.random() < 0.3 else None
            watched.call("pay", luck.uniform(0.05, 0.4), error=error)
        (pages.hit if luck.random() < 0.7 else pages.miss)()
        llm.record(tokens=100, cost=0.25, error="down" if luck.random() < 0.2 else None)
        depth.labels("a").set(tick * 3 + luck.random())
        depth.labels("b").set(luck.randint(0, 400))
        watched.tick()
        watched.take_samples()
    return watched


def asked() -> Iterator[str]:
    for dashboard in DASHBOARDS.values():
        for query in targets(dashboard):
            text = re.sub(r'=~?"[^"]*\$[^"]*"', '=~".*"', query.text)
            yield expanded(text)
    yield from MORE


def theirs(server: BackfilledServer, query: str, at: float) -> dict[MetricLabels, float] | None:
    result: Any = server.api("query", query=query, time=f"{at:.3f}")
    if result["resultType"] != "vector":
        return None
    return {metric_labels(one["metric"]): float(one["value"][1]) for one in result["result"]}


def ours(source: Recorded, query: str, at: float) -> dict[MetricLabels, float]:
    compiled = compile_query(query)
    return dict(compiled.evaluate(compiled.context(source, round(at * 1000))))


def alike(left: dict[MetricLabels, float], right: dict[MetricLabels, float]) -> bool:
    if left.keys() != right.keys():
        return False
    return all(
        (math.isnan(value) and math.isnan(right[labels]))
        or math.isclose(value, right[labels], rel_tol=1e-9, abs_tol=1e-12)
        for labels, value in left.items()
    )


def test_all_that_dashboards_ask(tmp_path: Path, record_property: Any) -> None:
    watched = traffic()
    begin = float(int(time.time()) // 60 * 60 - 3600)
    source = Recorded(watched.series, begin)
    server = BackfilledServer(tmp_path, {"global": {"evaluation_interval": "1m"}})
    server.fill(
        (text, begin + number * TICK, value)
        for number in range(TICKS)
        for text, values in watched.series.items()
        for value in values[number : number + 1]
        if value != "_"
    )
    at = begin + (TICKS - 1) * TICK
    queries = dict.fromkeys(asked())
    different: dict[str, Any] = {}
    compared = full = 0
    server.start()
    try:
        for query in queries:
            expected = theirs(server, query, at)
            if expected is None:
                continue
            try:
                actual = ours(source, query, at)
            except (PromqlError, EvaluationError) as refused:
                different[query] = refused
                continue
            compared += 1
            full += bool(actual)
            if not alike(actual, expected):
                different[query] = (actual, expected)
    finally:
        server.stop()
    assert not different
    assert full >= 60
    record_property(
        "summary",
        f"Prometheus and the evaluator answer {compared} expressions alike, {full} of them with "
        "series",
    )
