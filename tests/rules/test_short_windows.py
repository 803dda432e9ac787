"""What is said about times that are too short is what Prometheus does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.promtool import evaluated, promtool
from vitalspan.compiler.condition import expression
from vitalspan.rules.annotation_templates import check
from vitalspan.rules.file.load import build_query, build_rule
from vitalspan.rules.short_windows import (
    Sampling,
    bucket_problem,
    derivation_problem,
    window_problem,
)

pytestmark = pytest.mark.prometheus2

SERIES = {
    'operation_duration_seconds_count{job="shop"}': "0+5x80",
    'process_resident_memory_bytes{job="shop"}': "0+100x80",
}
TIMES = tuple(f"{600 + 4 * index}s" for index in range(8))


def answers(fields: dict[str, Any], directory: Path) -> list[bool]:
    """Whether there is a value, at times that are in step with the scrapes and at others."""
    query = expression(build_query(fields))
    found = evaluated(str(query), [], SERIES, TIMES, directory, "15s")
    return [bool(samples) for samples in found.values()]


@pytest.mark.parametrize(
    ("fields", "long_enough"),
    [
        ({"signal": "rate", "window": "10s"}, False),
        ({"signal": "rate", "window": "14s"}, False),
        ({"signal": "rate", "window": "30s"}, True),
        ({"signal": "rate", "derive": {"increase": "14s"}}, False),
        ({"signal": "rate", "derive": {"increase": "30s"}}, True),
    ],
)
def test_a_window_has_two_scrapes(
    fields: dict[str, Any], long_enough: bool, tmp_path: Path
) -> None:
    assert set(answers(fields, tmp_path)) == {long_enough}
    assert bool(window_problem(build_query(fields), 15.0)) is not long_enough


def test_between_one_scrape_and_two_there_is_data_now_and_then(tmp_path: Path) -> None:
    fields = {"signal": "rate", "window": "20s"}
    assert set(answers(fields, tmp_path)) == {True, False}
    assert window_problem(build_query(fields), 15.0)
    assert window_problem(build_query(fields), 10.0) == ""


def test_a_line_has_two_values(tmp_path: Path) -> None:
    for over, long_enough in (("14s", False), ("30s", True)):
        fields = {"signal": "memory_rss", "derive": {"slope": over}}
        query = build_query(fields)
        assert all(answers(fields, tmp_path)) is long_enough
        assert bool(derivation_problem(query, Sampling())) is not long_enough
        # A group that is evaluated more seldom has values more seldom.
        assert derivation_problem(query, Sampling(interval=60.0))


def test_moments_have_no_window() -> None:
    query = build_query({"signal": "in_progress", "window": "1s"})
    assert window_problem(query, 15.0) == ""


def refusal(template: str, directory: Path) -> str:
    """What promtool says about an annotation; empty where it is content."""
    rule = {"alert": "A", "expr": "up", "annotations": {"summary": template}}
    rules = directory / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
    return promtool("check", "rules", rules)


@pytest.mark.parametrize("odd", ["\u00a0", "\u2009", "\u200b", "\x0b", "\x0c", "\x1c", "\x85"])
def test_prometheus_refuses_the_spaces_that_are_refused_here(odd: str, tmp_path: Path) -> None:
    template = f"{{{{{odd}$value }}}}"
    with pytest.raises(ValueError, match=r"which Prometheus refuses"):
        check(template)
    assert "template" in refusal(template, tmp_path)


def test_prometheus_takes_plain_spaces_and_line_breaks(tmp_path: Path) -> None:
    template = "{{ \t\r\n$value }}"
    check(template)
    assert refusal(template, tmp_path) == ""


@pytest.mark.parametrize(
    ("fields", "beyond"),
    [
        ({"signal": "latency_p95", "above": 59}, False),
        ({"signal": "latency_p95", "above": 60}, True),
        ({"signal": "latency_p95", "above": {"warning": 1, "critical": 120}}, True),
        ({"signal": "latency_p95", "below": 60}, False),
        ({"signal": "latency_p95", "below": 61}, True),
        ({"signal": "latency_mean", "above": 600}, False),
        ({"signal": "latency_p95", "derive": {"change": "1h"}, "above": 70}, False),
    ],
)
def test_thresholds_beyond_the_last_bucket(fields: dict[str, Any], beyond: bool) -> None:
    rule = build_rule({"alert": "A", **fields})
    assert bool(bucket_problem(rule)) is beyond
    assert bucket_problem(rule, (1.0, 600.0)) == ""
