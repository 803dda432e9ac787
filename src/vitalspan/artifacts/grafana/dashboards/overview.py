"""The dashboard Overview: the state of the service at a glance."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import Column, Stat, Table, Target, TimeSeries, labels
from vitalspan.artifacts.grafana.queries import (
    BY_COMPONENT,
    BY_OPERATION,
    COMPONENTS,
    FIRING,
    TARGETS,
    Queries,
)
from vitalspan.artifacts.grafana.rows.traffic import (
    TOP,
    calls_and_errors,
    calls_in_progress,
    health_score,
    top_operations,
)
from vitalspan.artifacts.grafana.variables import label_variables

_TABLE_WINDOW: Final = "5m"


def _firing(queries: Queries) -> str:
    return f"{queries.series(metrics.ALERT_STATE, TARGETS)} == {FIRING}"


@row("Now", height=5)
def _now(queries: Queries) -> Panels:
    yield health_score(queries)
    yield Stat(
        "Firing alerts",
        "The number of vitalspan's own alerts that are firing now, in all selected instances.",
        [Target(queries.value_or_zero(f"count({_firing(queries)})"), "firing")],
        thresholds=styles.NONE_EXPECTED,
    )
    yield from calls_and_errors(queries, COMPONENTS)
    yield from calls_in_progress(queries, COMPONENTS)


@row("Health")
def _health(queries: Queries) -> Panels:
    score = queries.series(metrics.HEALTH_SCORE, TARGETS)
    lost = f"max by (factor) ({queries.series(metrics.HEALTH_POINTS_LOST, TARGETS)}) > 0"
    yield TimeSeries(
        "Health score",
        "The score of the worst instance of each job. The dashed lines show where the levels "
        "begin.",
        [Target(f"min by (job) ({score})", "{{job}}")],
        limits=styles.SCORE,
        maximum=100,
    )
    yield TimeSeries(
        "Points lost",
        "The points that each factor costs, in the instance where it costs most. For one instance, "
        "they add up to the difference between its score and 100. The panel is empty if no points "
        "are lost.",
        [Target(lost, "{{factor}}", empty="the score lacks nothing of 100")],
        stacked=True,
        maximum=100,
    )


@row("Rate, errors and duration by component")
def _by_component(queries: Queries) -> Panels:
    yield TimeSeries(
        "Calls",
        "Finished calls per second, by component.",
        [queries.target("rate", COMPONENTS, by=BY_COMPONENT)],
    )
    yield TimeSeries(
        "Errors",
        "The share of calls that raised an exception. Cancelled calls are not included. Gaps mean "
        "that there were no calls.",
        [queries.target("error_ratio", COMPONENTS, by=BY_COMPONENT)],
    )
    yield TimeSeries(
        "Duration, 95th percentile",
        "95 % of the calls take no longer than this. Gaps mean that there were no calls.",
        [queries.target("latency_p95", COMPONENTS, by=BY_COMPONENT, exemplar=True)],
    )


@row("Operations")
def _worst_operations(queries: Queries) -> Panels:
    def signal(name: str) -> str:
        return queries.signal(name, COMPONENTS, by=BY_OPERATION, over=_TABLE_WINDOW)

    slow, failing = f"({signal('latency_p95')}) >= 0", f"{signal('error_ratio')} > 0"
    none_fails = f"no call has raised for {_TABLE_WINDOW}"
    yield top_operations(
        "Slowest operations",
        f"The {TOP} operations with the longest 95th percentile over {_TABLE_WINDOW}.",
        Column("95th percentile", slow, "s"),
        signal("rate"),
    )
    yield top_operations(
        "Most failing operations",
        f"The {TOP} operations that fail most often, over {_TABLE_WINDOW}.",
        Column("Errors", failing, "percentunit", styles.ERROR_RATIO, empty=none_fails),
        signal("rate"),
    )


@row("Alerts and versions")
def _alerts_and_versions(queries: Queries) -> Panels:
    versions = {"version": "vitalspan", "python": "Python", "opentelemetry": "OpenTelemetry"}
    yield Table(
        "Alerts that fire now",
        "The alerts of vitalspan's own rules that are firing now. The table is empty while "
        "there are none.",
        labels("alertname", "severity", "component", "operation", "instance"),
        [Column("State", _firing(queries), "none", empty="no rule fires")],
        mappings={FIRING: ("firing", styles.BAD)},
    )
    yield Table(
        "Versions",
        "The versions that run in the instances. During a deployment, there are several.",
        labels("job", "instance", **versions),
        [Column("Up", queries.series(metrics.BUILD_INFO, TARGETS), "none")],
        mappings={1: ("running", styles.GOOD)},
    )


OVERVIEW: Final = Dashboard(
    "vitalspan-overview",
    "vitalspan / Overview",
    "How the service is doing: its health, its slow and failing operations, and its alerts.",
    label_variables(COMPONENTS),
    (_now, _health, _by_component, _worst_operations, _alerts_and_versions),
)
"""The dashboard to look at first."""
