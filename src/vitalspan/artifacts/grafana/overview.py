"""How the service does, at a glance."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, POOR, SCORE, Line
from vitalspan.artifacts.grafana.tables import Column, rows

UID: Final = "vitalspan-overview"

OPERATION_PAGE: Final = (
    "/d/vitalspan-operation?${__url_time_range}&${datasource:queryparam}&${job:queryparam}"
    "&var-component=${__data.fields.Component}&var-operation=${__data.fields.Operation}"
)
_BY: Final = ("component", "operation")
_WHO: Final = {"component": "Component", "operation": "Operation"}
_ERRORS: Final = ((None, GOOD), (0.01, FAIR), (0.05, POOR), (0.1, BAD))
_TOP: Final = 10


def overview(queries: Queries, datasource: str) -> Page:
    """Return the dashboard to look at first."""
    page = Page(
        UID,
        "vitalspan / Overview",
        "How the service does, who is slow, who fails, and what fires.",
        COMPONENTS,
        queries,
        datasource,
    )
    _now(page, queries)
    _score(page, queries)
    _by_component(page, queries)
    _worst(page, queries)
    _events(page, queries)
    return page


def _now(page: Page, queries: Queries) -> None:
    score = f"min({queries.series(names.HEALTH_SCORE.name, TARGETS)})"
    state = queries.series(names.ALERT_STATE.name, TARGETS)
    firing = queries.one(f"count({state} == 2)")
    inside = f"sum({queries.series(names.OPERATION_IN_PROGRESS.name, COMPONENTS)})"
    oldest = f"max({queries.series(names.OPERATION_OLDEST.name, COMPONENTS)})"
    signal = queries.signal
    page.row(
        "Now",
        number(
            "Health score",
            "From 0 to 100, of the worst instance chosen. No data: nothing is known yet.",
            "none",
            Line(score, "score"),
            steps=SCORE,
            decimals=0,
        ),
        number(
            "Firing alerts",
            "Alerts of vitalspan's own rules that fire now, in all instances chosen.",
            "none",
            Line(firing, "firing"),
            steps=((None, GOOD), (1, BAD)),
        ),
        number(
            "Calls",
            "Finished calls a second of all operations chosen. Nested operations count each.",
            "reqps",
            Line(f"sum({signal('rate', COMPONENTS)})", "calls"),
        ),
        number(
            "Errors",
            "The share of calls that raised; cancelled calls are left out.",
            "percentunit",
            Line(f"max({signal('error_ratio', COMPONENTS)})", "errors"),
            steps=_ERRORS,
            no_value="no calls",
        ),
        number(
            "In progress",
            "Calls that are inside at this moment.",
            "none",
            Line(inside, "calls"),
        ),
        number(
            "Oldest call",
            "The age of the oldest call that has not ended. One that only grows is stuck, which no "
            "histogram of finished calls shows.",
            "s",
            Line(oldest, "age"),
            steps=((None, GOOD), (10, FAIR), (60, BAD)),
        ),
        height=5,
    )


def _score(page: Page, queries: Queries) -> None:
    by_job = f"min by (job) ({queries.series(names.HEALTH_SCORE.name, TARGETS)})"
    lost = f"max by (factor) ({queries.series(names.HEALTH_POINTS_LOST.name, TARGETS)}) > 0"
    page.row(
        "Health",
        time_series(
            "Health score",
            "Of the worst instance of each job. The dashed lines are where the levels begin.",
            "none",
            [Line(by_job, "{{job}}")],
            limits=((None, BAD), (40, POOR), (60, FAIR), (80, GOOD)),
            most=100,
        ),
        time_series(
            "Points lost",
            "What each factor takes off the score, in the instance where it takes most. Of one "
            "instance they are together what its score lacks of 100. Nothing lost, nothing drawn.",
            "none",
            [Line(lost, "{{factor}}")],
            stacked=True,
            most=100,
        ),
    )


def _by_component(page: Page, queries: Queries) -> None:
    by = ("component",)
    page.row(
        "Rate, errors and duration by component",
        time_series(
            "Calls",
            "Finished calls a second of each component's operations.",
            "reqps",
            [Line(queries.signal("rate", COMPONENTS, by=by), "{{component}}")],
        ),
        time_series(
            "Errors",
            "The share of calls that raised; cancelled calls are left out. A gap: no calls.",
            "percentunit",
            [Line(queries.signal("error_ratio", COMPONENTS, by=by), "{{component}}")],
            most=1,
        ),
        time_series(
            "Duration, 95th percentile",
            "19 of 20 calls take no longer. A gap: no calls.",
            "s",
            [
                Line(
                    queries.signal("latency_p95", COMPONENTS, by=by), "{{component}}", exemplar=True
                )
            ],
        ),
    )


def _worst(page: Page, queries: Queries) -> None:
    top = f"topk({_TOP}, %s)"
    slow = queries.signal("latency_p95", COMPONENTS, by=_BY, over="5m")
    failing = queries.signal("error_ratio", COMPONENTS, by=_BY, over="5m")
    rate = queries.signal("rate", COMPONENTS, by=_BY, over="5m")
    page.row(
        "Operations",
        rows(
            "Slowest operations",
            f"The {_TOP} with the longest 95th percentile over 5m. A name leads to its page.",
            _WHO,
            [
                Column("95th percentile", top % f"{slow} >= 0", "s"),
                Column(
                    "Calls",
                    f"{rate} and on (job, component, operation) {top % f'{slow} >= 0'}",
                    "reqps",
                ),
            ],
            links={"operation": OPERATION_PAGE},
        ),
        rows(
            "Most failing operations",
            f"The {_TOP} that fail most often over 5m. A name leads to its page.",
            _WHO,
            [
                Column("Errors", top % f"{failing} > 0", "percentunit", _ERRORS),
                Column(
                    "Calls",
                    f"{rate} and on (job, component, operation) {top % f'{failing} > 0'}",
                    "reqps",
                ),
            ],
            links={"operation": OPERATION_PAGE},
        ),
    )


def _events(page: Page, queries: Queries) -> None:
    firing = f"{queries.series(names.ALERT_STATE.name, TARGETS)} == 2"
    build = queries.series(names.BUILD_INFO.name, TARGETS)
    page.row(
        "Alerts and versions",
        rows(
            "Firing alerts",
            "Vitalspan's own rules that fire now. Empty: none does.",
            {
                "alertname": "Alert",
                "severity": "Severity",
                "component": "Component",
                "operation": "Operation",
                "instance": "Instance",
            },
            [Column("State", firing, "none")],
            names={2: ("firing", BAD)},
        ),
        rows(
            "Versions",
            "What runs where. During a deployment, more than one version.",
            {
                "job": "Job",
                "instance": "Instance",
                "version": "vitalspan",
                "python": "Python",
                "opentelemetry": "OpenTelemetry",
            },
            [Column("Up", build, "none")],
            names={1: ("running", GOOD)},
        ),
    )
