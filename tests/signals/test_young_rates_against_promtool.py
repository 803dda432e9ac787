"""A process and a Prometheus that have both just begun: rates, increases, and alerts on them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter

from support.promtool import firing, promtool
from support.sampled import Sampled
from support.watched import TICK
from vitalspan.compiler.condition import condition, expression
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.file.load import build_query, build_rule

pytestmark = pytest.mark.prometheus2

CONTEXT = PromqlContext(step=TICK)

WINDOWS = ("30s", "10m", "1d")

RATES: list[dict[str, Any]] = [
    {"signal": "rate"},
    {"signal": "concurrency"},
    {"signal": "measure_rate", "measure": "items"},
    {"signal": "api_rate"},
    {"signal": "api_tokens_rate"},
    {"signal": "api_cost_rate"},
    {"series": "errors_total"},
]
"""All rates; errors are counted by a counter of prometheus_client."""

QUESTIONS = [
    *({**rate, "window": window} for rate in RATES for window in WINDOWS),
    *({**rate, "derive": {"increase": window}} for rate in RATES for window in WINDOWS),
    {"signal": "error_ratio", "window": "10m"},
    {"signal": "error_ratio", "window": "1d"},
]


class Shop(Sampled):
    """A shop, whose counters all stand at zero until somebody works."""

    def __init__(self) -> None:
        super().__init__()
        self.errors = Counter("errors", "What went wrong.", registry=self.registry)
        self.pay = self.monitor.operation("pay")(lambda: None)
        self.llm = self.monitor.api("llm")
        # Metrics are followed from the first question on.
        follow(self, QUESTIONS)

    def work(self, calls: int) -> None:
        self.call("pay", 0.25, times=calls, add={"items": 3})
        self.call("pay", 0.25, times=calls // 2, error=ValueError())
        for _ in range(calls):
            self.llm.record(tokens=100, cost=0.25)
        self.errors.inc(calls)

    def value(self, fields: dict[str, Any]) -> float:
        """What a question is answered with as of the last tick."""
        value = self.monitor.rules._readers.read(build_query(fields)).value
        assert value is not None, fields
        return value


def follow(shop: Shop, questions: Iterable[dict[str, Any]]) -> None:
    for fields in questions:
        shop.monitor.rules._readers.read(build_query(fields))


@dataclass
class Expected:
    """Questions about one moment: each with a value, and how far from it Prometheus may be."""

    tick: int
    questions: list[tuple[dict[str, Any], float, float]]


def differences(shop: Sampled, expected: list[Expected], directory: Path) -> str:
    """What promtool says about values that Prometheus computes of the same samples."""
    tests = [
        {
            "expr": f"abs(({expression(build_query(fields), CONTEXT)}) - ({value!r}))"
            f" <= bool {tolerance!r}",
            "eval_time": f"{one.tick * TICK:g}s",
            "exp_samples": [{"labels": '{job="shop"}', "value": 1}],
        }
        for one in expected
        for fields, value, tolerance in one.questions
    ]
    series = [
        {"series": series, "values": " ".join(values)} for series, values in shop.series.items()
    ]
    document = {
        "evaluation_interval": "5s",
        "tests": [
            {"interval": f"{TICK:g}s", "input_series": series, "promql_expr_test": tests},
        ],
    }
    (directory / "test.yml").write_text(json.dumps(document))
    return promtool("test", "rules", directory / "test.yml")


def test_what_begins_at_zero_has_the_same_rates_from_the_first_minute_on(tmp_path: Path) -> None:
    """Of a history that is shorter than the window, both divide by the whole window."""
    shop = Shop()
    expected = []
    for tick in range(60):
        if tick:
            shop.work(1 + 7 * tick % 5)
        shop.tick()
        shop.take_samples()
        if tick in (2, 3, 5, 12, 59):
            questions = []
            for fields in QUESTIONS:
                value = shop.value(fields)
                assert value > 0, (tick, fields)
                # Counters of errors and measures come with the first of them, in the second sample.
                late = fields.get("signal") in ("measure_rate", "error_ratio")
                questions.append((fields, value, value * (2 / tick if late else 1e-4)))
            expected.append(Expected(tick, questions))
    assert differences(shop, expected, tmp_path) == ""


def test_what_begins_late_differs_by_one_scrape_at_most(tmp_path: Path) -> None:
    """Prometheus does not see the first value of a series, but extrapolates to its beginning."""
    shop = Shop()
    by_kind = Counter("refusals", "Orders refused.", ["kind"], registry=shop.registry)
    asked = [
        {**what, **over}
        for what in (
            {"signal": "rate", "where": {"operation": "refund"}},
            {"signal": "concurrency", "where": {"operation": "refund"}},
            {"signal": "api_cost_rate", "where": {"api": "maps"}},
            {"series": "refusals_total"},
        )
        for over in ({"window": "5m"}, {"window": "1d"}, {"derive": {"increase": "1d"}})
    ]
    follow(shop, asked)
    expected = []
    for tick in range(60):
        if tick >= 20:
            shop.call("refund", 0.5, times=4)
            shop.monitor.api("maps").record(cost=2.0)
            by_kind.labels("stock").inc(3)
        shop.tick()
        shop.take_samples()
        if tick in (22, 25, 40, 59):
            questions = []
            for fields in asked:
                value = shop.value(fields)
                assert value > 0
                # So much comes with every sample.
                each = value / (tick - 19)
                if "series" in fields:
                    # What a counter stands at when it is first seen does not count here. From there
                    # Prometheus 3 goes back by half a scrape, and Prometheus 2 by a whole one.
                    each = value / (tick - 20)
                questions.append((fields, value, each * 1.0001))
            expected.append(Expected(tick, questions))
    assert differences(shop, expected, tmp_path) == ""


RULES: list[dict[str, Any]] = [
    # One error after half a minute is not yet five a day.
    {"alert": "FiveADay", "series": "errors_total", "window": "1d", "above": "5/d"},
    {"alert": "MoreThanFive", "series": "errors_total", "above": 5, "derive": {"increase": "1d"}},
    {"alert": "FiveAMinute", "series": "errors_total", "above": 5, "derive": {"increase": "1m"}},
    {"alert": "FourAMinute", "series": "errors_total", "above": 4, "derive": {"increase": "1m"}},
    {"alert": "FewErrors", "series": "errors_total", "window": "1m", "below": "1/s"},
    {"alert": "FewCalls", "signal": "rate", "window": "2m", "below": "1/s"},
    {"alert": "FewOrders", "signal": "rate", "below": 30, "derive": {"increase": "2m"}},
    {
        "alert": "Missed",
        "signal": "rate",
        "where": {"operation": "pay"},
        "window": "2m",
        "below": "1/s",
        "no_data": "alert",
    },
    {
        "alert": "Grows",
        "signal": "rate",
        "window": "1m",
        "derive": {"change": "1m"},
        "above": "10%",
    },
]


def test_alerts_of_a_young_process_begin_at_the_same_evaluation(tmp_path: Path) -> None:
    shop = Shop()
    for fields in RULES:
        shop.monitor.rules.add(**fields)
    here: dict[int, set[str]] = {}
    ticks = range(72)
    for tick in ticks:
        if tick in (6, 30, 31, 32, 33, 34):
            # Of these six errors each is one too few until the last.
            shop.errors.inc()
        if tick:
            shop.call("pay", 0.1)
        shop.tick()
        shop.take_samples()
        here[tick] = {one.alertname for one in shop.monitor.alerts.active()}
    rules = [
        {"alert": rule.alert, "expr": str(condition(rule, rule.levels[0], CONTEXT))}
        for rule in (build_rule(fields) for fields in RULES)
    ]
    series = {series: " ".join(values) for series, values in shop.series.items()}
    times = {f"{tick * TICK:g}s": tick for tick in ticks}
    there = {
        times[time]: {labels["alertname"] for labels in alerts}
        for time, alerts in firing(rules, series, times, tmp_path, f"{TICK:g}s").items()
    }
    begun = {
        name: (
            min((tick for tick in ticks if name in here[tick]), default=None),
            min((tick for tick in ticks if name in there[tick]), default=None),
        )
        for name in (rule["alert"] for rule in rules)
    }
    assert begun == {
        # Six errors are more than five a day, over a whole day.
        "FiveADay": (34, 34),
        "MoreThanFive": (34, 34),
        # Five are not more than five.
        "FiveAMinute": (None, None),
        "FourAMinute": (34, 34),
        # Windows of a minute and of two are over, since the process began or its first sample.
        "FewErrors": (12, 12),
        "FewCalls": (23, 24),
        "FewOrders": (23, 24),
        "Missed": (23, 24),
        "Grows": (None, None),
    }
