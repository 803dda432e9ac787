"""The service of the pipeline monitor, as a thin facade of a monitor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from vitalspan.compat.awaitable_result import NOTHING, AwaitableResult
from vitalspan.compat.model_score import ModelScore
from vitalspan.compat.performance_monitor.system import system_metrics
from vitalspan.compat.record_call import record_call
from vitalspan.default import get_monitor
from vitalspan.monitor import Monitor
from vitalspan.rules.alert import Alert
from vitalspan.rules.file.load import load_preset

__all__ = ["PerformanceAlert", "PerformanceIntegrationService"]

_LEVELS: Final = (("excellent", 80.0), ("good", 60.0), ("warning", 40.0), ("critical", 0.0))

_TRENDS: Final = 20
_PRESET: Final = "pipeline"


@dataclass
class PerformanceAlert:
    """An alert of the service.

    Attributes:
        alert_type: the severity: info, warning, error or critical.
        component: the component; empty without one.
        message: what is wrong, in one sentence.
        metric_name: the name of the signal.
        current_value: the value of the signal, in its base unit.
        threshold_value: the crossed threshold.
        timestamp: when it began, in seconds since the Unix epoch.
        alert_id: an id that is the same for the life of the alert.
        acknowledged: whether somebody has acknowledged it.
    """

    alert_type: str
    component: str
    message: str
    metric_name: str = ""
    current_value: float | None = None
    threshold_value: float | None = None
    timestamp: float = field(default_factory=time.time)
    alert_id: str = ""
    acknowledged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON has."""
        return asdict(self)


