"""The burn-rate alerts of an SLO, with several windows, as in the SRE workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.rules.model import Group, Level, Rule, RuleSet, Severity, Slo, SloAlert
from vitalspan.signals.query import Query
from vitalspan.units import duration_text


class BurnWindow(NamedTuple):
    """The two windows of an alert, and the burn rate that both have to exceed.

    The short window, a twelfth of the long one, lets the alert end soon after the problem.
    """

    burn_rate: float
    long: float
    short: float
    severity: Severity

    def budget(self, slo_window: float) -> float:
        """Return the ratio of an SLO's error budget that is spent when the alert fires."""
        return self.burn_rate * self.long / slo_window


MONTH: Final = 30 * 86400.0

BURN_WINDOWS: Final = (
    BurnWindow(14.4, 3600.0, 300.0, "critical"),
    BurnWindow(6.0, 6 * 3600.0, 1800.0, "critical"),
    BurnWindow(3.0, 86400.0, 7200.0, "warning"),
    BurnWindow(1.0, 3 * 86400.0, 6 * 3600.0, "warning"),
)
"""The windows of an SLO over 30 days, which spend 2 %, 5 %, 10 % and 10 % of its error budget.

Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"."""

USUAL_INTERVAL: Final = 15.0
"""The default interval of scrapes and evaluations in seconds."""

_SAMPLES: Final = 4
"""The number of samples in the shortest window."""

_LONG_TO_SHORT: Final = 12.0
_LEAST_LONG_TO_SHORT: Final = 2.0

_LONGEST: Final = MONTH
"""The longest window in seconds, which is how much of the past a process keeps."""

_MOST_SPENT: Final = 0.5
"""The ratio of an error budget that may be gone by the time an alert fires."""

_ROUNDING: Final = 1e-6
"""The amount by which rounding may raise a burn rate above 1."""

_REACHED: Final = 0.9
"""The position of the highest threshold between 1 and the greatest possible burn rate."""


def with_burn_rate_alerts(rules: RuleSet, interval: float = USUAL_INTERVAL) -> RuleSet:
    """Return rules with a group of burn-rate alerts for each SLO.

    Args:
        rules: rules whose SLOs have no groups yet.
        interval: seconds between two evaluations.

    Raises:
        ConfigurationError: for an SLO whose window is too short for the interval.
    """
    for slo in rules.slos:
        problem = too_short(slo.window, interval)
        if problem:
            raise ConfigurationError(f"SLO {slo.name!r}: {problem}")
    return replace(
        rules, groups=(*rules.groups, *(burn_group(one, interval) for one in rules.slos))
    )


def burn_group(slo: Slo, interval: float = USUAL_INTERVAL) -> Group:
    """Return the burn-rate alerts of an SLO."""
    raised = {alert.of: alert for alert in slo.alerts}
    rules: dict[object, Rule] = {}
    for window in burn_windows(slo, interval):
        alert = raised.get(window.severity, SloAlert(window.severity, window.severity))
        if alert.severity is not None:
            # If two have the same labels, the later one is more sensitive.
            rule = _burn_rule(slo, window, alert.severity, alert)
            rules[alert.severity, rule.labels] = rule
    return Group(f"slo:{slo.name}", tuple(rules.values()))


def burn_windows(slo: Slo, interval: float = USUAL_INTERVAL) -> list[BurnWindow]:
    """Return the windows of an SLO's alerts, and the burn rates above which they fire.

    Every burn rate is above 1, at which a budget just lasts, and below that of a total outage.

    Args:
        slo: the SLO.
        interval: seconds between two evaluations.
    """
    highest = highest_burn_rate(slo.objective)
    if highest - 1.0 < 1e-9:
        return []
    most = 1.0 + _REACHED * (highest - 1.0)
    # Round to six digits, unless that leaves nothing of an objective near 0.
    most = round(most, 6) if 1.0 < round(most, 6) < highest else most
    return [
        window._replace(burn_rate=min(max(window.burn_rate, 1.0 + _ROUNDING), most))
        for window in scaled_windows(slo.window, interval)
    ]


