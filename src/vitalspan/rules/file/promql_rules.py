"""Reads PromQL rules, as in the rule files of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import text_of
from vitalspan.history.samples.resolution import resolution_of
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.query import compile_query
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.syntax import parse_template
from vitalspan.rules.model import ExpressionRule, Pairs, RecordedExpression
from vitalspan.words import shown

ALERT_FIELDS: Final = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")
RECORD_FIELDS: Final = ("record", "expr", "labels")

MAX_TEMPLATE: Final = 20_000
"""The maximum length of an annotation or a label in characters."""

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_USABLE: Final = "an expression such as rate(errors_total[5m]) > 0.1"

_HINTS: Final = {
    "signal": "a rule has either an expr or a signal: keep one of them",
    "severity": "put it under labels",
    "summary": "put texts under annotations",
    "description": "put texts under annotations",
    "runbook_url": "put texts under annotations",
    "interval": "it is a field of the group",
}


def is_expression(node: Node) -> bool:
    """Return whether a rule has an expression rather than a signal."""
    fields = getattr(node, "fields", {})
    return "expr" in fields or "record" in fields


def read_expression(
    node: Node, group_labels: Mapping[str, str], report: Report, *, in_process: bool = True
) -> ExpressionRule | RecordedExpression | None:
    """Return a PromQL rule; None after a mistake.

    Args:
        node: the rule.
        group_labels: the labels that its group adds to all rules.
        report: collects the mistakes.
        in_process: whether it has to run in the process, which only keeps samples for a while; a
            test of rules has all samples that it needs.
    """
    recorded = "record" in getattr(node, "fields", {})
    names = RECORD_FIELDS if recorded else ALERT_FIELDS
    usable = f"fields such as {names[0]} and expr"
    fields = Fields(node, names, report, usable=usable, hints=_HINTS)
    expr = _expression(fields, in_process=in_process)
    own = _texts(fields, "labels", templates=not recorded, in_process=in_process)
    labels = tuple({**group_labels, **dict(own)}.items())
    if recorded:
        record = _metric(fields)
        if record is None or expr is None:
            return None
        return RecordedExpression(record, expr, labels)
    alert = fields.name("alert", "a name such as HighErrorRate")
    annotations = _texts(fields, "annotations", templates=True, in_process=in_process)
    for_seconds, keep = fields.seconds("for", 0.0), fields.seconds("keep_firing_for", 0.0)
    if alert is None or expr is None:
        return None
    return ExpressionRule(alert, expr, for_seconds, keep, labels, annotations)


def read_group_labels(fields: Fields) -> dict[str, str]:
    """Return the labels that a group adds to all its rules."""
    return dict(_texts(fields, "labels", templates=False))


def _metric(fields: Fields) -> str | None:
    name = fields.name("record", "a name such as job:errors:rate5m")
    if name is None or _METRIC.fullmatch(name):
        return name
    fields.wrong(
        f"{shown(name)} is not the name of a metric: use letters, digits, _ and :", "record"
    )
    return None


def _expression(fields: Fields, *, in_process: bool) -> str | None:
    node = fields.required("expr", f"add {_USABLE}")
    if node is None:
        return None
    text = text_of(node, _USABLE, fields.report)
    if text is None:
        return None
    problem = expression_problem(text, in_process=in_process)
    if problem:
        fields.report.wrong(node.place, f"{_short(text)} {problem}")
        return None
    return text.strip()


def expression_problem(text: str, *, in_process: bool = True) -> str:
    """Return why an expression cannot be evaluated, in the process or at all; empty if it can.

    Raises:
        MissingExtraError: if promql-parser is not installed.
    """
    try:
        query = compile_query(text)
        for demand in query.demands if in_process else ():
            resolution_of(demand)
            name = demand.selector.name
            if name == "up" or name.startswith("scrape_"):
                return f"needs a server: {name} only exists where targets are scraped"
    except PromqlError as refused:
        return str(refused)
    if not query.is_vector:
        return "gives a range or a string: a rule needs a vector, such as rate(errors_total[5m])"
    return ""


def _short(text: str) -> str:
    return shown(" ".join(text.split()))


def _texts(fields: Fields, field: str, *, templates: bool, in_process: bool = True) -> Pairs:
    pairs = []
    for name, key, node in fields.entries_of(field, "names with texts"):
        if not _LABEL.fullmatch(name) or name == "__name__":
            problem = "is not a valid name: use letters, digits and _"
            fields.report.wrong(key, f"{shown(name)} {problem}")
            continue
        if isinstance(node, Scalar) and node.content in ("", None):
            # To Prometheus an empty label is the same as none.
            pairs.append((name, ""))
            continue
        text = text_of(node, "a text", fields.report)
        if text is None:
            continue
        problem = template_problem(text, in_process=in_process) if templates else ""
        if problem:
            fields.report.wrong(node.place, f"{shown(text)}: {problem}")
        else:
            pairs.append((name, text))
    return tuple(pairs)


def template_problem(text: str, *, in_process: bool = True) -> str:
    """Return why a template cannot be filled in, in the process or at all; empty if it can."""
    if len(text) > MAX_TEMPLATE:
        return f"has {len(text)} characters: use at most {MAX_TEMPLATE}"
    try:
        template = parse_template(text)
    except TemplateError as refused:
        return str(refused)
    if template.has_other_queries and in_process:
        return (
            "its query is made of parts, so the process cannot know in advance which samples to "
            "keep: write the query as one string"
        )
    for query in template.queries:
        problem = expression_problem(query, in_process=in_process)
        if problem:
            return f"{_short(query)} {problem}"
    return ""
