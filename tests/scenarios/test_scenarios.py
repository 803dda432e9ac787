"""`vitalspan rules test`: rules tried out on made-up traffic."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vitalspan.cli.main import main
from vitalspan.scenarios.scenario_file import load

RULES = """
groups:
  - name: shop
    rules:
      - alert: CheckoutSlow
        signal: latency_p95
        where: {operation: checkout}
        above: {warning: 500ms, critical: 2s}
        window: 1m
        for: 30s
        labels: {team: payments}
      - {alert: Failing, signal: error_ratio, by: [operation], above: 20%, window: 1m, min_count: 9}
      - {alert: Cold, signal: cache_hit_ratio, where: {cache: pages}, below: 50%, window: 1m}
      - {alert: Dear, signal: api_cost_rate, above: 1USD/min, window: 1m}
      - {alert: Forgetful, signal: api_error_ratio, where: {api: llm}, above: 40%, window: 1m}
      - {alert: Stuck, signal: oldest_in_progress, by: [operation], above: 1m}
      - {alert: Deep, series: queue_depth, where: {queue: "a \\"b\\""}, above: 10}
      - {alert: Jobs, series: jobs_total, above: 1/s, window: 1m}
      - {alert: Many, signal: measure_rate, measure: items, above: 100/s, window: 1m}
"""

SCENARIOS = """
rule_files: [rules.yml]
tick: 5s
tests:
  - name: a slow database
    calls:
      - {operation: checkout, rate: 2/s, takes: 100ms, to: 5m}
      - {operation: checkout, rate: 2/s, takes: 900ms, from: 5m, to: 8m}
      - {operation: checkout, rate: 2/s, takes: 3s, from: 8m, to: 10m}
      - {operation: checkout, rate: 2/s, takes: 100ms, from: 10m}
    expect:
      - {at: 5m, alerts: []}
      - {at: 5m20s, alerts: [{alert: CheckoutSlow, state: pending}]}
      - {at: 7m, alerts: [{alert: CheckoutSlow, severity: warning, labels: {team: payments}}]}
      - {at: 9m55s, alerts: [{alert: CheckoutSlow, severity: critical}]}
      - {at: 12m, alerts: []}
  - name: failures of one operation
    calls:
      - {operation: pay, component: shop, labels: {tier: gold}, rate: 60/min, errors: 25%, to: 2m}
      - {operation: browse, rate: 60/min, errors: 10%}
    expect:
      - at: 2m
        alerts: [{alert: Failing, labels: {operation: pay}}]
      - {at: 4m, alerts: []}
  - name: everything else
    calls:
      - {operation: import, rate: 1/s, measures: {items: 200}, from: 1m, to: 3m}
    stuck:
      - {operation: restock, component: stock, from: 1m, to: 3m}
    caches:
      - {cache: pages, rate: 10/s, hits: 90%, to: 1m}
      - {cache: pages, rate: 10/s, hits: 10%, from: 1m, to: 3m}
    apis:
      - {api: llm, rate: 1/s, errors: 50%, tokens: 100, cost: 0.05, from: 1m, to: 3m}
    series:
      - {series: 'queue_depth{queue="a \\"b\\""}', values: 0x12 5+1x20 _x2 0}
      - {series: jobs_total, values: 0+0x12 10+10x24 250}
    expect:
      - {at: 1m, alerts: []}
      - at: 2m20s
        alerts:
          - alert: Cold
          - alert: Dear
          - alert: Forgetful
          - alert: Stuck
          - alert: Deep
          - alert: Jobs
          - alert: Many
      - {at: 6m, alerts: []}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "tests.yml").write_text(SCENARIOS)
    return tmp_path


def test_scenarios_that_go_as_expected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(folder / "tests.yml")]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        "ok      a slow database",
        "ok      failures of one operation",
        "ok      everything else",
    ]


