"""What returns nothing on purpose, while all is well or where something is not used.

`vitalspan grafana check` and the tests know these; anything else that returns nothing is wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vitalspan import names

EVERY: Final = "*"
"""In place of a uid: on every dashboard."""


class Empty(NamedTuple):
    """Queries that may return nothing.

    Attributes:
        uid: of the dashboard.
        title: of the panel, or the name of the variable or the annotation.
        reason: why, for people.
        refs: the letters of the panel's queries; all of them where none are given.
    """

    uid: str
    title: str
    reason: str
    refs: tuple[str, ...] = ()


_NOT_YET: Final = "Prometheus has no samples of then yet"
_NO_MEASURE: Final = "no operation counts a measure"

EMPTY: Final = (
    Empty(EVERY, "Alerts", "no rule has begun to fire"),
    Empty("vitalspan-overview", "Points lost", "the score lacks nothing of 100"),
    Empty("vitalspan-overview", "Most failing operations", "no call has raised for 5m"),
    Empty("vitalspan-overview", "Firing alerts", "no rule fires", ("A",)),
    Empty("vitalspan-operation", "measure", _NO_MEASURE),
    Empty("vitalspan-operation", "$measure", _NO_MEASURE),
    Empty("vitalspan-trends", "Calls", _NOT_YET, ("B", "C")),
    Empty("vitalspan-trends", "Errors", _NOT_YET, ("B", "C")),
    Empty("vitalspan-trends", "Duration, 95th percentile", _NOT_YET, ("B", "C")),
)
"""What has conditions that need not be met."""

_NO_API: Final = "no API is counted"
_NO_SLO: Final = "there is no SLO"
_NO_RULES: Final = "there are no rules"
_NO_COMPONENTS: Final = "health has no components"

UNUSED: Final = {
    names.OPERATION_ERRORS: "no call has raised",
    names.OPERATION_CANCELLATIONS: "no call has been cancelled",
    names.CACHE_REQUESTS: "no cache is counted",
    names.API_CALLS: _NO_API,
    names.API_TOKENS: _NO_API,
    names.API_COST: _NO_API,
    names.SLO_EVENTS: _NO_SLO,
    names.SLO_BAD_EVENTS: _NO_SLO,
    names.SLO_OBJECTIVE: _NO_SLO,
    names.SLO_BUDGET: _NO_SLO,
    names.ALERT_STATE: _NO_RULES,
    names.ALERT_TRANSITIONS: _NO_RULES,
    names.ALERT_NOTIFICATIONS: "no message about an alert has been sent",
    names.ALERT_ACTIONS: "no action has been set off",
    names.RECEIVER_CIRCUIT: "nobody is told about alerts",
    names.RULES_RELOAD_FAILED: "there is no rule file",
    names.RULE_FAILURES: "no rule has failed",
    names.COLLECTOR_ERRORS: "no collector has failed",
    names.COMPONENT_HEALTH_SCORE: _NO_COMPONENTS,
    names.COMPONENT_EFFECTIVE_SCORE: _NO_COMPONENTS,
    names.COMPONENT_DEPENDENCY: _NO_COMPONENTS,
    names.COMPONENT_CONCURRENCY: _NO_COMPONENTS,
}
"""What a process need not export."""


def reason(uid: str, title: str, ref: str, missing: str = "") -> str | None:
    """Return why a query may return nothing; None where it may not.

    Args:
        uid: of the dashboard.
        title: of the panel, or the name of the variable or the annotation.
        ref: the letter of the panel's query.
        missing: the metric of the query that the server does not know.
    """
    for one in EMPTY:
        if one.uid in (EVERY, uid) and one.title == title and (not one.refs or ref in one.refs):
            return one.reason
    # There may be a prefix.
    return next((why for one, why in UNUSED.items() if missing.endswith(one.name)), None)
