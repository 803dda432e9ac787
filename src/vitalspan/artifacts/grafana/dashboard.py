"""Dashboards, described as data: variables, annotations and rows of panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from vitalspan.artifacts.grafana.annotations import (
    Annotation,
    alerts_of_processes,
    started_processes,
)
from vitalspan.artifacts.grafana.panels import Panel
from vitalspan.artifacts.grafana.queries import Queries, Scope
from vitalspan.artifacts.grafana.variables import Variable, label_variables


class Row:
    """A row of panels.

    Args:
        title: above it.
        *panels: from left to right; those that find no room go into lines below.
        height: of each of them, in Grafana's units; 8 is about a quarter of a screen.
        widths: of each of them, of 24 in all; without any, all are equally wide.
    """

    def __init__(
        self, title: str, *panels: Panel, height: int = 8, widths: Sequence[int] = ()
    ) -> None:
        self.title = title
        self.panels = panels
        self.height = height
        self.widths = widths or [24 // len(panels)] * len(panels)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard.

    Attributes:
        uid: its identity, which is in its address and in links to it.
        title: above it.
        description: what it is for.
        variables: by which it can be narrowed down, beside the data source.
        annotations: the events that are marked in its charts.
        rows: its panels.
        time_from: the beginning of the time that is shown at first, which ends now.
    """

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    annotations: Sequence[Annotation]
    rows: Sequence[Row]
    _: KW_ONLY
    time_from: str = "now-1h"


def process_dashboard(
    uid: str,
    title: str,
    description: str,
    queries: Queries,
    scope: Scope,
    *rows: Row,
    variables: Sequence[Variable] = (),
    time_from: str = "now-1h",
) -> Dashboard:
    """Return a dashboard with a variable for each label of the scope, and further ones.

    The alerts and the starts of processes are its annotations.
    """
    return Dashboard(
        uid,
        title,
        description,
        [*label_variables(scope, queries), *variables],
        [alerts_of_processes(queries), started_processes(queries)],
        rows,
        time_from=time_from,
    )
