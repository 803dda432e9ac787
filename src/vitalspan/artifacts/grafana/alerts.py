"""What fires, what changed and who was told; and error budgets."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.budgets import budgets, burn_rates, fastest, least_left
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, states, time_series
from vitalspan.artifacts.grafana.queries import TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, UNKNOWN, Line, Names, Panel, Steps
from vitalspan.artifacts.grafana.tables import Column, rows
from vitalspan.artifacts.grafana.variables import label

UID: Final = "vitalspan-alerts"

_STATES: Final[Names] = {0: ("inactive", GOOD), 1: ("pending", FAIR), 2: ("firing", BAD)}
_NONE: Final = -1
_CIRCUITS: Final[Names] = {
    _NONE: ("nobody to tell", UNKNOWN),
    0: ("told", GOOD),
    0.5: ("tried again", FAIR),
    1: ("left alone", BAD),
}
_CHANGES: Final = ("firing", "resolved", "pending", "inactive")
_ANY: Final[Steps] = ((None, GOOD), (1, BAD))
_NO_RULE: Final = "no rule"
_RANGE: Final = "$__range"
_WIDTHS: Final = {"alertname": 260, "severity": 90}
_FEW: Final = 5
"""Where axes of counts end at least, so that one is not as tall as a hundred."""


def alerts(queries: Queries, datasource: str) -> Page:
    """Return the dashboard of rules, notifications and SLOs."""
    page = Page(
        UID,
        "vitalspan / Alerts and SLOs",
        "What fires and did, who was told, and how fast error budgets are spent.",
        TARGETS,
        queries,
        datasource,
        more=[label("slo", TARGETS, names.SLO_OBJECTIVE.name, queries)],
    )
    _now(page, queries)
    _rules(page, queries)
    _changes(page, queries)
    budgets(page, queries)
    burn_rates(page, queries)
    _told(page, queries)
    return page


def _now(page: Page, queries: Queries) -> None:
    state = queries.series(names.ALERT_STATE.name, TARGETS)
    circuit = queries.series(names.RECEIVER_CIRCUIT.name, TARGETS)
    failed = queries.increase(names.RULE_FAILURES.name, TARGETS)
    page.row(
        "Now",
        number(
            "Firing",
            "Alerts of vitalspan's own rules that fire now, in all instances chosen.",
            "none",
            Line(f"sum({state} == bool 2)", "firing"),
            no_value=_NO_RULE,
            steps=_ANY,
        ),
        number(
            "Pending",
            "Alerts whose condition holds, but not for long enough to fire.",
            "none",
            Line(f"sum({state} == bool 1)", "pending"),
            no_value=_NO_RULE,
            steps=((None, GOOD), (1, FAIR)),
        ),
        least_left(queries),
        fastest(queries),
        number(
            "Receivers left alone",
            "Receivers of alerts that failed so often that they are not told for a while. Nobody "
            "may know of what fires: look at the last row.",
            "none",
            Line(queries.one(f"sum({circuit} > bool 0)"), "receivers"),
            steps=_ANY,
        ),
        number(
            "Failed evaluations",
            "Rules that could not be evaluated just now, times that they were tried. Anything but "
            "0 is a mistake in a rule; the last row says in which one.",
            "none",
            Line(queries.one(f"round(sum({failed}))"), "failures"),
            steps=_ANY,
        ),
        height=5,
    )


def _rules(page: Page, queries: Queries) -> None:
    state = queries.series(names.ALERT_STATE.name, TARGETS)
    by = "max by (alertname, severity, long_window)"
    page.row(
        "Alerts",
        rows(
            "Firing or pending now",
            "What is wrong now and where; what fires comes first. The summary of an alert is in "
            "its message, the rule in the rule file.",
            {
                "alertname": "Alert",
                "severity": "Severity",
                "component": "Component",
                "operation": "Operation",
                "slo": "SLO",
                "long_window": "Window",
                "job": "Job",
                "instance": "Instance",
            },
            [
                Column(
                    "State", queries.otherwise(f"{state} > 0", "alertname", "nothing fires"), "none"
                )
            ],
            names={**_STATES, 0: ("all well", GOOD)},
            widths=_WIDTHS,
        ),
    )
    page.row(
        "Rules",
        states(
            "Every rule",
            "A line for each alert and severity, and for each window of a burn rate: green while "
            "all is well, yellow while the condition holds but not for long enough, red while it "
            "fires, in any instance.",
            [Line(f"{by} ({state})", "{{alertname}} {{severity}} {{long_window}}")],
            _STATES,
        ),
        height=15,
    )


def _changes(page: Page, queries: Queries) -> None:
    metric = names.ALERT_TRANSITIONS.name
    lines = []
    for state in _CHANGES:
        grown = queries.increase(metric, TARGETS, f'state="{state}"')
        lines.append(Line(queries.one(f"sum({grown})"), state))

    def often(state: str) -> str:
        grown = queries.increase(metric, TARGETS, f'state="{state}"', over=_RANGE)
        return f"round(sum by (alertname, severity) ({grown}))"

    first = "The first change of each kind since a process began is not counted."
    page.row(
        "Changes",
        time_series(
            "Changes of alerts",
            "How many alerts came to each state at about that time; inactive: pending, but did "
            f"not fire in the end. {first}",
            "none",
            lines,
            decimals=0,
            aside=True,
            reach=_FEW,
        ),
        rows(
            "Most restless alerts",
            "How often each alert fired, ended, and gave up before it fired, in the time that is "
            f"shown. One that does so all the time wants a longer `for`. {first}",
            {"alertname": "Alert", "severity": "Severity"},
            [
                Column(
                    "Fired",
                    queries.otherwise(often("firing"), "alertname", "none has changed"),
                    "none",
                ),
                Column("Resolved", often("resolved"), "none"),
                Column("Gave up", often("inactive"), "none"),
            ],
            widths=_WIDTHS,
        ),
        widths=(10, 14),
    )


def _told(page: Page, queries: Queries) -> None:
    page.row("Who is told", *_receivers(queries))
    done = f"sum by (result) ({queries.increase(names.ALERT_ACTIONS.name, TARGETS)})"
    failed = f"sum by (alertname) ({queries.increase(names.RULE_FAILURES.name, TARGETS)})"
    page.row(
        "Actions and mistakes",
        time_series(
            "Actions",
            "What alerts set off, at about that time: run, failed, or left out since it had been "
            "run not long ago (cooldown), too often (rate_limited), or there was no room "
            "(dropped).",
            "none",
            [Line(queries.otherwise(done, "result", "no action"), "{{result}}")],
            decimals=0,
            aside=True,
            reach=_FEW,
        ),
        time_series(
            "Rules that failed",
            "Evaluations that came to nothing, by alert: the log says why. Such an alert stays as "
            "it is.",
            "none",
            [Line(queries.otherwise(failed, "alertname", "none failed"), "{{alertname}}")],
            decimals=0,
            aside=True,
            reach=_FEW,
        ),
    )


def _receivers(queries: Queries) -> tuple[Panel, Panel]:
    by = "sum by (receiver, result)"
    sent = f"{by} ({queries.increase(names.ALERT_NOTIFICATIONS.name, TARGETS)})"
    circuit = f"max by (receiver) ({queries.series(names.RECEIVER_CIRCUIT.name, TARGETS)})"
    nobody = ("receiver", "no receiver")
    return (
        time_series(
            "Notifications",
            "Messages about alerts at about that time, by receiver and result: sent; failed after "
            "several attempts; rejected for good; dropped, as the queue was full. No receiver: "
            "the processes tell nobody by themselves.",
            "none",
            [Line(queries.otherwise(sent, *nobody), "{{receiver}} {{result}}")],
            decimals=0,
            aside=True,
            reach=_FEW,
        ),
        states(
            "Receivers",
            "Green: the receiver is told. Red: it failed so often that it is left alone for a "
            "while; yellow: it is being tried again.",
            [Line(queries.otherwise(circuit, *nobody, _NONE), "{{receiver}}")],
            _CIRCUITS,
        ),
    )
