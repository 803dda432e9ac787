"""The burn-rate alerts of an SLO: several windows, as the SRE workbook has them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, NamedTuple

from vitalspan.rules.model import Group, Level, Rule, RuleSet, Severity, Slo
from vitalspan.signals.query import Query
from vitalspan.signals.units import duration_text


class BurnWindow(NamedTuple):
    """An alert on the error budget: so much of it spent within the long window.

    The short window, a twelfth of the long one, lets the alert end soon after the trouble.
    """

    budget: float
    long: float
    short: float
    severity: Severity


BURN_WINDOWS: Final = (
    BurnWindow(0.02, 3600.0, 300.0, "critical"),
    BurnWindow(0.05, 6 * 3600.0, 1800.0, "critical"),
    BurnWindow(0.10, 86400.0, 7200.0, "warning"),
    BurnWindow(0.10, 3 * 86400.0, 6 * 3600.0, "warning"),
)
"""Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"; for a
window of 30 days the burn rates are 14.4, 6, 3 and 1."""


def expand(rules: RuleSet) -> RuleSet:
    """Return rules with a group of burn-rate alerts for each SLO."""
    return replace(rules, groups=(*rules.groups, *map(burn_group, rules.slos)))


def burn_group(slo: Slo) -> Group:
    """Return the burn-rate alerts of an SLO. A window longer than the SLO's own is left out."""
    windows = [window for window in BURN_WINDOWS if window.long <= slo.window]
    return Group(f"slo:{slo.name}", tuple(_burn_rule(slo, window) for window in windows))


def burn_rate(slo: Slo, window: BurnWindow) -> float:
    """Return how many times faster than allowed the budget is spent at an alert's threshold."""
    return window.budget * slo.window / window.long


def _burn_rule(slo: Slo, window: BurnWindow) -> Rule:
    long = duration_text(window.long)
    labels = dict(slo.labels) | {"slo": slo.name, "long_window": long}
    annotations = {
        "summary": f"{slo.name} spends its error budget {{{{ $value | humanize }}}} times too fast",
        "description": f"Over the last {long} more than {window.budget:.0%} of the error budget of "
        f"{duration_text(slo.window)} went; {duration_text(window.short)} say it still goes on.",
    }
    return Rule(
        alert=f"{_camel(slo.name)}BudgetBurn",
        query=Query("burn_rate", window=window.long, short=window.short, slo=slo.name),
        above=True,
        levels=(Level(window.severity, round(burn_rate(slo, window), 6)),),
        labels=tuple(labels.items()),
        annotations=tuple((annotations | dict(slo.annotations)).items()),
    )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^a-zA-Z0-9]+", name))
