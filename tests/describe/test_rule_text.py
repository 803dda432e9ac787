"""Rules in words."""

from __future__ import annotations

import re

import pytest

from support.paths import RULE_FILES
from vitalspan.compiler.condition import condition
from vitalspan.compiler.context import context_of
from vitalspan.describe.rule_text import explain, rule_sentence, slo_sentence
from vitalspan.rules import presets
from vitalspan.rules.file.load import build_rule, build_slo, load, load_preset

GOOD = RULE_FILES / "good"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {
                "signal": "latency_p95",
                "where": {"operation": "checkout", "component": "=~pay.*"},
                "above": {"warning": "500ms", "critical": "2s"},
                "for": "1m",
                "keep_firing_for": "5m",
                "min_count": 20,
            },
            (
                "A fires when latency_p95 of operation checkout and component like pay.* (the "
                "duration that 95 percent of the calls do not exceed) over 5 minutes is above 500 "
                "ms (warning) or 2 s (critical) for 1 minute; it keeps firing for 5 minutes after "
                "the value has recovered; it needs at least 20 calls."
            ),
        ),
        (
            {"signal": "cache_hit_ratio", "by": ["component", "cache"], "below": "50%"},
            (
                "A fires when cache_hit_ratio (the share of look-ups that found their entry) over "
                "5 minutes, for each component and cache separately, is below 50 % (warning)."
            ),
        ),
        (
            {
                "signal": "rate",
                "where": {"operation": "!=a", "tier": "!~b.*", "shard": ""},
                "window": "1h30m",
                "below": {"info": "1/h", "warning": "0.5/h"},
                "clear": {"info": "2/h"},
                "no_data": "alert",
            },
            (
                "A fires when rate of operation other than a, tier not like b.* and shard none "
                "(the finished calls per second) over 1 hour 30 minutes is below 0.000277778/s "
                "(info) or 0.000138889/s (warning); it clears at 0.000555556/s (info); it waits "
                "until there are 1 hour 30 minutes of history; it also fires without data."
            ),
        ),
        (
            {"signal": "memory_rss", "above": "500MB", "clear": "450MB", "no_data": "keep"},
            (
                "A fires when memory_rss (the resident memory of the process) is above 500 MB "
                "(warning); it clears at 450 MB; it stays as it is without data."
            ),
        ),
        (
            {"signal": "memory_growth", "above": "50MB/h", "window": "1h"},
            (
                "A fires when the growth per hour within 1 hour of memory_rss (the resident "
                "memory of the process) is above 50 MB/h (warning)."
            ),
        ),
        (
            {"signal": "memory_rss", "above": "1.5GiB"},
            (
                "A fires when memory_rss (the resident memory of the process) is above 1.5 GiB "
                "(warning)."
            ),
        ),
        (
            {"signal": "api_rate", "above": "100/min", "min_count": 5},
            (
                "A fires when api_rate (the calls to an API per second) over 5 minutes is above "
                "100/min (warning); it needs at least 5 calls."
            ),
        ),
        (
            {"signal": "latency_mean", "above": "30%", "derive": {"change": "1d"}},
            (
                "A fires when the change within 1 day of latency_mean (the mean duration of the "
                "calls) over 5 minutes is above 30 % (warning)."
            ),
        ),
        (
            {"signal": "rate", "above": 5, "derive": {"anomaly": "1d"}},
            (
                "A fires when the distance in standard deviations from the usual value within 1 "
                "day of rate (the finished calls per second) over 5 minutes is above 5 (warning)."
            ),
        ),
        (
            {
                "signal": "disk_utilization",
                "above": "90%",
                "derive": {"forecast": "4h", "over": "1h"},
            },
            (
                "A fires when the forecast for 4 hours ahead, based on 1 hour, of "
                "disk_utilization (the share of the root file system that is in use) is above 90 % "
                "(warning)."
            ),
        ),
        (
            {
                "signal": "disk_utilization",
                "below": "4h",
                "derive": {"until": "90%", "over": "1h"},
            },
            (
                "A fires when the time, based on 1 hour, until 90 % is crossed by "
                "disk_utilization (the share of the root file system that is in use) is below 4 "
                "hours (warning)."
            ),
        ),
        (
            {"signal": "measure_rate", "measure": "items", "below": 1},
            (
                "A fires when measure_rate (the amount of items per second that `call.add` "
                "counted) "
                "over 5 minutes is below 1/s (warning); it waits until there are 5 minutes of "
                "history."
            ),
        ),
        (
            {"signal": "absent", "above": 0, "window": "30m"},
            (
                "A fires when absent (1 while no call has finished, 0 otherwise) over 30 minutes "
                "is above 0 (warning)."
            ),
        ),
        (
            {"series": "queue_length", "aggregate": "max", "above": 5, "for": "500ms"},
            (
                "A fires when queue_length (the max of its values) is above 5 (warning) for 500 "
                "milliseconds."
            ),
        ),
        (
            {"series": "mails_total", "below": 2},
            (
                "A fires when mails_total (the growth of a counter per second) over 5 minutes is "
                "below 2/s (warning); it waits until there are 5 minutes of history."
            ),
        ),
        (
            {"series": "errors_total", "above": 5, "derive": {"increase": "1d"}, "by": ["kind"]},
            (
                "A fires when the increase of errors_total (the growth of a counter) over 1 day, "
                "for each kind separately, is above 5 (warning)."
            ),
        ),
        (
            {"signal": "api_cost_rate", "above": "20$", "derive": {"increase": "1d"}},
            (
                "A fires when the increase of api_cost_rate (the dollars that calls to an API "
                "cost) over 1 day is above $20 (warning)."
            ),
        ),
        (
            {"signal": "rate", "below": 1, "derive": {"increase": "1d"}},
            (
                "A fires when the increase of rate (the finished calls) over 1 day is below 1 "
                "(warning); it waits until there are 1 day of history."
            ),
        ),
        (
            {"signal": "burn_rate", "slo": "checkout", "above": 14.4, "min_count": 100},
            (
                "A fires when burn_rate (how many times faster than allowed the error budget of "
                "checkout is spent) over 5 minutes is above 14.4 (warning); it needs "
                "at least 100 calls."
            ),
        ),
    ],
)
def test_a_rule(fields: dict[str, object], sentence: str) -> None:
    assert rule_sentence(build_rule({"alert": "A", **fields})) == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"where": {"operation": "checkout"}, "objective": "99.995%"},
            (
                "a asks that 99.995 % of the calls of operation checkout do not raise, over 30 "
                "days; its alerts fire when the other 0.005 %, the error budget, are used up too "
                "fast."
            ),
        ),
        (
            {"objective": 0.99, "bad": {"where": {"status": "=~5.."}}},
            (
                "a asks that 99 % of the calls do not have status like 5.., over 30 days; its "
                "alerts fire when the other 1 %, the error budget, are used up too fast."
            ),
        ),
        (
            {"objective": 0.99, "good": {"where": {"status": "200"}}, "alerts": "off"},
            "a asks that 99 % of the calls have status 200, over 30 days; it raises no alerts.",
        ),
        (
            {"objective": 0.99, "alerts": "off"},
            "a asks that 99 % of the calls do not raise, over 30 days; it raises no alerts.",
        ),
        (
            {"objective": 0.99, "under": "300ms", "window": "7d"},
            (
                "a asks that 99 % of the calls take at most 300 ms, over 7 days; its alerts fire "
                "when the other 1 %, the error budget, are used up too fast."
            ),
        ),
        (
            {
                "objective": 0.99,
                "where": {"path": "!=/health"},
                "bad": {"series": "requests_total", "where": {"code": "=~5.."}},
                "total": {"series": "requests_total"},
                "alerts": "off",
            },
            (
                "a asks that 99 % of the events that requests_total of path other than /health "
                "counts are not counted by requests_total of path other than /health and code "
                "like 5.., over 30 days; it raises no alerts."
            ),
        ),
        (
            {
                "objective": 0.99,
                "good": {"series": "ok_total"},
                "total": {"series": "all_total"},
                "alerts": "off",
            },
            (
                "a asks that 99 % of the events that all_total counts are counted by ok_total, "
                "over 30 days; it raises no alerts."
            ),
        ),
    ],
)
def test_an_slo(fields: dict[str, object], sentence: str) -> None:
    assert slo_sentence(build_slo({"name": "a", **fields})) == sentence


def test_a_file() -> None:
    rules = load(GOOD / "every_field.yml")
    text = explain(rules)
    assert text.startswith(
        "Group operations, every 15 seconds, with at most 10 alerts per rule:\n\n"
    )
    assert "\n\nGroup nothing:\n\nSLO checkout asks that 99.9 % " in text
    rule = rules.groups[0].rules[0]
    context = context_of(rules)
    for level in rule.levels:
        first, *_ = str(condition(rule, level, context)).splitlines()
        assert f"    {level.severity}:\n      {first}\n" in text
    # An SLO is explained by what it makes: over an hour and five minutes, and so on.
    assert len(re.findall(r"CheckoutBudgetBurn fires when .* \(critical\);", text)) == 2
    burning = (
        "over 1 hour and also over 5 minutes is above 14.4 (critical); it needs at least 2 bad"
    )
    assert burning in text


@pytest.mark.parametrize("name", presets.names())
def test_presets_can_be_explained(name: str) -> None:
    rules = load_preset(name)
    text = explain(rules)
    for group in rules.groups:
        for rule in group.rules:
            assert f"\n  {rule_sentence(rule)}\n" in text
