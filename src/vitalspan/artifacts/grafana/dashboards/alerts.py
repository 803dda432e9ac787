"""The dashboard Alerts and SLOs: alerts, their changes, notifications, and error budgets."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import (
    Column,
    Stat,
    StateHistory,
    Table,
    Target,
    TimeSeries,
    labels,
)
from vitalspan.artifacts.grafana.queries import (
    FIRING,
    PENDING,
    RATE_INTERVAL,
    TARGETS,
    Queries,
    grouped,
)
from vitalspan.artifacts.grafana.rows.error_budgets import (
    burn_rates,
    error_budget_stats,
    error_budgets,
    slos,
)
from vitalspan.artifacts.grafana.variables import Variable, label_variable, label_variables
from vitalspan.metrics import CIRCUIT_STATES
from vitalspan.promql.matchers import Matcher

_STATES: Final[styles.Mappings] = {
    metrics.ALERT_STATES["inactive"]: ("inactive", styles.GOOD),
    PENDING: ("pending", styles.FAIR),
    FIRING: ("firing", styles.BAD),
}
_NO_RECEIVER: Final = -1
_CIRCUITS: Final[styles.Mappings] = {
    _NO_RECEIVER: ("no receiver", styles.UNKNOWN),
    CIRCUIT_STATES["closed"]: ("working", styles.GOOD),
    CIRCUIT_STATES["half_open"]: ("retrying", styles.FAIR),
    CIRCUIT_STATES["open"]: ("paused", styles.BAD),
}
_ALERT: Final = ("alertname", "severity")
_CHANGES: Final = ("firing", "resolved", "pending", "inactive")
_NOT_COUNTED: Final = "A process does not count its first change of each kind."
_WIDTHS: Final = {"alertname": 260, "severity": 90}


def _slo(queries: Queries) -> Variable:
    return label_variable("slo", queries.series(metrics.SLO_OBJECTIVE, TARGETS))


@row("Now", height=5)
def _now(queries: Queries) -> Panels:
    state = queries.series(metrics.ALERT_STATE, TARGETS)
    left_alone = f"sum({queries.series(metrics.RECEIVER_CIRCUIT, TARGETS)} > bool 0)"
    failed = f"round(sum({queries.increase(metrics.RULE_FAILURES, TARGETS)}))"
    yield Stat(
        "Firing",
        "The number of vitalspan's own alerts that are firing now, in all selected instances.",
        [Target(f"sum({state} == bool {FIRING})", "firing")],
        no_value="no rule",
        thresholds=styles.NONE_EXPECTED,
    )
    yield Stat(
        "Pending",
        "The number of alerts whose condition is met, but not yet for long enough to fire.",
        [Target(f"sum({state} == bool {PENDING})", "pending")],
        no_value="no rule",
        thresholds=styles.FEW_EXPECTED,
    )
    yield from error_budget_stats(queries)
    yield Stat(
        "Paused receivers",
        "The number of receivers that failed so often that vitalspan stopped sending to them "
        "for a while. Above 0, alerts may reach nobody; the row on receivers shows more.",
        [Target(queries.value_or_zero(left_alone), "receivers")],
        thresholds=styles.NONE_EXPECTED,
    )
    yield Stat(
        "Failed evaluations",
        "The number of evaluations that failed recently. Above 0, a rule has a mistake: the "
        'row "Actions and mistakes" shows which one.',
        [Target(queries.value_or_zero(failed), "failures")],
        thresholds=styles.NONE_EXPECTED,
    )


@row("Alerts")
def _alerts(queries: Queries) -> Panels:
    not_well = f"{queries.series(metrics.ALERT_STATE, TARGETS)} > 0"
    yield Table(
        "Firing or pending now",
        "The firing alerts, followed by the pending ones. For the summary of an alert, see "
        "its notification.",
        labels(*_ALERT, "component", "operation", "slo", "long_window", "job", "instance"),
        [Column("State", queries.otherwise(not_well, "alertname", "no alert fires"), "none")],
        mappings={**_STATES, 0: ("all well", styles.GOOD)},
        widths=_WIDTHS,
    )


@row("Rules", height=15)
def _rules(queries: Queries) -> Panels:
    yield StateHistory(
        "Every rule",
        "One line for each alert and severity, and for each window of a burn rate. Green "
        "means that all is well, yellow that the condition is met, but not yet for long "
        "enough, and red that the alert is firing in some instance.",
        [grouped("max", queries.series(metrics.ALERT_STATE, TARGETS), *_ALERT, "long_window")],
        "short",
        mappings=_STATES,
    )


@row("Changes", widths=(10, 14))
def _changes(queries: Queries) -> Panels:
    def changes(state: str, over: str = RATE_INTERVAL) -> str:
        selected = Matcher("state", "=", state)
        return queries.increase(metrics.ALERT_TRANSITIONS, TARGETS, selected, over=over)

    def times(state: str) -> str:
        return f"round(sum by (alertname, severity) ({changes(state, '$__range')}))"

    fired = queries.otherwise(times("firing"), "alertname", "no changes")
    yield _events(
        "Changes of alerts",
        "The number of alerts that changed to each state. Alerts that became inactive were "
        f"pending, and did not fire. {_NOT_COUNTED}",
        *(Target(queries.value_or_zero(f"sum({changes(one)})"), one) for one in _CHANGES),
    )
    yield Table(
        "Most restless alerts",
        "How often each alert fired, was resolved, or became inactive without firing, in the "
        "selected time range. If an alert changes all the time, give its rule a longer `for`. "
        + _NOT_COUNTED,
        labels(*_ALERT),
        [
            Column("Fired", fired, "none"),
            Column("Resolved", times("resolved"), "none"),
            Column("Became inactive", times("inactive"), "none"),
        ],
        widths=_WIDTHS,
    )


@row("Notifications and receivers")
def _receivers(queries: Queries) -> Panels:
    sent = f"sum by (receiver, result) ({queries.increase(metrics.ALERT_NOTIFICATIONS, TARGETS)})"
    circuit = f"max by (receiver) ({queries.series(metrics.RECEIVER_CIRCUIT, TARGETS)})"
    nobody = ("receiver", "no receiver")
    yield _events(
        "Notifications",
        "Notifications about alerts, by receiver and result: sent, failed after several "
        "attempts, rejected by the receiver, or dropped because the queue was full. Look at "
        "the log of the process if any are not sent.",
        Target(queries.otherwise(sent, *nobody), "{{receiver}} {{result}}"),
    )
    yield StateHistory(
        "Receivers",
        "Green means that notifications are sent. Red means that the receiver failed so often "
        "that nothing is sent to it for a while, and yellow that it is being tried again.",
        [Target(queries.otherwise(circuit, *nobody, _NO_RECEIVER), "{{receiver}}")],
        "short",
        mappings=_CIRCUITS,
    )


@row("Actions and mistakes")
def _actions_and_mistakes(queries: Queries) -> Panels:
    done = f"sum by (result) ({queries.increase(metrics.ALERT_ACTIONS, TARGETS)})"
    failed = f"sum by (alertname) ({queries.increase(metrics.RULE_FAILURES, TARGETS)})"
    without = queries.series(metrics.RULE_WITHOUT_SERIES, TARGETS)
    silent = f"min by (alertname) ({without}) > 0"
    yield _events(
        "Actions",
        "Actions that alerts triggered, by result: run, failed, or skipped because they ran "
        "recently (cooldown) or too often (rate_limited), or because the queue was full (dropped).",
        Target(queries.otherwise(done, "result", "no action"), "{{result}}"),
    )
    yield _events(
        "Rules that failed",
        "Evaluations that failed, by alert. Until the rule works again, the alert keeps its "
        "state. Look for the reason in the log.",
        Target(queries.otherwise(failed, "alertname", "none failed"), "{{alertname}}"),
    )
    yield _events(
        "Rules without series",
        "Rules that use an operation, a cache, an API or a metric that no instance has ever "
        "had. A name may be misspelled: the log says which one is missing.",
        Target(queries.otherwise(silent, "alertname", "none"), "{{alertname}}"),
    )


def _events(title: str, description: str, *targets: Target) -> TimeSeries:
    return TimeSeries(
        title,
        description,
        targets,
        decimals=0,
        legend_right=True,
        # A single event should not be as tall as a hundred.
        soft_maximum=5,
    )


ALERTS: Final = Dashboard(
    "vitalspan-alerts",
    "vitalspan / Alerts and SLOs",
    "Alerts that are firing or have fired, the notifications about them, and the error "
    "budgets of SLOs.",
    (*label_variables(TARGETS), _slo),
    (
        *(_now, _alerts, _rules, _changes, slos, error_budgets, burn_rates, _receivers),
        _actions_and_mistakes,
    ),
)
"""The dashboard of rules, notifications and SLOs."""
