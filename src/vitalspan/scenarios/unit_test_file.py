"""Reads unit tests of rules in the format of promtool."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_document
from vitalspan.configfile.nodes import Entries, Node
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import is_number
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.series import Value
from vitalspan.promql.engine.series_notation import NotedValue, parse_series, parse_values
from vitalspan.rules.file.promql_rules import expression_problem
from vitalspan.scenarios.series_section import read_series
from vitalspan.words import shown

_FIELDS: Final = ("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare")
_TEST_FIELDS: Final = (
    "name",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
)
_OF_PROMTOOL: Final = ("evaluation_interval", "group_eval_order")
_OF_A_TEST: Final = ("input_series", "alert_rule_test", "promql_expr_test")
_MINUTE: Final = 60.0


@dataclass(frozen=True)
class ExpectedAlerts:
    """The expected alerts with one name at a time.

    Attributes:
        at: the time in seconds from the beginning.
        alert: the name.
        alerts: the labels and annotations of each.
    """

    at: float
    alert: str
    alerts: tuple[tuple[Mapping[str, str], Mapping[str, str]], ...]


@dataclass(frozen=True)
class ExpectedSamples:
    """The expected result of an expression at a time.

    Attributes:
        at: the time in seconds from the beginning.
        expr: the expression.
        samples: the labels and the value of each element.
    """

    at: float
    expr: str
    samples: tuple[tuple[MetricLabels, Value], ...]


@dataclass(frozen=True)
class UnitTest:
    """A unit test: series, and the expected results of rules on them.

    Attributes:
        name: the name, for people.
        interval: the number of seconds between two values of a series.
        series: labels and values.
        alerts: the alerts that should fire.
        samples: the expected results of expressions.
        external_labels: the external labels in templates.
    """

    name: str
    interval: float
    series: tuple[tuple[MetricLabels, tuple[NotedValue, ...]], ...]
    alerts: tuple[ExpectedAlerts, ...]
    samples: tuple[ExpectedSamples, ...]
    external_labels: Mapping[str, str]

    @property
    def end(self) -> float:
        """The time of the last expectation."""
        return max((one.at for one in self.moments), default=0.0)

    @property
    def moments(self) -> list[ExpectedAlerts | ExpectedSamples]:
        """The expectations, in order of time."""
        moments: list[ExpectedAlerts | ExpectedSamples] = [*self.alerts, *self.samples]
        return sorted(moments, key=lambda moment: moment.at)


@dataclass(frozen=True)
class UnitTestFile:
    """The content of a file of unit tests.

    Attributes:
        rule_files: patterns of the files to test.
        interval: the evaluation interval in seconds.
        group_order: the names of groups that are evaluated first, in this order.
        tests: the tests.
    """

    rule_files: tuple[Path, ...]
    interval: float
    group_order: tuple[str, ...]
    tests: tuple[UnitTest, ...]


def is_unit_test_file(document: Node) -> bool:
    """Return whether a document is a unit test of promtool rather than a file of scenarios."""
    if not isinstance(document, Entries):
        return False
    if any(name in document.fields for name in _OF_PROMTOOL):
        return True
    tests = document.fields.get("tests")
    items = getattr(tests.value, "items", ()) if tests else ()
    return any(
        isinstance(one, Entries) and any(name in one.fields for name in _OF_A_TEST) for one in items
    )


def load(path: str | os.PathLike[str]) -> UnitTestFile:
    """Read a file of unit tests.

    Raises:
        ConfigFileError: with all its mistakes, each with its line and column.
        MissingExtraError: if PyYAML or promql-parser is not installed.
    """
    report = Report(str(path))
    document = load_document(path, report, "file of unit tests", "promql")
    fields = Fields(document, _FIELDS, report, usable="rule_files and tests")
    folder = Path(path).parent
    files = fields.texts("rule_files", "a list of rule files", "a path")
    interval = fields.seconds("evaluation_interval", _MINUTE, zero="is not an interval: use 1m")
    order = fields.texts("group_eval_order", "a list of groups", "the name of a group")
    tests = fields.items_of("tests", "a list of tests")
    if not tests:
        fields.missing("tests", "add a list of tests")
    unit_tests = tuple(_test(one, number, interval, report) for number, one in enumerate(tests, 1))
    report.check()
    return UnitTestFile(tuple(folder / one for one in files), interval, tuple(order), unit_tests)


def _test(node: Node, number: int, interval: float, report: Report) -> UnitTest:
    fields = Fields(node, _TEST_FIELDS, report, usable="input_series and alert_rule_test")
    name = fields.text("name", "a name") or f"test {number}"
    series = [
        read_series(one, report) for one in fields.items_of("input_series", "a list of series")
    ]
    alerts = fields.items_of("alert_rule_test", "a list of moments with alertname and exp_alerts")
    samples = fields.items_of("promql_expr_test", "a list of expressions with exp_samples")
    return UnitTest(
        name,
        fields.seconds("interval", interval, zero="is not an interval: use 1m"),
        tuple(one for one in series if one is not None),
        tuple(_alerts(one, report) for one in alerts),
        tuple(_samples(one, report) for one in samples),
        _labels(fields, "external_labels"),
    )


def _alerts(node: Node, report: Report) -> ExpectedAlerts:
    names = ("eval_time", "alertname", "exp_alerts")
    fields = Fields(node, names, report, usable="eval_time, alertname and exp_alerts")
    expected = []
    for one in fields.items_of("exp_alerts", "alerts with exp_labels and exp_annotations"):
        alert = Fields(one, ("exp_labels", "exp_annotations"), report, usable="exp_labels")
        expected.append((_labels(alert, "exp_labels"), _labels(alert, "exp_annotations")))
    name = fields.name("alertname", "the name of an alert") or ""
    return ExpectedAlerts(fields.seconds("eval_time", 0.0), name, tuple(expected))


def _samples(node: Node, report: Report) -> ExpectedSamples:
    names = ("expr", "eval_time", "exp_samples")
    fields = Fields(node, names, report, usable="expr, eval_time and exp_samples")
    expr = fields.text("expr", "an expression") or ""
    problem = "is missing: add an expression"
    if expr:
        problem = expression_problem(expr, in_process=False)
    if problem:
        fields.wrong(f"{shown(expr)} {problem}", "expr")
    samples = []
    for one in fields.items_of("exp_samples", "samples with labels and value"):
        usable = "labels and value, or labels and histogram"
        sample = Fields(one, ("labels", "value", "histogram"), report, usable=usable)
        try:
            labels = parse_series(sample.text("labels", "labels such as {}") or "{}")[0]
        except ValueError as mistake:
            sample.wrong(str(mistake), "labels")
            continue
        value = _histogram(sample) if "histogram" in sample else _number(sample)
        if value is not None:
            samples.append((labels, value))
    return ExpectedSamples(fields.seconds("eval_time", 0.0), expr, tuple(samples))


def _number(sample: Fields) -> float | None:
    value = sample.text("value", "a number") or "0"
    value = value.replace(".nan", "nan").replace(".inf", "inf")
    if not is_number(value) and value.lstrip("+-").lower() not in ("inf", "nan"):
        sample.wrong(f"{shown(value)} is not a number: use one such as 1.5", "value")
        return None
    return float(value)


def _histogram(sample: Fields) -> FloatHistogram | None:
    text = sample.text("histogram", "a native histogram such as {{count:3 sum:4 buckets:[1 2]}}")
    if text is None:
        return None
    try:
        [value] = parse_values(text)
    except ValueError as mistake:
        sample.wrong(str(mistake), "histogram")
        return None
    if not isinstance(value, FloatHistogram):
        sample.wrong(f"{shown(text)} is not a native histogram", "histogram")
        return None
    return value.compacted()


def _labels(fields: Fields, field: str) -> dict[str, str]:
    return {
        name: str(getattr(node, "content", "") or "")
        for name, _, node in fields.entries_of(field, "names with texts")
    }
