"""The rules of grafana/dashboard-linter, after its documentation, and what they find.

Some ask for more than theirs, which look at some kinds of panels only. target-logql and
target-logql-auto have nothing to look at: no query is one of Loki's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import promql_parser

from support.dashboards import (
    RATE_INTERVAL,
    Dashboard,
    metric,
    nodes,
    panels,
    parsed,
    targets,
    variables,
    vectors,
)

SOURCES: Final = ("$datasource", "${datasource}")

UNITS: Final = frozenset(
    (
        *("none", "short", "percent", "percentunit", "string", "sci", "locale", "currencyUSD"),
        *("bytes", "decbytes", "bits", "decbits", "Bps", "binBps", "bps", "binbps", "pps"),
        *("s", "ms", "µs", "ns", "m", "h", "d", "dtdurations", "dtdurationms", "dthms", "hertz"),
        *("cps", "ops", "reqps", "rps", "wps", "iops", "cpm", "opm", "rpm", "wpm", "mps", "mpm"),
        *("dateTimeAsIso", "dateTimeAsSystem", "dateTimeFromNow", "dateTimeAsLocal"),
        *("bool", "bool_yes_no", "bool_on_off"),
    )
)
"""Those units that can be meant here, of Grafana's own: categories.ts of @grafana/data has them."""


class Complaint(NamedTuple):
    """A finding of a rule, and the title or name of its place."""

    where: str
    said: str


Rule = Callable[[Dashboard], Iterator[Complaint]]


def template_datasource(dashboard: Dashboard) -> Iterator[Complaint]:
    found = [one for one in variables(dashboard) if one["type"] == "datasource"]
    if len(found) != 1:
        yield Complaint("datasource", f"{len(found)} variables choose a data source")
    for one in found:
        if one["name"] not in ("datasource", "prometheus_datasource"):
            yield Complaint(one["name"], "is no name of a data source's variable")
        if one.get("label") not in ("Data source", "Prometheus data source"):
            yield Complaint(one["name"], f"has the label {one.get('label')}")


def _template(name: str) -> Rule:
    def check(dashboard: Dashboard) -> Iterator[Complaint]:
        one = next((one for one in variables(dashboard) if one["name"] == name), None)
        if one is None:
            yield Complaint(name, "is missing")
            return
        expected = {"type": "query", "label": name.title(), "multi": True, "allValue": ".+"}
        for key, value in expected.items():
            if one.get(key) != value:
                yield Complaint(name, f"{key} is {one.get(key)!r}, not {value!r}")
        if (one.get("datasource") or {}).get("uid") not in SOURCES:
            yield Complaint(name, "asks a data source of its own")

    return check


def template_label_promql(dashboard: Dashboard) -> Iterator[Complaint]:
    for one in variables(dashboard):
        if one["type"] != "query":
            continue
        query = one["query"]["query"]
        found = re.fullmatch(r"(label_values|query_result)\((.+?)(, *\w+)?\)", query)
        if found is None:
            yield Complaint(one["name"], f"{query} is no query of a variable")
        else:
            yield from _unparsable(one["name"], found[2])


def template_on_time_change_reload(dashboard: Dashboard) -> Iterator[Complaint]:
    for one in variables(dashboard):
        if one["type"] == "query" and one.get("refresh") != 2:
            yield Complaint(one["name"], "is not read again when the time changes")


def panel_datasource(dashboard: Dashboard) -> Iterator[Complaint]:
    for panel in panels(dashboard):
        for part in (panel, *(panel.get("targets") or [])):
            if (part.get("datasource") or {}).get("uid") not in SOURCES:
                yield Complaint(panel["title"], f"asks {part.get('datasource')}")


def panel_title_description(dashboard: Dashboard) -> Iterator[Complaint]:
    for panel in panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield Complaint(panel.get("title", ""), "has no title or no description")


def panel_units(dashboard: Dashboard) -> Iterator[Complaint]:
    for panel in panels(dashboard):
        config = panel["fieldConfig"]
        units = [config["defaults"].get("unit")]
        for override in config.get("overrides") or []:
            units += [one["value"] for one in override["properties"] if one["id"] == "unit"]
        for unit in units:
            if unit not in UNITS:
                yield Complaint(panel["title"], f"has the unit {unit!r}")


def panel_no_targets(dashboard: Dashboard) -> Iterator[Complaint]:
    for panel in panels(dashboard):
        if panel["type"] != "text" and not panel.get("targets"):
            yield Complaint(panel["title"], "asks nothing")


def target_promql(dashboard: Dashboard) -> Iterator[Complaint]:
    for query in targets(dashboard):
        yield from _unparsable(query.title, query.text)


def target_rate_interval(dashboard: Dashboard) -> Iterator[Complaint]:
    for title, node, parents in _nodes(dashboard):
        if isinstance(node, promql_parser.MatrixSelector) and parents:
            call = parents[-1].func.name
            if call in ("rate", "irate") and node.range.total_seconds() != RATE_INTERVAL:
                yield Complaint(title, f"{call} over {node.range}")


def _target(label: str) -> Rule:
    def check(dashboard: Dashboard) -> Iterator[Complaint]:
        for query in _readable(dashboard):
            for vector in vectors(query.text):
                wanted = [
                    one
                    for one in vector.matchers.matchers
                    if one.name == label
                    and one.op == promql_parser.MatchOp.Re
                    and one.value == f"${label}"
                ]
                if not wanted:
                    yield Complaint(query.title, f"{metric(vector)} of every {label}")

    return check


def target_counter_agg(dashboard: Dashboard) -> Iterator[Complaint]:
    for title, node, parents in _nodes(dashboard):
        if isinstance(node, promql_parser.VectorSelector) and metric(node).endswith("_total"):
            calls = [getattr(one, "func", None) for one in parents[-2:]]
            ranged = parents and isinstance(parents[-1], promql_parser.MatrixSelector)
            if not ranged or calls[0] is None or calls[0].name not in ("rate", "irate", "increase"):
                yield Complaint(title, f"{metric(node)} as it is")


def uneditable_dashboard(dashboard: Dashboard) -> Iterator[Complaint]:
    if dashboard.get("editable", True):
        yield Complaint(dashboard["title"], "can be edited")


def _readable(dashboard: Dashboard) -> list[Any]:
    # Invalid queries are found by another rule.
    return [query for query in targets(dashboard) if not list(_unparsable("", query.text))]


def _nodes(dashboard: Dashboard) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    for query in _readable(dashboard):
        for node, parents in nodes(parsed(query.text)):
            yield query.title, node, parents


def _unparsable(where: str, text: str) -> Iterator[Complaint]:
    try:
        parsed(text)
    except ValueError as wrong:
        yield Complaint(where, f"{text}: {wrong}")


RULES: Final[dict[str, Rule]] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": _template("job"),
    "template-instance-rule": _template("instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": _target("job"),
    "target-instance-rule": _target("instance"),
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable_dashboard,
}
