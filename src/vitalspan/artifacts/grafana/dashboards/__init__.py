"""Internal: all dashboards, described as data, by the names of their files."""

from __future__ import annotations

from typing import Final

from vitalspan.artifacts.grafana.dashboards.alerts import ALERTS
from vitalspan.artifacts.grafana.dashboards.background import BACKGROUND
from vitalspan.artifacts.grafana.dashboards.fleet import FLEET
from vitalspan.artifacts.grafana.dashboards.health import HEALTH
from vitalspan.artifacts.grafana.dashboards.operation import OPERATION
from vitalspan.artifacts.grafana.dashboards.overview import OVERVIEW
from vitalspan.artifacts.grafana.dashboards.resources import RESOURCES
from vitalspan.artifacts.grafana.dashboards.trends import TRENDS

DASHBOARDS: Final = {
    "overview.json": OVERVIEW,
    "operation.json": OPERATION,
    "resources.json": RESOURCES,
    "health.json": HEALTH,
    "alerts.json": ALERTS,
    "trends.json": TRENDS,
    "background.json": BACKGROUND,
    "fleet.json": FLEET,
}
"""Each dashboard, by the name of its file."""
