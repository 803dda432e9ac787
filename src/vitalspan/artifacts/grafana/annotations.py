"""Annotations of dashboards: events that are marked in all charts."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.queries import FIRING, TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, NEUTRAL

STEP: Final = "1m"
"""The time between two points of an annotation's query."""


@dataclass(frozen=True)
class Annotation:
    """Events that are marked in all charts of a dashboard.

    Attributes:
        name: the name of the switch that shows and hides them.
        expr: the query, in PromQL; each of its series is an event.
        color: the color of the marks.
        title: the title of each event, with `{{label}}` for the value of a label.
        text: the text of each event, in the same form.
        timed_by_value: whether the value of a series is the time of its event, in milliseconds.
        empty: why there may be none although all is well; leave it out if there always are some.
    """

    name: str
    expr: str
    color: str
    title: str
    text: str
    _: KW_ONLY
    timed_by_value: bool = False
    empty: str = ""


def alerts_of_processes(queries: Queries) -> Annotation:
    """Return the beginnings of the alerts that processes evaluate."""
    return _beginnings(f"{queries.series(metrics.ALERT_STATE, TARGETS)}%s == {FIRING}")


def alerts_of_prometheus(_: Queries) -> Annotation:
    """Return the beginnings of the alerts that Prometheus evaluates, for whole jobs."""
    return _beginnings('ALERTS{job=~"$job",alertstate="firing"}%s')


def _beginnings(firing: str) -> Annotation:
    # One event for each alert: marking it as long as it fires would color all charts.
    began = f"{firing % ''} unless {firing % f' offset {STEP}'}"
    title, text = "{{alertname}} fires", "{{severity}}"
    return Annotation("Alerts", began, BAD, title, text, empty="no rule has begun to fire")


def started_processes(queries: Queries) -> Annotation:
    """Return the starts of processes."""
    started = f"{queries.series('process_start_time_seconds', TARGETS)} * 1000"
    title, text = "{{instance}} started", "{{job}}"
    return Annotation("Processes started", started, NEUTRAL, title, text, timed_by_value=True)