def test_what_did_not_come_is_said_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCENARIOS.replace("{at: 5m, alerts: []}", "{at: 5m, alerts: [{alert: Deep}]}")
    text = text.replace("labels: {team: payments}}]", "labels: {team: others}}]")
    (folder / "tests.yml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["rules", "test", str(folder / "tests.yml")])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "FAILED  a slow database"
    first, second, third = said.err.splitlines()
    assert first.startswith(f"{folder}/tests.yml:12:9: a slow database, 300 s: Deep firing is exp")
    assert first.endswith("there are no alerts")
    assert "CheckoutSlow (warning) team=others firing is expected, but CheckoutSlow (warn" in second
    assert third.endswith("above 500 ms) is firing and is not expected")


def test_a_warning_says_which_test_of_which_file_it_is_about(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder / "tests.yml"
    file.write_text(
        """
rule_files: [rules.yml]
tests:
  - name: 100% fine
    calls: [{operation: search, rate: 1/s, takes: 100ms, to: 10m}]
    expect: [{at: 10m, alerts: []}]
"""
    )
    (folder / "rules.yml").write_text(
        """
groups:
  - name: a
    rules: [{alert: Slow, signal: latency_p95, where: {operation: serch}, above: 1s}]
"""
    )
    main(["rules", "test", str(file)])
    logging.getLogger("vitalspan").warning("something else")
    first, second = caplog.messages
    assert first.startswith(f"{file}: 100% fine: 1 rule uses something that did not exist in the ")
    assert first.endswith("Slow: there is no operation serch: did you mean search?")
    assert second == "something else"


def refused(
    folder: Path, capsys: pytest.CaptureFixture[str], written: str, place: str, problem: str
) -> None:
    """Check that a scenario file is refused for a problem at a place in it."""
    file = folder / "tests.yml"
    file.write_text(written)
    with pytest.raises(SystemExit):
        main(["rules", "test", str(file)])
    said = capsys.readouterr().err
    assert f"{file}:{place}: " in said
    assert problem in said


@pytest.mark.parametrize(
    ("written", "place", "problem"),
    [
        ("tests: []", "1:1", "rule_files is missing: add the rule files that are tested"),
        ("rule_files: [rules.yml]", "1:1", "tests is missing: add a list of scenarios"),
        ("rule_file: [rules.yml]", "1:1", "unknown field 'rule_file': did you mean rule_files?"),
        ("tick: 0s", "1:7", "'0s' is not a valid interval: use 5s"),
        ("tests: [{name: a}]", "1:9", "expect is missing: add which alerts are expected"),
        ("tests: [{expect: [{at: 5m}]}]", "1:9", "name is missing: add a name for the scenario"),
        (
            "tests: [{name: a, calls: [{rate: 1}], expect: [{at: 5m}]}]",
            "1:27",
            "operation is missing",
        ),
        (
            "tests: [{name: a, calls: [{operation: f, rate: 9M/s}], expect: [{at: 5m}]}]",
            "1:19",
            "makes 2700000000 calls",
        ),
    ],
)
def test_mistakes_have_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, place: str, problem: str
) -> None:
    refused(tmp_path, capsys, written, place, problem)


@pytest.mark.parametrize(
    ("section", "item", "place", "problem"),
    [
        ("expect", "{alerts: []}", "1:28", "at is missing"),
        ("expect", "{at: 5}", "1:33", "'5' has no unit: use 5s or 5m"),
        ("calls", "{operation: f, rate: 1ms}", "1:48", "is not a number per second"),
        ("calls", "{operation: f, errors: 120%}", "1:42", "is more than 100%"),
        ("calls", "{operation: f, rate: -1}", "1:42", "is negative"),
        ("calls", "{operation: f, from: 5m, to: 1m}", "1:52", "is not after from"),
        ("calls", "{operation: f, labels: {1a: b}}", "1:51", "not a valid name"),
        ("caches", "{hits: 5%}", "1:28", "cache is missing"),
        ("apis", "{cost: 1}", "1:26", "api is missing"),
        ("stuck", "{from: 1m}", "1:27", "operation is missing"),
        ("series", "{values: '1'}", "1:28", "series is missing"),
        ("series", "{series: a}", "1:28", "values is missing"),
        ("series", "{series: a b, values: '1'}", "1:37", "'b' is not expected"),
        ("series", "{series: 'a{b}', values: '1'}", "1:37", "is not a label"),
        ("series", "{series: '{b=\"c\"}', values: '1'}", "1:28", "has no name"),
        ("series", "{series: a, values: x}", "1:48", "is not a value"),
        ("series", "{series: a, values: 1..2}", "1:48", "is not a value"),
        ("series", "{series: a, values: 1x1000000}", "1:48", "more than 1000000 values"),
        ("series", f"{{series: a, values: 1x{'9' * 5000}}}", "1:48", "more than 1000000 values"),
        ("series", "{series: a, values: 1x600000 1x600000}", "1:48", "more than 1000000 values"),
        ("series", "{series: a, values: ' '}", "1:48", "is empty"),
        ("expect", "{at: 300d}", "1:19", "is too long"),
        ("expect", "{at: 1m, alerts: [{}]}", "1:46", "alert is missing"),
        (
            "expect",
            "{at: 1m, alerts: [{alert: A, state: gone}]}",
            "1:64",
            "'gone' is not a choice here: use pending or firing",
        ),
    ],
)
def test_mistakes_in_a_scenario_have_a_place(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    section: str,
    item: str,
    place: str,
    problem: str,
) -> None:
    written = f"tests: [{{name: a, {section}: [{item}]}}]"
    refused(tmp_path, capsys, written, place, problem)


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bytes.yml").write_bytes(b"\xff\xfe")
    (tmp_path / "tests.yml").write_text(
        "rule_files: [none.yml]\ntests: [{name: a, expect: [{at: 5s}]}]"
    )
    (tmp_path / "empty.yml").write_text("")
    for name, problem in {
        "none.yml": "none.yml: cannot be read: No such file or directory: use the path of a scenar",
        "bytes.yml": "bytes.yml:1:1: the byte 0xFF is not UTF-8: save the file as UTF-8",
        "empty.yml": "empty.yml:1:1: rule_files is missing: add the rule files that are tested",
        "tests.yml": "none.yml: cannot be read: No such file or directory: use the path of a rule",
    }.items():
        with pytest.raises(SystemExit):
            main(["rules", "test", str(tmp_path / name)])
        assert problem in capsys.readouterr().err


def test_values_are_those_of_prometheus(folder: Path) -> None:
    samples = load(folder / "tests.yml").scenarios[2].series
    assert samples[0].labels == (("queue", 'a "b"'),)
    assert samples[0].values[:14] == (*[0.0] * 13, 5.0)
    assert samples[0].values[33:] == (25.0, None, None, 0.0)
    assert samples[1].values[12:15] == (0.0, 10.0, 20.0)
