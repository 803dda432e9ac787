"""Rows about SLOs: what is left of their error budgets, and how fast they are spent."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Panels, row
from vitalspan.artifacts.grafana.panels import Column, Stat, Table, Target, TimeSeries, labels
from vitalspan.artifacts.grafana.queries import RATE_INTERVAL, TARGETS, Queries, Scope
from vitalspan.rules.burn_rate_alerts import BURN_WINDOWS, MONTH, BurnWindow
from vitalspan.units import duration_text

_SLOS: Final = (*TARGETS, "slo")
_COLORS: Final = {"critical": styles.BAD, "warning": styles.POOR}
_RANGE: Final = "$__range"
_BY_SLO: Final = ("slo",)
_NO_SLO: Final = "no SLO"


def error_budget_stats(queries: Queries) -> Panels:
    """Return the smallest budget left of any SLO, and the fastest burn."""
    yield Stat(
        "Least budget left",
        "How much of its error budget the worst SLO has left, in any instance, over the known "
        "part of its window. Below 0, more calls failed than the objective allows.",
        [Target(f"min({queries.series(metrics.SLO_BUDGET, _SLOS)})", "left")],
        "percentunit",
        thresholds=styles.BUDGET_LEFT,
        no_value=_NO_SLO,
        decimals=0,
    )
    over, limit = duration_text(BURN_WINDOWS[0].long), BURN_WINDOWS[0].burn_rate
    yield Stat(
        f"Fastest burn over {over}",
        "How many times faster than allowed the worst SLO spends its error budget. At 1, the "
        f"budget just lasts for its window. At {limit:g}, the budget of 30 days is empty after "
        f"{MONTH / limit / 86400:.0f} days.",
        [Target(f"max({_burn_rate(queries, over)})", "burn rate")],
        thresholds=((None, styles.GOOD), (1, styles.FAIR), (limit, styles.BAD)),
        no_value=_NO_SLO,
        decimals=1,
    )


@row("SLOs", height=6)
def slos(queries: Queries) -> Panels:
    """Return the row about the status of each SLO."""
    bad = _counted(queries, metrics.SLO_BAD_EVENTS, _RANGE)
    events = _counted(queries, metrics.SLO_EVENTS, _RANGE)
    left = queries.otherwise(_budget_left(queries), "slo", "none is declared")
    yield Table(
        "Status of SLOs",
        "All SLOs, with the worst one first. The budget left is that of the worst instance, "
        "over the known part of the window. All other columns cover the selected time range.",
        labels("slo"),
        [
            Column("Budget left", left, "percentunit", styles.BUDGET_LEFT),
            Column("Objective", _objective(queries), "percentunit"),
            Column("Good", f"1 - {_bad_ratio(queries, _RANGE)}", "percentunit"),
            Column("Calls", f"round({events})", "short"),
            Column("Bad calls", f"round({bad})", "short"),
        ],
        descending=False,
    )


@row("Error budgets")
def error_budgets(queries: Queries) -> Panels:
    """Return the row about what is left of error budgets."""
    allowed = f"1 - {_objective(queries)}"
    yield TimeSeries(
        "Error budget left",
        "How much of its error budget each SLO has left, in its worst instance. It falls "
        "while more calls are bad than the objective allows. Below the dashed line, the "
        "budget is spent.",
        [Target(_budget_left(queries), "{{slo}}")],
        "percentunit",
        limits=((None, styles.BAD), (0, styles.BAD)),
        minimum=None,
        maximum=1,
    )
    yield TimeSeries(
        "Bad calls",
        "The share of bad calls of each SLO, and the share that its objective allows. Gaps "
        "mean that there were no calls.",
        [Target(_bad_ratio(queries), "{{slo}}"), Target(allowed, "{{slo}}, allowed")],
        "percentunit",
    )


@row("Burn rates", widths=[12] * len(BURN_WINDOWS))
def burn_rates(queries: Queries) -> Panels:
    """Return the row about the burn rates that alerts use."""
    for window in BURN_WINDOWS:
        yield _burn_rate_panel(queries, window)


def _burn_rate_panel(queries: Queries, window: BurnWindow) -> TimeSeries:
    long, short, limit = duration_text(window.long), duration_text(window.short), window.burn_rate
    color = _COLORS[window.severity]
    return TimeSeries(
        f"Burn rate over {long}",
        "How many times faster than allowed error budgets are spent. While both lines of an SLO, "
        f"over {long} and over {short}, are above the dashed line at {limit:g}, its "
        f"{window.severity} alert fires: {window.budget(MONTH) * 100:.0f} % of the budget were "
        f"spent within {long}. The windows are those of SLOs over 30 days.",
        [Target(_burn_rate(queries, over), f"{{{{slo}}}} over {over}") for over in (long, short)],
        limits=((None, color), (limit, color)),
        soft_maximum=1.2 * limit,
        decimals=1,
    )


def _burn_rate(queries: Queries, over: str) -> str:
    # The rate of one job: an SLO of the same name in another job is a different one.
    by = ("job", "slo")
    return f"max by (slo) ({_bad_ratio(queries, over, by)} / (1 - {_objective(queries, by)}))"


def _budget_left(queries: Queries) -> str:
    return f"min by (slo) ({queries.series(metrics.SLO_BUDGET, _SLOS)})"


def _objective(queries: Queries, by: Scope = _BY_SLO) -> str:
    return f"max by ({', '.join(by)}) ({queries.series(metrics.SLO_OBJECTIVE, _SLOS)})"


def _bad_ratio(queries: Queries, over: str = RATE_INTERVAL, by: Scope = _BY_SLO) -> str:
    # Increases have the same ratio as rates, and also show the number of calls.
    bad = _counted(queries, metrics.SLO_BAD_EVENTS, over, by)
    return f"{bad} / ({_counted(queries, metrics.SLO_EVENTS, over, by)} > 0)"


def _counted(queries: Queries, counter: metrics.Family, over: str, by: Scope = _BY_SLO) -> str:
    return f"sum by ({', '.join(by)}) ({queries.increase(counter, _SLOS, over=over)})"
