"""A dashboard as a whole: its variables, links, annotations and rows of panels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from vitalspan import names
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope
from vitalspan.artifacts.grafana.styles import Panel
from vitalspan.artifacts.grafana.variables import chain, datasource

TAG: Final = "vitalspan"
"""What the dashboards have in common, and are linked by."""

_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WHOLE: Final = 24
_REFRESH: Final = "30s"
_STARTED: Final = "process_start_time_seconds"
_STEP: Final = "1m"
_COLORS: Final = {"firing": "red", "started": "blue"}


class _Row(NamedTuple):
    title: str
    height: int
    panels: list[tuple[int, Panel]]


@dataclass
class Page:
    """A dashboard that is being made.

    Attributes:
        uid: that its address has, and that links name.
        title: above it.
        description: what it is for.
        labels: that have a variable each, beside the data source.
        queries: that its panels are made with.
        datasource: the uid of the data source that is chosen at first.
        span: the time that is shown at first, before now.
        more: further variables.
        recorded: whether everything is read from what Prometheus has recorded, alerts included.
    """

    uid: str
    title: str
    description: str
    labels: Scope
    queries: Queries
    datasource: str
    span: str = "now-1h"
    more: list[Any] = field(default_factory=list)
    recorded: bool = False
    _rows: list[_Row] = field(default_factory=list)

    def row(self, title: str, *panels: Panel, height: int = 8, widths: Sequence[int] = ()) -> None:
        """Add a row of panels.

        Args:
            title: above it.
            *panels: from left to right; those that find no room go into lines below.
            height: of each of them, in Grafana's units; 8 is about a quarter of a screen.
            widths: of each of them, of 24 in all; the same for all where none are given.
        """
        same = [_WHOLE // len(panels)] * len(panels)
        self._rows.append(_Row(title, height, list(zip(widths or same, panels, strict=True))))

    def content(self) -> dict[str, Any]:
        """Return the dashboard as Grafana's JSON has it."""
        page = builders.Dashboard(self.title).uid(self.uid).description(self.description)
        page = page.tags([TAG]).time(self.span, "now").refresh(_REFRESH).timezone("browser")
        page = page.tooltip(dashboard.DashboardCursorSync.CROSSHAIR).readonly().link(_links())
        for variable in (datasource(self.datasource), *chain(self.labels, self.queries)):
            page = page.with_variable(variable)
        for variable in self.more:
            page = page.with_variable(variable)
        for row in self._rows:
            page = page.with_row(builders.Row(row.title))
            for width, panel in row.panels:
                sized: Any = panel
                page = page.with_panel(sized.span(width).height(row.height))
        content: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(page.build()))
        for number, panel in enumerate(content["panels"], 1):
            panel["id"] = number
            # The builders' default, which tables have no more.
            panel.get("options", {}).pop("footer", None)
        content["annotations"] = {"list": list(self._annotations())}
        return content

    def _annotations(self) -> list[dict[str, Any]]:
        fires = f"{self.queries.series(names.ALERT_STATE.name, TARGETS)}%s == 2"
        if self.recorded:
            # Each instance has alerts of its own; those of Prometheus are about all of them.
            fires = 'ALERTS{job=~"$job",alertstate="firing"}%s'
        # One event for each alert, when it began: as long as it fires would colour all charts.
        began = f"{fires % ''} unless {fires % f' offset {_STEP}'}"
        made = [_annotation("Alerts", "firing", began, "{{alertname}} fires", "{{severity}}")]
        if not self.recorded:
            # One event for each process, at the time that it was started.
            started = f"{self.queries.series(_STARTED, TARGETS)} * 1000"
            name = "Processes started"
            event = _annotation(name, "started", started, "{{instance}} started", "{{job}}")
            made.append(event | {"useValueForTime": True})
        return made


def _annotation(name: str, kind: str, expr: str, title: str, text: str) -> dict[str, Any]:
    # The builders know no more of these than their name and their colour.
    return {
        "datasource": _DATASOURCE,
        "enable": True,
        "expr": expr,
        "hide": False,
        "iconColor": _COLORS[kind],
        "name": name,
        "step": _STEP,
        "textFormat": text,
        "titleFormat": title,
    }


def _links() -> builders.DashboardLink:
    link = builders.DashboardLink("vitalspan").type(dashboard.DashboardLinkType.DASHBOARDS)
    return link.tags([TAG]).as_dropdown(True).keep_time(True).include_vars(True)
