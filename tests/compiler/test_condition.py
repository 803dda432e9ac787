"""PromQL of rules: what it looks like, and that it can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from support.promtool import promtool
from vitalspan.compiler.condition import condition, expression
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Parentheses
from vitalspan.rules.burn_rate_alerts import burn_group
from vitalspan.rules.file.load import build_query, build_rule
from vitalspan.rules.model import Rule, Slo
from vitalspan.signals.catalogue import SIGNALS, signal_of

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

ARGUMENTS = {
    "latency_pNN": {"signal": "latency_p95"},
    "measure_rate": {"signal": "measure_rate", "measure": "items"},
    "burn_rate": {"signal": "burn_rate", "slo": "checkout"},
}

DERIVED: list[dict[str, Any]] = [
    {"change": "1h"},
    {"slope": "1h"},
    {"forecast": "4h", "over": "1h"},
    {"until": 0.5, "over": "1h"},
    {"anomaly": "1d"},
    {"anomaly": "7d"},
]

QUESTIONS = [
    *(ARGUMENTS.get(name, {"signal": name}) for name in SIGNALS),
    {"signal": "memory_growth"},
    {"series": "queue_depth", "aggregate": "avg"},
    {"series": "jobs_total"},
]


def of(rule: Rule, **shared: Any) -> str:
    """The condition of a rule's only level."""
    [level] = rule.levels
    return str(condition(rule, level, PromqlContext(**shared)))


def rule(**fields: Any) -> Rule:
    return build_rule({"alert": "Some", **fields})


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: next(iter(question.values())))
def test_every_value_can_be_read(question: dict[str, Any]) -> None:
    growth = question.get("signal") == "memory_growth"
    for derive in [None] if growth else [None, *DERIVED]:
        fields = question if derive is None else {**question, "derive": derive}
        apart = PromqlContext(per_instance=True, prefix="shop_", step=60.0)
        for context, worst in ((PromqlContext(), "max"), (apart, "min")):
            text = str(expression(build_query(fields), context, worst=worst))
            assert promql_parser.parse(text) is not None
            if context is apart:
                assert "instance" in text or question["signal"] == "absent"


def test_promtool_reads_every_condition_as_well(tmp_path: Path) -> None:
    rules = []
    for question in QUESTIONS:
        growth = question.get("signal") == "memory_growth"
        least = 20 if signal_of(build_query(question)).counted else 0
        for derive in [None] if growth else [None, *DERIVED]:
            fields = {"above": 0.9, "clear": 0.5, "min_count": least, **question}
            if derive is not None:
                fields["derive"] = derive
            for no_data in ("ok", "alert", "keep"):
                alert = f"A{len(rules)}"
                one = build_rule({"alert": alert, **fields, "no_data": no_data})
                rules.append({"alert": alert, "expr": of(one)})
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    assert promtool("check", "rules", "--lint-fatal", file) == ""
    assert len(rules) > 400


CALLS = 'operation_duration_seconds_count{operation="checkout"}'


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"signal": "latency_p95", "above": "500ms", "where": {"operation": "checkout"}},
            (
                "histogram_quantile(0.95, sum by (job, le) "
                '(rate(operation_duration_seconds_bucket{operation="checkout"}[5m1ms]))) > 0.5'
            ),
        ),
        (
            {"signal": "rate", "below": "3/min", "by": ["operation"], "window": "90s"},
            # A window that nothing has been counted for yet says nothing of a low rate.
            (
                "(sum by (job, operation) (rate(operation_duration_seconds_count[1m30s1ms])) "
                "and group by (job, operation) (operation_duration_seconds_count offset 1m30s)) "
                "< 0.05"
            ),
        ),
        (
            {"signal": "memory_rss", "above": "1.5GiB"},
            "max by (job) (process_resident_memory_bytes) > 1610612736",
        ),
        ({"signal": "threads", "below": 3}, "min by (job) (process_threads) < 3"),
        (
            {"signal": "absent", "above": 0, "where": {"operation": "=~a|b"}},
            (
                "absent(sum by (job) "
                '(rate(operation_duration_seconds_count{operation=~"a|b"}[5m1ms])) > 0) > 0'
            ),
        ),
        (
            {"signal": "rate", "above": 1, "min_count": 20, "where": {"operation": "checkout"}},
            (
                f"sum by (job) (rate({CALLS}[5m1ms])) > 1\n"
                "and\n"
                f"sum by (job) (rate({CALLS}[5m1ms])) * 300 >= 20"
            ),
        ),
        (
            {"signal": "in_progress", "above": 10, "clear": 5, "labels": {"team": 'a"b'}},
            (
                "sum by (job) (operation_in_progress) > 10\n"
                "or\n"
                "(\n"
                "  sum by (job) (operation_in_progress) > 5\n"
                '  and on (job) ALERTS{alertname="Some",alertstate="firing",severity="warning",'
                'team="a\\"b"}\n'
                ")"
            ),
        ),
        (
            {"signal": "threads", "above": 10, "no_data": "keep"},
            (
                "max by (job) (process_threads) > 10\n"
                "or\n"
                "(\n"
                '  NaN * max by (job) (ALERTS{alertname="Some",alertstate="firing",'
                'severity="warning"})\n'
                "  unless on (job)\n"
                "  (max by (job) (process_threads))\n"
                ")"
            ),
        ),
        (
            {"signal": "rate", "above": 10, "no_data": "alert"},
            (
                "sum by (job) (rate(operation_duration_seconds_count[5m1ms])) > 10\n"
                "or\n"
                "(\n"
                "  NaN * group by (job) (operation_duration_seconds_count)\n"
                "  unless\n"
                "  (sum by (job) (rate(operation_duration_seconds_count[5m1ms])))\n"
                ")\n"
                "or\n"
                "NaN * absent(group(operation_duration_seconds_count))"
            ),
        ),
        (
            {"series": "depth", "above": 1, "by": ["queue"], "no_data": "alert"},
            (
                "sum by (job, queue) (depth) > 1\n"
                "or\n"
                "(\n"
                "  NaN * group by (job, queue) (last_over_time(depth[1h]))\n"
                "  unless\n"
                "  (sum by (job, queue) (depth))\n"
                ")"
            ),
        ),
        (
            {"signal": "rate", "derive": {"change": "1h"}, "below": "-50%"},
            (
                "(sum by (job) (rate(operation_duration_seconds_count[5m1ms])) "
                "and group by (job) (operation_duration_seconds_count offset 5m)) "
                "/ ((sum by (job) (rate(operation_duration_seconds_count[5m1ms] offset 1h)) "
                "and group by (job) (operation_duration_seconds_count offset 1h5m)) != 0) "
                "- 1 < -0.5"
            ),
        ),
        (
            {"series": "depth", "derive": {"change": "1h"}, "above": 2},
            (
                "(sum by (job) (depth) - sum by (job) (depth offset 1h)) "
                "/ abs(sum by (job) (depth offset 1h) != 0) > 2"
            ),
        ),
        (
            {"signal": "memory_growth", "window": "1h", "above": "1MiB/h"},
            (
                "deriv((max by (job) (process_resident_memory_bytes))[1h1ms:30s]) * 3600 "
                "> 1048576\n"
                "and\n"
                "max by (job) (process_resident_memory_bytes)"
            ),
        ),
    ],
)
def test_conditions_are_written_for_people(fields: dict[str, Any], text: str) -> None:
    assert of(rule(**fields)) == text


