"""Files of OpenSLO become the SLOs of a rule file, or are told why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vitalspan.importers.import_slos import import_slos, slos_section
from vitalspan.importers.imported_slos import ImportedSlos
from vitalspan.rules.file.load import build, parse


def source(query: str, **fields: Any) -> dict[str, Any]:
    """A metric of an indicator."""
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}, **fields}}


NO_QUERY = {"metricSource": {"type": "Prometheus"}}
TOTAL = "sum(rate(requests_total[{{.window}}]))"
BAD = 'sum(rate(requests_total{code="500"}[5m]))'
RATIO = {"bad": source(BAD), "total": source(TOTAL)}


def an_slo(
    name: str = "web", metadata: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """An SLO that can be imported, with some other fields in its `spec`; None takes one away."""
    usual = {
        "indicator": {"metadata": {"name": "i"}, "spec": {"ratioMetric": RATIO}},
        "timeWindow": [{"duration": "28d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"target": 0.999}],
        "alertPolicies": [{"alertPolicyRef": "burns"}],
    }
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {key: value for key, value in (usual | spec).items() if value is not None},
    }


def imported(tmp_path: Path, *objects: dict[str, Any]) -> ImportedSlos:
    """What is imported of a file with these objects, with the places as lines and columns."""
    file = tmp_path / "slos.yml"
    file.write_text(yaml.safe_dump_all(objects, sort_keys=False))
    found = import_slos([file])
    found.left_out = [line.removeprefix(f"{file}:") for line in found.left_out]
    found.notes = [line.removeprefix(f"{file}:") for line in found.notes]
    return found


POLICIES = "alertPolicies are left out: its alerts are those of the SRE workbook"


def reasons(lines: list[str]) -> list[str]:
    """Remarks without their places."""
    return [line.partition(": ")[2] for line in lines]


def test_a_ratio_of_counters(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        an_slo(
            metadata={"displayName": "Web", "labels": {"team": "shop"}},
            description="Pages come",
            service="shop",
        ),
    )
    assert found.left_out == []
    assert reasons(found.notes) == [POLICIES]
    assert found.slos == [
        {
            "name": "web",
            "objective": "99.9%",
            "total": {"series": "requests_total"},
            "bad": {"series": "requests_total", "where": {"code": "500"}},
            "window": "28d",
            "labels": {"service": "shop", "team": "shop"},
            "annotations": {"description": "Pages come"},
        }
    ]
    assert parse(slos_section(found, ["slos.yml"])) == build({"slos": found.slos})


def test_indicators_and_sources_are_found_in_any_file(tmp_path: Path) -> None:
    good = {"metricSourceRef": "prom", "spec": {"query": 'sum(requests_total{code="200"})'}}
    objects = [
        {
            "apiVersion": "openslo/v1",
            "kind": "SLI",
            "metadata": {"name": "answered"},
            "spec": {
                "ratioMetric": {
                    "counter": True,
                    "good": {"metricSource": good},
                    "total": source("requests_total", type="prometheus"),
                }
            },
        },
        {
            "apiVersion": "openslo/v1",
            "kind": "DataSource",
            "metadata": {"name": "prom"},
            "spec": {"type": "Prometheus"},
        },
        {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "shop"}},
    ]
    (tmp_path / "others.yml").write_text(yaml.safe_dump(objects))
    (tmp_path / "slo.yml").write_text(
        yaml.safe_dump([an_slo(indicator=None, indicatorRef="answered")])
    )
    found = import_slos([tmp_path / "slo.yml", tmp_path / "others.yml"])
    assert found.left_out == []
    [slo] = found.slos
    assert slo["good"] == {"series": "requests_total", "where": {"code": "200"}}


def test_each_objective_is_an_slo(tmp_path: Path) -> None:
    objectives = [{"target": 0.99, "displayName": "fine"}, {"targetPercent": 99.95, "op": "gt"}]
    found = imported(tmp_path, an_slo(objectives=objectives))
    assert [(slo["name"], slo["objective"]) for slo in found.slos] == [
        ("web-1", "99%"),
        ("web-2", "99.95%"),
    ]


def test_what_differs_is_noted(tmp_path: Path) -> None:
    labels = {"env": ["dev"], "a/b": "c"}
    found = imported(
        tmp_path, an_slo(metadata={"labels": labels}, alertPolicies=None, timeWindow=None)
    )
    [slo] = found.slos
    assert (slo["alerts"], slo["window"]) == (False, "30d")
    assert [one.partition(": ")[0] for one in reasons(found.notes)] == [
        "it has no timeWindow, so its window is 30d",
        "the label env is left out",
        "the label a/b is left out",
        "it has no alertPolicies, so its alerts are off in the rule file",
    ]


CALENDAR = {"startTime": "2024-01-01 00:00:00", "timeZone": "Europe/Berlin"}
ROLLING = "only rolling windows are supported: use isRolling: true without calendar"


def indicator(**ratio: Any) -> dict[str, Any]:
    """A ratio as it stands in an SLO."""
    return {"spec": {"ratioMetric": ratio}}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"timeWindow": [{"duration": "1w", "calendar": CALENDAR}]}, ROLLING),
        ({"timeWindow": [{"duration": "1w"}]}, ROLLING),
        (
            {"timeWindow": [{"duration": "1M", "isRolling": True}]},
            "1M has no fixed length: use days, such as 30d",
        ),
        ({"timeWindow": [{"isRolling": True}]}, "duration is missing: add one such as 28d"),
        (
            {"timeWindow": [{"duration": "1d", "isRolling": True}] * 2},
            "there are several windows: keep one of them",
        ),
        ({"budgetingMethod": "Timeslices"}, "Timeslices is not supported: use Occurrences"),
        ({"budgetingMethod": None}, "an empty method is not supported: use Occurrences"),
        ({"objectives": None}, "objectives is missing: add one with a target such as 0.999"),
        (
            {"objectives": [{"target": 0.9, "targetPercent": 90}]},
            "give either target or targetPercent, such as target: 0.999",
        ),
        ({"objectives": [{"target": 99.9}]}, "'99.9' is not allowed: use a number such as"),
        (
            {"objectives": [{"target": 0.9, "timeSliceTarget": 0.9}]},
            "unknown field 'timeSliceTarget': there are displayName, op, value, target,",
        ),
        ({"indicator": None}, "indicator or indicatorRef is missing: add one of them"),
        (
            {"indicator": None, "indicatorRef": "gone"},
            "no SLI is called 'gone': import the file that has it as well",
        ),
        (
            {"indicator": {"spec": {"thresholdMetric": source("x")}}},
            "it is not a ratio of counters: use ratioMetric with good or bad and total",
        ),
        (
            {"indicator": indicator(rawType="success", raw=source("x"))},
            "raw is a ratio without its counters: use good or bad and total",
        ),
        (
            {"indicator": indicator(total=source(TOTAL))},
            "give either good or bad beside total",
        ),
        ({"indicator": indicator(bad=source(BAD))}, "total is missing: add its metricSource"),
        (
            {"indicator": indicator(bad=source(BAD), total=source("x", type="Datadog"))},
            "Datadog is not Prometheus, whose queries can be imported: use it",
        ),
        (
            {"indicator": indicator(bad=source(BAD), total=source("x", type=None))},
            "its source is not Prometheus, whose queries can be imported: use it",
        ),
        (
            {"indicator": indicator(bad=source(BAD), total=source("x_total"))},
            "the query does not add up the rates of a counter: use sum(rate(",
        ),
        (
            {
                "indicator": indicator(
                    bad=source(BAD), total={"metricSource": {"type": "Prometheus"}}
                )
            },
            "spec is missing: add a query",
        ),
        (
            {"indicator": indicator(good=source(f"{BAD} - {TOTAL}"), total=source(TOTAL))},
            "the query subtracts from something else than all events: begin it",
        ),
        ({"colour": "red"}, "unknown field 'colour': there are description, service, indicator,"),
    ],
)
def test_what_cannot_be_said_is_left_out_with_the_reason(
    spec: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    found = imported(tmp_path, an_slo(**spec))
    assert (found.slos, found.notes) == ([], [])
    assert [line for line in reasons(found.left_out) if line.startswith(reason)]
    assert all(line.endswith("(SLO 'web' is left out)") for line in found.left_out)


def test_objects_without_what_they_need(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        {"apiVersion": "openslo/v1", "kind": "SLO", "spec": {}},
        {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "a"}},
        {"apiVersion": "openslo/v1", "kind": "SLI", "metadata": {"name": "a"}},
        {"apiVersion": "openslo/v1", "kind": "AlertPolicy", "metadata": {"name": "a"}},
        an_slo("a.b"),
        an_slo(),
        an_slo(),
    )
    assert [slo["name"] for slo in found.slos] == ["web"]
    assert [line.partition(": ")[2] for line in found.left_out] == [
        "metadata is missing: add it (SLO '' is left out)",
        "spec is missing: add it (SLO 'a' is left out)",
        (
            "SLO 'a.b' is left out: name: 'a.b' is not the name of an SLO: use letters, digits, "
            "- and _, with a letter first"
        ),
        "SLO 'web' is left out: another SLO has this name: rename one of them",
    ]
