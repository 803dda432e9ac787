"""The complete facade: what the unified monitor had in addition to the studio monitor."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from vitalspan.compat.performance_monitor.benchmarks import BENCHMARKS, MetricValues
from vitalspan.compat.performance_monitor.monitor import StudioMonitor
from vitalspan.compat.performance_monitor.records import PerformanceAlert
from vitalspan.compat.performance_monitor.system import system_snapshot
from vitalspan.compat.performance_monitor.thresholds import converted
from vitalspan.compat.record_call import record_call
from vitalspan.default import get_monitor
from vitalspan.monitor import Monitor
from vitalspan.rules.alert import Alert
from vitalspan.statistics.call_statistics import CallStatistics


class PerformanceMonitor(StudioMonitor):
    """A facade of a monitor with the interface of all the older performance monitors.

    It has no data of its own except the latest values of metrics that are recorded as values. All
    facades of one monitor show the same.

    Args:
        storage_path: a directory, or a file whose extension becomes `.db`, for the history, so that
            it survives a restart; None keeps it in memory. A monitor that already has a store keeps
            using that one.
        monitor: the monitor that records everything; None is the default one.
    """

    def __init__(
        self, storage_path: str | PathLike[str] | None = None, *, monitor: Monitor | None = None
    ) -> None:
        super().__init__(storage_path, monitor=monitor)
        self._values = MetricValues()

    def record_metric(self, name: str, value: float) -> str | None:
        """Record a value.

        Args:
            name: the name of the metric.
            value: the value in the unit of its benchmark, if there is one.

        Returns:
            The level of the benchmark: good, acceptable, warning or critical; None without one.
        """
        if not self.enabled:
            return None
        try:
            checked = self._values.record(name, value)
        except ValueError as fault:
            internal_errors = self.monitor._recorder.internal_errors  # noqa: SLF001 - ours
            internal_errors.note("measure", f"a value of {name!r:.80}: {fault}", trace=False)
            return None
        benchmark = BENCHMARKS.get(name)
        return None if benchmark is None else benchmark.level(checked)

    def record_api_response_time(self, endpoint: str, milliseconds: float) -> str | None:
        """Record the response time of an endpoint, and return the level of its benchmark."""
        record_call(self.monitor, endpoint, milliseconds / 1000, component="api")
        return self.record_metric("api_response_time", milliseconds)

    def record_task_execution_time(self, task_type: str, seconds: float) -> str | None:
        """Record the duration of a task, and return the level of its benchmark."""
        record_call(self.monitor, task_type, seconds, component="task")
        return self.record_metric("task_execution_time", seconds)

    def record_agent_spawn_time(self, seconds: float) -> str | None:
        """Record the start-up time of an agent, and return the level of its benchmark."""
        record_call(self.monitor, "spawn", seconds, component="agent")
        return self.record_metric("agent_spawn_time", seconds)

    def get_metric_statistics(self, metric: str) -> dict[str, Any]:
        """Return the statistics of the last 10,000 values of a metric."""
        return self._values.statistics(metric)

    def get_benchmarks(self) -> dict[str, dict[str, Any]]:
        """Return the target, warning and critical values of each benchmark, with their unit."""
        return {name: benchmark._asdict() for name, benchmark in BENCHMARKS.items()}

    def validate_performance(
        self, metric: str | None = None, value: float | None = None
    ) -> dict[str, Any]:
        """Judge a value with the benchmark of its metric.

        Args:
            metric: the metric of the benchmark; None judges the 95th percentile of every metric.
            value: the value; None is the 95th percentile of the recorded values.

        Returns:
            The value, its `level`, and the benchmark; without a metric, those of each metric.
        """
        if metric is None:
            known = [name for name in self._values.names() if name in BENCHMARKS]
            return {name: self.validate_performance(name) for name in known}
        benchmark = BENCHMARKS.get(metric)
        if value is None:
            value = self._values.statistics(metric).get("p95")
        if benchmark is None or value is None:
            return {"metric": metric, "value": value, "level": "unknown"}
        level = benchmark.level(value)
        return {"metric": metric, "value": value, "level": level, **benchmark._asdict()}

    def add_alert_callback(self, callback: Callable[[PerformanceAlert], Any]) -> None:
        """Call a function with each alert that starts firing or becomes more severe.

        It is called in a thread of its own, and paused for a while after failures.
        """

        def call(alert: Alert) -> Any:
            return callback(converted(alert))

        self.monitor.alerts.on(_is_of_a_threshold, call, cooldown=0.0, max_per_hour=None)

    def get_system_snapshot(self) -> dict[str, Any]:
        """Return the resource usage of machine and process, with disk and network traffic."""
        return system_snapshot()

    def get_component_statistics(self, component: str | None = None) -> dict[str, Any]:
        """Return the statistics of one component, or those of all components by name."""
        if component is not None:
            return _of_component(self.monitor.statistics.component(component))
        every = self.monitor.statistics.components()
        return {str(one.component): _of_component(one) for one in every}

    def generate_performance_report(self) -> dict[str, Any]:
        """Return metrics, benchmarks, alerts, components, forecasts and recommendations."""
        return {
            "generated_at": datetime.now(UTC).isoformat(),
            "health_score": self.get_health_score(),
            "metrics": {name: self.get_metric_statistics(name) for name in self._values.names()},
            "validation": self.validate_performance(),
            "components": self.get_component_statistics(),
            "alerts": [one.to_dict() for one in self.get_alerts()],
            "forecast": self.get_performance_forecast(),
            "recommendations": self.get_recommendations(),
            "system": self.get_system_snapshot(),
        }

    def get_performance_forecast(self, hours_ahead: float = 1.0) -> dict[str, Any]:
        """Return forecasts of signals, based on the trend of the last hour.

        Args:
            hours_ahead: how many hours to look ahead.

        Returns:
            For each signal `current`, `forecast` and `trend_per_hour`, in base units. Signals
            without enough history are left out.
        """
        rules = self.monitor.rules
        self._refresh()
        forecasts = {}
        for signal in ("rate", "error_ratio", "latency_p95", "memory_rss", "cpu_utilization"):
            current = rules.read(signal).value
            derive = {"forecast": f"{hours_ahead * 3600:g}s", "over": "1h"}
            forecast = rules.read(signal, derive=derive).value
            if current is not None and forecast is not None:
                slope = (forecast - current) / hours_ahead if hours_ahead else 0.0
                forecasts[signal] = {
                    "current": current,
                    "forecast": forecast,
                    "trend_per_hour": slope,
                }
        return {"hours_ahead": hours_ahead, "signals": forecasts}

    def get_recommendations(self) -> list[dict[str, Any]]:
        """Return recommendations with evidence, those that gain most first."""
        return [
            {
                "subject": one.subject,
                "component": one.component,
                "evidence": one.evidence,
                "suggestion": one.suggestion,
                "gain": one.gain,
            }
            for one in self.monitor.health.recommendations()
        ]


UnifiedPerformanceMonitor = PerformanceMonitor
"""Another name of the same class."""


class _Deprecated(PerformanceMonitor):
    def __init__(self, *args: Any, **options: Any) -> None:
        warnings.warn(
            f"{type(self).__name__} is deprecated: use PerformanceMonitor, or vitalspan itself",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(*args, **options)


class PerformanceIntelligenceEngine(_Deprecated):
    """The same class under an older name, with a deprecation warning."""


class PerformanceTracker(_Deprecated):
    """The same class under an older name, with a deprecation warning."""


class PerformanceValidator(_Deprecated):
    """The same class under an older name, with a deprecation warning."""


def _is_of_a_threshold(alert: Alert) -> bool:
    return alert.labels.get("monitor") == "performance_monitor"


def _of_component(calls: CallStatistics) -> dict[str, Any]:
    return {
        "count": calls.count,
        "error_count": calls.errors,
        "error_rate_percent": 100.0 * (calls.error_rate or 0.0),
        "avg_time_seconds": calls.mean or 0.0,
        "p95_time_seconds": calls.p95 or 0.0,
        "operations_per_second": calls.throughput or 0.0,
        "in_progress": calls.in_progress,
        "cache_hits": sum(one.hits for one in calls.caches),
        "cache_misses": sum(one.misses for one in calls.caches),
        "api_calls": sum(one.calls for one in calls.apis),
    }


class _Shared:
    lock = threading.RLock()
    monitor: PerformanceMonitor | None = None


def get_performance_monitor() -> PerformanceMonitor:
    """Return the facade of the default monitor, always the same object."""
    default = get_monitor()
    with _Shared.lock:
        if _Shared.monitor is None or _Shared.monitor.monitor is not default:
            _Shared.monitor = PerformanceMonitor(monitor=default)
        return _Shared.monitor
