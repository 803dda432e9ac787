"""Error budgets of SLOs: what is left of them, and how fast they are spent."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import RATE_INTERVAL, TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, POOR, Line, Panel, Steps
from vitalspan.artifacts.grafana.tables import Column, rows
from vitalspan.rules.slos import BURN_WINDOWS, BurnWindow
from vitalspan.signals.units import duration_text

SLOS: Final = (*TARGETS, "slo")

_MONTH: Final = 30 * 86400.0
_LEFT: Final[Steps] = ((None, BAD), (0, POOR), (0.25, FAIR), (0.5, GOOD))
_COLORS: Final = {"critical": BAD, "warning": POOR}
_RANGE: Final = "$__range"
_NO_SLO: Final = "no SLO"


def least_left(queries: Queries) -> Panel:
    """Return the least error budget that any SLO has left."""
    left = queries.series(names.SLO_BUDGET.name, SLOS)
    return number(
        "Least budget left",
        "The share of its error budget that the worst SLO has left, in any instance, over what "
        "history of its window there is. Below 0: more failed than the objective allows.",
        "percentunit",
        Line(f"min({left})", "left"),
        steps=_LEFT,
        no_value=_NO_SLO,
        decimals=0,
    )


def fastest(queries: Queries) -> Panel:
    """Return the greatest burn rate of any SLO over the shortest of the long windows."""
    window = BURN_WINDOWS[0]
    over, limit = duration_text(window.long), _limit(window)
    return number(
        f"Fastest burn over {over}",
        f"How many times faster than allowed the worst SLO spends its budget: 1 just lasts for its "
        f"window, {limit:g} empties one of 30 days in {_MONTH / limit / 86400:.0f} days.",
        "none",
        Line(f"max({_burn(queries, over)})", "burn rate"),
        steps=((None, GOOD), (1, FAIR), (limit, BAD)),
        no_value=_NO_SLO,
        decimals=1,
    )


def budgets(page: Page, queries: Queries) -> None:
    """Add how much SLOs have left of their error budgets, and what was bad."""
    left = f"min by (slo) ({queries.series(names.SLO_BUDGET.name, SLOS)})"
    objective = f"max by (slo) ({queries.series(names.SLO_OBJECTIVE.name, SLOS)})"
    bad, events = _bad(queries, _RANGE), _events(queries, _RANGE)
    page.row(
        "SLOs",
        rows(
            "How SLOs stand",
            "The worst comes first. What is left is told by the worst instance, over what history "
            "of the SLO's window there is; what was good, over the time that is shown.",
            {"slo": "SLO"},
            [
                Column(
                    "Budget left",
                    queries.otherwise(left, "slo", "none is declared"),
                    "percentunit",
                    _LEFT,
                ),
                Column("Objective", objective, "percentunit"),
                Column("Good", f"1 - {bad} / ({events} > 0)", "percentunit"),
                Column("Calls", f"round({events})", "short"),
                Column("Bad calls", f"round({bad})", "short"),
            ],
            descending=False,
        ),
        height=6,
    )
    recent_bad, recent = _bad(queries), _events(queries)
    page.row(
        "Error budgets",
        time_series(
            "Error budget left",
            "Of the worst instance of each SLO. It falls while calls are worse than the objective "
            "allows; below the dashed line nothing is left.",
            "percentunit",
            [Line(left, "{{slo}}")],
            limits=((None, BAD), (0, BAD)),
            least=None,
            most=1,
        ),
        time_series(
            "Bad calls",
            "The share of calls that each SLO found bad, beside the share that its objective "
            "allows. A gap: no calls.",
            "percentunit",
            [
                Line(f"{recent_bad} / ({recent} > 0)", "{{slo}}"),
                Line(f"1 - {objective}", "{{slo}}, allowed"),
            ],
        ),
    )


def burn_rates(page: Page, queries: Queries) -> None:
    """Add the burn rates that alerts look at, with their limits."""
    panels = [_burn_panel(queries, window) for window in BURN_WINDOWS]
    page.row("Burn rates", *panels, widths=[12] * len(panels))


def _burn_panel(queries: Queries, window: BurnWindow) -> Panel:
    long, short, limit = duration_text(window.long), duration_text(window.short), _limit(window)
    color = _COLORS[window.severity]
    return time_series(
        f"Burn rate over {long}",
        f"How many times faster than allowed budgets are spent. While both lines of an SLO, over "
        f"{long} and over {short}, are above {limit:g}, the dashed line, its {window.severity} "
        f"alert fires: {window.budget:.0%} of the budget went within {long}. The limit is that of "
        "SLOs over 30 days.",
        "none",
        [Line(_burn(queries, over), f"{{{{slo}}}} over {over}") for over in (long, short)],
        limits=((None, color), (limit, color)),
        reach=1.2 * limit,
        decimals=1,
    )


def _limit(window: BurnWindow) -> float:
    return round(window.budget * _MONTH / window.long, 6)


def _burn(queries: Queries, over: str) -> str:
    # That of one job: an SLO of the same name in another job is another one.
    by = ("job", "slo")
    objective = f"max by (job, slo) ({queries.series(names.SLO_OBJECTIVE.name, SLOS)})"
    share = f"{_bad(queries, over, by)} / ({_events(queries, over, by)} > 0)"
    return f"max by (slo) ({share} / (1 - {objective}))"


def _bad(queries: Queries, over: str = RATE_INTERVAL, by: tuple[str, ...] = ("slo",)) -> str:
    return _grown(queries, names.SLO_BAD_EVENTS.name, over, by)


def _events(queries: Queries, over: str = RATE_INTERVAL, by: tuple[str, ...] = ("slo",)) -> str:
    return _grown(queries, names.SLO_EVENTS.name, over, by)


def _grown(queries: Queries, metric: str, over: str, by: tuple[str, ...]) -> str:
    # Increases have the same ratio as rates have, and tell how many calls there were.
    grown = queries.increase(metric, SLOS, over=over)
    return f"sum by ({', '.join(by)}) ({grown})"
