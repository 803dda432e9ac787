"""Alerts that fire, and a score that falls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from vitalspan.health.advice.recommendation import Recommendation, factors_on, gained
from vitalspan.health.result import Health
from vitalspan.names import COMPONENT
from vitalspan.rules.alert import Alert
from vitalspan.signals.health import ALERT_POINTS

FALLING: Final = 5.0
"""Points an hour from which on a falling score is mentioned."""


def firing(
    alerts: Iterable[Alert], counted: Iterable[str], health: Health
) -> Iterator[Recommendation]:
    """Yield the alerts that fire.

    Args:
        alerts: all of them.
        counted: names of those that count against the score.
        health: as it was assessed last.
    """
    known = set(counted)
    for alert in alerts:
        if alert.state != "firing" or alert.alertname not in known:
            continue
        points = ALERT_POINTS[alert.severity]
        gain = 0.0
        for factor in factors_on(health, "alert_points"):
            if factor.weight:
                gain += gained(factor, (factor.value or 0.0) - points)
            else:
                gain += min(factor.points_lost, float(points))
        runbook = alert.annotations.get("runbook_url")
        yield Recommendation(
            "alert",
            alert.alertname,
            alert.labels.get(COMPONENT),
            alert.message,
            f"follow {runbook}" if runbook else "mend what it is about, and it clears by itself",
            gain,
        )


def falling(health: Health) -> Iterator[Recommendation]:
    """Yield that the score falls, if it does."""
    trend = health.trend
    if trend.slope is not None and trend.forecast is not None and trend.slope <= -FALLING:
        yield Recommendation(
            "falling_score",
            "process",
            None,
            f"the score falls by {-trend.slope:.1f} points an hour, which makes "
            f"{trend.forecast:.0f} in an hour",
            "look at what costs most points: "
            + (health.reasons[0] if health.reasons else "nothing yet"),
        )
