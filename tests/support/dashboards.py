"""The dashboards for tests, and their queries as trees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import promql_parser

from vitalspan.artifacts.grafana.dashboard_files import files

Dashboard = dict[str, Any]

RATE_INTERVAL: Final = 7919
"""The number of seconds that replaces `$__rate_interval`: no query has it otherwise."""

_GLOBALS: Final = {
    "__rate_interval": f"{RATE_INTERVAL}s",
    "__interval": "6101s",
    "__range": "9397s",
    "__range_s": "9397",
}
_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]")
_CHILDREN: Final = ("lhs", "rhs", "expr", "args", "vector_selector", "param")
_NODES: Final = (
    promql_parser.AggregateExpr,
    promql_parser.BinaryExpr,
    promql_parser.Call,
    promql_parser.MatrixSelector,
    promql_parser.NumberLiteral,
    promql_parser.ParenExpr,
    promql_parser.StringLiteral,
    promql_parser.SubqueryExpr,
    promql_parser.UnaryExpr,
    promql_parser.VectorSelector,
)


class Query(NamedTuple):
    """A query of a dashboard, with the title of its panel, variable or annotation."""

    title: str
    text: str


def load(prefix: str = "") -> dict[str, Dashboard]:
    """All dashboards, by the names of their files."""
    return {name: json.loads(text) for name, text in files(prefix).items()}


DASHBOARDS: Final = load()


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels without the rows, including those of collapsed rows."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panels({"panels": panel.get("panels") or []})


def targets(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """The queries of panels."""
    for panel in panels(dashboard):
        for target in panel.get("targets") or []:
            yield Query(panel["title"], target["expr"])


def variables(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = dashboard["templating"]["list"]
    return listed


def variable_queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """The series from which variables take the values of labels."""
    for variable in variables(dashboard):
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"]["query"])
            assert found, variable
            yield Query(variable["name"], found[1])


def annotation_queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    for annotation in dashboard["annotations"]["list"]:
        yield Query(annotation["name"], annotation["expr"])


def queries(dashboard: Mapping[str, Any]) -> list[Query]:
    """All queries of a dashboard."""
    found = (*variable_queries(dashboard), *targets(dashboard), *annotation_queries(dashboard))
    return list(found)


def expanded(text: str) -> str:
    """A query that can be parsed: strings keep their variables, as they may contain anything."""
    parts = text.split('"')
    parts[::2] = [
        _VARIABLE.sub(lambda found: _GLOBALS.get(_name(found), _name(found)), part)
        for part in parts[::2]
    ]
    return '"'.join(parts)


def _name(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3]


def parsed(text: str) -> Any:
    """A query as a tree.

    Raises:
        ValueError: if it is not PromQL.
    """
    return promql_parser.parse(expanded(text))


def nodes(node: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every node of a tree with its parents, from the outside to the inside."""
    yield node, parents
    for name in _CHILDREN:
        value = getattr(node, name, None)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, _NODES):
                yield from nodes(child, (*parents, node))


def vectors(text: str) -> list[Any]:
    """The selectors of a query."""
    found = nodes(parsed(text))
    return [node for node, _ in found if isinstance(node, promql_parser.VectorSelector)]


def metric(vector: Any) -> str:
    """The name in a selector, or the pattern that the name has to match."""
    if vector.name:
        return str(vector.name)
    return next(one.value for one in vector.matchers.matchers if one.name == "__name__")
