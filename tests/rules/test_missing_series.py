"""Rules about what is not there are reported once; rules about what has not happened are not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge

from support.watched import Watched
from vitalspan.rules.missing_series import PATIENCE

METRIC = "vitalspan_rule_without_series"


class Shop(Watched):
    """A shop with an operation, a cache, an API and some metrics; nothing has gone wrong yet."""

    def __init__(self) -> None:
        super().__init__()
        self.monitor.operation("checkout", component="payments")(lambda: None)
        self.monitor.cache("pages", component="web")
        self.monitor.api("maps")
        self.refusals = Counter("refusals", "Orders.", ["kind"], registry=self.registry)
        Gauge("depth", "Waiting.", ["queue"], registry=self.registry).labels("mail").set(1)

    def add(self, **fields: Any) -> None:
        side = {} if {"above", "below"} & set(fields) else {"above": 0}
        self.monitor.rules.add(**{"alert": "Some", **side, **fields})

    def load(self, folder: Path, expr: str) -> None:
        """Load a file with a recording rule and an alert of this expression."""
        file = folder / "rules.yml"
        file.write_text(EXPRESSIONS.format(expr=expr))
        self.monitor.rules.load(file)

    def wait(self, seconds: float = PATIENCE) -> None:
        """Let time pass, a minute at a tick."""
        self.tick(int(seconds / 60) + 1, 60.0)

    def missing(self) -> dict[str, str]:
        """What is missing, by alert."""
        watch = self.monitor.evaluation._missing_series
        return {state.alert: reason for state, reason in watch.without_series.items()}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"signal": "error_ratio", "where": {"operation": "chekout"}},
            "there is no operation chekout: did you mean checkout?",
        ),
        (
            {"signal": "latency_p95", "where": {"operation": "checkout", "component": "payment"}},
            "there is no component payment: did you mean payments?",
        ),
        (
            {"signal": "rate", "where": {"operation": "=~basket.*"}},
            "no operation matches basket.*",
        ),
        (
            {"signal": "cache_hit_ratio", "where": {"cache": "page"}},
            "there is no cache page: did you mean pages?",
        ),
        ({"signal": "api_rate", "where": {"api": "llm"}}, "there is no api llm"),
        (
            {"series": "refusal_total"},
            "there is no metric refusal_total: did you mean refusals_total?",
        ),
        (
            {"series": "depth", "where": {"qeue": "mail"}},
            "no series of depth has a label qeue: did you mean queue?",
        ),
        (
            {"signal": "cpu_utilization", "above": 0.5},
            "there is no metric system_cpu_seconds_total",
        ),
    ],
)
def test_what_is_misspelled_is_reported_once(
    fields: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    shop.add(**fields)
    shop.tick()
    assert shop.sample(METRIC, alertname="Some") == 0
    with caplog.at_level(logging.WARNING, "vitalspan"):
        shop.wait(PATIENCE - 120)
        assert not caplog.messages
        shop.wait(600)
    assert shop.missing() == {"Some": reason}
    assert shop.sample(METRIC, alertname="Some") == 1
    [message] = caplog.messages
    assert message == (
        "1 rule uses something that did not exist in the first 5m, and cannot fire until it does: "
        f"Some: {reason}"
    )


@pytest.mark.parametrize(
    "fields",
    [
        # A counter with labels has no series before the first error.
        {"series": "refusals_total"},
        {"series": "refusals_total", "where": {"kind": "stock"}},
        {"series": "depth", "where": {"queue": "sms"}},
        {"signal": "error_ratio", "where": {"operation": "checkout"}},
        {"series": "operation_errors_total", "where": {"operation": "checkout"}},
        # Calls may set the label.
        {"signal": "rate", "where": {"operation": "checkout", "status": "500"}},
        {"signal": "rate", "where": {"operation": "!=browse"}},
        {"signal": "measure_rate", "measure": "retries"},
        # It names nothing.
        {"signal": "api_rate"},
        # It is not silent.
        {"signal": "absent", "where": {"operation": "backup"}},
        {"signal": "rate", "where": {"operation": "backup"}, "below": 1, "no_data": "alert"},
        {"signal": "health_score", "below": 50},
    ],
)
def test_what_has_not_happened_is_no_mistake(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    shop.add(**fields)
    shop.wait(1800)
    assert shop.missing() == {}
    assert shop.sample(METRIC, alertname="Some") == 0
    assert not caplog.messages


def test_a_name_that_comes_later_is_reported_no_more() -> None:
    shop = Shop()
    shop.add(signal="rate", where={"operation": "refund"})
    shop.wait()
    assert shop.missing() == {"Some": "there is no operation refund"}
    shop.call("refund")
    shop.wait(60)
    assert shop.missing() == {}
    assert shop.sample(METRIC, alertname="Some") == 0
    shop.monitor.reset()
    shop.wait(60)
    assert shop.missing() == {}


def test_a_label_of_a_counter_is_known_once_it_has_counted() -> None:
    shop = Shop()
    shop.refusals.labels("stock").inc()
    shop.add(series="refusals_total", where={"knd": "stock"})
    shop.wait()
    assert shop.missing() == {
        "Some": "no series of refusals_total has a label knd: did you mean kind?"
    }


def test_names_that_there_are_but_not_together() -> None:
    shop = Shop()
    shop.call("search")
    shop.add(signal="rate", where={"operation": "search", "component": "payments"})
    shop.wait()
    assert shop.missing() == {"Some": 'no series has operation="search" and component="payments"'}


def test_a_measure_is_reported_only_if_another_one_is_meant() -> None:
    shop = Shop()
    shop.call("import", add={"items": 3})
    shop.add(signal="measure_rate", measure="itms")
    shop.wait()
    assert shop.missing() == {"Some": "no call has counted itms: did you mean items?"}


def test_an_slo_about_nothing_is_reported_with_all_its_alerts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop()
    shop.monitor.rules.add_slo(name="good", objective=0.99, where={"operation": "checkout"})
    shop.monitor.rules.add_slo(name="bad", objective=0.99, where={"operation": "chekout"})
    shop.monitor.rules.add_slo(
        name="counted",
        objective=0.99,
        total={"series": "requests_total"},
        bad={"series": "refusals_total"},
    )
    shop.add(signal="burn_rate", slo="gone")
    shop.wait()
    assert shop.missing() == {
        "BadBudgetBurn": "there is no operation chekout: did you mean checkout?",
        "CountedBudgetBurn": (
            "there is no metric requests_total: did you mean cache_requests_total?"
        ),
        "Some": "there is no SLO gone",
    }
    [message] = caplog.messages
    assert message.count("chekout") == 1


def test_many_of_them_are_one_message_that_ends(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop()
    for number in range(50):
        shop.add(alert=f"R{number}", signal="rate", where={"operation": f"xyz{number}"})
    shop.wait()
    [message] = caplog.messages
    assert message.startswith(
        "50 rules use something that did not exist in the first 5m, and cannot fire"
    )
    assert message.endswith("; and 30 more")
    # A rule that is added later waits for itself.
    shop.add(alert="Late", series="nothing_total")
    shop.wait(60)
    assert "Late" not in shop.missing()
    shop.wait()
    assert shop.missing()["Late"] == "there is no metric nothing_total"
    assert len(caplog.messages) == 2


def test_both_counters_of_an_slo_are_looked_for() -> None:
    shop = Shop()
    total = {"series": "refusals_total"}
    for name, judged in {
        "Misspelled": {"series": "refusal_total"},
        "NotYet": {"series": "refusals_total", "where": {"kind": "=~5.."}},
        "Label": {"series": "refusals_total", "where": {"kinds": "a"}},
    }.items():
        shop.monitor.rules.add_slo(name=name, objective=0.9, total=total, bad=judged, alert=name)
    shop.tick()
    shop.refusals.labels("a").inc()
    # What labels there are is known a minute later.
    shop.wait(PATIENCE + 120)
    assert shop.missing() == {
        "Misspelled": "there is no metric refusal_total: did you mean refusals_total?",
        "Label": "no series of refusals_total has a label kinds: did you mean kind?",
    }


EXPRESSIONS = """
groups:
- name: shop
  rules:
  - record: shop:refusals:rate
    expr: sum(rate(refusals_total[5m]))
  - alert: Some
    expr: '{expr}'
