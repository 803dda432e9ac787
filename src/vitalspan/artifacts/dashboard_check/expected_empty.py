"""Queries that may return nothing although all is well, with the reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.dashboard_check.panel_queries import PanelQuery
from vitalspan.artifacts.grafana.dashboard import Dashboard
from vitalspan.artifacts.grafana.dashboards import DASHBOARDS
from vitalspan.artifacts.grafana.panels import targets_by_ref
from vitalspan.artifacts.grafana.queries import Queries

_UNUSED: Final = {
    "no call has raised": (metrics.OPERATION_ERRORS,),
    "no call has been cancelled": (metrics.OPERATION_CANCELLATIONS,),
    "no cache is used": (metrics.CACHE_REQUESTS,),
    "no API is called": (metrics.API_CALLS, metrics.API_TOKENS, metrics.API_COST),
    "there is no SLO": (
        *(metrics.SLO_EVENTS, metrics.SLO_BAD_EVENTS),
        *(metrics.SLO_OBJECTIVE, metrics.SLO_BUDGET),
    ),
    "there are no rules": (metrics.ALERT_STATE, metrics.ALERT_TRANSITIONS),
    "no message about an alert has been sent": (metrics.ALERT_NOTIFICATIONS,),
    "no action has run": (metrics.ALERT_ACTIONS,),
    "no receiver of alerts is configured": (metrics.RECEIVER_CIRCUIT,),
    "there is no rule file": (metrics.RULES_RELOAD_FAILED,),
    "no rule has failed": (metrics.RULE_FAILURES,),
    "every rule uses series that exist": (metrics.RULE_WITHOUT_SERIES,),
    "no collector has failed": (metrics.COLLECTOR_ERRORS,),
    "health has no components": (
        *(metrics.COMPONENT_HEALTH_SCORE, metrics.COMPONENT_EFFECTIVE_SCORE),
        *(metrics.COMPONENT_DEPENDENCY, metrics.COMPONENT_CONCURRENCY),
    ),
}
"""Metrics that a process need not export, by the reasons why it may not."""


class ExpectedEmpty:
    """The reasons why queries may return nothing.

    Each query of vitalspan's own dashboards declares when it may be empty.

    Args:
        allowed: what else may be empty: panels, variables and annotations by title or name, with
            the letter of a query if only one is meant; dashboards by uid or title; or
            `dashboard/panel`.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self._reasons = {
            key: reason
            for dashboard in DASHBOARDS.values()
            for key, reason in _reasons(dashboard, Queries())
            if reason
        }

    def reason(self, query: PanelQuery, missing: str = "") -> str | None:
        """Return why a query may return nothing, or None if it must not.

        Args:
            query: the query of a dashboard.
            missing: the metric in it that the server does not know.
        """
        if self._allowed & set(names_of(query)):
            return "allowed to be empty"
        # The name may have a prefix.
        unused = (
            reason
            for reason, families in _UNUSED.items()
            if missing.endswith(tuple(one.name for one in families))
        )
        return self._reasons.get(query.key) or next(unused, None)


def names_of(query: PanelQuery) -> list[str]:
    """Return all names by which a query can be allowed to be empty."""
    dashboards = [name for name in (query.uid, query.dashboard) if name]
    names = [name for name in (query.title, query.name) if name]
    return [*names, *dashboards, *(f"{one}/{name}" for one in dashboards for name in names)]


def _reasons(dashboard: Dashboard, queries: Queries) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the key of each query of a dashboard, with its reason."""
    for variable in (make(queries) for make in dashboard.variables):
        yield (dashboard.uid, "variable", variable.name, ""), variable.empty
    for annotation in (make(queries) for make in dashboard.annotations):
        yield (dashboard.uid, "annotation", annotation.name, ""), annotation.empty
    for panel in (panel for make in dashboard.rows for panel in make(queries).panels):
        for ref, target in targets_by_ref(panel).items():
            yield (dashboard.uid, "panel", panel.title, ref), target.empty
