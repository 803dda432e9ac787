"""Rules that are PromQL fire in the process as they do in Prometheus."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

import vitalspan as vs
from vitalspan.configfile.report import ConfigFileError
from vitalspan.errors import MissingExtraError
from vitalspan.rules.file.load import parse
from vitalspan.rules.model import ExpressionRule, RecordedExpression
from vitalspan.workers.evaluation_state import engine_document, restore_engine

TICK = 5.0


class Program:
    """A program with a gauge and a counter, and rules of a file."""

    def __init__(self, text: str, tmp_path: Path) -> None:
        self.clock = vs.ManualClock()
        self.registry = CollectorRegistry()
        self.gauge = Gauge("depth", "Depth.", ["queue"], registry=self.registry)
        self.errors = Counter("errors", "Errors.", registry=self.registry)
        self.monitor = vs.Monitor(registry=self.registry, clock=self.clock, system_metrics=False)
        self.path = tmp_path / "rules.yml"
        self.use(text)

    def use(self, text: str) -> None:
        self.path.write_text(text)
        self.monitor.rules.load(self.path)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.advance(TICK)
            self.monitor.tick()

    def states(self) -> dict[str, str]:
        return {
            alert.labels.get("queue", alert.alertname): alert.state
            for alert in self.monitor.alerts.active()
        }

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


DEEP = """
groups:
- name: queues
  rules:
  - alert: Deep
    expr: depth > 10
    for: 10s
    keep_firing_for: 10s
    labels:
      severity: page
      team: '{{ $labels.queue | toUpper }}'
    annotations:
      summary: '{{ $labels.queue }} has {{ $value }} of {{ query "sum(depth)" | first | value }}'
      broken: '{{ query "nothing" | first }}'
"""


def test_an_alert_for_each_series(tmp_path: Path) -> None:
    program = Program(DEEP, tmp_path)
    program.gauge.labels("a").set(11)
    program.gauge.labels("b").set(5)
    program.tick()
    assert program.states() == {"a": "pending"}
    program.tick()
    assert program.states() == {"a": "pending"}
    program.gauge.labels("b").set(20)
    program.tick()
    assert program.states() == {"a": "firing", "b": "pending"}
    (alert,) = [one for one in program.monitor.alerts.active() if one.state == "firing"]
    assert alert.labels["team"] == "A"
    assert (alert.alertname, alert.severity, alert.labels["severity"]) == (
        "Deep",
        "critical",
        "page",
    )
    assert alert.value == 11
    assert alert.annotations["summary"] == "a has 11 of 31"
    assert alert.message == "a has 11 of 31"
    assert alert.annotations["broken"].startswith("<error expanding template: first() called")
    assert program.monitor.health() is not None
    program.gauge.labels("a").set(1)
    program.tick(2)
    assert program.states() == {"a": "firing", "b": "firing"}
    program.tick()
    assert program.states() == {"a": "resolved", "b": "firing"}
    past = program.monitor.alerts.history()
    assert [(one.labels["queue"], one.state) for one in past][-1] == ("a", "resolved")


def test_the_metrics_of_an_expression(tmp_path: Path) -> None:
    program = Program(DEEP, tmp_path)
    program.tick()
    assert program.sample("alert_state", alertname="Deep", severity="critical") == 0
    transitions = {"alertname": "Deep", "severity": "critical", "state": "firing"}
    assert program.sample("alert_transitions_total", **transitions) == 0
    program.gauge.labels("a").set(11)
    program.tick(3)
    assert program.sample("alert_transitions_total", **transitions) == 1


RECORDED = """
groups:
- name: recorded
  interval: 10s
  rules:
  - record: queue:depth:double
    expr: depth * 2
    labels: {doubled: "yes"}
  - alert: Deep
    expr: 'queue:depth:double{doubled="yes"} > 10'
- name: about
  rules:
  - alert: DeepFires
    expr: ALERTS{alertname="Deep", alertstate="firing"} == 1
"""


def test_rules_use_what_others_have_recorded(tmp_path: Path) -> None:
    program = Program(RECORDED, tmp_path)
    program.gauge.labels("a").set(6)
    program.tick()
    (alert,) = [one for one in program.monitor.alerts.active() if one.alertname == "Deep"]
    assert (alert.labels["doubled"], alert.value, alert.severity) == ("yes", 12, "warning")
    assert "severity" not in alert.labels
    program.tick()
    assert {one.alertname for one in program.monitor.alerts.active()} == {"Deep", "DeepFires"}


def test_an_alert_goes_on_when_the_file_is_read_again(tmp_path: Path) -> None:
    program = Program(DEEP, tmp_path)
    program.gauge.labels("a").set(11)
    program.tick(3)
    (before,) = program.monitor.alerts.active()
    program.use(DEEP.replace("> 10", "> 9"))
    program.tick()
    (after,) = program.monitor.alerts.active()
    assert (after.id, after.fired_at, after.state) == (before.id, before.fired_at, "firing")
    program.use("groups: []")
    program.tick()
    assert program.states() == {"a": "resolved"}
    assert len(program.monitor.evaluation.history.samples) == 0


def test_rules_with_the_same_name_and_labels_continue_in_their_order(tmp_path: Path) -> None:
    text = """
groups:
- name: queues
  rules:
  - {alert: Deep, expr: 'depth{queue="a"} > 1', for: 10s}
  - {alert: Deep, expr: 'depth{queue="b"} > 1', for: 10s}
