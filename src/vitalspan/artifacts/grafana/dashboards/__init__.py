"""Internal: all dashboards, described as data, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vitalspan.artifacts.grafana.dashboard import Dashboard
from vitalspan.artifacts.grafana.dashboards.alerts import alerts
from vitalspan.artifacts.grafana.dashboards.background import background
from vitalspan.artifacts.grafana.dashboards.fleet import fleet
from vitalspan.artifacts.grafana.dashboards.health import health
from vitalspan.artifacts.grafana.dashboards.operation import operation
from vitalspan.artifacts.grafana.dashboards.overview import overview
from vitalspan.artifacts.grafana.dashboards.resources import resources
from vitalspan.artifacts.grafana.dashboards.trends import trends
from vitalspan.artifacts.grafana.queries import Queries

DASHBOARDS: Final[dict[str, Callable[[Queries], Dashboard]]] = {
    "overview.json": overview,
    "operation.json": operation,
    "resources.json": resources,
    "health.json": health,
    "alerts.json": alerts,
    "trends.json": trends,
    "background.json": background,
    "fleet.json": fleet,
}
"""What describes each dashboard, by the name of its file."""
