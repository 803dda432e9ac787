"""All dashboards, by the names of their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from vitalspan.artifacts.grafana.alerts import alerts
from vitalspan.artifacts.grafana.files import DATASOURCE
from vitalspan.artifacts.grafana.fleet import fleet
from vitalspan.artifacts.grafana.health import health
from vitalspan.artifacts.grafana.operation import operation
from vitalspan.artifacts.grafana.overview import overview
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.artifacts.grafana.resources import resources
from vitalspan.artifacts.grafana.trends import trends

MAKERS: Final[dict[str, Callable[[Queries, str], Page]]] = {
    "overview.json": overview,
    "operation.json": operation,
    "resources.json": resources,
    "health.json": health,
    "alerts.json": alerts,
    "trends.json": trends,
    "fleet.json": fleet,
}


def dashboards(prefix: str = "", datasource: str = DATASOURCE) -> dict[str, str]:
    """Return the text of every dashboard, by the name of its file.

    Args:
        prefix: before the names of vitalspan's own metrics.
        datasource: the uid of the data source that is chosen at first.
    """
    queries = Queries(prefix)
    return {
        name: json.dumps(make(queries, datasource).content(), indent=2, sort_keys=True) + "\n"
        for name, make in MAKERS.items()
    }