"""
    program = Program(text, tmp_path)
    for queue in ("a", "b"):
        program.gauge.labels(queue).set(9)
    program.tick(3)
    before = {alert.labels["queue"]: alert.id for alert in program.monitor.alerts.active()}
    program.use(text.replace("> 1", "> 2"))
    program.tick()
    assert program.states() == {"a": "firing", "b": "firing"}
    assert {one.labels["queue"]: one.id for one in program.monitor.alerts.active()} == before
    engine = program.monitor.evaluation.engine
    document = json.loads(json.dumps(engine_document(engine)))
    engine.clear()
    restore_engine(engine, document)
    program.tick()
    assert {one.labels["queue"]: one.id for one in program.monitor.alerts.active()} == before
    program.use("groups: []")
    program.tick()
    assert program.states() == {"a": "resolved", "b": "resolved"}


def test_too_many_alerts_are_none(tmp_path: Path) -> None:
    program = Program(DEEP.replace("name: queues", "name: queues\n  limit: 1"), tmp_path)
    for queue in "ab":
        program.gauge.labels(queue).set(11)
    program.tick()
    assert program.states() == {}
    assert program.sample("vitalspan_rule_failures_total", alertname="Deep") == 1


def test_a_rule_without_a_result_fails_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = """
groups:
- name: wrong
  rules:
  - record: both
    expr: 'label_replace(depth, "queue", "", "", "")'
  - alert: Twice
    expr: depth
    labels: {queue: one}
  - alert: Fine
    expr: depth > 10
  - record: depth:rate
    expr: rate(depth[1m])
"""
    program = Program(text, tmp_path)
    for queue in "ab":
        program.gauge.labels(queue).set(11)
    with caplog.at_level(logging.INFO, logger="vitalspan"):
        program.tick(3)
    assert program.states() == {"a": "firing", "b": "firing"}
    assert program.sample("vitalspan_rule_failures_total", alertname="Twice") == 3
    assert "rule Twice of group wrong failed: vector cannot contain" in caplog.text
    assert "rule both of group wrong failed" in caplog.text
    assert caplog.text.count("metric might not be a counter") == 1


def test_a_limit_holds_for_what_is_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "groups: [{name: a, limit: 1, rules: [{record: r, expr: depth}]}]"
    program = Program(text, tmp_path)
    for queue in "ab":
        program.gauge.labels(queue).set(1)
    program.tick()
    assert "2 series are more than the limit of its group, 1" in caplog.text


def test_expressions_and_signals_in_one_group(tmp_path: Path) -> None:
    text = """
groups:
- name: both
  labels: {}
  rules:
  - {alert: Slow, signal: latency_p95, above: 500ms}
  - {alert: Errors, expr: 'increase(errors_total[1m]) > 2'}
"""
    program = Program(text, tmp_path)
    program.errors.inc()
    program.tick()
    program.errors.inc(5)
    program.tick()
    assert program.states() == {"Errors": "firing"}


def test_reading() -> None:
    text = """
groups:
- name: a
  labels: {team: shop}
  query_offset: 30s
  rules:
  - {record: "a:b", expr: sum(x), labels: {tier: 1}}
  - {alert: A b, expr: x > 1, for: 1m, labels: {empty: ""}, annotations: {s: "{{ $value }}"}}
"""
    (group,) = parse(text).groups
    assert group.expressions == (
        RecordedExpression("a:b", "sum(x)", (("team", "shop"), ("tier", "1"))),
        ExpressionRule(
            "A b",
            "x > 1",
            60.0,
            0.0,
            (("team", "shop"), ("empty", "")),
            (("s", "{{ $value }}"),),
        ),
    )


def test_labels_of_a_group_are_not_for_signals() -> None:
    text = "groups: [{name: a, labels: {b: c}, rules: [{alert: S, signal: rate, above: 1/s}]}]"
    with pytest.raises(ConfigFileError, match="labels of a group are for rules with expr"):
        parse(text)


def test_a_missing_parser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "promql_parser", None)
    with pytest.raises(MissingExtraError, match=r"vitalspan\[promql\]"):
        parse("groups: [{name: a, rules: [{alert: A, expr: up}]}]")


NATIVE = """
groups:
- name: durations
  rules:
  - record: component:duration:rate1m
    expr: sum by (component) (rate(operation_duration_seconds[1m]))
  - alert: Slow
    expr: histogram_quantile(0.9, component:duration:rate1m) > 0.5
    annotations:
      summary: '{{ $labels.component }} takes {{ $value | humanizeDuration }}'
  - alert: AnyRate
    expr: component:duration:rate1m{component="shop"}
    annotations:
      summary: '{{ $value }}'
"""


def test_rules_on_the_native_histograms_of_operations(tmp_path: Path) -> None:
    program = Program(NATIVE, tmp_path)
    operation = program.monitor.operation("buy", component="shop")
    fast = program.monitor.operation("look", component="page")
    for _ in range(24):
        for seconds, called in ((0.8, operation), (0.01, fast)):
            with called:
                program.clock.advance(seconds)
        program.tick()
    [slow] = [one for one in program.monitor.alerts.active() if one.alertname == "Slow"]
    assert slow.labels["component"] == "shop"
    # Buckets of native histograms are 9 % wide.
    assert slow.value == pytest.approx(0.8, rel=0.09)
    assert slow.message.startswith("shop takes 7") or slow.message.startswith("shop takes 8")
    [rate] = [one for one in program.monitor.alerts.active() if one.alertname == "AnyRate"]
    assert rate.value == 0
    assert rate.message.startswith("{count:")


def test_a_monitor_without_native_histograms_has_none_in_rules(tmp_path: Path) -> None:
    program = Program("groups: []", tmp_path)
    program.monitor.configure(native_histograms=False)
    program.use(NATIVE)
    for _ in range(24):
        with program.monitor.operation("buy", component="shop"):
            program.clock.advance(0.8)
        program.tick()
    assert program.monitor.alerts.active() == []
