"""Recommendations about firing alerts, and about a falling score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from vitalspan.health.recommendations.recommendation import Recommendation, factors_on, gained
from vitalspan.health.result import Health
from vitalspan.metrics import COMPONENT
from vitalspan.rules.alert import Alert
from vitalspan.signals.scores import ALERT_POINTS

FALLING_SLOPE: Final = 5.0
"""The number of points per hour that a falling score loses at least."""


def firing_alerts(
    alerts: Iterable[Alert], counted: Iterable[str], health: Health
) -> Iterator[Recommendation]:
    """Yield the firing alerts that count against the score.

    Args:
        alerts: all alerts.
        counted: the names of the alerts that count.
        health: the latest health.
    """
    counted_names = set(counted)
    for alert in alerts:
        if alert.state != "firing" or alert.alertname not in counted_names:
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
            f"follow {runbook}" if runbook else "fix its cause; the alert then resolves by itself",
            gain,
        )


def falling_score(health: Health) -> Iterator[Recommendation]:
    """Yield a recommendation if the score is falling."""
    trend = health.trend
    if trend.slope is not None and trend.forecast is not None and trend.slope <= -FALLING_SLOPE:
        yield Recommendation(
            "falling_score",
            "process",
            None,
            f"the score falls by {-trend.slope:.1f} points an hour, which leads to "
            f"{trend.forecast:.0f} in an hour",
            "look at what costs the most points: "
            + (health.reasons[0] if health.reasons else "nothing yet"),
        )
