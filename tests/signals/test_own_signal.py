"""A signal that is defined in one file, this one, works wherever signals do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from support.promtool import complaints
from support.watched import Watched
from vitalspan import metrics as names
from vitalspan.artifacts.export import export
from vitalspan.artifacts.grafana.dashboard_files import files
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.options import Options
from vitalspan.configfile.report import ConfigFileError
from vitalspan.describe.rule_text import explain
from vitalspan.describe.scoring_text import explain_scoring
from vitalspan.promql.expression import Expression
from vitalspan.promql.selection import Selection, quotient_of
from vitalspan.rules.file.load import build, load
from vitalspan.signals import catalogue
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.promtool_series import Inputs, InputSeries, labelled, plain, share
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.source import OPERATIONS, REGISTRY
from vitalspan.units import BYTES, RATIO

CANCELLATIONS = names.OPERATION_CANCELLATIONS.name


def value(window: Window, query: Query) -> Reading:
    calls = window.increase("count")
    return Reading(window.increase("cancellations") / calls, calls) if calls > 0 else NO_DATA


def most_cancelled(query: Query, view: HistoryView, component: str | None) -> str:
    operations = view.intervals(query, view.history.operations, component)
    counts = {name: one.increase("cancellations") for name, one in operations.items()}
    worst = max(counts, key=lambda name: counts[name], default="")
    return f"{worst}, {counts[worst]:.0f} calls were cancelled" if worst else ""


CANCELLED_RATIO = Signal(
    "cancelled_ratio",
    RATIO,
    OPERATIONS,
    "the share of calls that were cancelled",
    value,
    quotient_of(CANCELLATIONS, names.DURATION_COUNT),
    Inputs(
        share(InputSeries(CANCELLATIONS), {InputSeries(names.DURATION_COUNT): 1.0}), averaged=True
    ),
    counted=names.DURATION_COUNT,
    slope_name="cancelled_growth",
    contributor=most_cancelled,
)


def pool_size(window: Window, query: Query) -> Reading:
    sizes = window.gauges("pool_bytes")
    return Reading(max(sizes), 1) if sizes else NO_DATA


def pool_size_promql(selection: Selection, query: Query) -> Expression:
    return selection.total(selection.series("pool_bytes"), how=selection.worst)


POOL_SIZE = Signal(
    "pool_size",
    BYTES,
    REGISTRY,
    "the memory of the pool",
    pool_size,
    pool_size_promql,
    Inputs(plain("pool_bytes")),
    highest=2.0**30,
    metrics=("pool_bytes",),
    instant=True,
)
"""Of the process, as the signals about the machine are."""

RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "own",
            "rules": [
                {
                    "alert": "ManyCancelled",
                    "signal": "cancelled_ratio",
                    "by": ["component"],
                    "above": {"warning": "10%", "critical": "50%"},
                    "clear": "5%",
                    "min_count": 10,
                    "no_data": "keep",
                },
                {"alert": "MoreCancelled", "signal": "cancelled_growth", "above": "20%/h"}
                | {"window": "1h"},
                {"alert": "PoolFull", "signal": "pool_size", "above": "900MiB"},
                {"alert": "PoolGrows", "signal": "pool_size", "above": "100%"}
                | {"derive": {"change": "30m"}},
            ],
        }
    ],
    "health": {
        "factors": [
            {"name": "cancelled", "signal": "cancelled_ratio", "full": 0, "zero": "50%"}
            | {"weight": 60, "min_count": 10},
            {"name": "pool", "signal": "pool_size", "full": 0, "zero": "1GiB", "weight": 40},
        ],
        "components": {"shop": {"critical": True}},
    },
}


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    for signal in (CANCELLED_RATIO, POOL_SIZE):
        catalogue.register(signal)
    yield
    for signal in (CANCELLED_RATIO, POOL_SIZE):
        del catalogue.SIGNALS[signal.name]


def refusal(**fields: Any) -> str:
    with pytest.raises(ConfigFileError) as refused:
        build({"groups": [{"name": "g", "rules": [{"alert": "A", **fields}]}]})
    return str(refused.value)


def test_the_rule_file_knows_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(RULES))
    assert len(load(str(file)).groups[0].rules) == 4
    assert "did you mean cancelled_ratio?" in refusal(signal="cancelled_rato", above=0.1)
    assert "did you mean 5%?" in refusal(signal="cancelled_ratio", above=5)
    beyond = refusal(signal="pool_size", above="2GiB")
    assert "pool_size is never above 1 GiB: use less than 1 GiB" in beyond
    foreign = refusal(signal="pool_size", above="1MB", where={"operation": "pay"})
    assert "pool_size is about the whole process and has no label operation" in foreign
    assert "has no label le" in refusal(signal="cancelled_ratio", above="1%", by=["le"])
    derived = refusal(signal="cancelled_growth", above="1%/h", derive={"slope": "1h"})
    assert "leave derive out, or use cancelled_ratio" in derived


def test_names_are_taken_once() -> None:
    for name in ("cancelled_ratio", "cancelled_growth", "latency_p95", "latency_pNN", "rate"):
        taken = Signal(name, RATIO, OPERATIONS, "", value, quotient_of("a", "b"))
        with pytest.raises(ValueError, match=f"there is already a signal {name}"):
            catalogue.register(taken)


def test_it_is_explained() -> None:
    rules = build(RULES)
    text = explain(rules)
    assert "when cancelled_ratio (the share of calls that were cancelled)" in text
    assert "it needs at least 10 calls" in text
    assert "when pool_size (the memory of the pool) is above" in text
    scoring = explain_scoring(rules)
    assert "the mean of the components" in scoring
    assert "it is absent with fewer than 10 calls" in scoring
    assert "max by (job, instance) (pool_bytes)" in scoring


@pytest.mark.once
@pytest.mark.parametrize("options", [Options(), Options(per_instance=True, metric_prefix="my_")])
def test_it_is_exported_with_cases_that_promtool_passes(options: Options, tmp_path: Path) -> None:
    files = export(build(RULES), options)
    assert complaints(files, tmp_path) == ""
    tested = yaml.safe_load(files["tests.yml"])
    every = [name for name in files if name.startswith("tests")]
    cases = "".join(files[name] for name in every)
    assert "No case for" not in cases
    for alert in ("ManyCancelled", "MoreCancelled", "PoolFull", "PoolGrows"):
        assert cases.count(f'alertname="{alert}"') >= 2
    assert tested["tests"]
    summaries = {
        rule["annotations"]["summary"]
        for group in yaml.safe_load(files["rules.yml"])["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert (
        "cancelled_ratio of {{ $labels.component }} is {{ $value | humanizePercentage }}, "
        "above 10 %" in summaries
    )
    assert "pool_size is {{ $value | humanize1024 }}B, above 900 MiB" in summaries


def test_without_series_there_is_no_case() -> None:
    catalogue.SIGNALS["cancelled_ratio"] = Signal(
        "cancelled_ratio", RATIO, OPERATIONS, "x", value, quotient_of(CANCELLATIONS, "b")
    )
    rule = {"alert": "A", "signal": "cancelled_ratio", "above": "1%"}
    files = export(build({"groups": [{"name": "g", "rules": [rule]}]}))
    assert (
        "No case for A warning: no series are known that make cancelled_ratio."
        in (files["tests.yml"])
    )


def test_it_fires_and_counts_towards_health_with_its_contributor() -> None:
    watched = Watched()
    pool = labelled("pool_bytes", "kind", "big")
    assert pool == ("pool_bytes", (("kind", "big"),))
    watched.monitor.rules.use(build(RULES))
    watched.call("browse", component="shop", times=15)
    watched.call("pay", component="shop", times=5, error=asyncio.CancelledError())
    watched.call("mail", component="post", times=20)
    watched.tick()
    assert watched.read("cancelled_ratio", where={"component": "shop"}) == 0.25
    assert watched.states() == {"ManyCancelled": ("warning", "firing")}
    labels = {"alertname": "ManyCancelled", "severity": "warning", "component": "shop"}
    assert watched.sample("alert_state", **labels) == 2
    health = watched.monitor.health()
    [factor] = [one for one in health.factors if one.factor == "cancelled"]
    assert factor.value == 0.125
    assert factor.reason.endswith("points: pay, 5 calls were cancelled")
    [shop] = [one for one in health.components if one.component == "shop"]
    assert shop.score == 50
    [reason] = [one.reason for one in shop.factors if one.factor == "cancelled"]
    assert reason.endswith("points: pay, 5 calls were cancelled")


def test_dashboards_show_it_and_mark_its_alerts() -> None:
    queries = Queries("my_")
    for text in (
        queries.signal("cancelled_ratio", by=("operation",)),
        queries.signal("pool_size", ("job", "instance"), apart=True),
    ):
        assert promql_parser.parse(text.replace("$__rate_interval", "5m")) is not None
    # One annotation for every alert, whatever signal it is on.
    [fires, _] = json.loads(files("my_")["alerts.json"])["annotations"]["list"]
    assert fires["expr"].startswith('my_alert_state{job=~"$job",instance=~"$instance"} == 2')
