"""Rules for Prometheus and Alertmanager: what is written, and that both accept it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.paths import EVERY_RULE
from support.prometheus_server import prometheus_binary
from support.promtool import complaints, promtool
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.promql.matchers import Matcher
from vitalspan.rules import presets
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import build, build_rule, load, load_preset
from vitalspan.rules.model import SEVERITIES, Group, Level, Rule, RuleSet
from vitalspan.signals.query import Query

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

EVERY = EVERY_RULE

SHOP: dict[str, Any] = {
    "groups": [
        {
            "name": "shop",
            "rules": [
                {
                    "alert": "CheckoutSlow",
                    "signal": "latency_p95",
                    "where": {"operation": "checkout"},
                    "above": {"warning": "500ms", "critical": "2s"},
                    "window": "5m",
                    "min_count": 20,
                    "for": "1m",
                    "keep_firing_for": "5m",
                    "labels": {"team": "payments"},
                    "annotations": {"summary": "Checkout is slow"},
                }
            ],
        }
    ],
    "slos": [
        {
            "name": "checkout-availability",
            "where": {"operation": "checkout"},
            "objective": "99.9%",
            "window": "30d",
        },
        {
            "name": "checkout-latency",
            "where": {"operation": "checkout"},
            "objective": "99%",
            "under": "300ms",
            "window": "30d",
        },
    ],
}


def groups_of(rules: dict[str, Any] | RuleSet, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """The rules of an export by their group."""
    built = rules if isinstance(rules, RuleSet) else build(rules)
    chosen = Options(**options)
    files = export(with_burn_rate_alerts(built, chosen.interval), chosen)
    return {group["name"]: group["rules"] for group in yaml.safe_load(files["rules.yml"])["groups"]}


def alerts(rules: dict[str, Any] | RuleSet, **options: Any) -> list[dict[str, Any]]:
    found = [rule for group in groups_of(rules, **options).values() for rule in group]
    return [rule for rule in found if "alert" in rule]


def one_rule(**fields: Any) -> dict[str, Any]:
    return {"groups": [{"name": "g", "rules": [{"alert": "Some", **fields}]}]}


def test_a_rule_becomes_one_alert_for_each_severity() -> None:
    shop = groups_of(SHOP)["shop"]
    assert [rule.get("record") or rule["alert"] for rule in shop] == [
        "job_operation:operation_duration_seconds_bucket:rate5m",
        "job_operation:operation_duration_seconds_count:rate5m",
        "CheckoutSlow",
        "CheckoutSlow",
    ]
    warning, critical = shop[2:]
    assert warning["labels"] == {"severity": "warning", "team": "payments"}
    assert critical["labels"]["severity"] == "critical"
    assert (warning["for"], warning["keep_firing_for"]) == ("1m", "5m")
    assert warning["annotations"]["summary"] == "Checkout is slow"
    assert warning["annotations"]["description"].startswith("CheckoutSlow fires when ")
    assert warning["expr"].splitlines() == [
        (
            "histogram_quantile(0.95, sum by (job, le) "
            '(job_operation:operation_duration_seconds_bucket:rate5m{operation="checkout"})) > 0.5'
        ),
        "and",
        (
            "sum by (job) "
            '(job_operation:operation_duration_seconds_count:rate5m{operation="checkout"})'
            " * 300 >= 20"
        ),
    ]


def test_instances_are_added_up_unless_they_are_asked_for() -> None:
    together = groups_of(SHOP)["shop"][0]
    assert together["expr"] == (
        "sum without (instance) (rate(operation_duration_seconds_bucket[5m1ms]))"
    )
    apart = groups_of(SHOP, per_instance=True)["shop"]
    name = "job_instance_operation:operation_duration_seconds_bucket:rate5m"
    assert apart[0] == {"record": name, "expr": "rate(operation_duration_seconds_bucket[5m1ms])"}
    assert "sum by (job, instance, le)" in apart[2]["expr"]


def test_slos_are_recorded_as_ratios_with_what_is_left_of_their_budgets() -> None:
    groups = groups_of(SHOP)
    slo = groups["slo:checkout-availability"]
    assert slo[0] == {
        "record": "job_slo:slo_bad_events:ratio_rate1h",
        "expr": "sum without (instance) "
        '(rate(slo_bad_events_total{slo="checkout-availability"}[1h1ms]))\n/\n'
        "(sum without (instance) "
        '(rate(slo_events_total{slo="checkout-availability"}[1h1ms])) > 0)',
        "labels": {"slo": "checkout-availability"},
    }
    assert slo[1] == {
        "record": "job_slo:slo_events:timestamp",
        "expr": 'min without (instance) (timestamp(slo_events_total{slo="checkout-availability"}))',
        "labels": {"slo": "checkout-availability"},
    }
    ratios = [rule["record"].partition(":ratio_rate")[2] for rule in slo if "record" in rule]
    windows = [window for window in ratios if window]
    assert sorted(windows) == ["1d", "1h", "2h", "30m", "3d", "5m", "6h"]
    [first, *_] = [rule for rule in slo if "alert" in rule]
    burn = 'max by (job) (job_slo:slo_bad_events:ratio_rate{}{{slo="checkout-availability"}})'
    since = 'min_over_time(job_slo:slo_events:timestamp{slo="checkout-availability"}[1h6m1ms])'
    bad = 'sum by (job) (job_slo:slo_bad_events:rate1h{slo="checkout-availability"}) * 3600'
    assert first["expr"] == (
        f"(\n  {burn.format('1h')} / (1 - 0.999) * "
        f"clamp_max((time() - min by (job) ({since})) / 3600, 1) > 14.4\n"
        f"  and\n  {burn.format('5m')} / (1 - 0.999) > 14.4\n)\nand\nround({bad}) >= 2"
    )
    assert first["labels"] == {
        "severity": "critical",
        "slo": "checkout-availability",
        "long_window": "1h",
    }
    left = groups["vitalspan:budgets"][0]
    assert left["record"] == "job_slo:slo_error_budget_remaining:ratio30d"
    assert left["expr"].startswith("1 - avg_over_time(job_slo:slo_bad_events:rate5m{slo=")


@pytest.mark.parametrize("options", [{}, {"per_instance": True, "metric_prefix": "shop_"}])
def test_every_recorded_series_is_recorded_once_and_before_it_is_used(
    options: dict[str, Any],
) -> None:
    groups = groups_of(load(EVERY), **options)
    first, second, *_ = groups
    assert (first, second) == ("vitalspan:rates", "vitalspan:health")
    assert list(groups)[-1] == "vitalspan:budgets"
    recorded = [
        (rule["record"], tuple(rule.get("labels", {}).items()))
        for group in groups.values()
        for rule in group
        if "record" in rule
    ]
    assert len(recorded) == len(set(recorded))
    shared = {rule["record"] for rule in groups[first]}
    scores = {rule["record"] for rule in groups[second] if ":sum_rate" not in rule["record"]}
    used_at_all = set()
    for name, group in groups.items():
        known = shared | (set() if name in (first, second) else scores)
        for rule in group:
            used = set(re.findall(r"\b\w+:\w+:\w+\b", rule["expr"]))
            assert used <= known, rule
            used_at_all |= used
            known.add(rule.get("record", ""))
    budgets = {rule["record"] for rule in groups["vitalspan:budgets"]}
    # Scores, and what is beside them, are for people as well.
    assert {name for name, _ in recorded} == used_at_all | budgets | scores


def test_what_two_groups_need_is_recorded_for_both() -> None:
    rule = {"signal": "rate", "above": 1}
    groups = [{"name": name, "rules": [{"alert": name, **rule}]} for name in ("A", "B")]
    found = groups_of({"groups": [{**groups[0], "interval": "5s"}, groups[1]]})
    assert list(found) == ["vitalspan:rates", "A", "B"]
    assert [len(rules) for rules in found.values()] == [1, 1, 1]


def test_a_groups_limit_is_not_one_of_recorded_series(tmp_path: Path) -> None:
    rules = {
        "groups": [
            {
                "name": "g",
                "limit": 2,
                "interval": "20s",
                "rules": [
                    {"alert": "Some", "signal": "rate", "above": 1, "by": ["operation"]},
                ],
            }
        ]
    }
    files = export(build(rules))
    document = yaml.safe_load(files["rules.yml"])
    assert [group.get("limit") for group in document["groups"]] == [None, 2]
    assert [group["interval"] for group in document["groups"]] == ["20s", "20s"]
    assert complaints(files, tmp_path) == ""


def test_what_is_told_apart_by_instances_is_not_recorded_without_them() -> None:
    [alert] = groups_of(one_rule(signal="cpu_utilization", above="80%"))["g"]
    assert "instance, " not in alert["expr"]
    assert alert["expr"].startswith("max by (job) (1 - sum by (job, instance) (rate(")
    recorded, alert = groups_of(one_rule(signal="gc_rate", above=9), per_instance=True)["g"]
    assert recorded["record"] == "job_instance:python_gc_collections:rate5m"


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        (
            {"signal": "latency_p95", "above": "500ms", "where": {"operation": "checkout"}},
            "latency_p95 of checkout is {{ $value | humanizeDuration }}, above 500 ms",
        ),
        (
            {"signal": "error_ratio", "above": "5%", "by": ["component", "operation"]},
            (
                "error_ratio of {{ $labels.component }}, {{ $labels.operation }} is "
                "{{ $value | humanizePercentage }}, above 5 %"
            ),
        ),
        (
            {"signal": "memory_growth", "above": "1MiB/h"},
            "slope of memory_rss is {{ $value | humanize1024 }}B/h, above 1 MiB/h",
        ),
        (
            {"signal": "api_cost_rate", "above": 2},
            "api_cost_rate is ${{ $value | humanize }}/s, above $2/s",
        ),
        (
            {"series": "depth", "below": 3, "where": {"queue": "{{x}}"}},
            'depth of {{ "{{" }}x}} is {{ $value | humanize }}, below 3',
        ),
    ],
)
def test_texts_that_a_rule_leaves_out(fields: dict[str, Any], summary: str, tmp_path: Path) -> None:
    files = export(build(one_rule(**fields)))
    [alert] = alerts(one_rule(**fields))
    assert alert["annotations"]["summary"] == summary
    assert complaints(files, tmp_path) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://wiki.example/runbooks", "https://wiki.example/runbooks/Some%20alert"),
        ("https://wiki.example/page#", "https://wiki.example/page#Some%20alert"),
        ("https://wiki.example/{alertname}.html", "https://wiki.example/Some%20alert.html"),
    ],
)
def test_where_the_runbook_is(url: str, expected: str) -> None:
    rules = {
        "groups": [
            {
                "name": "g",
                "rules": [
                    {"alert": "Some alert", "signal": "rate", "above": 1},
                    {
                        "alert": "Own",
                        "signal": "rate",
                        "above": 1,
                        "annotations": {"runbook_url": "x"},
                    },
                ],
            }
        ]
    }
    first, own = alerts(rules, runbook_url=url)
    assert first["annotations"]["runbook_url"] == expected
    assert own["annotations"]["runbook_url"] == "x"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metric_prefix": "1x"}, "metric_prefix='1x' cannot begin a metric name"),
        ({"interval": 0.5}, "interval 500ms: use 1s to 5m"),
        ({"interval": 600.0}, "interval 10m: use 1s to 5m"),
        ({"runbook_url": "wiki"}, "runbook URL 'wiki': use one such as https://"),
        ({"runbook_url": "https://a b"}, "runbook URL 'https://a b': use one such as https://"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Options(**wrong)


def test_alerts_that_nothing_tells_apart_are_refused() -> None:
    rule = build_rule({"alert": "Same", "signal": "rate", "above": 1})
    twice = RuleSet((Group("a", (rule,)), Group("b", (rule,))))
    with pytest.raises(ConfigurationError, match="two alerts 'Same' of severity warning"):
        export(twice)
    with pytest.raises(ConfigurationError, match="two groups 'a': rename one"):
        export(RuleSet((Group("a", (rule,)), Group("a", ()))))


def test_a_text_that_no_file_can_have_is_refused() -> None:
    rule = Rule("A", Query("rate"), True, (Level("info", 1.0),), labels=(("x", "\ud800"),))
    with pytest.raises(ConfigurationError, match="remove it"):
        export(RuleSet((Group("g", (rule,)),)))


def test_the_files_say_which_command_makes_them() -> None:
    options = Options(True, "shop_", "https://wiki.example/?a=b&c", 30.0)
    files = export(build(SHOP), options)
    for text in files.values():
        assert text.startswith(
            "# Made by  vitalspan rules export FILE --to DIR --per-instance --metric-prefix shop_ "
            "--runbook-url 'https://wiki.example/?a=b&c' --interval 30s\n"
        )
    assert export(build(SHOP), options) == files
    assert export(build(SHOP))["rules.yml"].startswith(
        "# Made by  vitalspan rules export FILE --to DIR\n"
    )


def test_without_yaml_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = build(SHOP)
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"vitalspan\[rules\]"):
        export(rules)


def test_no_rules_make_empty_files(tmp_path: Path) -> None:
    files = export(RuleSet())
    assert yaml.safe_load(files["rules.yml"]) == {"groups": []}
    assert complaints(files, tmp_path) == ""


def test_the_worst_severity_mutes_the_others(tmp_path: Path) -> None:
    rules = build(
        one_rule(
            signal="rate",
            above={"info": 1, "warning": 2, "critical": 3},
            by=["operation"],
            labels={"team": 'pay"\\ments'},
        )
        | {"slos": SHOP["slos"]}
    )
    text = export(with_burn_rate_alerts(rules))["alertmanager-inhibit.yml"]
    inhibit = yaml.safe_load(text)["inhibit_rules"]
    assert inhibit[:2] == [
        {
            "source_matchers": ['alertname="Some"', 'severity="critical"'],
            "target_matchers": ['alertname="Some"', 'severity=~"info|warning"'],
            "equal": ["job", "operation", "team"],
        },
        {
            "source_matchers": ['alertname="Some"', 'severity="warning"'],
            "target_matchers": ['alertname="Some"', 'severity="info"'],
            "equal": ["job", "operation", "team"],
        },
    ]
    # A budget that burns fast burns slowly, too.
    assert inhibit[2]["equal"] == ["job", "slo"]
    config = tmp_path / "alertmanager.yml"
    config.write_text(f"route: {{receiver: none}}\nreceivers: [{{name: none}}]\n{text}")
    subprocess.run(
        [prometheus_binary("amtool"), "check-config", config], check=True, capture_output=True
    )


@pytest.mark.prometheus2
@pytest.mark.parametrize("name", presets.names())
def test_promtool_accepts_the_presets_and_their_tests(name: str, tmp_path: Path) -> None:
    files = export(with_burn_rate_alerts(load_preset(name)), Options(interval=30.0))
    assert complaints(files, tmp_path) == ""
    assert "No case" not in files["tests.yml"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "per_instance": True,
            "metric_prefix": "shop_",
            "runbook_url": "https://wiki.example",
            "interval": 30.0,
        },
    ],
)
def test_promtool_accepts_an_ordinary_file_and_its_tests(
    options: dict[str, Any], tmp_path: Path
) -> None:
    chosen = Options(**options)
    files = export(with_burn_rate_alerts(build(SHOP), chosen.interval), chosen)
    assert {"rules.yml", "tests.yml", "alertmanager-inhibit.yml"} < set(files)
    assert complaints(files, tmp_path) == ""
    assert "No case" not in files["tests.yml"]


texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"\\'\n\t{}$%:#-|>&*!@` é😀"),
    max_size=12,
).filter(lambda text: "{{" not in text)

names = st.from_regex(r"[a-z][a-z_]{0,6}", fullmatch=True).filter(
    lambda name: name not in ("alertname", "alertstate", "severity", "job", "instance", "le")
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule that can be, its texts as strange as they may be."""
    above = draw(st.booleans())
    count = draw(st.integers(1, 4))
    first = draw(st.integers(1, 50)) / 100
    severities = sorted(
        draw(st.sets(st.sampled_from(SEVERITIES), min_size=count, max_size=count)),
        key=SEVERITIES.index,
    )
    ratio = [1.1**place if above else 0.9**place for place in range(count)]
    clear = draw(st.sampled_from([None, 0.9 if above else 1.1]))
    where = [
        Matcher(name, draw(st.sampled_from(["=", "!="])), value)
        for name, value in draw(st.dictionaries(names, texts, max_size=3)).items()
    ]
    query = Query(
        "latency_p95" if draw(st.booleans()) else "rate",
        where=tuple(where),
        window=draw(st.integers(60, 200)),
        by=tuple(draw(st.sets(names, max_size=2))),
    )
    if query.signal == "latency_p95":
        query = Query(**{**vars(query), "quantile": 0.95})
    labels = draw(st.dictionaries(names, texts, max_size=3))
    return Rule(
        draw(texts.filter(lambda text: text.strip() != "")),
        query,
        above=above,
        levels=tuple(
            Level(severity, first * size, None if clear is None else first * size * clear)
            for severity, size in zip(severities, ratio, strict=True)
        ),
        for_seconds=draw(st.sampled_from([0.0, 30.0, 90.5])),
        keep_firing_for=draw(st.sampled_from([0.0, 60.0])),
        labels=tuple((name, text) for name, text in labels.items() if name not in query.by),
        annotations=tuple(draw(st.dictionaries(names, texts, max_size=2)).items()),
        min_count=draw(st.sampled_from([0, 5])),
        no_data=draw(st.sampled_from(["ok", "alert", "keep"])),
    )


