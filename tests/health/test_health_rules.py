"""How health is scored, written for Prometheus and for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.paths import ROOT
from support.promtool import complaints, evaluated
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.cli.main import main
from vitalspan.describe.scoring_text import explain_scoring
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import build, load_preset

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

RUNBOOK = ROOT / "docs" / "runbook.md"


def rules_of(health: Any, **more: Any) -> list[dict[str, Any]]:
    """The recording rules for health."""
    options = more.pop("options", {})
    text = export(with_burn_rate_alerts(build({"health": health, **more})), Options(**options))[
        "rules.yml"
    ]
    groups = {group["name"]: group["rules"] for group in yaml.safe_load(text)["groups"]}
    found: list[dict[str, Any]] = groups.get("vitalspan:health", [])
    return found


def named(rules: list[dict[str, Any]], record: str, **labels: str) -> str:
    [rule] = [one for one in rules if one["record"] == record and one.get("labels", {}) == labels]
    text: str = rule["expr"]
    return text


def test_without_a_health_section_nothing_is_recorded_of_it() -> None:
    text = export(build({"presets": ["health"]}))["rules.yml"]
    assert "vitalspan:health" not in text
    assert "min by (job) (health_score) < 60" in text


def test_a_model_without_factors_has_no_score_to_record() -> None:
    assert rules_of("slo") == []


def test_counters_are_read_once_and_everything_else_is_made_of_them() -> None:
    rules = rules_of("pipeline")
    assert [rule["record"] for rule in rules[:5]] == [
        "job_instance_component_cache:cache_requests:sum_rate5m",
        "job_instance_component:operation_duration_seconds_count:sum_rate5m",
        "job_instance_component:operation_errors:sum_rate5m",
        "job_instance_component:operation_cancellations:sum_rate5m",
        "job_instance_component:operation_duration_seconds_sum:sum_rate5m",
    ]
    assert all("rate(" in rule["expr"] for rule in rules[:5])
    made = [rule for rule in rules if "health_" in rule["record"]]
    assert made
    assert not [rule for rule in made if "rate(" in rule["expr"]]


def test_a_factor_is_a_ramp_behind_a_gate() -> None:
    speed = named(rules_of("pipeline"), "job:health_factor_score:pooled", factor="speed")
    rate = "sum by (job) (job_instance_component:operation_duration_seconds_{}:sum_rate5m)"
    total, count = rate.format("sum"), rate.format("count")
    assert speed.splitlines() == [
        f"clamp((30 - {total} / ({count} > 0)) / (30 - 3), 0, 1)",
        "and",
        f"{count} * 300 >= 4.5",
    ]


def test_what_is_of_a_process_is_as_bad_as_the_worst_instance() -> None:
    memory = named(rules_of("pipeline"), "job:health_factor_score:pooled", factor="memory")
    assert memory == 'min by (job) (job_instance:health_factor_score:pooled{factor="memory"})'


def test_a_factor_on_one_operation_reads_raw_counters() -> None:
    factor = {"name": "pay", "signal": "rate", "where": {"operation": "pay"}}
    health = {"factors": [{**factor, "full": 5, "zero": 0, "weight": 1}]}
    text = named(rules_of(health), "job:health_factor_score:pooled", factor="pay")
    count = 'operation_duration_seconds_count{operation="pay"}'
    whole = f"sum by (job) (rate({count}[5m1ms])) and group by (job) ({count} offset 5m)"
    assert text == f"clamp(({whole}) / 5, 0, 1)"


def test_prefix_and_instances() -> None:
    rules = rules_of("classic", options={"metric_prefix": "shop_", "per_instance": True})
    records = {rule["record"] for rule in rules}
    assert "job_instance_component:shop_operation_errors:sum_rate5m" in records
    assert "job_instance_component:shop_component_health_score:pooled" in records
    text = named(rules, "job_instance_component:shop_operation_errors:sum_rate5m")
    assert text == "sum by (job, instance, component) (rate(shop_operation_errors_total[5m1ms]))"
    alerts = export(
        build({"health": "classic", "presets": ["health"]}),
        Options(metric_prefix="shop_", per_instance=True),
    )["rules.yml"]
    assert "min by (job, instance) (job_instance:shop_health_score:pooled) < 60" in alerts


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("classic", {}),
        ("pipeline", {"metric_prefix": "shop_", "per_instance": True}),
        ("slo", {}),
    ],
)
def test_promtool_accepts_the_alerts_and_their_tests(
    model: str, options: dict[str, Any], tmp_path: Path
) -> None:
    slo = {"name": "pay", "objective": "99%", "where": {"component": "pay"}}
    components = {'a "b" (c)': {"critical": True, "depends_on": ["d.e"]}, "f": {"weight": 3}}
    rules = {"presets": ["health"], "slos": [slo]}
    health = {"model": model, "components": components}
    files = export(with_burn_rate_alerts(build({**rules, "health": health})), Options(**options))
    assert "No case" not in files["tests.yml"]
    assert complaints(files, tmp_path) == ""


def test_names_of_any_kind_are_matched_as_they_are(tmp_path: Path) -> None:
    odd = 'a.b|"c"\\'
    health = {"model": "classic", "components": {odd: {"depends_on": ["d+"]}}}
    rules = rules_of(health)
    count = 'operation_duration_seconds_count{{job="j",instance="i",component="{}"}}'
    series = {count.format(name): "0+10x60" for name in ('a.b|\\"c\\"\\\\', "d+", "axb", "ddd")} | {
        key.format(name).replace("duration_seconds_count", f"{what}_total"): values
        for key in (count,)
        for name, what, values in (
            ("d+", "errors", "0+5x60"),
            *((name, "cancellations", "0x60") for name in ('a.b|\\"c\\"\\\\', "d+", "axb", "ddd")),
        )
    }
    expr = "job_component:component_health_score:effective"
    found = evaluated(expr, rules, series, ["10m"], tmp_path)["10m"]
    assert {labels["component"]: value for labels, value in found} == {
        odd: pytest.approx(50),
        "d+": pytest.approx(50),
        "axb": 100,
        "ddd": 100,
    }


def test_a_job_without_a_score_is_told(tmp_path: Path) -> None:
    text = export(build({"health": "classic", "presets": ["health"]}))["rules.yml"]
    [group] = [one for one in yaml.safe_load(text)["groups"] if one["name"] == "health"]
    [rule] = [one for one in group["rules"] if one["alert"] == "HealthTelemetryAbsent"]
    status = 'health_status{{job="{}",health_status="no_data"}}'
    score = 'job:health_score:pooled{job="scored"}'
    series = {status.format("idle"): "1x40", status.format("scored"): "0x40", score: "90x40"}
    found = evaluated(rule["expr"], [], series, ["5m"], tmp_path)["5m"]
    assert found == [({"job": "idle"}, 1.0)]
    # Nothing at all is told as well.
    [(labels, _)] = evaluated(rule["expr"], [], {"up": "1x40"}, ["5m"], tmp_path)["5m"]
    assert labels == {}
    gone = {status.format("gone"): "1x3 stale", status.format("scored"): "0x400", score: "90x400"}
    found = evaluated(rule["expr"], [], gone, ["50m", "62m"], tmp_path)
    assert [[labels["job"] for labels, _ in found[time]] for time in found] == [["gone"], []]


def test_every_alert_of_the_preset_has_its_section_in_the_runbook() -> None:
    page = RUNBOOK.read_text("utf-8")
    files = export(load_preset("health"), Options(runbook_url="https://wiki.example/runbook.md#"))
    urls = re.findall(r"runbook_url: (\S+)", files["rules.yml"])
    assert urls
    names = {url.rpartition("#")[2] for url in urls}
    [group] = load_preset("health").groups
    assert names == {rule.alert for rule in group.rules}
    for name in names:
        assert f'<a id="{name}"></a>\n\n## {name}\n' in page


def test_health_in_sentences() -> None:
    rules = build(
        {
            "health": {
                "model": "pipeline",
                "factors": [
                    {"name": "alerts", "signal": "alert_points", "full": 0, "zero": 50}
                    | {"weight": 40, "deduct": True}
                ],
                "levels": "studio",
                "components": {"a": {"critical": True, "depends_on": ["b"]}, "b": {"weight": 2}},
            }
        }
    )
    first, cache, *_, alerts, components = explain_scoring(rules).split("\n\n")
    assert first == (
        "Health is scored by the model pipeline, from 0 to 100, and is healthy from 70 and "
        "degraded from 0; the points of absent factors go to the others:"
    )
    sentence, *promql = cache.splitlines()
    assert sentence == (
        "  cache counts 30 points: all of them when cache_hit_ratio (the share of look-ups that "
        "found their entry) over 5 minutes is 70 % or better, none when it is 0 % or worse; it is "
        "absent with fewer than 20 look-ups; for the whole service it is the mean of the "
        "components, by their weights."
    )
    assert promql[0].startswith("    clamp(sum by (job) (rate(cache_requests_total{result=")
    assert alerts.splitlines()[0] == (
        "  alerts takes off up to 40 points: none when alert_points (the points of the "
        "firing alerts: 10 for a critical one, 5 for an error, 2 for a warning) is 0 or better, "
        "all of them when it is 50 or worse."
    )
    assert components.splitlines() == [
        "Components:",
        "  a has weight 1; is critical: it limits the whole service; is limited by b.",
        "  b has weight 2.",
    ]
    assert explain_scoring(build({})) == ""
    own = {"factors": [{"name": "r", "signal": "rate", "full": 9, "zero": 0, "weight": 1}]}
    assert explain_scoring(build({"health": own})).startswith(
        "Health is scored by factors of its own, from 0 to 100, and is healthy from 80, degraded"
    )


def test_the_commands_tell_of_health(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("health: {model: classic, components: {pay: {}}}\n")
    assert main(["rules", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: 0 rules in 0 groups, 0 SLOs, 1 component\n"
    assert main(["rules", "explain", str(file)]) == 0
    assert capsys.readouterr().out.startswith("Health is scored by the model classic, from 0")
