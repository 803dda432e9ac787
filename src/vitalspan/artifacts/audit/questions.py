"""What a dashboard asks Prometheus: the queries of its panels, variables and annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["panel", "variable", "annotation"]

_PROMETHEUS: Final = "prometheus"


class Question(NamedTuple):
    """A query of a dashboard.

    Attributes:
        uid: of the dashboard.
        dashboard: its title.
        kind: of what asks.
        title: of the panel, or the name of the variable or the annotation.
        ref: the letter of a panel's query.
        text: the query, with the dashboard's variables in it.
        instant: whether it is asked for one moment, the latest.
        repeat: the variable for each of whose values the panel is there once.
    """

    uid: str
    dashboard: str
    kind: Kind
    title: str
    ref: str
    text: str
    instant: bool = False
    repeat: str = ""

    @property
    def name(self) -> str:
        """What it is called among all questions of a dashboard."""
        if self.kind == "panel":
            return f"{self.title} {self.ref}".rstrip()
        return f"{self.kind} {self.title}"


def questions(dashboard: Mapping[str, Any]) -> list[Question]:
    """Return all that a dashboard asks Prometheus, in the order in which Grafana does.

    Args:
        dashboard: as Grafana's JSON has it.
    """
    uid, title = str(dashboard.get("uid") or ""), str(dashboard.get("title") or "")
    found = []
    for variable in variables(dashboard):
        text = variable_query(variable)
        if variable.get("type") == "query" and text and _is_prometheus(variable):
            name = str(variable.get("name"))
            found.append(Question(uid, title, "variable", name, "", text, instant=True))
    for panel in panels(dashboard):
        for target in panel.get("targets") or []:
            text = target.get("expr")
            if text and _is_prometheus(target, panel):
                name, ref = str(panel.get("title") or ""), str(target.get("refId") or "")
                repeat = str(panel.get("repeat") or "")
                instant = _only_instant(target)
                found.append(Question(uid, title, "panel", name, ref, text, instant, repeat))
    for annotation in (dashboard.get("annotations") or {}).get("list") or []:
        text = annotation.get("expr")
        if text and _is_prometheus(annotation):
            name = str(annotation.get("name") or "")
            found.append(Question(uid, title, "annotation", name, "", text))
    return found


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the panels of a dashboard, those in rows as well, the rows not."""
    for panel in dashboard.get("panels") or []:
        if panel.get("type") != "row":
            yield panel
        yield from panels(panel)


def variables(dashboard: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the variables of a dashboard."""
    return list((dashboard.get("templating") or {}).get("list") or [])


def variable_query(variable: Mapping[str, Any]) -> str:
    """Return what a variable asks, empty where it asks nothing."""
    query = variable.get("query")
    if isinstance(query, Mapping):
        query = query.get("query")
    return query if isinstance(query, str) else ""


def _only_instant(target: Mapping[str, Any]) -> bool:
    return bool(target.get("instant")) and not target.get("range")


def _is_prometheus(*parts: Mapping[str, Any]) -> bool:
    # The first that names a kind decides; older dashboards name none.
    for part in parts:
        source = part.get("datasource")
        if isinstance(source, Mapping) and source.get("type"):
            return bool(source["type"] == _PROMETHEUS)
    return True
