"""The pipeline monitor's service."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.compat.performance_integration_service import (
    PerformanceAlert,
    PerformanceIntegrationService,
)

Read = Callable[..., float | None]


@pytest.fixture
def service(
    clock: vs.ManualClock, registry: CollectorRegistry
) -> Iterator[PerformanceIntegrationService]:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    service = PerformanceIntegrationService(monitor=monitor)
    assert service.initialize()
    clock.advance(1)
    monitor.tick()
    yield service
    monitor.close()


def test_operations_and_caches(
    service: PerformanceIntegrationService, clock: vs.ManualClock, sample: Read, run: Any
) -> None:
    async def work() -> None:
        await service.initialize()
        await service.track_operation(
            component="parser",
            operation_name="parse",
            duration_ms=250,
            success=True,
            cache_hits=3,
            cache_misses=1,
            files_processed=6,
        )
        await service.record_cache_operation(component="parser", operation_type="get", hit=False)

    run(work())
    service.track_operation("parser", "parse", 100, success=False)
    service.record_cache_operation("parser", "set", hit=True)
    labels = {"component": "parser", "operation": "parse"}
    assert sample("operation_duration_seconds_count", **labels) == 2
    assert sample("operation_duration_seconds_sum", **labels) == pytest.approx(0.35)
    assert sample("operation_errors_total", **labels, error_type="_OTHER") == 1
    cache = {"component": "parser", "cache": "parser"}
    assert sample("cache_requests_total", **cache, result="hit") == 3
    assert sample("cache_requests_total", **cache, result="miss") == 2
    clock.advance(60)
    service.monitor.tick()
    data = json.loads(json.dumps(service.get_dashboard_data()))
    assert set(data["current_metrics"]) == {
        *("pipeline_efficiency", "calls_per_second", "files_per_second", "memory_usage_mb"),
        *("cpu_percent", "cache_hit_rate", "error_rate", "active_alerts"),
    }
    assert data["current_metrics"]["files_per_second"] > 0
    assert data["current_metrics"]["error_rate"] == 0.5
    assert data["current_metrics"]["cache_hit_rate"] == pytest.approx(4 / 6)
    assert {"charts", "component_health"} <= set(data)


def test_health(service: PerformanceIntegrationService, clock: vs.ManualClock) -> None:
    assert service.get_health_status()["status"] == "excellent"
    service.register_component("renderer", dependencies=["parser"], critical=True)
    for _ in range(60):
        service.track_operation("parser", "parse", 100, success=False)
    clock.advance(60)
    status = service.get_health_status()
    assert status["status"] in ("good", "warning", "critical")
    assert status["health_score"] < 80
    assert status["component_health"]["parser"]["health_score"] < 100
    assert not status["monitoring_active"]
    assert service.unregister_component("renderer")


def test_alerts(service: PerformanceIntegrationService, clock: vs.ManualClock) -> None:
    told: list[PerformanceAlert] = []
    done = threading.Event()

    def callback(alert: PerformanceAlert) -> None:
        told.append(alert)
        done.set()

    service.add_alert_callback(callback)
    for _ in range(60):
        clock.advance(10)
        service.track_operation("parser", "parse", 100, success=False)
        service.monitor.tick()
    assert done.wait(30)
    alert = next(one for one in service.get_active_alerts() if one.metric_name == "error_ratio")
    # Its type is the severity.
    assert (alert.alert_type, alert.component) == ("error", "parser")
    assert alert.current_value == 1.0
    assert service.acknowledge_alert(alert.alert_id)
    assert not service.acknowledge_alert("no such alert")
    assert service.get_alert_history()
    assert json.dumps(alert.to_dict())


def test_it_starts_and_stops(service: PerformanceIntegrationService, run: Any) -> None:
    async def life() -> None:
        await service.start()
        assert service.get_health_status()["monitoring_active"]
        await service.stop()

    run(life())
    assert not service.monitor.evaluation.ticker.running
