"""Rule files that are right, and what they make."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.paths import RULE_FILES
from vitalspan.errors import MissingExtraError
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.load import load, load_preset, parse
from vitalspan.rules.model import Group, Level, Rule, RuleSet, Slo
from vitalspan.signals.query import Derivation, Query

GOOD = RULE_FILES / "good"

CHECKOUT = Matcher("operation", "=", "checkout")
HOUR = 3600.0


def above(alert: str, query: Query, *levels: Level | float, **fields: object) -> Rule:
    made = tuple(one if isinstance(one, Level) else Level("warning", one) for one in levels)
    return Rule(alert, query, True, made, **fields)  # type: ignore[arg-type]


def below(alert: str, query: Query, *levels: Level | float, **fields: object) -> Rule:
    return replace(above(alert, query, *levels, **fields), above=False)


SHOP = RuleSet(
    groups=(
        Group(
            "shop",
            (
                above(
                    "CheckoutSlow",
                    Query("latency_p95", where=(CHECKOUT,), quantile=0.95),
                    Level("warning", 0.5),
                    Level("critical", 2.0),
                    for_seconds=60.0,
                    keep_firing_for=300.0,
                    labels=(("team", "payments"),),
                    annotations=(("summary", "Checkout is slow"),),
                    min_count=20,
                ),
            ),
        ),
    ),
    slos=(
        Slo("checkout-availability", 0.999, (CHECKOUT,), window=30 * 24 * HOUR),
        Slo("checkout-latency", 0.99, (CHECKOUT,), under=0.3, window=30 * 24 * HOUR),
    ),
)

OPERATIONS = (
    above(
        "CheckoutSlow",
        Query(
            "latency_p999",
            where=(
                CHECKOUT,
                Matcher("component", "=~", "pay.*"),
                Matcher("tier", "!=", "free"),
                Matcher("region", "!~", "eu-.*"),
                Matcher("shard", "=", ""),
            ),
            by=("tier", "region"),
            window=5400.0,
            quantile=0.999,
        ),
        Level("info", 0.1),
        Level("warning", 0.5, clear=0.4),
        Level("error", 1.0),
        Level("critical", 2.0, clear=1.5),
        for_seconds=60.0,
        keep_firing_for=300.0,
        labels=(("team", "payments"), ("tier_of_pager", "1")),
        annotations=(
            (
                "summary",
                "Checkout is slow in {{ $labels.region }}: {{ $value | humanizeDuration }}",
            ),
            ("runbook_url", "https://example.org/runbooks/checkout"),
        ),
        min_count=20,
        no_data="keep",
    ),
    below(
        "CacheCold",
        Query(
            "cache_hit_ratio",
            where=(Matcher("component", "=", "shop"), Matcher("cache", "=", "pages")),
        ),
        Level("error", 0.5, clear=0.6),
        no_data="alert",
    ),
    below("CacheColder", Query("cache_hit_ratio"), Level("warning", 0.5), Level("critical", 0.25)),
    above(
        "QueueLong",
        Query(
            "",
            where=(Matcher("component", "=", "shop"), Matcher("queue", "=", "mail")),
            series="queue_length",
            aggregate="max",
        ),
        Level("critical", 1000.0),
    ),
    below("MailsSlow", Query("", series="mails_sent_total", whole_window=True), 100 / 60),
    below("FewItems", Query("measure_rate", measure="items", whole_window=True), 1 / HOUR),
    above("Burning", Query("burn_rate", slo="checkout", window=HOUR), 14.4),
    above("Costly", Query("api_cost_rate", by=("api",)), 5 / HOUR),
    above(
        "Idle",
        Query("absent", where=(Matcher("operation", "=", "backup"),), window=24 * HOUR),
        0.0,
    ),
)

DERIVED = (
    above("Slower", Query("latency_mean", derive=Derivation("change", HOUR)), 0.3),
    below("Faster", Query("latency_mean", derive=Derivation("change", HOUR)), -0.3),
    above("Growing", Query("memory_rss", derive=Derivation("slope", 6 * HOUR)), 50e6),
    above(
        "Leaking",
        Query("memory_rss", window=HOUR, derive=Derivation("slope", HOUR)),
        50 * 2.0**20,
    ),
    above(
        "WillFill",
        Query("disk_utilization", derive=Derivation("forecast", HOUR, horizon=4 * HOUR)),
        0.9,
    ),
    below(
        "Full",
        Query("disk_utilization", derive=Derivation("until", HOUR, limit=0.9)),
        4 * HOUR,
    ),
    above("Odd", Query("rate", whole_window=True, derive=Derivation("anomaly", 24 * HOUR)), 5.0),
    above("ManyErrors", Query("", series="errors_total", window=24 * HOUR, increase=True), 5.0),
    above("Expensive", Query("api_cost_rate", window=24 * HOUR, increase=True), 20.0),
    below(
        "FewBackups",
        Query("rate", window=24 * HOUR, increase=True, whole_window=True),
        1.0,
    ),
)

EVERY_FIELD = RuleSet(
    groups=(
        Group("operations", OPERATIONS, interval=15.0, limit=10),
        Group("derived", DERIVED),
        Group("nothing", ()),
    ),
    slos=(
        Slo(
            "checkout",
            0.999,
            (CHECKOUT,),
            under=0.3,
            window=7 * 24 * HOUR,
            labels=(("team", "payments"),),
            annotations=(("summary", "Burning {{ $value | humanize }} times too fast"),),
            min_count=50,
        ),
        Slo("everything", 0.99),
    ),
)

SLOW = Query("latency_p95", where=(CHECKOUT,), window=600.0, quantile=0.95)

ANCHORS = RuleSet(
    groups=(
        Group(
            "shop",
            (
                above("CheckoutSlow", SLOW, 1.0),
                above("CheckoutStaysSlow", SLOW, 2.0, for_seconds=300.0),
            ),
        ),
    )
)

TRAPS = RuleSet(
    groups=(
        Group(
            "on",
            (
                above(
                    "yes",
                    Query(
                        "rate",
                        where=(
                            Matcher("tier", "=", "off"),
                            Matcher("shard", "=", "0x10"),
                            Matcher("minute", "=", "5:30"),
                            Matcher("day", "=", "2024-02-30"),
                            Matcher("version", "=", "1.10"),
                            Matcher("null", "=", "null"),
                        ),
                    ),
                    1000.0,
                    labels=(("page", "no"), ("number", "007")),
                    annotations=(("no", "on"), ("percent", "5%"), ("colon", "a: b")),
                ),
            ),
            limit=10,
        ),
    )
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", SHOP),
        ("every_field", EVERY_FIELD),
        ("anchors", ANCHORS),
        ("traps_of_yaml", TRAPS),
        ("byte_order_mark", RuleSet(groups=(Group("café", ()),))),
        ("empty", RuleSet()),
    ],
)
def test_a_good_file(name: str, expected: RuleSet) -> None:
    assert load(GOOD / f"{name}.yml") == expected


@pytest.mark.parametrize(
    ("fields", "window"),
    [
        ("<<: [*short, *long]", 60.0),
        ("<<: [*long, *short]", 3600.0),
        ("<<: *short\n<<: *long", 60.0),
        ("<<: [*long, *short]\nwindow: 5m", 300.0),
        ("window: 5m\n<<: [*long, *short]", 300.0),
    ],
)
def test_of_merged_mappings_the_first_wins_and_the_rules_own_field_always(
    fields: str, window: float
) -> None:
    """As the YAML merge document says; versions of PyYAML differ in it."""
    merged = "".join(f"        {line}\n" for line in fields.splitlines())
    text = (
        "x-short: &short {window: 1m, signal: rate}\n"
        "x-long: &long {signal: rate, window: 1h}\n"
        f"groups:\n- name: g\n  rules:\n    -   alert: A\n{merged}        above: 1"
    )
    assert parse(text).groups[0].rules[0].query == Query("rate", window=window)


def test_presets_add_their_groups() -> None:
    rules = load(GOOD / "presets.yml")
    assert [group.name for group in rules.groups] == ["mine", "wiki", "studio"]
    assert rules.groups[1:] == (*load_preset("wiki").groups, *load_preset("studio").groups)


def test_every_good_file_is_compared() -> None:
    compared = {"shop", "every_field", "anchors", "traps_of_yaml", "byte_order_mark", "empty"}
    # The last two by tests of their own.
    assert {path.stem for path in GOOD.glob("*.yml")} == {*compared, "presets", "health"}


@pytest.mark.parametrize("text", ["", "{}", "groups:", "groups: []\nslos:\npresets: ~", "x-a: [1]"])
def test_files_without_rules(text: str) -> None:
    assert parse(text) == RuleSet()


def rule(fields: str) -> Rule:
    lines = "".join(f"      {line}\n" for line in fields.splitlines())
    text = f"groups:\n- name: g\n  rules:\n    - alert: A\n{lines}"
    return parse(text).groups[0].rules[0]


@pytest.mark.parametrize(
    ("signal", "written", "base"),
    [
        ("latency_mean", "500ms", 0.5),
        ("latency_mean", "1m30s", 90.0),
        ("latency_mean", "0.25", 0.25),
        ("error_ratio", "5%", 0.05),
        ("error_ratio", "0.05", 0.05),
        ("error_ratio", "29%", 0.29),
        ("error_ratio", "5e-2", 0.05),
        ("memory_rss", "1.5GiB", 1.5 * 2**30),
        ("memory_rss", "500MB", 5e8),
        ("rate", "120/min", 2.0),
        ("rate", "100/min", 100 / 60),
        ("threads", "2k", 2000.0),
        ("absent", "0", 0.0),
    ],
)
def test_thresholds_in_base_units(signal: str, written: str, base: float) -> None:
    assert rule(f"signal: {signal}\nabove: {written}").levels == (Level("warning", base),)


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ("above: 1", "warning"),
        ("above: 1\nseverity: critical", "critical"),
        ("above: 1\nlabels: {severity: info}", "info"),
        ("above: {error: 1}", "error"),
    ],
)
def test_the_severity_of_a_single_threshold(fields: str, severity: str) -> None:
    made = rule(f"signal: rate\n{fields}")
    assert [level.severity for level in made.levels] == [severity]
    assert made.labels == ()


def test_one_clear_is_for_every_level() -> None:
    made = rule("signal: rate\nabove: {warning: 2, critical: 5}\nclear: 1")
    assert [level.clear for level in made.levels] == [1.0, 1.0]


def test_clear_may_be_the_threshold_itself() -> None:
    assert rule("signal: rate\nbelow: 2\nclear: 2").levels == (Level("warning", 2.0, clear=2.0),)


def test_rules_of_one_name_that_differ_in_severity() -> None:
    text = """
groups:
- name: g
  rules:
    - {alert: A, signal: rate, above: 1}
    - {alert: A, signal: error_ratio, above: 1%, severity: critical}
    - {alert: A, signal: error_ratio, above: 1%, labels: {team: a}}
"""
    assert len(parse(text).groups[0].rules) == 3


def test_the_largest_file(tmp_path: Path) -> None:
    file = tmp_path / "large.yml"
    file.write_text("#" * (1024 * 1024))
    assert load(str(file)) == RuleSet()


def test_without_pyyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"the rule file .*'vitalspan\[rules\]'"):
        parse("groups: []")