class PerformanceIntegrationService:
    """A facade of a monitor with the interface of the pipeline monitor.

    Its methods act at once and may be awaited, because they used to be coroutines.

    Args:
        monitor: the monitor that records everything; None is the default one.

    Attributes:
        monitor: the monitor.
    """

    def __init__(self, *, monitor: Monitor | None = None) -> None:
        self.monitor = get_monitor() if monitor is None else monitor
        self._score = ModelScore(self.monitor, "pipeline")

    def initialize(self) -> AwaitableResult[bool]:
        """Load the rules of the preset `pipeline`, unless they are loaded; return True."""
        rules = self.monitor.rules
        known = {rule.alert for group in rules.in_force.groups for rule in group.rules}
        for group in load_preset(_PRESET).groups:
            for rule in group.rules:
                if rule.alert not in known:
                    rules.add(rule)
        done = True
        return AwaitableResult(done)

    def start(self) -> AwaitableResult[None]:
        """Evaluate rules and health every few seconds."""
        self.monitor.start()
        return NOTHING

    def stop(self) -> AwaitableResult[None]:
        """Stop evaluating rules and health."""
        self.monitor.stop()
        return NOTHING

    def register_component(
        self,
        component: str,
        *,
        dependencies: Iterable[str] = (),
        critical: bool = False,
        weight: float = 1.0,
    ) -> None:
        """Declare a component before it has calls.

        Args:
            component: the name of the component.
            dependencies: its dependencies, whose health limits its own.
            critical: whether its health limits that of the whole.
            weight: its weight relative to the others.
        """
        fields = {"depends_on": list(dependencies), "critical": critical, "weight": weight}
        self.monitor.rules.add_component(component, **fields)

    def unregister_component(self, component: str) -> bool:
        """Remove the declaration of a component; return whether there was one."""
        return self.monitor.rules.remove_component(component)

    def track_operation(  # noqa: PLR0917 - as it was
        self,
        component: str,
        operation_name: str,
        duration_ms: float,
        success: bool = True,  # noqa: FBT001, FBT002 - as it was
        cache_hits: int = 0,
        cache_misses: int = 0,
        files_processed: int = 0,
    ) -> AwaitableResult[None]:
        """Count an operation of a component.

        Args:
            component: the name of the component.
            operation_name: the name of the operation.
            duration_ms: the duration in milliseconds.
            success: whether it succeeded.
            cache_hits: lookups in the component's cache that found their entry.
            cache_misses: lookups in the component's cache that did not.
            files_processed: the number of processed files.
        """
        record_call(
            self.monitor,
            operation_name,
            duration_ms / 1000,
            component=component,
            error=None if success else "no error was given",
            measures={"files": files_processed} if files_processed else {},
        )
        cache = self.monitor.cache(component, component=component)
        for _ in range(cache_hits):
            cache.hit()
        for _ in range(cache_misses):
            cache.miss()
        return NOTHING

    def record_cache_operation(
        self,
        component: str,
        operation_type: str = "get",
        hit: bool = True,  # noqa: FBT001, FBT002 - as it was
    ) -> AwaitableResult[None]:
        """Count a lookup in the cache of a component, by the type of the operation."""
        name = component if operation_type == "get" else f"{component}.{operation_type}"
        cache = self.monitor.cache(name, component=component)
        (cache.hit if hit else cache.miss)()
        return NOTHING

    def add_alert_callback(self, callback: Callable[[PerformanceAlert], Any]) -> None:
        """Call a function with each alert that starts firing or becomes more severe."""
        self.monitor.alerts.on(
            _is_any,
            lambda alert: callback(_converted(alert)),
            cooldown=0.0,
            max_per_hour=None,
        )

    def get_active_alerts(self) -> list[PerformanceAlert]:
        """Return the firing alerts."""
        self._refresh()
        return [_converted(one) for one in self.monitor.alerts.active(state="firing")]

    def get_alert_history(self) -> list[PerformanceAlert]:
        """Return past alerts, the latest last."""
        return [_converted(one) for one in self.monitor.alerts.history()]

    def acknowledge_alert(self, alert_id: str) -> bool:
        """Acknowledge an alert; return whether there is one with this id."""
        return self.monitor.alerts.acknowledge(alert_id)

    def get_health_status(self) -> dict[str, Any]:
        """Return the score of the model `pipeline` with its level, and those of each component."""
        score = self._score()
        return {
            "status": _level(score),
            "health_score": score,
            "component_health": self._component_health(),
            "active_alerts": len(self.get_active_alerts()),
            "monitoring_active": self.monitor.evaluation.ticker.running,
            "timestamp": datetime.now(UTC).isoformat(),
        }

    def get_dashboard_data(self) -> dict[str, Any]:
        """Return what a dashboard shows, in types that JSON has."""
        alerts = self.get_active_alerts()
        snapshots = self.monitor.health.latest.trend.snapshots[-_TRENDS:]
        recent = self.monitor.recent_calls()[-_TRENDS:]
        return {
            "timestamp": datetime.now(UTC).isoformat(),
            "current_metrics": self._current_metrics(len(alerts)),
            "charts": {
                "health_score": [{"timestamp": one.at, "value": one.score} for one in snapshots],
                "durations_ms": [
                    {"timestamp": one.start, "name": one.operation, "value": 1000 * one.duration}
                    for one in recent
                ],
            },
            "component_health": self._component_health(),
            "alerts": [one.to_dict() for one in alerts],
        }

    def _current_metrics(self, alerts: int) -> dict[str, Any]:
        statistics = self.monitor.statistics()
        read = self.monitor.rules.read
        machine = system_metrics()
        hits = sum(one.hits for one in statistics.caches)
        lookups = hits + sum(one.misses for one in statistics.caches)
        return {
            "pipeline_efficiency": self._score(),
            "calls_per_second": read("rate").value or 0.0,
            "files_per_second": read("measure_rate", measure="files").value or 0.0,
            "memory_usage_mb": machine["memory_mb"],
            "cpu_percent": machine["cpu_percent"],
            "cache_hit_rate": hits / lookups if lookups else 0.0,
            "error_rate": statistics.error_rate or 0.0,
            "active_alerts": alerts,
        }

    def _component_health(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"health_score": score, "status": _level(score)}
            for name, score in self._score.by_component().items()
        }

    def _refresh(self) -> None:
        if not self.monitor.evaluation.ticker.running:
            self.monitor.tick()


def _is_any(_: Alert) -> bool:
    return True


def _level(score: float) -> str:
    return next(name for name, least in _LEVELS if score >= least)


def _converted(alert: Alert) -> PerformanceAlert:
    return PerformanceAlert(
        alert.severity,
        alert.labels.get("component", ""),
        alert.message,
        alert.type,
        alert.value,
        alert.threshold,
        alert.fired_at if alert.fired_at is not None else alert.active_at,
        alert.id,
        alert.acknowledged,
    )