def highest_burn_rate(objective: float) -> float:
    """Return the burn rate of a total outage, which is the greatest possible one."""
    return 1.0 / (1.0 - objective)


def scaled_windows(slo_window: float, interval: float = USUAL_INTERVAL) -> list[BurnWindow]:
    """Return the workbook's windows for an SLO window in seconds, whatever the objective is.

    They are scaled with the SLO's own window, within the limits of what can be measured. A window
    is left out if too much of the budget would be gone by the time its alert fires, or if another
    one of the same severity and length fires earlier.
    """
    least = _shortest(interval)
    windows: dict[tuple[Severity, float], BurnWindow] = {}
    for window in BURN_WINDOWS:
        long = float(round(window.long * slo_window / MONTH))
        long = min(max(long, least * _LEAST_LONG_TO_SHORT), _LONGEST)
        short = max(float(round(long / _LONG_TO_SHORT)), least)
        scaled = window._replace(long=long, short=short)
        if scaled.budget(slo_window) <= _MOST_SPENT:
            # The workbook's windows become more and more sensitive.
            windows[window.severity, long] = scaled
    return list(windows.values())


def too_short(slo_window: float, interval: float = USUAL_INTERVAL) -> str:
    """Return why an SLO's window is too short for alerts; empty if it is long enough."""
    long = _shortest(interval) * _LEAST_LONG_TO_SHORT
    pages = [window for window in BURN_WINDOWS if window.severity == "critical"]
    shortest = min(window.burn_rate for window in pages) * long / _MOST_SPENT
    if slo_window >= shortest:
        return ""
    return (
        f"window is too short: more than half of the error budget would be gone in the "
        f"{duration_text(long)} that an alert looks back at least: "
        f"use {duration_text(shortest)} or more"
    )


def _shortest(interval: float) -> float:
    return _SAMPLES * max(interval, USUAL_INTERVAL)


def capped(slo: Slo) -> Iterator[str]:
    """Yield a sentence about each alert whose burn rate differs from the workbook's."""
    highest = highest_burn_rate(slo.objective)
    share = f"{slo.objective * 100:.10g} %"
    windows = burn_windows(slo)
    if not windows:
        yield f"with an objective of {share}, no burn rate is above 1: it has no alerts"
    off = {alert.of for alert in slo.alerts if alert.severity is None}
    for window, usual in zip(windows, scaled_windows(slo.window), strict=False):
        if window.burn_rate < usual.burn_rate and window.severity not in off:
            yield (
                f"with an objective of {share}, no burn rate is above {highest:.4g}: its "
                f"{window.severity} alert over {duration_text(window.long)} fires above "
                f"{window.burn_rate:.4g} instead of {usual.burn_rate:g}"
            )


def _burn_rule(slo: Slo, window: BurnWindow, severity: Severity, alert: SloAlert) -> Rule:
    long = duration_text(window.long)
    spent = f"{window.budget(slo.window) * 100:.2g} %"
    labels = dict(slo.labels) | dict(alert.labels) | {"slo": slo.name, "long_window": long}
    told_apart = ", ".join(f"{{{{ $labels.{label} }}}}" for label in slo.by)
    about = f"{slo.name} of {told_apart}" if slo.by else slo.name
    annotations = {
        "summary": f"{about} spends its error budget {{{{ $value | humanize }}}} times too fast",
        "description": f"Over the last {long} more than {spent} of the "
        f"error budget of {duration_text(slo.window)} was spent, and it is still being spent too "
        f"fast in the last {duration_text(window.short)}.",
    }
    return Rule(
        alert=slo.alert or f"{_camel(slo.name)}BudgetBurn",
        query=Query(
            "burn_rate",
            window=window.long,
            by=slo.by,
            short=window.short,
            slo=slo.name,
            weighed=True,
            min_bad=slo.min_bad,
        ),
        above=True,
        levels=(Level(severity, window.burn_rate),),
        labels=tuple(labels.items()),
        annotations=tuple((annotations | dict(slo.annotations) | dict(alert.annotations)).items()),
        min_count=slo.min_count,
    )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^a-zA-Z0-9]+", name))
