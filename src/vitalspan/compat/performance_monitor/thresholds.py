"""The thresholds of the older monitors as rules, and the alerts of these rules."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from vitalspan.compat.performance_monitor.records import MIB, PerformanceAlert
from vitalspan.errors import ConfigurationError
from vitalspan.monitor import Monitor
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import Rule
from vitalspan.words import shown, suggestion

DEFAULTS: Final[Mapping[str, float]] = {
    "slow_operation_seconds": 5.0,
    "error_rate_percent": 10.0,
    "memory_mb": 500.0,
    "api_calls_per_minute": 100.0,
    "cache_hit_rate_percent": 50.0,
}

ENVIRONMENT: Final = "PERFORMANCE_"
"""The prefix of environment variables that set thresholds, followed by the name in capitals."""

SEVERITIES: Final = ("critical", "error", "warning", "info")

_BY_OPERATION: Final = ("component", "operation")
_MARK: Final = {"monitor": "performance_monitor"}


class _Threshold(NamedTuple):
    """A threshold of the older monitors, and its rule.

    Attributes:
        alert_type: the type of the alerts.
        alertname: the name of the rule.
        rule: returns the fields of the rule for a value in base units.
        unit: one unit of the threshold in base units.
    """

    alert_type: str
    alertname: str
    rule: Callable[[float], dict[str, Any]]
    unit: float = 1.0


def _slow(value: float) -> dict[str, Any]:
    # A quantile that high is the slowest call of the window.
    above = {"warning": value, "error": 2 * value, "critical": 10 * value}
    return {"signal": "latency_p99999", "by": list(_BY_OPERATION), "above": above}


def _error_rate(value: float) -> dict[str, Any]:
    above = {"warning": value, "error": min(1.0, 2.5 * value), "critical": min(1.0, 5 * value)}
    above = {name: level for name, level in above.items() if level < 1.0 or name == "warning"}
    by = list(_BY_OPERATION)
    return {"signal": "error_ratio", "by": by, "min_count": 10, "above": above}


def _memory(value: float) -> dict[str, Any]:
    return {
        "signal": "memory_rss",
        "above": {"warning": value, "error": 2 * value, "critical": 4 * value},
    }


def _api_rate(value: float) -> dict[str, Any]:
    above = {"warning": value, "error": 2 * value}
    return {"signal": "api_rate", "by": ["component", "api"], "window": "1m", "above": above}


def _cache(value: float) -> dict[str, Any]:
    return {
        "signal": "cache_hit_ratio",
        "by": ["component", "cache"],
        "min_count": 10,
        "below": {"warning": value, "error": value / 2},
    }


THRESHOLDS: Final[Mapping[str, _Threshold]] = {
    "slow_operation_seconds": _Threshold("slow_operation", "PerformanceSlowOperation", _slow),
    "error_rate_percent": _Threshold(
        "high_error_rate", "PerformanceHighErrorRate", _error_rate, 0.01
    ),
    "memory_mb": _Threshold("memory_warning", "PerformanceMemory", _memory, MIB),
    "api_calls_per_minute": _Threshold("api_rate", "PerformanceApiRate", _api_rate, 1 / 60),
    "cache_hit_rate_percent": _Threshold("cache_performance", "PerformanceCache", _cache, 0.01),
}

_ERRORS: Final = "PerformanceErrorOperation"
_TYPES: Final = {
    **{one.alertname: (one.alert_type, one.unit) for one in THRESHOLDS.values()},
    _ERRORS: ("error_operation", 0.01),
}


_read: WeakKeyDictionary[Monitor, dict[str, float]] = WeakKeyDictionary()
"""The values of the environment when the last facade of a monitor was created."""


class Thresholds:
    """The thresholds of one facade, which are rules of its monitor.

    Args:
        monitor: the monitor that evaluates them.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        values = {name: _from_environment(name) for name in DEFAULTS}
        before, _read[monitor] = _read.get(monitor, values), values
        # Values of another facade or a rule file are kept unless a variable has changed since.
        known = self._rules()
        for name, value in values.items():
            if THRESHOLDS[name].alertname not in known or value != before[name]:
                self._add(name, value)
        if _ERRORS not in known:
            by = list(_BY_OPERATION)
            self._replace(_ERRORS, signal="error_ratio", by=by, above=0, severity="error")

    def set(self, name: str, value: float) -> None:
        """Change a threshold.

        Args:
            name: the name, such as `slow_operation_seconds`.
            value: the value in the unit of its name.

        Raises:
            ConfigurationError: for an unknown threshold, and for an invalid value.
        """
        if name not in THRESHOLDS:
            raise ConfigurationError(
                f"there is no threshold {shown(name)}: {suggestion(str(name), list(THRESHOLDS))}"
            )
        self._add(name, value)

    def values(self) -> dict[str, float]:
        """Return all thresholds, in the units of their names, from the current rules."""
        rules = self._rules()
        found = {}
        for name, threshold in THRESHOLDS.items():
            rule = rules.get(threshold.alertname)
            if rule is not None:
                first = next(level for level in rule.levels if level.severity == "warning")
                found[name] = round(first.threshold / threshold.unit, 9)
        return found

    def alerts(self) -> list[PerformanceAlert]:
        """Return the firing alerts, followed by past ones, without duplicates."""
        now = self._monitor.alerts.active(state="firing")
        past = [one for one in reversed(self._monitor.alerts.history()) if one.fired_at is not None]
        seen: set[tuple[str, str]] = set()
        alerts = []
        for alert in (*now, *past):
            key = (alert.id, alert.severity)
            if alert.alertname in _TYPES and key not in seen:
                seen.add(key)
                alerts.append(converted(alert))
        return alerts

    def _add(self, name: str, value: float) -> None:
        threshold = THRESHOLDS[name]
        self._replace(threshold.alertname, **threshold.rule(value * threshold.unit))

    def _rules(self) -> dict[str, Rule]:
        groups = self._monitor.rules.in_force.groups
        return {rule.alert: rule for group in groups for rule in group.rules}

    def _replace(self, alertname: str, **fields: Any) -> None:
        rules = self._monitor.rules
        known = self._rules().get(alertname)
        rules.remove(alertname)
        try:
            rules.add(alert=alertname, labels=dict(_MARK), **fields)
        except ConfigurationError:
            if known is not None:
                rules.add(known)
            raise


def _from_environment(name: str) -> float:
    text = os.environ.get(ENVIRONMENT + name.upper(), "").strip()
    if not text:
        return DEFAULTS[name]
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f"{ENVIRONMENT}{name.upper()}={text!r:.80}: use a number such as {DEFAULTS[name]:g}"
        ) from None


def converted(alert: Alert) -> PerformanceAlert:
    """Return an alert of one of the thresholds in the form of the older monitors."""
    alert_type, unit = _TYPES[alert.alertname]
    return PerformanceAlert(
        alert_type,
        alert.severity,
        alert.message,
        alert.operation or alert.labels.get("api") or alert.labels.get("cache") or "",
        None if alert.value is None else alert.value / unit,
        alert.threshold / unit,
        alert.fired_at if alert.fired_at is not None else alert.active_at,
        alert.id,
    )