def test_a_burn_rate_is_above_where_both_windows_are() -> None:
    first = burn_group(Slo("checkout", 0.999)).rules[0]
    burn = (
        'sum by (job) (rate(slo_bad_events_total{{slo="checkout"}}[{0}])) '
        '/ (sum by (job) (rate(slo_events_total{{slo="checkout"}}[{0}])) > 0) '
        "/ (1 - {1})"
    )
    covered = (
        "* clamp_max((time() - min by (job) (min_over_time(timestamp("
        'slo_events_total{slo="checkout"})[1h6m1ms:30s]))) / 3600, 1)'
    )
    assert of(first, objectives={"checkout": 0.999}) == (
        f"(\n  {burn.format('1h1ms', '0.999')} {covered} > 14.4\n  and\n"
        f"  {burn.format('5m1ms', '0.999')} > 14.4\n)\nand\n"
        'round(sum by (job) (rate(slo_bad_events_total{slo="checkout"}[1h1ms])) * 3600) >= 2'
    )
    first = replace(first, query=replace(first.query, weighed=False, min_bad=0))
    gauge = 'min by (job) (slo_objective_ratio{slo="checkout"})'
    assert of(first) == (
        f"{burn.format('1h1ms', gauge)} > 14.4\nand\n{burn.format('5m1ms', gauge)} > 14.4"
    )
    long, short = burn.format("1h1ms", gauge), burn.format("5m1ms", gauge)
    lesser = f"{long} <= {short}\nor\n{short} < {long}"
    assert str(expression(first.query)) == lesser
    # Below a threshold is the lesser of both as soon as either is.
    assert of(replace(first, above=False)) == f"{Parentheses(expression(first.query))} < 14.4"


def test_a_prefix_is_put_before_our_own_metrics_only() -> None:
    prefixed = {"prefix": "shop_"}
    assert "rate(shop_operation_duration" in of(rule(signal="rate", above=1), **prefixed)
    assert "(process_threads)" in of(rule(signal="threads", above=1), **prefixed)
    assert "(system_cpu_seconds_total[" in of(rule(signal="cpu_utilization", above=0.5), **prefixed)
    assert "(depth)" in of(rule(series="depth", above=1, no_data="alert"), **prefixed)
    assert "shop_depth" not in of(rule(series="depth", above=1, no_data="alert"), **prefixed)


def test_a_label_of_the_rule_does_not_tell_values_apart() -> None:
    own = replace(rule(signal="threads", above=9, clear=5), labels=(("job", "all"),))
    assert "and on () ALERTS" in of(own)
    assert 'severity="warning",job="all"}' in of(own)


def test_a_condition_without_samples_to_count_needs_none() -> None:
    uncounted = replace(rule(signal="threads", above=9), min_count=5)
    assert of(uncounted) == "max by (job) (process_threads) > 9"
    below = replace(rule(series="depth", derive={"anomaly": "1h"}, above=3), above=False)
    assert "== 0) < 3" in of(below)
