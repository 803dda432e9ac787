"""The metrics of rules, SLOs, alerts and their receivers."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import counter, gauge

SLO_EVENTS: Final = counter("slo_events_total", "Events that count towards an SLO.")
SLO_BAD_EVENTS: Final = counter("slo_bad_events_total", "Bad events of an SLO.")
SLO_OBJECTIVE: Final = gauge(
    "slo_objective_ratio", "The objective of an SLO: the share of events that should be good."
)
SLO_BUDGET: Final = gauge(
    "slo_error_budget_remaining_ratio",
    "Remaining share of the error budget over the known part of the window; can be negative.",
)
ALERT_STATES: Final = {"inactive": 0, "pending": 1, "firing": 2}
"""The values of the gauge of alerts."""

ALERT_STATE: Final = gauge(
    "alert_state",
    f"State of every rule: {', '.join(f'{at} {state}' for state, at in ALERT_STATES.items())}.",
)
ALERT_TRANSITIONS: Final = counter(
    "alert_transitions_total", "State changes of alerts, by new state."
)
ALERT_NOTIFICATIONS: Final = counter(
    "alert_notifications_total", "Notifications about alerts, by receiver and result."
)
CIRCUIT_STATES: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
"""The values of the gauge of circuit breakers."""

RECEIVER_CIRCUIT: Final = gauge(
    "vitalspan_receiver_circuit_open",
    "Circuit breaker of a receiver: 1 open after failures, 0.5 half open, 0 closed.",
)
ALERT_ACTIONS: Final = counter(
    "vitalspan_alert_actions_total", "Actions triggered by alerts, by result."
)
RULES_RELOAD_FAILED: Final = gauge(
    "vitalspan_rules_reload_failed",
    "1 while the rule files have mistakes, so that the previous rules stay in force.",
)
RULE_FAILURES: Final = counter(
    "vitalspan_rule_failures_total", "Evaluations of a rule that failed."
)
RULE_WITHOUT_SERIES: Final = gauge(
    "vitalspan_rule_without_series",
    "1 while a rule names an operation, cache, API or metric that has never existed.",
)
ALERT_FAMILIES: Final = (ALERT_STATE, ALERT_TRANSITIONS, ALERT_NOTIFICATIONS, ALERT_ACTIONS)
"""The metrics of alerts."""
