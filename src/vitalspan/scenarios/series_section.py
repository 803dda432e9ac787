"""Reads input series: their labels, and their values at each tick."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import text_of
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.series_notation import NotedValue, parse_series, parse_values
from vitalspan.words import shown

Parsed = TypeVar("Parsed")


def read_series(node: Node, report: Report) -> tuple[MetricLabels, tuple[NotedValue, ...]] | None:
    """Return the labels and values of a series; None if it has a mistake."""
    fields = Fields(node, ("series", "values"), report, usable="series and values")
    labels = _parsed(fields, "series", 'a series such as up{job="api"}', _whole_series)
    values = _parsed(fields, "values", "values such as 0+10x5", parse_values)
    return None if labels is None or values is None else (labels, tuple(values))


def _parsed(
    fields: Fields, name: str, usable: str, parse: Callable[[str], Parsed]
) -> Parsed | None:
    node = fields.required(name, f"add {usable}")
    if node is None:
        return None
    text = text_of(node, usable, fields.report)
    try:
        return None if text is None else parse(text)
    except ValueError as problem:
        fields.report.wrong(node.place, str(problem))
        return None


def _whole_series(text: str) -> MetricLabels:
    labels, rest = parse_series(text)
    if rest:
        raise ValueError(f"{shown(rest)} is not expected: leave it out")
    return labels
