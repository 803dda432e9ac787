"""Files of sloth become the SLOs of a rule file, or are told why not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from prometheus_client import Counter, Histogram

from support.watched import Watched
from vitalspan.configfile.report import ConfigFileError
from vitalspan.importers.import_slos import import_slos, slos_section
from vitalspan.importers.imported_slos import ImportedSlos
from vitalspan.rules.file.load import build, parse

AVAILABILITY = """
- name: availability
  objective: 99.9
  description: Requests are answered.
  sli:
    events:
      error_query: sum(rate(requests_total{code=~"(5..|429)"}[{{.window}}]))
      total_query: sum(rate(requests_total[{{.window}}]))
"""


def imported(tmp_path: Path, slos: str, top: str = "") -> ImportedSlos:
    """What is imported of a file of a service called shop."""
    file = tmp_path / "slos.yml"
    file.write_text(
        f"version: prometheus/v1\nservice: shop\n{dedent(top)}\nslos:\n{indent(dedent(slos), '  ')}"
    )
    found = import_slos([file])
    found.left_out = [line.removeprefix(f"{file}:") for line in found.left_out]
    found.notes = [line.removeprefix(f"{file}:") for line in found.notes]
    return found


def test_a_ratio_of_counters(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        AVAILABILITY
        + """
  alerting:
    name: ShopFails
    labels: {category: availability}
    annotations: {summary: "Shop fails", runbook: "https://runbooks.example/{{ $value }}"}
    page_alert: {labels: {severity: error, routing_key: shop}}
    ticket_alert: {annotations: {summary: "Shop fails at times"}}
""",
        "labels: {owner: payments}",
    )
    assert (found.left_out, found.notes) == ([], [])
    assert found.slos == [
        {
            "name": "shop-availability",
            "objective": "99.9%",
            "total": {"series": "requests_total"},
            "bad": {"series": "requests_total", "where": {"code": "=~(5..|429)"}},
            "alert": "ShopFails",
            "alerts": {
                "page": {"severity": "error", "labels": {"routing_key": "shop"}},
                "ticket": {"annotations": {"summary": "Shop fails at times"}},
            },
            "labels": {"owner": "payments", "category": "availability"},
            "annotations": {
                "description": "Requests are answered.",
                "summary": "Shop fails",
                "runbook": "https://runbooks.example/{{ $value }}",
            },
        }
    ]
    # What is written is read as what was imported.
    assert parse(slos_section(found, ["slos.yml"])) == build({"slos": found.slos})


def test_the_others_are_bad_where_good_ones_are_taken_away(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
        - name: latency
          objective: 99
          sli:
            events:
              error_query: |
                (
                  sum(rate(took_seconds_count{verb!="WATCH"}[{{.window}}]))
                  -
                  sum(rate(took_seconds_bucket{le="1",verb!="WATCH"}[{{.window}}]))
                )
              total_query: sum(rate(took_seconds_count{verb!="WATCH"}[{{.window}}]))
          alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
        """,
    )
    [slo] = found.slos
    assert slo["good"] == {"series": "took_seconds_bucket", "where": {"le": "1", "verb": "!=WATCH"}}
    assert slo["alerts"] is False
    watched = Watched()
    took = Histogram("took_seconds", "all", ["verb"], registry=watched.registry, buckets=[1, 5])
    watched.monitor.rules.add_slo(**slo)
    watched.tick()
    for verb, seconds in (("GET", 0.5), ("GET", 3.0), ("WATCH", 100.0)):
        took.labels(verb).observe(seconds)
    watched.tick()
    [status] = watched.monitor.rules.slos()
    assert (status.events, status.bad) == (2, 1)


