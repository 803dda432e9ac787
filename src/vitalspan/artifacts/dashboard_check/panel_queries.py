"""The queries of a dashboard's panels, variables and annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from vitalspan.artifacts.dashboard_check.datasources import Datasources
from vitalspan.artifacts.dashboard_check.variable_values import used_variables

Kind = Literal["panel", "variable", "annotation"]

_EXPRESSION: Final = "__expr__"


class PanelQuery(NamedTuple):
    """A query of a dashboard.

    Attributes:
        uid: the uid of the dashboard.
        dashboard: the title of the dashboard.
        kind: the kind of element that has the query.
        title: the title of the panel, or the name of the variable or the annotation.
        ref: the letter of a panel's query.
        text: the query, including the dashboard's variables.
        instant: whether only the latest value is queried.
        repeat: the variables for each of whose values the panel, or its row, is repeated.
        problem: why its data source does not resolve; empty if it does.
    """

    uid: str
    dashboard: str
    kind: Kind
    title: str
    ref: str
    text: str
    instant: bool = False
    repeat: tuple[str, ...] = ()
    problem: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The dashboard's uid, the kind and title of the panel, and the letter of the query."""
        return self.uid, self.kind, self.title, self.ref

    @property
    def name(self) -> str:
        """The name of the query, unique within the dashboard."""
        if self.kind == "panel":
            return f"{self.title} {self.ref}".rstrip()
        return f"{self.kind} {self.title}"


def queries_of(
    dashboard: Mapping[str, Any], datasources: Datasources | None = None
) -> list[PanelQuery]:
    """Return all queries that a dashboard sends to Prometheus, in Grafana's order.

    Args:
        dashboard: the dashboard in Grafana's JSON.
        datasources: resolves the data sources; without it, all of them are assumed to exist.
    """
    sources = datasources or Datasources(variables_by_name(dashboard))
    uid, title = str(dashboard.get("uid") or ""), str(dashboard.get("title") or "")
    queries: list[PanelQuery] = []

    def add(part: Mapping[str, Any], panel: Mapping[str, Any] | None = None, **fields: Any) -> None:
        source = sources.of(part, panel)
        if source.is_prometheus and fields["text"] and isinstance(fields["text"], str):
            queries.append(PanelQuery(uid, title, problem=source.problem, **fields))

    for variable in _in_order(variables_by_name(dashboard)):
        if variable.get("type") == "query":
            name, text = str(variable.get("name")), variable_query(variable)
            add(variable, kind="variable", title=name, ref="", text=text, instant=True)
    for panel, repeat in panels(dashboard):
        for target in _shown_targets(panel):
            add(
                target,
                panel,
                kind="panel",
                title=str(panel.get("title") or ""),
                ref=str(target.get("refId") or ""),
                text=target.get("expr"),
                instant=bool(target.get("instant")) and not target.get("range"),
                repeat=repeat,
            )
    for annotation in (dashboard.get("annotations") or {}).get("list") or []:
        name = str(annotation.get("name") or "")
        target = annotation.get("target")
        expr = annotation.get("expr") or (isinstance(target, Mapping) and target.get("expr"))
        add(annotation, kind="annotation", title=name, ref="", text=expr)
    return queries


def panels(dashboard: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Yield the panels of a dashboard without the rows, each with the variables that repeat it.

    Panels of collapsed rows are included.
    """
    of_row: tuple[str, ...] = ()
    for panel in dashboard.get("panels") or []:
        repeat = (str(panel["repeat"]),) if panel.get("repeat") else ()
        if panel.get("type") == "row":
            # Panels after an open row belong to it, up to the next row.
            of_row = repeat
            for inner, repeat_inside in panels(panel):
                yield inner, (*repeat, *repeat_inside)
        # A panel that was saved as the repetition of another is created again.
        elif repeat or not panel.get("repeatPanelId"):
            yield panel, (*of_row, *repeat)


def variables_by_name(dashboard: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the variables of a dashboard by their names."""
    variables = (dashboard.get("templating") or {}).get("list") or []
    return {str(variable.get("name")): variable for variable in variables}


def import_inputs(dashboard: Mapping[str, Any]) -> list[str]:
    """Return what a manual import asks for, such as the data source of a shared dashboard.

    A dashboard that is provisioned from a file has no values for these.
    """
    inputs = dashboard.get("__inputs")
    entries = inputs if isinstance(inputs, list) else []
    return [str(one.get("name")) for one in entries if isinstance(one, Mapping)]


def variable_query(variable: Mapping[str, Any]) -> str:
    """Return the query of a variable; empty if it has none."""
    query = variable.get("query")
    if isinstance(query, Mapping):
        query = query.get("query")
    return query if isinstance(query, str) else ""


def _in_order(variables: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return variables in their order, but each after those that it uses."""
    waiting, ordered = dict(variables), []
    while waiting:
        ready = [
            name
            for name, variable in waiting.items()
            if not (used_variables(variable_query(variable)) - {name}) & waiting.keys()
        ]
        # Variables that use each other stay in their own order.
        name = ready[0] if ready else next(iter(waiting))
        ordered.append(waiting.pop(name))
    return ordered


def _shown_targets(panel: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the queries that are sent: hidden ones only if expressions may use them."""
    targets = panel.get("targets") or []
    has_expressions = any(
        isinstance(source, Mapping) and _EXPRESSION in (source.get("uid"), source.get("type"))
        for source in (target.get("datasource") for target in targets)
    )
    return [target for target in targets if has_expressions or not target.get("hide")]
