"""Exported SLOs: promtool sees the same alerts and budgets as the process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter

from support.promtool import complaints, evaluated, firing
from support.served import Served
from support.watched import Watched
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.compiler.condition import condition
from vitalspan.compiler.context import context_of
from vitalspan.errors import ConfigurationError
from vitalspan.rules.burn_rate_alerts import burn_group, with_burn_rate_alerts
from vitalspan.rules.file.load import build

pytestmark = pytest.mark.once


def exported(slo: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """The rules of an export, in the order of their evaluation."""
    chosen = Options(**options)
    files = export(with_burn_rate_alerts(build({"slos": [slo]}), chosen.interval), chosen)
    groups = yaml.safe_load(files["rules.yml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(
    ("objective", "window"),
    [(0.999, "30d"), (0.9, "7d"), (0.5, "1d"), (0.99, "1h")],
)
def test_alerts_fire_in_an_outage_and_not_while_the_budget_lasts(
    objective: float, window: str, tmp_path: Path
) -> None:
    rules = build({"slos": [{"name": "s", "objective": objective, "window": window}]})
    files = export(with_burn_rate_alerts(rules))
    assert complaints(files, tmp_path) == ""
    assert not re.findall(r"^# No case for .*$", files["tests.yml"], re.MULTILINE)
    for rule in burn_group(rules.slos[0]).rules:
        assert rule.query.short is not None
        spacing = round(rule.query.short / 4)
        samples = round(1.1 * rule.query.window / spacing)
        bad = f"{100 * (1 - objective):.12g}"
        series = {
            f'slo_{kind}_total{{slo="s",job="{job}"}}': f"0+{each}x{samples}"
            for job, kind, each in (
                ("pace", "events", 100),
                ("pace", "bad_events", bad),
                ("outage", "events", 100),
                ("outage", "bad_events", 100),
            )
        }
        text = str(condition(rule, rule.levels[0], context_of(rules)))
        end = f"{samples * spacing}s"
        found = evaluated(text, [], series, [end], tmp_path, f"{spacing}s")[end]
        assert [labels for labels, _ in found] == [{"job": "outage"}]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # Every call fails from the beginning on.
        ([(10, 10)] * 30, {"1h": 60, "6h": 135, "1d": 270, "3d": 270}),
        # The very first one fails, and then none or nothing.
        ([(1, 1), *[(10, 0)] * 29], {}),
        ([(1, 1), *[(0, 0)] * 29], {}),
        # Few calls are enough where all of them fail.
        ([(1, 1)] * 9 + [(0, 0)] * 21, {"1h": 60, "6h": 135, "1d": 270, "3d": 270}),
        # One failure says nothing, however few calls there are; a second one does.
        ([(0, 0)] * 40 + [(1, 1)] + [(0, 0)] * 59, {}),
        (
            [(0, 0)] * 40 + [(1, 1)] + [(0, 0)] * 18 + [(1, 1)] + [(0, 0)] * 10,
            dict.fromkeys(("1h", "6h", "1d", "3d"), 900),
        ),
    ],
)
def test_young_processes_alert_as_prometheus_does(
    calls: list[tuple[int, int]], expected: dict[str, float], tmp_path: Path
) -> None:
    served = Served(0.999, 30 * 86400.0)
    ours: dict[str, float] = {}
    totals = [(0, 0)]
    for number, (events, bad) in enumerate(calls, 1):
        totals.append((totals[-1][0] + events, totals[-1][1] + bad))
        for long in served.serve(events, bad, ticks=1, seconds=15):
            ours.setdefault(long, 15.0 * number)
    assert ours == expected
    series = {
        f'slo_{kind}_total{{slo="s",job="a"}}': " ".join(str(each[index]) for each in totals)
        for index, kind in enumerate(("events", "bad_events"))
    }
    times = [f"{15 * number}s" for number in range(len(totals))]
    rules = exported({"name": "s", "objective": 0.999})
    theirs: dict[str, float] = {}
    for number, found in enumerate(firing(rules, series, times, tmp_path).values()):
        for labels in found:
            theirs.setdefault(labels["long_window"], 15.0 * number)
    assert theirs.keys() == ours.keys()
    for long, began in theirs.items():
        assert abs(began - ours[long]) <= 30


def test_a_quiet_slo_has_all_of_its_budget_left(tmp_path: Path) -> None:
    budget = exported({"name": "s", "objective": 0.9, "window": "1d"})[-1]["record"]
    series = {
        'slo_events_total{slo="s",job="quiet"}': "0x100",
        'slo_bad_events_total{slo="s",job="quiet"}': "0x100",
        'slo_events_total{slo="s",job="busy"}': "0+100x100",
        'slo_bad_events_total{slo="s",job="busy"}': "0+5x100",
    }
    rules = exported({"name": "s", "objective": 0.9, "window": "1d"})
    [(busy, half), (quiet, whole)] = evaluated(budget, rules, series, ["90m"], tmp_path, "1m")[
        "90m"
    ]
    assert (busy["job"], quiet["job"]) == ("busy", "quiet")
    assert (half, whole) == (pytest.approx(0.5), 1.0)


def test_windows_are_long_enough_for_the_evaluations(tmp_path: Path) -> None:
    rules = build({"slos": [{"name": "s", "objective": 0.9, "window": "7d"}]})
    files = export(with_burn_rate_alerts(rules, 60.0), Options(interval=60.0))
    assert re.findall(r"ratio_rate(\w+)\{[^}]*\}\) / ", files["rules.yml"]) == [
        *("14m", "4m", "1h24m", "7m", "5h36m", "28m", "16h48m", "1h24m")
    ]
    assert complaints(files, tmp_path) == ""
    with pytest.raises(ConfigurationError) as refused:
        exported({"name": "s", "objective": 0.9, "window": "1h"}, interval=60.0)
    assert str(refused.value) == (
        "SLO 's': window is too short: more than half of the error budget would be gone in the 8m "
        "that an alert looks back at least: use 1h36m or more"
    )


@pytest.mark.parametrize("options", [{}, {"per_instance": True, "metric_prefix": "shop_"}])
def test_slos_by_label_are_exported_by_label(options: dict[str, Any], tmp_path: Path) -> None:
    slo = {"name": "s", "objective": 0.9, "window": "1d", "by": ["operation"]}
    files = export(with_burn_rate_alerts(build({"slos": [slo]})), Options(**options))
    assert complaints(files, tmp_path) == ""
    assert "No case" not in files["tests.yml"]
    if options:
        return
    rules = exported(slo)
    series = {
        'slo_events_total{slo="s",job="a",operation="search"}': "0+100x40",
        'slo_bad_events_total{slo="s",job="a",operation="search"}': "0x40",
        'slo_events_total{slo="s",job="a",operation="pay"}': "0+100x40",
        'slo_bad_events_total{slo="s",job="a",operation="pay"}': "0+100x40",
    }
    fires = firing(rules, series, ["10m"], tmp_path)["10m"]
    assert {(one["operation"], one["job"]) for one in fires} == {("pay", "a")}
    budgets = evaluated(rules[-1]["record"], rules, series, ["10m"], tmp_path)["10m"]
    assert [(labels["operation"], round(left)) for labels, left in budgets] == [
        ("pay", -9),
        ("search", 1),
    ]


def test_an_slo_on_counters_alerts_as_prometheus_does(tmp_path: Path) -> None:
    """What the process exports of it, scraped every 15 seconds, makes promtool say the same."""
    slo = {
        "name": "s",
        "objective": 0.99,
        "window": "1d",
        "by": ["path"],
        "total": {"series": "http_requests_total"},
        "bad": {"series": "http_requests_total", "where": {"code": "=~5.."}},
    }
    rules = build({"slos": [slo]})
    assert complaints(export(with_burn_rate_alerts(rules)), tmp_path) == ""
    watched = Watched(health_model="off")
    requests = Counter("http_requests", "all", ["code", "path"], registry=watched.registry)
    watched.monitor.rules.add_slo(rules.slos[0])
    scrapes: list[dict[str, float]] = []
    ours: list[set[tuple[str, str]]] = []
    for number in range(80):
        for path, fails in (("/", False), ("/pay", 20 <= number < 30), ("/slow", number % 2)):
            requests.labels("500" if fails else "200", path).inc(30)
        watched.tick(seconds=15)
        active = watched.monitor.alerts.active(state="firing")
        ours.append({(one.labels["path"], one.labels["long_window"]) for one in active})
        scrapes.append(scraped(watched))
    assert {path for path, _ in set().union(*ours)} == {"/pay", "/slow"}
    series = {
        name: " ".join(f"{one[name]:g}" if name in one else "_" for one in scrapes)
        for name in scrapes[-1]
    }
    times = [f"{15 * number}s" for number in range(len(scrapes))]
    found = firing(exported(slo), series, times, tmp_path)
    theirs = [{(one["path"], one["long_window"]) for one in each} for each in found.values()]
    for alert in set().union(*ours, *theirs):
        mine, other = ([alert in each for each in every] for every in (ours, theirs))
        # They begin and end at most two evaluations apart.
        for number in range(2, len(mine) - 2):
            if len(set(mine[number - 2 : number + 3])) == 1:
                assert other[number] == mine[number], (alert, number)


def scraped(watched: Watched) -> dict[str, float]:
    """The series of the SLO, as PromQL writes them, with their values."""
    return {
        f'{sample.name}{{job="a",path="{sample.labels["path"]}",slo="s"}}': sample.value
        for family in watched.registry.collect()
        for sample in family.samples
        if sample.name in ("slo_events_total", "slo_bad_events_total")
    }
