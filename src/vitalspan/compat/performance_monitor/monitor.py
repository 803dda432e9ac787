"""The studio monitor and the wiki monitor, as one facade of a monitor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

from vitalspan.compat.awaitable_result import NOTHING, AwaitableResult
from vitalspan.compat.model_score import ModelScore
from vitalspan.compat.performance_monitor.activities import Activities
from vitalspan.compat.performance_monitor.contexts import PerformanceContext
from vitalspan.compat.performance_monitor.limits import limits_from_environment
from vitalspan.compat.performance_monitor.records import (
    OperationMetrics,
    PerformanceAlert,
    operation_of,
)
from vitalspan.compat.performance_monitor.sessions import MonitorSessions
from vitalspan.compat.performance_monitor.system import system_health, system_metrics
from vitalspan.compat.performance_monitor.thresholds import SEVERITIES, Thresholds
from vitalspan.default import get_monitor
from vitalspan.monitor import Monitor
from vitalspan.statistics.call_statistics import CallStatistics

ENABLED: Final = "PERFORMANCE_MONITORING_ENABLED"
"""The environment variable that disables recording if it is `false` or `0`."""


class StudioMonitor(MonitorSessions, Activities):
    """A facade of a monitor with the interface of the studio and the wiki monitor.

    It has no data of its own. All facades of one monitor show the same.

    Args:
        storage_path: a directory, or a file whose extension becomes `.db`, for the history, so that
            it survives a restart; None keeps it in memory. A monitor that already has a store keeps
            using that one.
        monitor: the monitor that records everything; None is the default one.

    Attributes:
        monitor: the monitor.
        storage_path: the storage path.
        limits: how many operations, alerts and scores are shown.
    """

    def __init__(
        self, storage_path: str | PathLike[str] | None = None, *, monitor: Monitor | None = None
    ) -> None:
        self.monitor = get_monitor() if monitor is None else monitor
        self.storage_path = storage_path
        if storage_path is not None and not self.monitor.settings.store:
            self.monitor.configure(store=_store_in(Path(storage_path)))
        self.limits = limits_from_environment(self.monitor)
        self._thresholds = Thresholds(self.monitor)
        self._score = ModelScore(self.monitor, "classic")
        if os.environ.get(ENABLED, "").strip().lower() in ("0", "false", "no", "off"):
            self.disable()

    def initialize(self) -> AwaitableResult[None]:
        """Start evaluating rules and health every few seconds. It may be awaited."""
        self.monitor.start()
        return NOTHING

    def stop(self) -> AwaitableResult[None]:
        """Stop evaluating. It may be awaited."""
        self.monitor.stop()
        return NOTHING

    shutdown = stop

    @property
    def enabled(self) -> bool:
        """True if calls are recorded."""
        return self.monitor.enabled

    def enable(self) -> None:
        """Start recording."""
        self.monitor.enable()

    def disable(self) -> None:
        """Stop recording, so that calls cost nothing."""
        self.monitor.disable()

    # Operations

    def start_operation(
        self, name: str, metadata: Mapping[str, Any] | None = None
    ) -> OperationMetrics:
        """Start an operation, which `end_operation` ends."""
        context = PerformanceContext(name, metadata, self.monitor)
        context.__enter__()
        context.detach()
        operation = context.metrics
        operation._context = context  # type: ignore[attr-defined] # noqa: SLF001 - ours
        return operation

    def end_operation(
        self,
        operation: OperationMetrics,
        success: bool = True,  # noqa: FBT001, FBT002 - as it was
        error: object = None,
    ) -> OperationMetrics:
        """End an operation.

        Args:
            operation: the result of `start_operation`.
            success: whether it succeeded.
            error: an exception or a text.
        """
        context = getattr(operation, "_context", None)
        if context is None:
            operation.finish(success, error)
            return operation
        del operation._context  # type: ignore[attr-defined] # noqa: SLF001 - ours
        if isinstance(error, BaseException):
            context.__exit__(type(error), error, None)
            return operation
        if not success or error is not None:
            context.fail("no error was given" if error is None else error)
        context.__exit__(None, None, None)
        return operation

    def measure_operation(
        self, name: str, metadata: Mapping[str, Any] | None = None
    ) -> PerformanceContext:
        """Return a block to record with `async with`."""
        return PerformanceContext(name, metadata, self.monitor)

    measure_sync_operation = measure_operation

    def get_operation_statistics(self, operation_name: str | None = None) -> dict[str, Any]:
        """Return the statistics of one operation, or those of all operations by name."""
        statistics = self.monitor.statistics
        if operation_name is not None:
            return _statistics_of(statistics.operation(operation_name))
        names = dict.fromkeys(str(one.operation) for one in statistics.operations())
        return {name: _statistics_of(statistics.operation(name)) for name in names}

    def get_recent_operations(self, limit: int | None = None) -> list[OperationMetrics]:
        """Return the latest operations, the last one last; a hundred by default."""
        most = self.limits.recent_operations if limit is None else limit
        recent = self.monitor.recent_calls()
        return [operation_of(call) for call in recent[-most:]] if most > 0 else []

    # Caches and APIs

    def record_cache_hit(self, cache: str = "default") -> None:
        """Count a lookup that found its entry."""
        self.monitor.cache(cache).hit()
        self.record_count("cache_hits")

    def record_cache_miss(self, cache: str = "default") -> None:
        """Count a lookup that did not find its entry."""
        self.monitor.cache(cache).miss()
        self.record_count("cache_misses")

    def record_api_call(
        self,
        tokens_used: int = 0,
        cost: float = 0.0,
        error: bool = False,  # noqa: FBT001, FBT002 - as it was
        api: str = "default",
    ) -> None:
        """Count a call to an API, its tokens and its cost in US dollars."""
        problem = "it failed" if error else None
        self.monitor.api(api).record(tokens=tokens_used, cost=cost, error=problem)
        counts = {"api_calls": 1, "api_errors": int(error), "tokens_used": tokens_used}
        for name, amount in {**counts, "total_cost": cost}.items():
            if amount:
                self.record_count(name, amount)

    # Alerts

    def set_alert_threshold(self, name: str, value: float) -> None:
        """Change a threshold, such as `slow_operation_seconds`, in the unit of its name."""
        self._thresholds.set(name, value)

    def get_alert_thresholds(self) -> dict[str, float]:
        """Return all thresholds, in the units of their names."""
        return self._thresholds.values()

    def get_alerts(
        self, alert_type: str | None = None, severity: str | None = None
    ) -> list[PerformanceAlert]:
        """Return the alerts, the current ones first.

        Args:
            alert_type: only alerts of this type, such as `slow_operation`.
            severity: only alerts of this severity: info, warning, error or critical.
        """
        self._refresh()
        return [
            alert
            for alert in self._thresholds.alerts()
            if alert_type in (None, alert.alert_type) and severity in (None, alert.severity)
        ]

    def clear_alerts(self) -> None:
        """Remove all alerts; conditions that still hold raise new ones."""
        self.monitor.alerts.clear()

    # Reports

    def get_health_score(self) -> float:
        """Return the score of the model `classic`, from 0 to 100."""
        return self._score()

    def get_dashboard_data(self) -> dict[str, Any]:
        """Return what a dashboard shows, in types that JSON has."""
        current = self.get_current_metrics()
        return {
            "timestamp": datetime.now(UTC).isoformat(),
            "system_metrics": system_metrics(),
            "health_score": self.get_health_score(),
            "current_session": None if current is None else current.to_current(),
            "operation_statistics": self.get_operation_statistics(),
            "recent_operations": [one.to_dict() for one in self.get_recent_operations()],
            "alerts": self._alert_overview(),
            "performance_trends": self._trends(),
        }

    def get_performance_report(self) -> str:
        """Return a report as text for people."""
        report = self.monitor.reports.report().text()
        current = self.get_current_metrics()
        return report if current is None else f"{report}\n{current.get_summary()}\n"

    def get_system_health_report(self) -> dict[str, Any]:
        """Return the readings of the machine, its issues, and a status."""
        return system_health()

    def generate_comprehensive_report(self, hours: float | None = None) -> dict[str, Any]:
        """Return all data, since the start or over some hours."""
        return {
            "generated_at": datetime.now(UTC).isoformat(),
            "download_performance": self.get_download_performance_report(hours),
            "parsing_performance": self.get_parsing_performance_report(hours),
            "generation_performance": self.get_generation_performance_report(hours),
            "system_health": self.get_system_health_report(),
            "operation_statistics": self.get_operation_statistics(),
            "alerts": self._alert_overview(),
            "recommendations": [one.suggestion for one in self.monitor.health.recommendations()],
        }

    def _refresh(self) -> None:
        if not self.monitor.evaluation.ticker.running:
            self.monitor.tick()

    def _alert_overview(self) -> dict[str, Any]:
        alerts = self.get_alerts()
        summary = {"total": len(alerts)}
        for severity in SEVERITIES:
            summary[severity] = sum(one.severity == severity for one in alerts)
        return {
            "summary": summary,
            "recent": [one.to_dict() for one in alerts[: self.limits.alerts]],
        }

    def _trends(self) -> list[dict[str, Any]]:
        health = self.monitor.health.latest
        most = self.limits.trends
        snapshots = health.trend.snapshots[-most:] if most else ()
        return [
            {"timestamp": one.at, "health_score": one.score, "status": one.status}
            for one in snapshots
        ]


def _statistics_of(calls: CallStatistics) -> dict[str, Any]:
    return {
        "count": calls.count,
        "avg_time_seconds": calls.mean or 0.0,
        "min_time_seconds": calls.min or 0.0,
        "max_time_seconds": calls.max or 0.0,
        "error_count": calls.errors,
        "error_rate_percent": 100.0 * (calls.error_rate or 0.0),
    }


def _store_in(path: Path) -> str:
    """Return the URL of a store at a path; the older monitors' own files are not touched."""
    if path.is_dir() or not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        path /= "history.db"
    return f"sqlite:///{path.with_suffix('.db')}"
