"""What exported conditions do, said by promtool: the same as the rules do in the process."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from support.promtool import alert, evaluated, firing
from vitalspan.compiler.condition import condition, expression
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.file.load import build_query, build_rule
from vitalspan.rules.model import Level, Rule
from vitalspan.signals.query import Query
from vitalspan.units import duration_text

# What is written for Prometheus does not depend on the version of Python.
pytestmark = [pytest.mark.once, pytest.mark.prometheus2]

Values = list[tuple[dict[str, str], float]]

CHECKOUT = 'job="shop",instance="one",operation="checkout"'
COUNT = "operation_duration_seconds_count"


def rules_of(**fields: Any) -> list[dict[str, Any]]:
    """A rule as Prometheus is given it, one for each level."""
    rule = build_rule({"alert": "Some", **fields})
    times = {"for": rule.for_seconds, "keep_firing_for": rule.keep_firing_for}
    set_ = {name: duration_text(seconds) for name, seconds in times.items() if seconds}
    return [
        alert(
            rule.alert,
            str(condition(rule, level)),
            labels={"severity": level.severity, **dict(rule.labels)},
            **set_,
        )
        for level in rule.levels
    ]


def value_of(query: dict[str, Any], samples: dict[str, str], time: str, directory: Path) -> Values:
    """The value that PromQL has for a query at a time."""
    return evaluated(str(expression(build_query(query))), [], samples, [time], directory)[time]


def test_without_clear_an_alert_ends_at_its_threshold(tmp_path: Path) -> None:
    rules = rules_of(signal="threads", above=10)
    series = {'process_threads{job="a"}': "5 11 8 11"}
    found = firing(rules, series, ["0s", "15s", "30s", "45s"], tmp_path)
    assert [len(found[time]) for time in found] == [0, 1, 0, 1]


def test_an_alert_holds_until_it_clears(tmp_path: Path) -> None:
    rules = rules_of(signal="threads", above=10, clear=5, labels={"team": 'a"b\\c\n'})
    series = {
        'process_threads{job="a"}': "8 11 8 6 5 8 8",
        # Firing is a matter of each job.
        'process_threads{job="b"}': "8x10",
    }
    times = ["0s", "15s", "30s", "45s", "1m", "1m15s"]
    found = firing(rules, series, times, tmp_path)
    one = {"job": "a", "severity": "warning", "team": 'a"b\\c\n'}
    assert [found[time] for time in times] == [[], [one], [one], [one], [], []]


def test_an_alert_that_is_pending_does_not_hold_yet(tmp_path: Path) -> None:
    rules = rules_of(signal="threads", above=10, clear=5, **{"for": "1m"})
    series = {'process_threads{job="a"}': "11 11 8 8 8 8 11 11 11 11 11 8 8"}
    found = firing(rules, series, ["1m15s", "2m15s", "2m30s", "3m"], tmp_path)
    assert [len(found[time]) for time in found] == [0, 0, 1, 1]


def test_it_holds_while_it_is_kept_firing(tmp_path: Path) -> None:
    # In the process as well, an alert in its `keep_firing_for` is one that fires.
    rules = rules_of(signal="threads", above=10, clear=5, keep_firing_for="1m")
    series = {'process_threads{job="a"}': "11 4 4 8 8 8 8 8 8 8 4 4 4 4 4 4"}
    found = firing(rules, series, ["30s", "2m15s", "3m15s", "3m30s"], tmp_path)
    assert [len(found[time]) for time in found] == [1, 1, 1, 0]


def test_each_level_holds_and_clears_by_itself(tmp_path: Path) -> None:
    rules = rules_of(
        signal="threads",
        below={"warning": 10, "critical": 5},
        clear={"warning": 12, "critical": 7},
    )
    series = {'process_threads{job="a"}': "20 9 11 4 6 8 11 12"}
    times = ["0s", "15s", "30s", "45s", "1m", "1m15s", "1m30s", "1m45s"]
    found = firing(rules, series, times, tmp_path)
    shown = [sorted(labels["severity"] for labels in found[time]) for time in times]
    both = ["critical", "warning"]
    assert shown == [[], ["warning"], ["warning"], both, both, ["warning"], ["warning"], []]


def test_fewer_samples_than_asked_for_are_no_data(tmp_path: Path) -> None:
    rules = rules_of(
        signal="error_ratio", where={"operation": "checkout"}, above="10%", min_count=20
    )
    errors, cancelled = "operation_errors_total", "operation_cancellations_total"
    series = {
        f"{COUNT}{{{CHECKOUT}}}": "0+1x40 80+40x40",
        f'{errors}{{{CHECKOUT},error_type="E"}}': "0+1x40 80+40x40",
        f"{cancelled}{{{CHECKOUT}}}": "0x90",
        # Of many calls that were cancelled nearly all, few are judged.
        f"{COUNT}{{{CHECKOUT.replace('shop', 'lab')}}}": "0+40x90",
        f'{errors}{{{CHECKOUT.replace("shop", "lab")},error_type="E"}}': "0+0.5x90",
        f"{cancelled}{{{CHECKOUT.replace('shop', 'lab')}}}": "0+39.1x90",
    }
    found = firing(rules, series, ["9m", "15m"], tmp_path)
    assert found["9m"] == [{"job": "shop", "severity": "warning"}]
    few = {name: values.replace("0+1x40", "0+0.9x40") for name, values in series.items()}
    assert firing(rules, few, ["9m"], tmp_path)["9m"] == []
    assert [one["job"] for one in found["15m"]] == ["shop"]


def test_no_data_is_an_alert_where_it_is_asked_to_be(tmp_path: Path) -> None:
    rules = rules_of(
        signal="latency_p95",
        where={"operation": "checkout"},
        by=["operation"],
        above={"warning": 1, "critical": 5},
        no_data="alert",
    )
    bucket = "operation_duration_seconds_bucket"
    series = {
        f"{COUNT}{{{CHECKOUT}}}": "0+10x20 200x60",
        f'{bucket}{{{CHECKOUT},le="0.5"}}': "0+10x20 200x60",
        f'{bucket}{{{CHECKOUT},le="+Inf"}}': "0+10x20 200x60",
    }
    found = firing(rules, series, ["2m", "9m", "12m"], tmp_path)
    assert found["2m"] == found["9m"] == []
    both = [{**one, "alertname": "Some"} for one in found["12m"]]
    assert both == [
        {"alertname": "Some", "job": "shop", "operation": "checkout", "severity": severity}
        for severity in ("critical", "warning")
    ]


def test_what_was_never_there_is_no_data_as_well(tmp_path: Path) -> None:
    rules = rules_of(signal="rate", where={"operation": "checkout"}, above=9, no_data="alert")
    other = {f"{COUNT}{{{CHECKOUT.replace('checkout', 'browse')}}}": "0+1x20"}
    assert firing(rules, other, ["2m"], tmp_path)["2m"] == [{"severity": "warning"}]
    there = {f"{COUNT}{{{CHECKOUT}}}": "0+1x20"}
    assert firing(rules, there, ["2m"], tmp_path)["2m"] == []


def test_a_gauge_that_has_ended_is_missed_for_an_hour(tmp_path: Path) -> None:
    rules = rules_of(series="depth", by=["queue"], above=9, no_data="alert")
    series = {'depth{job="shop",queue="mail"}': "1x3 stale", 'depth{job="shop",queue="x"}': "1x400"}
    found = firing(rules, series, ["45s", "1m", "50m", "1h1m"], tmp_path)
    assert found["1m"] == [{"job": "shop", "queue": "mail", "severity": "warning"}]
    assert [len(found[time]) for time in found] == [0, 1, 1, 0]


def test_without_data_a_firing_alert_can_be_kept(tmp_path: Path) -> None:
    rules = rules_of(series="depth", by=["queue"], above=9, no_data="keep")
    series = {
        'depth{job="shop",queue="mail"}': "1 10 stale _x8 5 5",
        'depth{job="shop",queue="calm"}': "1 1 stale",
        'depth{job="shop",queue="other"}': "1x20",
    }
    times = ["15s", "30s", "1m", "2m15s", "2m45s"]
    found = firing(rules, series, times, tmp_path)
    kept = [{"job": "shop", "queue": "mail", "severity": "warning"}]
    assert [found[time] for time in times] == [kept, kept, kept, kept, []]


def test_too_few_samples_keep_an_alert_too(tmp_path: Path) -> None:
    rules = rules_of(signal="latency_mean", above=1, min_count=10, no_data="keep", window="1m")
    series = {f"{COUNT}{{{CHECKOUT}}}": "0+10x8 80x20 80+10x20"}
    series[f"operation_duration_seconds_sum{{{CHECKOUT}}}"] = "0+20x8 160x20 160+1x20"
    found = firing(rules, series, ["1m", "6m", "9m"], tmp_path)
    assert [len(found[time]) for time in found] == [1, 1, 0]


def test_a_burn_rate_is_the_lesser_of_both_windows(tmp_path: Path) -> None:
    series = {
        'slo_events_total{job="a",slo="s"}': "0+100x300",
        'slo_bad_events_total{job="a",slo="s"}': "0+10x40 400x260",
        'slo_objective_ratio{job="a",slo="s"}': "0.99x300",
    }
    query = Query("burn_rate", slo="s", window=3600.0, short=300.0)
    rule = Rule("Burn", query, above=True, levels=(Level("critical", 3.0),))
    rules = [alert("Burn", str(condition(rule, rule.levels[0])))]
    found = firing(rules, series, ["9m", "16m"], tmp_path)
    assert [len(found[time]) for time in found] == [1, 0]
    text = str(expression(query))
    values = evaluated(text, [], series, ["9m", "16m"], tmp_path)
    assert values["9m"] == [({"job": "a"}, pytest.approx(10))]
    assert values["16m"] == [({"job": "a"}, 0.0)]


@pytest.mark.parametrize(
    ("series", "query", "expected"),
    [
        # There are no errors before the first one.
        ({f"{COUNT}{{{CHECKOUT}}}": "0+1x40"}, {"signal": "error_ratio"}, []),
        (
            {
                f"{COUNT}{{{CHECKOUT}}}": "0+1x40",
                f"operation_cancellations_total{{{CHECKOUT}}}": "0x40",
            },
            {"signal": "error_ratio"},
            [({"job": "shop"}, 0.0)],
        ),
        # Without calls there is nothing to divide by.
        (
            {
                f"{COUNT}{{{CHECKOUT}}}": "5x40",
                f"operation_duration_seconds_sum{{{CHECKOUT}}}": "5x40",
            },
            {"signal": "latency_mean"},
            [],
        ),
        (
            {
                f'cache_requests_total{{job="a",cache="c",result="{result}"}}': "5x40"
                for result in ("hit", "miss")
            },
            {"signal": "cache_hit_ratio"},
            [],
        ),
        # Growth from nothing is no ratio.
        ({'depth{job="a"}': "0x20 9x40"}, {"series": "depth", "derive": {"change": "5m"}}, []),
        (
            {'depth{job="a"}': "-4x20 -6x40"},
            {"series": "depth", "derive": {"change": "5m"}},
            [({"job": "a"}, -0.5)],
        ),
        (
            {'depth{job="a"}': "0+3x60"},
            {"series": "depth", "derive": {"slope": "5m"}},
            [({"job": "a"}, 720.0)],
        ),
        # What has ended goes nowhere.
        ({'depth{job="a"}': "0+3x20 stale"}, {"series": "depth", "derive": {"slope": "5m"}}, []),
        (
            {'depth{job="a"}': "0+3x60"},
            {"series": "depth", "derive": {"forecast": "5m", "over": "5m"}},
            [({"job": "a"}, 180.0)],
        ),
        (
            {'depth{job="a"}': "0+3x60"},
            {"series": "depth", "derive": {"until": 138, "over": "5m"}},
            [({"job": "a"}, 90.0)],
        ),
        # It moves away from the limit, or not at all.
        (
            {'depth{job="a"}': "0+3x60"},
            {"series": "depth", "derive": {"until": 12, "over": "5m"}},
            [],
        ),
        (
            {'depth{job="a"}': "7x60"},
            {"series": "depth", "derive": {"until": 12, "over": "5m"}},
            [],
        ),
        # Constant values leave nothing to measure a distance by.
        (
            {'depth{job="a"}': "7x35 9x9"},
            {"series": "depth", "derive": {"anomaly": "8m"}},
            [],
        ),
        (
            {'depth{job="a"}': "7x60"},
            {"series": "depth", "derive": {"anomaly": "8m"}},
            [({"job": "a"}, 0.0)],
        ),
        # Half a training span is not enough.
        (
            {'depth{job="a"}': "7 8 9 8 " * 12},
            {"series": "depth", "derive": {"anomaly": "20m"}},
            [],
        ),
    ],
)
def test_what_a_value_is_when_little_is_known(
    series: dict[str, str], query: dict[str, Any], expected: Values, tmp_path: Path
) -> None:
    found = value_of(query, series, "10m", tmp_path)
    assert found == [(labels, pytest.approx(value)) for labels, value in expected]


def test_a_distance_from_what_is_usual(tmp_path: Path) -> None:
    values = " ".join(str(10 + step % 5) for step in range(60)) + " 32"
    query = {"series": "depth", "derive": {"anomaly": "10m"}}
    found = value_of(query, {'depth{job="a"}': values}, "15m", tmp_path)
    # The median is 12 and so are the distances 0, 1, 1, 2, 2: their median is 1.
    assert found == [({"job": "a"}, pytest.approx(20 / 1.4826))]


def test_what_is_usual_at_this_time_of_day(tmp_path: Path) -> None:
    # Every day it is 100 from 10:00 to 12:00, and about 10 otherwise.
    hour = [10 + step % 3 for step in range(6)]
    day = [*hour * 10, *(100 + step % 3 for step in range(12)), *hour * 12]
    # Twice in ten minutes: a sample that is older than five minutes is not seen any more.
    series = {'depth{job="a"}': " ".join(f"{value} {value}" for value in day * 4)}
    text = str(expression(build_query({"series": "depth", "derive": {"anomaly": "3d"}})))
    found = evaluated(text, [], series, ["3d11h", "3d15h"], tmp_path, "5m")
    [(_, busy)], [(_, calm)] = found["3d11h"], found["3d15h"]
    assert busy < 3
    assert calm < 3
    # The same value is unusual at another time.
    wrong = day * 3 + [*hour * 15, 100]
    series = {'depth{job="a"}': " ".join(f"{value} {value}" for value in wrong)}
    found = evaluated(text, [], series, ["3d15h"], tmp_path, "5m")
    [(_, unusual)] = found["3d15h"]
    assert unusual > 30


def test_the_worst_instance_counts(tmp_path: Path) -> None:
    series = {
        'process_threads{job="a",instance="1"}': "5",
        'process_threads{job="a",instance="2"}': "50",
    }
    query = build_query({"signal": "threads"})
    for worst, value in (("max", 50.0), ("min", 5.0)):
        text = str(expression(query, worst=worst))
        assert evaluated(text, [], series, ["0s"], tmp_path)["0s"] == [({"job": "a"}, value)]
    each = str(expression(query, PromqlContext(per_instance=True)))
    apart = evaluated(each, [], series, ["0s"], tmp_path)["0s"]
    assert [labels["instance"] for labels, _ in apart] == ["1", "2"]


def test_a_quantile_without_calls_is_no_number(tmp_path: Path) -> None:
    series = {
        f'operation_duration_seconds_bucket{{{CHECKOUT},le="{le}"}}': "5x40"
        for le in ("0.5", "+Inf")
    }
    [(_, value)] = value_of({"signal": "latency_p95"}, series, "9m", tmp_path)
    assert math.isnan(value)


def test_silence_is_there_before_any_call(tmp_path: Path) -> None:
    rules = rules_of(signal="absent", where={"operation": "checkout"}, above=0)
    series = {f"{COUNT}{{{CHECKOUT}}}": "_x8 0x8 0+1x40"}
    found = firing(rules, series, ["1m", "4m", "6m"], tmp_path)
    assert [found[time] for time in found] == [[{"severity": "warning"}]] * 2 + [[]]