def test_what_is_imported_judges_the_counters_that_the_queries_name(tmp_path: Path) -> None:
    watched = Watched()
    requests = Counter("requests", "by code", ["code"], registry=watched.registry)
    [slo] = imported(tmp_path, AVAILABILITY).slos
    watched.monitor.rules.add_slo(**slo)
    watched.tick()
    for code, count in (("200", 90), ("404", 5), ("429", 2), ("503", 3)):
        requests.labels(code).inc(count)
    watched.tick()
    [status] = watched.monitor.rules.slos()
    assert (status.events, status.bad) == (100, 5)


def sli(error: str, total: str = "sum(rate(a_total[{{.window}}]))") -> str:
    """An SLO with these queries."""
    queries = f"{{error_query: '{error}', total_query: '{total}'}}"
    return f"- name: a\n  objective: 99\n  sli: {{events: {queries}}}"


BAD = 'sum(rate(a_total{code="500"}[{{.window}}]))'


@pytest.mark.parametrize(
    ("slos", "reasons"),
    [
        (
            sli("sum(rate(a_total[5m]))"),
            ["7:20: the window of the query is fixed: use {{.window}} instead"],
        ),
        (
            sli(f"sum(rate(b_total[{{{{.window}}}}])) - {BAD}"),
            ["7:20: the query subtracts from something else than all events: begin it"],
        ),
        (
            sli(BAD, f"sum(rate(a_total[{{{{.window}}}}])) - {BAD}"),
            ["7:20: the query for all events subtracts something: use one counter"],
        ),
        (
            sli(BAD.replace('500"', '500",code!="501"')),
            ["5:5: SLO 'shop-a' is left out: there are two conditions on code: use one, such as"],
        ),
        (
            sli(BAD.replace("a_total", "a"), "sum(rate(a[{{.window}}]))"),
            [
                f"5:5: SLO 'shop-a' is left out: {field}.series: 'a' is not a counter: use one"
                for field in ("total", "bad")
            ],
        ),
        (
            sli(BAD.replace("500", "=500")),
            [
                "5:5: SLO 'shop-a' is left out: bad: bad is the same as total: add the conditions",
                "5:5: SLO 'shop-a' is left out: bad.where.code: '==500' means a value that",
            ],
        ),
        (
            "- {name: a, objective: 99, sli: {raw: {error_ratio_query: x}}}",
            ["5:36: raw is not about counters of events: use events (SLO 'shop-a' is left out)"],
        ),
        (
            "- {name: a, objective: 99, sli: {plugin: {id: x}}}",
            ["5:36: plugin is not about counters of events: use events"],
        ),
        (
            "- {objective: 200, sli: {}, colour: red}",
            [
                "5:5: name is missing: add a name such as requests-availability",
                "5:17: '200' is not allowed: use a percentage such as 99.9",
                "5:27: events is missing: add error_query and total_query",
                "5:31: unknown field 'colour': there are name, description, objective, labels,",
            ],
        ),
        (
            f"{sli(BAD)}\n{sli(BAD)}",
            ["8:5: SLO 'shop-a' is left out: another SLO has this name: rename one of them"],
        ),
        (
            sli(BAD).replace("99", "100"),
            ["5:5: SLO 'shop-a' is left out: objective: '100%' leaves no room for any error"],
        ),
        (
            "- {name: a}",
            [
                "5:5: objective is missing: add a percentage such as 99.9",
                "5:5: sli is missing: add events with their queries",
            ],
        ),
        (
            "- {name: a, objective: 9, sli: {events: {}}}",
            [
                "5:43: total_query is missing: add a query such as sum(rate(requests_total",
                "5:43: error_query is missing: add a query such as sum(rate(requests_total",
            ],
        ),
    ],
)
def test_what_cannot_be_said_is_left_out_with_place_and_reason(
    slos: str, reasons: list[str], tmp_path: Path
) -> None:
    found = imported(tmp_path, slos)
    assert len(found.slos) == slos.count("- name: a") // 2
    starts = [line[: len(reason)] for line, reason in zip(found.left_out, reasons, strict=True)]
    assert starts == reasons
    assert found.notes == []


