"""What holds for every rule file: good ones are read, others raise one kind of exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.paths import RULE_FILES
from vitalspan.configfile.report import ConfigFileError
from vitalspan.describe.rule_text import rule_sentence, slo_sentence
from vitalspan.rules.file.load import build, parse
from vitalspan.rules.file.rules import RULE_FIELDS
from vitalspan.rules.file.slos import SLO_FIELDS
from vitalspan.rules.model import SEVERITIES, RuleSet
from vitalspan.signals.catalogue import SIGNALS

FOLDER = RULE_FILES

# --- mappings that are right

names = st.from_regex(r"[A-Z][a-zA-Z0-9_ ]{0,20}", fullmatch=True)
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(
    lambda name: (
        name not in {"alertname", "severity", "le", "quantile", "error_type", "job"}
        and name not in {"instance", "slo", "long_window"}
    )
)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() and "{{" not in text and text[0] not in "=!"
)
durations = st.builds(
    lambda count, unit: f"{count}{unit}", st.integers(1, 50), st.sampled_from(["s", "m", "h", "d"])
)
windows = durations.filter(lambda text: not text.endswith("d") or int(text[:-1]) <= 31)
shares = st.builds(lambda share: f"{share}%", st.integers(1, 99))
matchers = st.builds(
    lambda operator, value: operator + value,
    st.sampled_from(["", "=", "!=", "=~", "!~"]),
    st.from_regex(r"[a-z]{1,8}(\.\*)?", fullmatch=True),
)

ASKED: dict[str, Any] = {
    "rate": (st.floats(0.001, 1e6), {}),
    "error_ratio": (st.one_of(shares, st.floats(0.001, 0.999)), {}),
    "latency_p95": (st.builds(lambda n: f"{n}ms", st.integers(1, 59_000)), {}),
    "latency_mean": (st.floats(0.001, 1e4), {}),
    "in_progress": (st.integers(1, 1000), {}),
    "memory_rss": (st.builds(lambda n: f"{n}MiB", st.integers(1, 5000)), {}),
    "cache_hit_ratio": (shares, {}),
    "measure_rate": (st.builds(lambda n: f"{n}/min", st.integers(1, 500)), {"measure": "items"}),
    "api_cost_rate": (st.builds(lambda n: f"{n}$/h", st.integers(1, 500)), {}),
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    signal = draw(st.sampled_from(sorted(ASKED)))
    values, fields = ASKED[signal]
    rule = {"alert": draw(names), "signal": signal, **fields}
    side = draw(st.sampled_from(["above", "below"]))
    rule[side] = draw(values)
    if draw(st.booleans()):
        rule[side] = {draw(st.sampled_from(SEVERITIES)): rule[side]}
    elif draw(st.booleans()):
        rule["severity"] = draw(st.sampled_from(SEVERITIES))
    if signal in ("rate", "error_ratio", "latency_p95"):
        rule["where"] = draw(st.dictionaries(label_names, matchers, max_size=3))
        rule["by"] = draw(st.lists(label_names, max_size=3, unique=True))
        rule["min_count"] = draw(st.integers(0, 100))
    rule["window"] = draw(windows)
    rule["for"] = draw(durations)
    rule["no_data"] = draw(st.sampled_from(["ok", "alert", "keep"]))
    rule["annotations"] = draw(st.dictionaries(label_names, texts, max_size=3))
    taken = set(rule.get("by", ()))
    labels = draw(st.dictionaries(label_names, texts, max_size=3))
    rule["labels"] = {name: text for name, text in labels.items() if name not in taken}
    return rule


counters = st.fixed_dictionaries(
    {"series": st.sampled_from(["a_total", "b_count", "c_bucket"])},
    optional={"where": st.dictionaries(label_names, matchers, max_size=2)},
)
slos_on_counters = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
        "objective": shares,
        "total": counters,
    },
    optional={"where": st.dictionaries(label_names, matchers, max_size=2)},
).flatmap(
    lambda slo: st.builds(
        lambda field, judged: {**slo, field: judged},
        st.sampled_from(["good", "bad"]),
        counters.filter(lambda judged: judged["series"] != slo["total"]["series"]),
    )
)
slos = slos_on_counters | st.fixed_dictionaries(
    {"name": st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), "objective": shares},
    optional={
        "where": st.dictionaries(label_names, matchers, max_size=2),
        "under": durations,
        "window": st.builds(lambda days: f"{days}d", st.integers(1, 90)),
    },
)
groups = st.fixed_dictionaries(
    {"name": names, "rules": st.lists(rules(), max_size=3, unique_by=lambda r: r["alert"])},
    optional={"interval": durations, "limit": st.integers(0, 100)},
)


@st.composite
def rule_sets(draw: st.DrawFn) -> dict[str, Any]:
    found = draw(st.lists(groups, max_size=3, unique_by=lambda group: group["name"]))
    seen: set[str] = set()
    for group in found:
        group["rules"] = [r for r in group["rules"] if r["alert"] not in seen]
        seen.update(r["alert"] for r in group["rules"])
    return {
        "groups": found,
        "slos": draw(st.lists(slos, max_size=2, unique_by=lambda s: s["name"])),
    }


@given(rule_sets())
@settings(max_examples=60)
def test_what_is_right_is_read(mapping: dict[str, Any]) -> None:
    made = build(mapping)
    assert [group.name for group in made.groups] == [group["name"] for group in mapping["groups"]]
    for group, written in zip(made.groups, mapping["groups"], strict=True):
        assert [rule.alert for rule in group.rules] == [rule["alert"] for rule in written["rules"]]
        assert all(rule_sentence(rule).endswith(".") for rule in group.rules)
    assert all(slo_sentence(slo).endswith(".") for slo in made.slos)
    assert parse(yaml.safe_dump(mapping, allow_unicode=True, sort_keys=False)) == made


# --- anything else

TOKENS = [
    *RULE_FIELDS,
    *SLO_FIELDS,
    *SEVERITIES,
    *sorted(SIGNALS),
    *("groups", "rules", "slos", "presets", "studio", "latency_p95", "<<", "x-a"),
    *("5%", "500ms", "5:30", "1e3", ".nan", "=~a(", "!=b", "on", "~", "'", '"', "|", ">"),
    *("{{ $value }}", "{{ $labels.a }}", "{{", "}}", "&a ", "*a", "!!str ", "!a ", "\\ud800"),
    *(
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\n",
        "\n  ",
        "\n    ",
        "? ",
        "---\n",
        "# ",
        "\t",
        "\ufeff",
    ),
]


def refused_or_made(text: str) -> None:
    made = outcome(parse, text)
    if isinstance(made, ConfigFileError):
        assert made.mistakes
        assert all(mistake.startswith("<string>:") for mistake in made.mistakes)


def outcome(make: Callable[[Any], RuleSet], source: Any) -> RuleSet | ConfigFileError:
    """The rules, or the one exception there may be, with mistakes in it."""
    try:
        return make(source)
    except ConfigFileError as error:
        return error


@given(st.one_of(st.text(), st.lists(st.sampled_from(TOKENS)).map("".join)))
@settings(max_examples=300)
def test_any_text(text: str) -> None:
    refused_or_made(text)


@given(st.data())
@settings(max_examples=150)
def test_a_file_with_something_in_another_place(data: st.DataObject) -> None:
    text = (FOLDER / "good" / "every_field.yml").read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    middle = data.draw(st.one_of(st.sampled_from(TOKENS), st.text(max_size=5)))
    refused_or_made(text[:start] + middle + text[end:])


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(TOKENS), st.text()
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(TOKENS), st.integers()), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(st.fixed_dictionaries({"groups": st.just([])}, optional={"slos": anything}) | anything)
@settings(max_examples=150)
def test_any_mapping(mapping: Any) -> None:
    made = outcome(build, mapping)
    assert isinstance(made, RuleSet) or made.mistakes


@given(
    st.dictionaries(
        st.sampled_from(RULE_FIELDS), st.one_of(scalars, st.lists(scalars), anything), min_size=3
    ),
    st.dictionaries(st.sampled_from(SLO_FIELDS), st.one_of(scalars, anything)),
)
@settings(max_examples=300)
def test_any_fields(rule: dict[str, Any], slo: dict[str, Any]) -> None:
    with pytest.raises(ConfigFileError) as raised:
        build({"groups": [{"name": "g", "rules": [rule]}], "slos": [slo], "x": 1})
    assert raised.value.mistakes
