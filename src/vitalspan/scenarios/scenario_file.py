"""Reads scenario files, and reports all their mistakes at once, each with its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, cast, get_args

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_document
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.series import is_stale
from vitalspan.rules.model import SEVERITIES
from vitalspan.scenarios.model import (
    AlertState,
    Expectation,
    ExpectedAlert,
    InputSeries,
    Scenario,
    ScenarioFile,
    StuckCall,
    Traffic,
)
from vitalspan.scenarios.series_section import read_series
from vitalspan.scenarios.traffic_section import SECTIONS, read_labels, read_traffic

DEFAULT_TICK: Final = 5.0
MAX_TICKS: Final = 100_000
MAX_CALLS: Final = 2_000_000

_FIELDS: Final = ("rule_files", "tick", "tests")
_SCENARIO_FIELDS: Final = ("name", *SECTIONS, "series", "expect")
_ALERT_FIELDS: Final = ("alert", "severity", "state", "labels")


def load(path: str | os.PathLike[str]) -> ScenarioFile:
    """Read a scenario file.

    Raises:
        ConfigFileError: with all its mistakes, each with its line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    report = Report(str(path))
    document = load_document(path, report, "scenario file", "rules")
    fields = Fields(document, _FIELDS, report, usable="rule_files, tick and tests")
    files = fields.texts("rule_files", "a list of rule files", "a path")
    if not files:
        fields.missing("rule_files", "add the rule files that are tested")
    tick = fields.seconds("tick", DEFAULT_TICK, zero="is not a valid interval: use 5s")
    tests = fields.items_of("tests", "a list of scenarios")
    if not tests:
        fields.missing("tests", "add a list of scenarios")
    scenarios = tuple(_scenario(one, tick, report) for one in tests)
    report.check()
    folder = Path(path).parent
    return ScenarioFile(tuple(folder / file for file in files), tick, scenarios)


def _scenario(node: Node, tick: float, report: Report) -> Scenario:
    fields = Fields(node, _SCENARIO_FIELDS, report, usable="name, calls and expect")
    name = fields.name("name", "a name for the scenario") or ""
    expectations = fields.items_of("expect", "a list of moments, each with at and alerts")
    expect = tuple(_expectation(one, name, report) for one in expectations)
    if not expect:
        fields.missing("expect", "add which alerts are expected, and when")
    end = max((one.at for one in expect), default=0.0)
    if end / tick > MAX_TICKS:
        fields.wrong(f"is too long: use at most {MAX_TICKS} ticks", "expect")
    traffic = read_traffic(fields)
    calls = sum(_calls_until(end, one) for one in traffic)
    if calls > MAX_CALLS:
        fields.wrong(f"makes {calls:.0f} calls: use at most {MAX_CALLS}", "calls")
    series = (_series(one, report) for one in fields.items_of("series", "a list of series"))
    return Scenario(name, traffic, tuple(one for one in series if one is not None), expect)


def _calls_until(end: float, traffic: Traffic) -> float:
    if isinstance(traffic, StuckCall):
        return 1.0
    return traffic.rate * max(0.0, min(traffic.period.end, end) - traffic.period.begin)


def _series(node: Node, report: Report) -> InputSeries | None:
    series = read_series(node, report)
    if series is None:
        return None
    labels, values = series
    name = labels.get(NAME)
    if not name:
        report.wrong(node.place, 'the series has no name: use depth{queue="mail"}')
        return None
    samples: list[float | None] = []
    for value in values:
        if isinstance(value, FloatHistogram):
            report.wrong(node.place, "the series has native histograms: use numbers in a scenario")
            return None
        samples.append(None if value is None or is_stale(value) else value)
    return InputSeries(name, labels.without((NAME,)).pairs, tuple(samples))


def _expectation(node: Node, scenario: str, report: Report) -> Expectation:
    fields = Fields(node, ("at", "alerts"), report, usable="at and alerts")
    fields.required("at", "add a time such as 5m")
    at = fields.seconds("at", 0.0)
    alerts = [_alert(one, report) for one in fields.items_of("alerts", "a list of alerts, or []")]
    expected = tuple(one for one in alerts if one is not None)
    return Expectation(at, expected, f"{fields.place}: {scenario}, {at:g} s")


def _alert(node: Node, report: Report) -> ExpectedAlert | None:
    fields = Fields(node, _ALERT_FIELDS, report, usable="alert and severity")
    name = fields.name("alert", "an alert's name")
    severity = fields.choice("severity", SEVERITIES)
    state = cast("AlertState", fields.choice("state", get_args(AlertState)) or "firing")
    labels = read_labels(fields)
    return ExpectedAlert(name, severity, state, labels) if name else None