def test_what_differs_is_noted(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        """
        - name: a
          objective: 99.9
          description: "{{ broken"
          plugins: {chain: []}
          sli:
            events:
              error_query: sum(rate(a_total{job="shop",namespace="eu",code="500"}[{{.window}}]))
              total_query: sum(rate(a_total{job="shop",namespace="eu"}[{{.window}}]))
          alerting:
            labels: {severity: high, "a-b": c}
            annotations: {summary: "{{ $labels.sloth_service }} burns"}
            page_alert: {for: 5m, labels: {severity: pageteam}}
            ticket_alert: {disable: true}
        """,
        "labels: {long_window: x}\nslo_plugins: {chain: []}",
    )
    assert found.left_out == []
    [slo] = found.slos
    assert slo["alerts"] == {"ticket": False}
    assert {"labels", "annotations"}.isdisjoint(slo)
    assert [line.partition(": ")[2].partition(": ")[0] for line in found.notes] == [
        "slo_plugins are left out",
        "the label long_window is left out",
        "plugins are left out",
        "the annotation description is left out",
        "the label a-b is left out",
        "the annotation summary is left out",
        "the severity high is left out, and its alerts keep their usual severities",
        "`for` is left out",
        "the severity pageteam is left out, and its page alerts get the severity critical",
        'job="shop" is left out',
        "Prometheus often adds the label namespace",
    ]


def test_resources_for_kubernetes_and_several_documents(tmp_path: Path) -> None:
    file = tmp_path / "slos.yml"
    file.write_text(
        """
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop, namespace: monitoring}
spec:
  service: shop
  slos:
    - name: availability
      objective: 99.9
      sli:
        events:
          errorQuery: sum(rate(requests_total{code="500"}[{{.window}}]))
          totalQuery: sum(rate(requests_total[{{.window}}]))
      alerting: {pageAlert: {labels: {errorQuery: kept}}, ticketAlert: {disable: true}}
---
version: prometheus/v1
service: other
slos: []
---
"""
    )
    found = import_slos([file])
    assert (found.left_out, found.notes) == ([], [])
    [slo] = found.slos
    assert (slo["name"], slo["bad"]["where"]) == ("shop-availability", {"code": "500"})
    assert slo["alerts"] == {"page": {"labels": {"errorQuery": "kept"}}, "ticket": False}


KNOWN = "use version: prometheus/v1 of sloth, or apiVersion: openslo/v1 of OpenSLO"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("groups: []", [f":1:1: a document without a version cannot be imported: {KNOWN}"]),
        ("- 1", [f":1:3: a document without a version cannot be imported: {KNOWN}"]),
        ("version: prometheus/v2", [f":1:1: 'prometheus/v2' cannot be imported: {KNOWN}"]),
        ("version: prometheus/v1", [":1:1: service is missing: add a name such as myservice"]),
        (
            "{version: prometheus/v1, service: a, slos: 1, x: 2}",
            [
                ":1:44: '1' is not a list: use SLOs, each of which begins with -",
                ":1:47: unknown field 'x': there are version, service, labels, slos, slo_plugins",
            ],
        ),
        (
            "apiVersion: sloth.slok.dev/v1",
            [":1:1: spec is missing: add service and slos below it"],
        ),
        ("a: [", None),
    ],
)
def test_files_that_are_no_slo_files(text: str, mistakes: list[str] | None, tmp_path: Path) -> None:
    file = tmp_path / "slos.yml"
    file.write_text(text)
    with pytest.raises(ConfigFileError) as refused:
        import_slos([file])
    assert mistakes is None or refused.value.mistakes == tuple(f"{file}{one}" for one in mistakes)


def test_an_empty_file_has_no_slos(tmp_path: Path) -> None:
    file = tmp_path / "slos.yml"
    file.write_text("")
    found: Any = import_slos([file])
    assert (found.slos, found.left_out, found.notes) == ([], [], [])
