"""The limits of the older monitors: how many operations, alerts and scores are shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.monitor import Monitor

_MOST: Final = 1_000_000


@dataclass
class Limits:
    """How much a facade shows. The limits may be changed.

    Attributes:
        recent_operations: the number of latest operations, in dashboards and by default.
        alerts: the number of alerts in dashboards and reports.
        trends: the number of past scores in dashboards.
    """

    recent_operations: int
    alerts: int
    trends: int


def limits_from_environment(monitor: Monitor) -> Limits:
    """Return the limits in environment variables, and make the monitor keep enough data.

    Raises:
        ConfigurationError: for a variable that is not an integer.
    """
    limits = Limits(
        _whole("PERFORMANCE_MAX_RECENT_OPERATIONS", 100),
        _whole("PERFORMANCE_MAX_ALERTS", 50),
        _whole("PERFORMANCE_MAX_TRENDS", 10),
    )
    settings = monitor.settings
    wanted = {
        "recent_calls": max(settings.recent_calls, limits.recent_operations),
        "alert_history": max(settings.alert_history, limits.alerts),
        "health_snapshots": max(settings.health_snapshots, limits.trends),
    }
    changes = {name: value for name, value in wanted.items() if value != getattr(settings, name)}
    if changes:
        monitor.configure(**changes)
    return limits


def _whole(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) > _MOST:
        raise ConfigurationError(f"{variable}={text!r:.80}: use a whole number from 0 to {_MOST}")
    return int(text)
