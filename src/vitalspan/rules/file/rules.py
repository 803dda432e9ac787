"""Reads rules and groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Place
from vitalspan.configfile.report import Report
from vitalspan.rules.file import query
from vitalspan.rules.file import thresholds as levels
from vitalspan.rules.file.labels import read_annotations, read_labels
from vitalspan.rules.file.promql_rules import (
    is_expression,
    read_expression,
    read_group_labels,
)
from vitalspan.rules.file.query import QueryContext, read_count, read_query, with_whole_window
from vitalspan.rules.model import Group, NoData, Rule
from vitalspan.rules.short_windows import bucket_problem, interval_problems
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.ranges import range_of
from vitalspan.words import shown

RULE_FIELDS: Final = (
    "alert",
    *query.FIELDS,
    *levels.FIELDS,
    "min_count",
    "no_data",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
)

GROUP_FIELDS: Final = ("name", "interval", "limit", "query_offset", "labels", "rules")
SLO_PREFIX: Final = "slo:"
"""The prefix of the groups of SLOs."""

_HINTS: Final = {
    "expr": "an expression in PromQL belongs in a rule file",
    "threshold": "use above or below",
    "name": "did you mean alert?",
    "group_by": "did you mean by?",
    "message": "put texts under annotations",
    "summary": "put texts under annotations",
    "description": "put texts under annotations",
    "runbook_url": "put texts under annotations",
}
_NO_DATA: Final = ("ok", "alert", "keep")
_OF_THE_RULE: Final = {"alertname": "it is the name of the rule"}


def read_rule(node: Node, context: QueryContext, report: Report) -> Rule | None:
    """Return a rule; None after a mistake in its query or thresholds."""
    fields = Fields(
        node, RULE_FIELDS, report, usable="fields such as alert, signal and above", hints=_HINTS
    )
    alert = fields.name("alert", "a name such as CheckoutSlow")
    query = read_query(fields, context)
    objective = (context.slos or {}).get(query.slo or "") if query else None
    compared = levels.read_thresholds(fields, range_of(query, objective) if query else None)
    by = query.by if query else ()
    reasons = _OF_THE_RULE | dict.fromkeys(by, "it is one of those in `by`")
    labels = read_labels(fields, reasons, skipped=("severity",))
    grouped = query is None or signal_of(query).groups
    annotations = read_annotations(fields, by if query else None, grouped=grouped)
    min_count = read_count(fields, "min_count", query)
    no_data = fields.choice("no_data", _NO_DATA) or "ok"
    for_seconds, keep = fields.seconds("for", 0.0), fields.seconds("keep_firing_for", 0.0)
    if alert is None or query is None or compared is None:
        return None
    if not compared.above:
        query = with_whole_window(query)
    interval = context.sampling.interval
    if interval is not None:
        clears = any(level.clear not in (None, level.threshold) for level in compared.levels)
        for problem in interval_problems(interval, query, reads_alerts=clears or no_data == "keep"):
            report.note(fields.key("window"), problem)
    rule = Rule(
        alert,
        query,
        compared.above,
        compared.levels,
        for_seconds=for_seconds,
        keep_firing_for=keep,
        labels=labels,
        annotations=annotations,
        min_count=min_count,
        no_data=cast("NoData", no_data),
    )
    report.note(fields.key("above"), bucket_problem(rule))
    return rule


class _Numbered(NamedTuple):
    """A group, and the places of its rules."""

    group: Group
    places: tuple[Place, ...]


def read_group(node: Node, context: QueryContext, report: Report) -> _Numbered | None:
    """Return a group; None if it has no name."""
    fields = Fields(node, GROUP_FIELDS, report, usable="fields such as name and rules")
    name = fields.name("name", "a name such as shop")
    if name and name.startswith(SLO_PREFIX):
        problem = f"{shown(name)} begins with {SLO_PREFIX} as the groups of SLOs do"
        fields.wrong(f"{problem}: use another name", "name")
    interval = fields.seconds(
        "interval", None, zero="is not an interval: leave it out to evaluate at every tick"
    )
    limit = fields.whole_number("limit", "a number of alerts such as 10, or 0 for any number")
    fields.required("rules", "add a list of rules")
    # In the process, samples arrive at each tick and are never late.
    fields.seconds("query_offset", 0.0)
    group_labels = read_group_labels(fields)
    nodes = fields.items_of("rules", "rules, each of which begins with -")
    context = replace(context, sampling=context.sampling._replace(interval=interval))
    signals = [node for node in nodes if not is_expression(node)]
    rules_read = [(each.place, read_rule(each, context, report)) for each in signals]
    rules = [(place, rule) for place, rule in rules_read if rule is not None]
    if group_labels and signals:
        fields.wrong("labels of a group are for rules with expr: put them on each rule", "labels")
    expressions = [
        read_expression(node, group_labels, report) for node in nodes if is_expression(node)
    ]
    if name is None:
        return None
    group = Group(
        name,
        tuple(rule for _, rule in rules),
        interval,
        limit,
        tuple(one for one in expressions if one is not None),
    )
    return _Numbered(group, tuple(place for place, _ in rules))
