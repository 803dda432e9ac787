"""promtool's unit tests of rules run in the process, and say what promtool says."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.promtool import promtool
from vitalspan.cli.main import main

RULES = """
groups:
- name: requests
  rules:
  - record: job:requests:rate5m
    expr: sum by (job) (rate(requests_total[5m]))
  - record: nothing
    expr: job:requests:rate5m > 1000
- name: alerts
  rules:
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    keep_firing_for: 2m
    labels:
      severity: page
    annotations:
      summary: 'Instance {{ $labels.instance }} of {{ $externalLabels.region }} down'
      load: '{{ printf "load{instance=%q}" $labels.instance | query | first | value }}'
  - alert: Busy
    expr: job:requests:rate5m > 0.5
    annotations: {summary: "{{ $value | humanize }}"}
  - alert: Alerts
    expr: 'ALERTS{alertname="InstanceDown", alertstate="firing"} == 1'
"""
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [requests, alerts]
tests:
- name: down
  interval: 1m
  external_labels: {region: eu}
  input_series:
  - series: 'up{job="api", instance="one"}'
    values: '1 1 0x9 1x9'
  - series: 'load{instance="one"}'
    values: 3x20
  - series: 'requests_total{job="api"}'
    values: '0+60x20'
  alert_rule_test:
  - eval_time: 6m
    alertname: InstanceDown
  - eval_time: 10m
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, job: api, instance: one}
      exp_annotations: {summary: Instance one of eu down, load: "3"}
  - eval_time: 13m
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, job: api, instance: one}
      exp_annotations: {summary: Instance one of eu down, load: "3"}
  - eval_time: 15m
    alertname: InstanceDown
  - eval_time: 10m
    alertname: Alerts
    exp_alerts:
    - exp_labels: {alertstate: firing, severity: page, job: api, instance: one}
  - eval_time: 10m
    alertname: Busy
    exp_alerts:
    - exp_labels: {job: api}
      exp_annotations: {summary: "1"}
  promql_expr_test:
  - expr: job:requests:rate5m
    eval_time: 10m
    exp_samples:
    - labels: 'job:requests:rate5m{job="api"}'
      value: 1
  - expr: up @ 0 + 1
    eval_time: 10m
    exp_samples:
    - labels: '{job="api", instance="one"}'
      value: 2
  - expr: ALERTS{alertname="Busy"}
    eval_time: 3m
    exp_samples:
    - labels: 'ALERTS{alertname="Busy", alertstate="firing", job="api"}'
      value: 1
  - expr: 1 / 0
    eval_time: 3m
    exp_samples: [{labels: '{}', value: .inf}]
"""


def written(directory: Path, tests: str = TESTS, rules: str = RULES) -> Path:
    (directory / "rules.yml").write_text(rules)
    file = directory / "tests.yml"
    file.write_text(tests)
    return file


def test_what_promtool_passes_is_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path)
    assert not promtool("test", "rules", file)
    assert main(["rules", "test", str(file)]) == 0
    assert capsys.readouterr().out == "ok      down\n"


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("eval_time: 6m", "eval_time: 7m", "7m: InstanceDown: fires, and is not expected"),
        ('{summary: "1"}', '{summary: "2"}', "10m: Busy: expected, and not there"),
        ("value: 2", "value: 3", "10m: up @ 0 + 1: expected, and not there: "),
        ("evaluation_interval: 1m", "evaluation_interval: 7m", "expected, and not there"),
    ],
)
def test_what_promtool_does_not_pass_is_not_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, difference: str
) -> None:
    file = written(tmp_path, TESTS.replace(before, after))
    assert "FAILED" in promtool("test", "rules", file)
    with pytest.raises(SystemExit):
        main(["rules", "test", str(file)])
    out, err = capsys.readouterr()
    assert out == "FAILED  down\n"
    assert difference in err


def test_a_rule_that_fails_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = "groups: [{name: a, rules: [{alert: A, expr: up, labels: {instance: x}}]}]"
    tests = """
rule_files: [rules.yml]
tests:
- input_series:
  - {series: 'up{instance="a"}', values: 1}
  - {series: 'up{instance="b"}', values: 1}
  promql_expr_test:
  - {expr: 'up * on () up', eval_time: 0s}
  alert_rule_test:
  - {eval_time: 0s, alertname: A}
"""
    with pytest.raises(SystemExit):
        main(["rules", "test", str(written(tmp_path, tests, rules))])
    err = capsys.readouterr().err
    assert "0s: A failed: vector cannot contain metrics" in err
    assert "0s: up * on () up failed: found duplicate series" in err


def test_mistakes_have_their_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = """
rule_files: [rules.yml]
tests:
- input_series:
  - {series: '{a', values: 1}
  - {series: 'up x', values: 1}
  - {series: up, values: 1y}
  - {series: up}
  promql_expr_test:
  - {expr: 'sum(', exp_samples: [{labels: '{}', value: x}, {labels: '{', value: 1}]}
  - {eval_time: 1m}
"""
    with pytest.raises(SystemExit):
        main(["rules", "test", str(written(tmp_path, tests))])
    err = capsys.readouterr().err
    for expected in (
        "5:14: ",
        "6:14: 'x' is not expected",
        "7:26: '1y' is not a value",
        "8:5: values is missing",
        "10:6: 'sum(' is not PromQL",
        "'x' is not a number",
        "is not a label",
        "is missing: add an expression",
    ):
        assert expected in err, err


def test_rules_on_signals_are_for_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "groups: [{name: a, rules: [{alert: A, signal: rate, above: 1/s}]}]"
    with pytest.raises(SystemExit):
        main(["rules", "test", str(written(tmp_path, TESTS, rules))])
    assert "is not a rule with an expr: test it with a scenario" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["rules", "test", str(written(tmp_path, "rule_files: []\nevaluation_interval: 1m"))])
    assert "tests is missing" in capsys.readouterr().err
