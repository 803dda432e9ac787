"""Panels about calls that several dashboards share."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Panels
from vitalspan.artifacts.grafana.panels import Column, Stat, Table, Target, labels
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope

TOP: Final = 10
"""The number of rows in a table of the worst operations."""

OPERATION_UID: Final = "vitalspan-operation"

_OPERATION_PAGE: Final = (
    f"/d/{OPERATION_UID}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
    f"&var-component=${{__data.fields.Component}}&var-operation=${{__data.fields.Operation}}"
)


def health_score(queries: Queries) -> Stat:
    """Return the score of the worst instance."""
    return Stat(
        "Health score",
        "The score of the worst selected instance, from 0 to 100. Without a score, there is "
        "no data yet.",
        [Target(f"min({queries.series(metrics.HEALTH_SCORE, TARGETS)})", "score")],
        thresholds=styles.SCORE,
        decimals=0,
    )


def calls_and_errors(queries: Queries, scope: Scope) -> Panels:
    """Return the rate of all calls and their error ratio."""
    yield Stat(
        "Calls",
        "Finished calls per second of all selected operations. Nested operations count separately.",
        [queries.target("rate", scope, "calls", how="sum")],
    )
    yield Stat(
        "Errors",
        "The share of calls that raised an exception. Cancelled calls are not included.",
        [queries.target("error_ratio", scope, "errors", how="max")],
        thresholds=styles.ERROR_RATIO,
        no_value="no calls",
    )


def calls_in_progress(queries: Queries, scope: Scope) -> Panels:
    """Return the number of calls in progress, and the age of the oldest."""
    yield Stat(
        "In progress",
        "The number of calls that are running now.",
        [queries.target("in_progress", scope, "calls", how="sum")],
    )
    yield Stat(
        "Oldest call",
        "The age of the oldest running call. If it keeps growing, a call is stuck, which no "
        "histogram of finished calls can show.",
        [queries.target("oldest_in_progress", scope, "age", how="max")],
        thresholds=styles.CALL_AGE,
    )


def top_operations(title: str, description: str, ranked: Column, calls: str) -> Table:
    """Return a table of the operations with the highest values.

    Args:
        title: the title of the panel.
        description: how to read it.
        ranked: the value to sort by, by job, component and operation.
        calls: the rate of calls, by the same labels.
    """
    top = f"topk({TOP}, {ranked.expr})"
    calls_of_top = f"{calls} and on (job, component, operation) {top}"
    return Table(
        title,
        f"{description} Each name links to its dashboard.",
        labels("component", "operation"),
        [replace(ranked, expr=top), Column("Calls", calls_of_top, "reqps", empty=ranked.empty)],
        links={"operation": _OPERATION_PAGE},
    )
