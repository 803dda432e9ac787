"""Generated tests of exported rules: every alert fires in them and is gone again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.paths import EVERY_RULE
from support.promtool import complaints
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import build, load
from vitalspan.rules.model import Group, Level, Rule, RuleSet
from vitalspan.signals.query import Query

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

EVERY = EVERY_RULE


def exported(options: Options | None = None, **fields: Any) -> dict[str, str]:
    """The export of one rule."""
    rules = build({"groups": [{"name": "g", "rules": [{"alert": "Some", **fields}]}]})
    return export(rules, options)


def remarks(files: dict[str, str]) -> list[str]:
    return re.findall(r"^# No case for (.*)$", files["tests.yml"], re.MULTILINE)


@pytest.mark.once
def test_every_signal_and_derivation_has_a_case_that_passes(tmp_path: Path) -> None:
    rules = with_burn_rate_alerts(load(EVERY), 60.0)
    files = export(rules, Options(interval=60.0))
    assert complaints(files, tmp_path) == ""
    assert remarks(files) == []
    tested = set()
    for name, text in files.items():
        if name.startswith("tests"):
            for test in yaml.safe_load(text)["tests"]:
                for case in test["promql_expr_test"]:
                    found = re.match(r'ALERTS\{alertname="(\w+)".*severity="(\w+)"', case["expr"])
                    assert found is not None
                    fires = bool(case["exp_samples"])
                    tested.add((*found.groups(), fires))
    assert tested == {
        (rule.alert, level.severity, fires)
        for group in rules.groups
        for rule in group.rules
        for level in rule.levels
        for fires in (True, False)
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        # It never fires, it fires for ever, it clears too early, it waits, its severity is another.
        ("> 0.5", "> 5"),
        ("> 0.5", "> 0.05"),
        ("> 0.2\n", "> 0.4\n"),
        ("for: 2m", "for: 2h"),
        ("severity: warning", "severity: info"),
        ("keep_firing_for: 1m", "keep_firing_for: 1h"),
    ],
)
def test_a_wrong_rule_does_not_pass(right: str, wrong: str, tmp_path: Path) -> None:
    files = exported(
        signal="latency_mean",
        above="500ms",
        clear="200ms",
        keep_firing_for="1m",
        **{"for": "2m"},
    )
    assert complaints(files, tmp_path) == ""
    assert right in files["rules.yml"]
    files["rules.yml"] = files["rules.yml"].replace(right, wrong)
    assert "FAILED" in complaints(files, tmp_path)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"signal": "absent", "below": 1}, "`absent` has no samples in Prometheus"),
        (
            {"signal": "rate", "derive": {"anomaly": "7d"}, "above": 3},
            "days of values of the same time of day",
        ),
        ({"signal": "rate", "derive": {"anomaly": "1d"}, "above": 0.1}, "while nothing is unusual"),
        ({"signal": "rate", "derive": {"slope": "1h"}, "above": -3}, "while nothing changes"),
        ({"signal": "rate", "derive": {"change": "1h"}, "above": "-50%"}, "while nothing changes"),
        (
            {"signal": "threads", "derive": {"until": 5, "over": "1h"}, "above": "1h"},
            "while nothing changes",
        ),
        (
            {"signal": "threads", "derive": {"until": 5, "over": "1h"}, "below": "1m"},
            "the limit is passed before",
        ),
        (
            {"signal": "rate", "derive": {"change": "5m"}, "above": 1, "for": "10m"},
            "what was before is forgotten",
        ),
        (
            {"signal": "error_ratio", "derive": {"slope": "1d"}, "above": "200%/h"},
            "cannot go on for so long",
        ),
        ({"signal": "rate", "for": "365d", "above": 1}, "it takes months"),
        ({"signal": "rate", "below": "1/min", "min_count": 100}, "never get beyond"),
        ({"signal": "rate", "above": "1/min", "min_count": 100}, "never come back"),
        (
            {"signal": "rate", "above": 1, "where": {"operation": "=~\\d{3}-\\d"}},
            "no value of operation was found",
        ),
    ],
)
def test_what_has_no_case_is_said(fields: dict[str, Any], why: str, tmp_path: Path) -> None:
    files = exported(**fields)
    [remark] = remarks(files)
    assert remark.startswith("Some warning: ")
    assert why in remark
    assert complaints(files, tmp_path) == ""


def test_remarks_are_one_line_each() -> None:
    rule = Rule("a\nb: \x85", Query("absent"), False, (Level("info", 1.0),))
    [remark] = remarks(export(RuleSet((Group("g", (rule,)),))))
    assert remark.startswith("a\\nb: \\u0085 info: ")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ({}, "work"),
        ({"operation": "checkout"}, "checkout"),
        ({"operation": "!=work"}, "x"),
        ({"operation": "=~check.*"}, "check"),
        ({"operation": "=~(pay|sell)-.+"}, "pay-x"),
        ({"operation": "=~one\\.two"}, "one.two"),
        ({"operation": "=~(?i)[q-s]a+(?:one|two)b.?$"}, "qaoneb"),
        ({"operation": "!~w.*|x"}, "one"),
        ({"operation": ""}, None),
    ],
)
def test_series_are_ones_that_a_rule_selects(
    where: dict[str, str], value: str | None, tmp_path: Path
) -> None:
    files = exported(signal="in_progress", above=3, where=where)
    [test] = yaml.safe_load(files["tests.yml"])["tests"]
    [one] = test["input_series"]
    found = re.search(r'operation="([^"]*)"', one["series"])
    assert (found and found.group(1)) == value
    assert complaints(files, tmp_path) == ""


def test_rules_about_jobs_are_tested_alone(tmp_path: Path) -> None:
    levels = (Level("info", 1.0),)
    query = Query("threads", where=(Matcher("job", "=~", "web-.*"),))
    rules = tuple(Rule(name, query, True, levels) for name in ("A", "B"))
    files = export(RuleSet((Group("g", rules),)))
    assert len(yaml.safe_load(files["tests.yml"])["tests"]) == 2
    assert complaints(files, tmp_path) == ""


def test_limits_hold_in_tests_too(tmp_path: Path) -> None:
    rules = [
        {"alert": name, "signal": "threads", "above": {"warning": 1, "critical": 2}}
        for name in ("A", "B", "C")
    ]
    files = export(build({"groups": [{"name": "g", "limit": 2, "rules": rules}]}))
    assert len(yaml.safe_load(files["tests.yml"])["tests"]) == 3
    assert complaints(files, tmp_path) == ""


def test_what_takes_long_is_evaluated_more_seldom(tmp_path: Path) -> None:
    files = exported(signal="rate", window="2d", above=1)
    assert set(files) == {"rules.yml", "tests.yml", "tests-30m.yml", "alertmanager-inhibit.yml"}
    assert yaml.safe_load(files["tests.yml"])["tests"] == []
    assert yaml.safe_load(files["tests-30m.yml"])["evaluation_interval"] == "30m"
    assert complaints(files, tmp_path) == ""


def test_short_windows_get_samples_enough(tmp_path: Path) -> None:
    options = Options(interval=20.0, scrape_interval=2.0)
    files = exported(signal="rate", window="10s", above=1, options=options)
    [test] = yaml.safe_load(files["tests.yml"])["tests"]
    assert test["interval"] == "2s"
    assert complaints(files, tmp_path) == ""


def test_a_label_that_is_given_shows_in_what_is_expected(tmp_path: Path) -> None:
    files = exported(signal="memory_rss", above="1GB", labels={"team": 'a"b\\c\nd'}, by=["kind"])
    [test] = yaml.safe_load(files["tests.yml"])["tests"]
    fires, gone = test["promql_expr_test"]
    assert fires["exp_samples"][0]["labels"] == fires["expr"]
    assert 'team="a\\"b\\\\c\\nd"' in fires["expr"]
    assert 'kind="x"' in fires["expr"]
    assert gone["exp_samples"] == []
    assert complaints(files, tmp_path) == ""


def test_thresholds_at_the_ends_of_what_there_can_be(tmp_path: Path) -> None:
    questions: list[dict[str, Any]] = [
        {"signal": "latency_p95", "below": "40s"},
        {"signal": "latency_p95", "above": "59s"},
        {"signal": "latency_p95", "above": "150us", "clear": "110us"},
        {"signal": "latency_p01", "above": "1ms", "clear": "900us"},
        {"signal": "latency_stddev", "below": "1ms"},
        {"signal": "cache_hit_ratio", "below": "100%"},
        {"signal": "error_ratio", "above": "99.9%", "window": "1h"},
        {"signal": "error_ratio", "above": 0, "window": "1h"},
        {"signal": "latency_p50", "derive": {"change": "10m"}, "above": 4},
        {"signal": "cpu_utilization", "derive": {"change": "10m"}, "above": 3},
        {"signal": "memory_utilization", "derive": {"until": 0, "over": "20m"}, "below": "1h"},
        {"series": "depth", "derive": {"until": 40, "over": "20m"}, "below": "1h"},
        {"series": "depth", "derive": {"slope": "20m"}, "below": -100},
        {"signal": "error_ratio", "derive": {"slope": "2h"}, "above": "40%/h"},
        {"signal": "api_rate", "below": "3/min", "min_count": 10, "no_data": "keep"},
    ]
    rules = [{"alert": f"A{number}", **one} for number, one in enumerate(questions)]
    files = export(build({"groups": [{"name": "g", "rules": rules}]}), Options(interval=30.0))
    assert remarks(files) == []
    assert complaints(files, tmp_path) == ""


def test_what_promtool_would_end_is_left_out(tmp_path: Path) -> None:
    rules = [
        {"alert": "Slow", "signal": "latency_p95", "derive": {"change": "2d"}, "above": "50%"},
        {"alert": "Odd", "signal": "latency_p95", "derive": {"anomaly": "7d"}, "above": 5},
    ]
    files = export(build({"groups": [{"name": "g", "rules": rules}]}))
    slow, odd = remarks(files)
    assert slow == "Slow warning: promtool takes no query of so many samples."
    assert "days of values" in odd
    assert complaints(files, tmp_path) == ""
