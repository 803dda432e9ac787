"""The dashboard Overview: how the service does, at a glance."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Row, process_dashboard
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

_TABLE_WINDOW: Final = "5m"


def overview(queries: Queries) -> Dashboard:
    """Return the dashboard to look at first."""
    return process_dashboard(
        "vitalspan-overview",
        "vitalspan / Overview",
        "How the service is doing: its health, its slow and failing operations, and its alerts.",
        queries,
        COMPONENTS,
        _now(queries),
        _health(queries),
        _by_component(queries),
        _worst_operations(queries),
        _alerts_and_versions(queries),
    )


def _firing(queries: Queries) -> str:
    return f"{queries.series(metrics.ALERT_STATE, TARGETS)} == {FIRING}"


def _now(queries: Queries) -> Row:
    firing = Stat(
        "Firing alerts",
        "The number of vitalspan's own alerts that fire now, in all selected instances.",
        [Target(queries.value_or_zero(f"count({_firing(queries)})"), "firing")],
        thresholds=styles.NONE_EXPECTED,
    )
    calls = [*calls_and_errors(queries, COMPONENTS), *calls_in_progress(queries, COMPONENTS)]
    return Row("Now", health_score(queries), firing, *calls, height=5)


def _health(queries: Queries) -> Row:
    score = f"min by (job) ({queries.series(metrics.HEALTH_SCORE, TARGETS)})"
    lost = f"max by (factor) ({queries.series(metrics.HEALTH_POINTS_LOST, TARGETS)}) > 0"
    return Row(
        "Health",
        TimeSeries(
            "Health score",
            "The score of the worst instance of each job. The dashed lines are the beginnings of "
            "the levels.",
            [Target(score, "{{job}}")],
            limits=styles.SCORE,
            maximum=100,
        ),
        TimeSeries(
            "Points lost",
            "The points that each factor costs, in the instance where it costs most. For one "
            "instance, they add up to the difference between its score and 100. The panel is empty "
            "if no points are lost.",
            [Target(lost, "{{factor}}", empty="the score lacks nothing of 100")],
            stacked=True,
            maximum=100,
        ),
    )


def _by_component(queries: Queries) -> Row:
    def signal(name: str, *, exemplar: bool = False) -> list[Target]:
        expr = queries.signal(name, COMPONENTS, by=BY_COMPONENT)
        return [Target(expr, "{{component}}", exemplar=exemplar)]

    return Row(
        "Rate, errors and duration by component",
        TimeSeries(
            "Calls",
            "Finished calls a second, by component.",
            signal("rate"),
            "reqps",
        ),
        TimeSeries(
            "Errors",
            "The share of calls that raised an exception. Cancelled calls are not included. Gaps "
            "mean that there were no calls.",
            signal("error_ratio"),
            "percentunit",
            maximum=1,
        ),
        TimeSeries(
            "Duration, 95th percentile",
            "95 % of the calls take no longer than this. Gaps mean that there were no calls.",
            signal("latency_p95", exemplar=True),
            "s",
        ),
    )


def _worst_operations(queries: Queries) -> Row:
    def signal(name: str) -> str:
        return queries.signal(name, COMPONENTS, by=BY_OPERATION, over=_TABLE_WINDOW)

    slow, failing = f"({signal('latency_p95')}) >= 0", f"{signal('error_ratio')} > 0"
    none_fails = f"no call has raised for {_TABLE_WINDOW}"
    return Row(
        "Operations",
        top_operations(
            "Slowest operations",
            f"The {TOP} operations with the longest 95th percentile over {_TABLE_WINDOW}.",
            Column("95th percentile", slow, "s"),
            signal("rate"),
        ),
        top_operations(
            "Most failing operations",
            f"The {TOP} operations that fail most often, over {_TABLE_WINDOW}.",
            Column("Errors", failing, "percentunit", styles.ERROR_RATIO, empty=none_fails),
            signal("rate"),
        ),
    )


def _alerts_and_versions(queries: Queries) -> Row:
    build = queries.series(metrics.BUILD_INFO, TARGETS)
    versions = {"version": "vitalspan", "python": "Python", "opentelemetry": "OpenTelemetry"}
    return Row(
        "Alerts and versions",
        Table(
            "Alerts that fire now",
            "The alerts of vitalspan's own rules that fire now. The table is empty if none fires.",
            labels("alertname", "severity", "component", "operation", "instance"),
            [Column("State", _firing(queries), "none", empty="no rule fires")],
            mappings={FIRING: ("firing", styles.BAD)},
        ),
        Table(
            "Versions",
            "The versions that run in each instance. During a deployment there is more than one.",
            labels("job", "instance", **versions),
            [Column("Up", build, "none")],
            mappings={1: ("running", styles.GOOD)},
        ),
    )
