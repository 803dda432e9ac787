"""Dashboards in Grafana's JSON, made with Grafana's own builders."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from vitalspan.artifacts.grafana.annotations import STEP, Annotation
from vitalspan.artifacts.grafana.dashboard import Dashboard
from vitalspan.artifacts.grafana.panel_json import DATASOURCE, panel_builder
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.grafana.variables import Variable

TAG: Final = "vitalspan"
"""The tag of all dashboards, which links them."""

_REFRESH: Final = "30s"
_ALL: Final = models.VariableOption(selected=True, text="All", value="$__all")


def dashboard_json(dashboard: Dashboard, queries: Queries, datasource: str) -> dict[str, Any]:
    """Return a dashboard in Grafana's JSON.

    Args:
        dashboard: the content of the dashboard.
        queries: creates its parts.
        datasource: the uid of the default data source.
    """
    page = builders.Dashboard(dashboard.title).uid(dashboard.uid).description(dashboard.description)
    page = page.tags([TAG]).time(dashboard.time_from, "now").refresh(_REFRESH).timezone("browser")
    page = page.tooltip(models.DashboardCursorSync.CROSSHAIR).readonly().link(_link())
    page = page.with_variable(_datasource_variable(datasource))
    for make in dashboard.variables:
        page = page.with_variable(_variable(make(queries)))
    for row in (make(queries) for make in dashboard.rows):
        page = page.with_row(builders.Row(row.title))
        for width, panel in zip(row.widths, row.panels, strict=True):
            page = page.with_panel(panel_builder(panel).span(width).height(row.height))
    content: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(page.build()))
    for number, panel in enumerate(content["panels"], 1):
        panel["id"] = number
        # A default of the builders that tables no longer have.
        panel.get("options", {}).pop("footer", None)
    content["annotations"] = {
        "list": [_annotation(make(queries)) for make in dashboard.annotations]
    }
    return content


def _link() -> builders.DashboardLink:
    link = builders.DashboardLink("vitalspan").type(models.DashboardLinkType.DASHBOARDS)
    return link.tags([TAG]).as_dropdown(True).keep_time(True).include_vars(True)


def _datasource_variable(datasource: str) -> builders.DatasourceVariable:
    option = models.VariableOption(selected=True, text=datasource, value=datasource)
    builder = builders.DatasourceVariable("datasource").label("Data source")
    return builder.type("prometheus").current(option)


def _variable(variable: Variable) -> builders.QueryVariable:
    builder = builders.QueryVariable(variable.name).label(variable.title).datasource(DATASOURCE)
    builder = builder.query({"query": variable.query, "refId": variable.name})
    builder = builder.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    builder = builder.sort(models.VariableSort.ALPHABETICAL_ASC)
    builder = builder.multi(True).include_all(True).current(_ALL)
    if variable.all_value:
        builder = builder.all_value(variable.all_value)
    return builder.regex(variable.pattern) if variable.pattern else builder


def _annotation(annotation: Annotation) -> dict[str, Any]:
    # The builders only support their name and color.
    content = {
        "datasource": DATASOURCE.to_json(),
        "enable": True,
        "expr": annotation.expr,
        "hide": False,
        "iconColor": annotation.color,
        "name": annotation.name,
        "step": STEP,
        "textFormat": annotation.text,
        "titleFormat": annotation.title,
    }
    return content | ({"useValueForTime": True} if annotation.timed_by_value else {})
