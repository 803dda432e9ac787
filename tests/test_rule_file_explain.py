"""Rules in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitalspan.rules import presets
from vitalspan.rules.explain import explain, rule_sentence, slo_sentence
from vitalspan.rules.file import build_rule, build_slo, load
from vitalspan.rules.promql import condition

GOOD = Path(__file__).parent / "rule_files" / "good"


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
                "A is raised as warning above 500 ms and as critical above 2 s when latency_p95 of "
                "operation checkout and component like pay.*, the duration that 95 percent of the "
                "calls do not exceed, over 5 minutes, stays there for 1 minute; it fires on for 5 "
                "minutes after the value has come back; it needs 20 calls."
            ),
        ),
        (
            {"signal": "cache_hit_ratio", "by": ["component", "cache"], "below": "50%"},
            (
                "A is raised as warning below 50 % when cache_hit_ratio, the share of look-ups "
                "that found their entry, over 5 minutes, for each component and cache by itself, "
                "is there."
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
                "A is raised as info below 0.000277778/s and as warning below 0.000138889/s when "
                "rate of operation other than a, tier not like b.* and shard none, the finished "
                "calls a second, over 1 hour 30 minutes, is there; it clears at 0.000555556/s "
                "(info); without data it is raised, too."
            ),
        ),
        (
            {"signal": "memory_rss", "above": "500MB", "clear": "450MB", "no_data": "keep"},
            (
                "A is raised as warning above 500 MB when memory_rss, the resident memory of the "
                "process, is there; it clears at 450 MB; without data it stays as it is."
            ),
        ),
        (
            {"signal": "memory_growth", "above": "50MB/h", "window": "1h"},
            (
                "A is raised as warning above 50 MB/h when the growth an hour, within 1 hour, of "
                "memory_rss, the resident memory of the process, is there."
            ),
        ),
        (
            {"signal": "memory_rss", "above": "1.5GiB"},
            (
                "A is raised as warning above 1.5 GiB when memory_rss, the resident memory of the "
                "process, is there."
            ),
        ),
        (
            {"signal": "api_rate", "above": "100/min", "min_count": 5},
            (
                "A is raised as warning above 100/min when api_rate, the calls to an API a second, "
                "over 5 minutes, is there; it needs 5 calls."
            ),
        ),
        (
            {"signal": "latency_mean", "above": "30%", "derive": {"change": "1d"}},
            (
                "A is raised as warning above 30 % when the change within 1 day of latency_mean, "
                "the mean duration of the calls, over 5 minutes, is there."
            ),
        ),
        (
            {"signal": "rate", "above": 5, "derive": {"anomaly": "1d"}},
            (
                "A is raised as warning above 5 when the distance in standard deviations from its "
                "usual value in 1 day of rate, the finished calls a second, over 5 minutes, is "
                "there."
            ),
        ),
        (
            {
                "signal": "disk_utilization",
                "above": "90%",
                "derive": {"forecast": "4h", "over": "1h"},
            },
            (
                "A is raised as warning above 90 % when the forecast for 4 hours ahead, going by 1 "
                "hour, of disk_utilization, the share of the root file system that is taken, is "
                "there."
            ),
        ),
        (
            {
                "signal": "disk_utilization",
                "below": "4h",
                "derive": {"until": "90%", "over": "1h"},
            },
            (
                "A is raised as warning below 4 hours when the time until 90 % is crossed, going "
                "by 1 hour, by disk_utilization, the share of the root file system that is taken, "
                "is there."
            ),
        ),
        (
            {"signal": "measure_rate", "measure": "items", "below": 1},
            (
                "A is raised as warning below 1/s when measure_rate, what `call.add` counted a "
                "second, counting items, over 5 minutes, is there."
            ),
        ),
        (
            {"signal": "absent", "above": 0, "window": "30m"},
            (
                "A is raised as warning above 0 when absent, 1 while no call has finished, 0 "
                "otherwise, over 30 minutes, is there."
            ),
        ),
        (
            {"series": "queue_length", "aggregate": "max", "above": 5, "for": "500ms"},
            (
                "A is raised as warning above 5 when queue_length, the max of its values, stays "
                "there for 500 milliseconds."
            ),
        ),
        (
            {"series": "mails_total", "below": 2},
            (
                "A is raised as warning below 2/s when mails_total, a counter's growth a second, "
                "over 5 minutes, is there."
            ),
        ),
        (
            {"signal": "burn_rate", "slo": "checkout", "above": 14.4, "min_count": 100},
            (
                "A is raised as warning above 14.4 when burn_rate, how many times faster than "
                "allowed an error budget is being spent, that of checkout, over 5 minutes, is "
                "there; it needs 100 calls."
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
                "days; its alerts are about how fast the other 0.005 % are used up."
            ),
        ),
        (
            {"objective": 0.99, "under": "300ms", "window": "7d"},
            (
                "a asks that 99 % of the calls take 300 ms at most, over 7 days; its alerts are "
                "about how fast the other 1 % are used up."
            ),
        ),
    ],
)
def test_an_slo(fields: dict[str, object], sentence: str) -> None:
    assert slo_sentence(build_slo({"name": "a", **fields})) == sentence


def test_a_file() -> None:
    rules = load(GOOD / "every_field.yml")
    text = explain(rules)
    assert text.startswith("Group operations, every 15 seconds, with 10 alerts a rule at most:\n\n")
    assert "\n\nGroup nothing:\n\nSLO checkout asks that 99.9 % " in text
    rule = rules.groups[0].rules[0]
    objectives = {slo.name: slo.objective for slo in rules.slos}
    for level in rule.levels:
        first, *_ = condition(rule, level, objectives=objectives).splitlines()
        assert f"    {level.severity}:\n      {first}\n" in text
    # An SLO is explained by what it makes: over an hour and five minutes, and so on.
    assert text.count("CheckoutBudgetBurn is raised as critical above ") == 2
    assert "over 1 hour and over 5 minutes as well, is there." in text


@pytest.mark.parametrize("name", presets.names())
def test_presets_can_be_explained(name: str) -> None:
    rules = presets.load(name)
    text = explain(rules)
    for group in rules.groups:
        for rule in group.rules:
            assert f"\n  {rule_sentence(rule)}\n" in text
