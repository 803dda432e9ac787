"""Dashboards and rules ask for what is exported, and what is exported is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser

import vitalspan as vs
from support.dashboards import load, metric, queries, vectors
from support.everything import MEASURES, do_everything
from vitalspan import metrics as names
from vitalspan.artifacts.export import RULES, export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES as DEMO_RULES
from vitalspan.exposition.formats import Format
from vitalspan.exposition.generate import generate_latest
from vitalspan.metrics import Family
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load as load_rules

FAMILIES: Final = [value for value in vars(names).values() if isinstance(value, Family)]

TARGET: Final = {"job", "instance"}
"""Labels that Prometheus puts on everything."""

PROMETHEUS: Final = ("up", "ALERTS")
"""What it makes itself."""

NOT_SHOWN: Final[dict[str, str]] = (
    {
        family.name: "only a process that pushes has it, and its log says what goes wrong"
        for family in (names.OTLP_POINTS, names.OTLP_REQUESTS, names.OTLP_WAITING)
    }
    | {
        family.name: "a process with a store has it, and says what fails in its log"
        for family in (
            names.STORE_WRITES,
            names.STORE_UNWRITTEN,
            names.STORE_DROPPED,
            names.STORE_SIZE,
            names.STORE_WRITE_SECONDS,
        )
    }
    | {
        names.OPERATION_FIRST_BYTE.name: "only services that measure the first byte have it",
        names.REPORTS.name: "a process that writes reports has it, and says what fails in its log",
    }
    | {
        family.name: "the conventions' names of what the row of models shows"
        for family in names.GEN_AI_FAMILIES
    }
    | {
        family.name: "it says what is expected of a job, or when one ran, for rules"
        for family in (
            *(names.JOB_STARTED, names.JOB_FINISHED, names.JOB_DECLARED),
            names.JOB_EXPECTED_DURATION,
        )
    }
    | {
        family.name: "a rule on errors says more than a picture of them"
        for family in (names.LOG_RECORDS, names.EXECUTOR_THREADS)
    }
)
"""Families that no dashboard shows, with the reason."""

Labels = dict[str, set[str]]


@pytest.fixture(params=["", "shop_"])
def prefix(request: pytest.FixtureRequest) -> str:
    prefix: str = request.param
    return prefix


@pytest.fixture
def exported(clock: vs.ManualClock, provider: TracerProvider, prefix: str) -> Labels:
    """The labels of everything that a process exports, by name."""
    registry = CollectorRegistry()
    monitor = vs.Monitor(
        registry=registry, clock=clock, tracer_provider=provider, metric_prefix=prefix
    )
    do_everything(monitor, clock)
    text = generate_latest(registry, format=Format.OPENMETRICS_1_0_0).decode()
    monitor.close()
    found: Labels = {}
    parse: Any = parser.text_string_to_metric_families
    for family in parse(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
            if family.type == "histogram":
                # A native one has the name of the family, and no buckets of its own.
                found.setdefault(family.name, set()).update(sample.labels.keys() - {"le"})
    return found


def rules(prefix: str) -> list[dict[str, Any]]:
    """What is exported of the demo's rules."""
    text = export(
        with_burn_rate_alerts(load_rules(DEMO_RULES)), Options(metric_prefix=prefix, interval=5.0)
    )[RULES]
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def recorded(prefix: str) -> set[str]:
    return {rule["record"] for rule in rules(prefix) if "record" in rule}


def asked(prefix: str) -> Iterator[tuple[str, Any]]:
    """Every selector of the dashboards, with where it is from."""
    for dashboard in load(prefix).values():
        for query in queries(dashboard):
            # A panel is there once for each measure.
            text = query.text.replace("${measure}", MEASURES[0])
            for vector in vectors(text):
                yield f"{dashboard['uid']}: {query.title}", vector


def selected(vector: Any, known: set[str]) -> set[str]:
    """The names of all that a selector is about, as far as they are known."""
    if vector.name:
        return {vector.name} & known
    wanted = re.compile(metric(vector))
    return {name for name in known if wanted.fullmatch(name)}


def test_dashboards_ask_for_what_there_is(prefix: str, exported: Labels) -> None:
    known = {*exported, *recorded(prefix), *PROMETHEUS}
    unknown = [
        (where, metric(vector)) for where, vector in asked(prefix) if not selected(vector, known)
    ]
    assert unknown == []


def test_dashboards_select_by_labels_that_there_are(prefix: str, exported: Labels) -> None:
    for where, vector in asked(prefix):
        for name in selected(vector, set(exported)):
            wanted = {one.name for one in vector.matchers.matchers} - {"__name__"}
            # A declared label is on those operations that declare it.
            assert wanted <= exported[name] | TARGET, f"{where}: {name}"


def test_rules_ask_for_what_there_is(prefix: str, exported: Labels) -> None:
    known = {*exported, *recorded(prefix), *PROMETHEUS}
    for rule in rules(prefix):
        for vector in vectors(rule["expr"]):
            assert selected(vector, known), f"{rule}: {metric(vector)}"


def test_what_is_exported_is_shown(prefix: str, exported: Labels) -> None:
    shown = {name for _, vector in asked(prefix) for name in selected(vector, set(exported))}
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} | shown
    missing = {family.name for family in FAMILIES if prefix + family.name not in bare}
    assert missing == set(NOT_SHOWN)


def test_a_name_that_nobody_exports_would_be_found(exported: Labels) -> None:
    [vector] = vectors("operation_duration_second_count")
    assert not selected(vector, set(exported))
    [vector] = vectors('{__name__=~"operations_.+"}')
    assert not selected(vector, set(exported))


def test_a_prefix_is_before_every_name() -> None:
    def own(prefix: str) -> list[str]:
        return [
            one
            for _, vector in asked(prefix)
            for one in [metric(vector)]
            if not one.startswith(("process_", "python_", "system_", *PROMETHEUS))
        ]

    plain, prefixed = own(""), own("shop_")
    assert len(plain) == len(prefixed)
    for before, after in zip(plain, prefixed, strict=True):
        assert before != after
        assert after.replace("shop_", "") == before