"""


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        (
            "rate(refusal_total[5m]) > 0",
            "there is no metric refusal_total: did you mean refusals_total?",
        ),
        ("depth / on (queue) capacity > 0.9", "there is no metric capacity"),
    ],
)
def test_an_expression_about_no_metric_is_reported(expr: str, reason: str, tmp_path: Path) -> None:
    shop = Shop()
    shop.load(tmp_path, expr)
    shop.wait()
    assert shop.missing() == {"Some": reason}
    assert shop.sample(METRIC, alertname="Some") == 1


@pytest.mark.parametrize(
    "expr",
    [
        "rate(refusals_total[5m]) > 0",
        'depth{queue="sms"} > 1',
        "shop:refusals:rate > 1",
        'ALERTS{alertname="Other"}',
        '{queue="sms"} > 1',
        # These have a result without the metric.
        "absent(heartbeat)",
        "depth > 5 unless on () maintenance",
    ],
)
def test_an_expression_that_has_merely_no_result_is_not(expr: str, tmp_path: Path) -> None:
    shop = Shop()
    shop.load(tmp_path, expr)
    shop.wait(1800)
    assert shop.missing() == {}
    assert shop.sample(METRIC, alertname="Some") == 0


def test_an_expression_is_reported_no_more_once_there_is_its_metric(tmp_path: Path) -> None:
    shop = Shop()
    shop.load(tmp_path, "parcels > 5")
    shop.wait()
    assert shop.missing() == {"Some": "there is no metric parcels"}
    Gauge("parcels", "Parcels.", registry=shop.registry).set(9)
    shop.wait(120)
    assert shop.missing() == {}