@given(
    st.lists(rules(), min_size=8, max_size=14, unique_by=lambda rule: rule.alert),
    st.booleans(),
)
@settings(
    max_examples=6,
    suppress_health_check=list(HealthCheck),
    # Each example starts promtool; to shrink one would take minutes.
    phases=(Phase.explicit, Phase.generate),
)
def test_promtool_accepts_whatever_rules_there_can_be(
    tmp_path_factory: pytest.TempPathFactory, many: list[Rule], per_instance: bool
) -> None:
    directory = tmp_path_factory.mktemp("rules")
    files = export(
        RuleSet((Group("a: b", tuple(many[:5]), 30.0), Group("#'\"\\", tuple(many[5:])))),
        Options(per_instance=per_instance, interval=60.0),
    )
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    document = yaml.safe_load(files["rules.yml"])
    exported = [one for group in document["groups"] for one in group["rules"] if "alert" in one]
    assert len(exported) == sum(len(rule.levels) for rule in many)
    for rule in many:
        [first, *_] = [one for one in exported if one["alert"] == rule.alert]
        assert first["labels"] == {"severity": rule.levels[0].severity, **dict(rule.labels)}
        assert dict(rule.annotations).items() <= first["annotations"].items()
    assert promtool("check", "rules", "--lint-fatal", directory / "rules.yml") == ""


@pytest.mark.once
@given(st.lists(rules(), min_size=4, max_size=6, unique_by=lambda rule: rule.alert))
@settings(
    # Prometheus evaluates hours of made-up samples for some of the rules.
    max_examples=2,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
def test_the_cases_of_whatever_rules_there_can_be_pass(
    tmp_path_factory: pytest.TempPathFactory, many: list[Rule]
) -> None:
    directory = tmp_path_factory.mktemp("cases")
    files = export(RuleSet((Group("g", tuple(many), 30.0),)), Options(interval=60.0))
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    assert promtool("test", "rules", directory / "tests.yml") == ""
