"""The older monitors' interface: what is recorded through it, and what it reports."""

from __future__ import annotations

import contextvars
import inspect
import json
import math
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.compat.performance_monitor import (
    OperationMetrics,
    PerformanceAlert,
    PerformanceContext,
    PerformanceIntelligenceEngine,
    PerformanceMetrics,
    PerformanceMonitor,
    UnifiedPerformanceMonitor,
    compare_memory_snapshots,
    disable_memory_tracking,
    enable_memory_tracking,
    get_memory_snapshot,
    get_performance_monitor,
    monitor_async_performance,
    monitor_block,
    monitor_performance,
    system,
)
from vitalspan.errors import ConfigurationError

Read = Callable[..., float | None]


@pytest.fixture
def face(clock: vs.ManualClock, registry: CollectorRegistry) -> Iterator[PerformanceMonitor]:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    clock.advance(1)
    monitor.tick()
    yield PerformanceMonitor(monitor=monitor)
    monitor.close()


@pytest.fixture
def unified(
    clock: vs.ManualClock, registry: CollectorRegistry
) -> Iterator[UnifiedPerformanceMonitor]:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    yield UnifiedPerformanceMonitor(monitor=monitor)
    monitor.close()


def test_decorated_functions_of_all_kinds(
    face: PerformanceMonitor, clock: vs.ManualClock, run: Any, sample: Read
) -> None:
    @monitor_performance("named", face, metadata={"kind": "sync"})
    def named(fails: bool = False) -> int:
        clock.advance(2)
        if fails:
            raise ValueError("no")
        return 7

    @monitor_async_performance(monitor=face)
    async def unnamed() -> int:
        clock.advance(1)
        return 8

    @monitor_performance("never", face, enabled=False)
    def never() -> None: ...

    assert named() == 7
    with pytest.raises(ValueError, match="no"):
        named(fails=True)
    assert run(unnamed()) == 8
    assert inspect.iscoroutinefunction(unnamed)
    never()
    assert face.get_operation_statistics() == {
        "named": {
            "count": 2,
            "avg_time_seconds": 2.0,
            "min_time_seconds": 2.0,
            "max_time_seconds": 2.0,
            "error_count": 1,
            "error_rate_percent": 50.0,
        },
        "unnamed": {
            "count": 1,
            "avg_time_seconds": 1.0,
            "min_time_seconds": 1.0,
            "max_time_seconds": 1.0,
            "error_count": 0,
            "error_rate_percent": 0.0,
        },
    }
    assert face.get_operation_statistics("gone")["count"] == 0
    first, second, _ = face.get_recent_operations()
    assert (first.operation_name, first.duration, first.success) == ("named", 2.0, True)
    assert first.metadata == {"kind": "sync"}
    assert (second.success, second.error_message) == (False, "no")
    assert first.memory_before is not None
    assert first.cpu_percent is not None
    assert sample("operation_duration_seconds_count", operation="named") == 2


def test_blocks(face: PerformanceMonitor, clock: vs.ManualClock, run: Any) -> None:
    with PerformanceContext("parse", {"page": 3}, face) as block:
        block.add("items", 25)
        clock.advance(0.5)
    assert (block.metrics.duration, block.metrics.success) == (0.5, True)
    assert block.metrics.metadata == {"page": 3}
    with suppress(KeyError), monitor_block("parse", monitor=face) as block:
        raise KeyError("k")
    assert (block.metrics.success, block.metrics.error_message) == (False, "'k'")

    async def fetch() -> None:
        async with face.measure_operation("fetch"):
            clock.advance(1)
        with face.measure_sync_operation("save"):
            pass

    run(fetch())
    assert set(face.get_operation_statistics()) == {"parse", "fetch", "save"}
    face.disable()
    with face.measure_operation("off") as block:
        pass
    assert block.metrics.success
    assert "off" not in face.get_operation_statistics()
    face.enable()
    assert face.enabled


def test_operations_by_hand(face: PerformanceMonitor, clock: vs.ManualClock) -> None:
    outer, inner = face.start_operation("outer"), face.start_operation("inner", {"a": 1})
    clock.advance(1)
    ended = face.end_operation(outer)
    assert (ended.duration, ended.success) == (1.0, True)
    clock.advance(1)
    assert face.end_operation(inner, success=False, error="broken").error_message == "broken"
    assert inner.to_dict()["duration"] == 2.0
    failed = face.end_operation(face.start_operation("third"), error=ValueError("v"))
    assert (failed.success, failed.error_message) == (False, "v")
    assert face.get_operation_statistics("third")["error_count"] == 1
    # What is of the caller's own making is completed, and recorded nowhere.
    assert face.end_operation(OperationMetrics("mine"), success=False).success is False
    assert "mine" not in face.get_operation_statistics()


def test_metadata_of_any_type_is_shown(face: PerformanceMonitor) -> None:
    when = datetime(2026, 1, 31, tzinfo=UTC)
    metadata = {"lock": threading.Lock(), "when": when, "ratio": math.nan}
    with PerformanceContext("save", metadata, face.monitor) as block:
        pass
    for shown in (block.metrics.to_dict(), face.get_dashboard_data()["recent_operations"][-1]):
        decoded = json.loads(json.dumps(shown, allow_nan=False))["metadata"]
        assert (decoded["when"], decoded["ratio"]) == (str(when), None)
    assert block.metrics.metadata is not metadata
    assert block.metrics.metadata["when"] is when


def test_sessions(face: PerformanceMonitor, clock: vs.ManualClock) -> None:
    assert face.get_current_metrics() is None
    assert face.end_session() is None
    assert face.start_session("film") == "film"
    for seconds in (3.0, 1.0):
        with face.measure_operation("render"):
            clock.advance(seconds)
    with suppress(ValueError), face.measure_operation("save"):
        clock.advance(0.5)
        raise ValueError
    for _ in range(3):
        face.record_cache_hit()
    face.record_cache_miss("pages")
    face.record_api_call(tokens_used=100, cost=0.25)
    face.record_api_call(error=True)
    face.record_count("scenes", 4)
    current = face.get_current_metrics()
    assert current is not None
    assert current.to_current() == {
        "session_id": "film",
        "duration_seconds": 4.5,
        "operations_count": 3,
        "cache_hit_rate": 0.75,
        "api_calls": 2,
        "api_errors": 1,
    }
    ended = face.end_session("film")
    assert ended is not None
    assert (ended.error_count, ended.tokens_used, ended.total_cost) == (1, 100, 0.25)
    assert ended.custom_counts == {"scenes": 4}
    assert [one["duration"] for one in ended.slowest_operations] == [3.0, 1.0, 0.5]
    assert [one["operation_name"] for one in ended.bottlenecks] == ["render"]
    assert "Session film: 4.50 s" in ended.get_summary()
    assert "75.0% found" in ended.get_summary()
    assert json.loads(json.dumps(ended.to_dict()))["cache_hit_rate"] == 0.75
    assert [one.session_id for one in face.get_session_history()] == ["film"]
    assert face.get_session_history(1)[0].end_time is not None
    assert face.get_current_metrics() is None


def test_a_thread_without_a_session_counts_in_that_of_the_application(
    face: PerformanceMonitor, clock: vs.ManualClock
) -> None:
    def elsewhere() -> None:
        with face.measure_operation("elsewhere"):
            pass
        face.record_cache_hit()
        face.start_session("own")
        with face.measure_operation("own work"):
            pass
        face.end_session()

    face.start_session("application")
    thread = threading.Thread(target=contextvars.Context().run, args=(elsewhere,))
    thread.start()
    thread.join()
    application = face.end_session()
    own, _ = face.get_session_history()
    assert application is not None
    assert (application.operations_count, application.cache_hits) == (1, 1)
    assert (own.session_id, own.operations_count, own.cache_hits) == ("own", 1, 0)


def test_alerts_by_thresholds(face: PerformanceMonitor, clock: vs.ManualClock) -> None:
    assert face.get_alert_thresholds() == {
        "slow_operation_seconds": 5.0,
        "error_rate_percent": 10.0,
        "memory_mb": 500.0,
        "api_calls_per_minute": 100.0,
        "cache_hit_rate_percent": 50.0,
    }
    for seconds in (6.0, 7.0):
        with face.measure_operation("slow"):
            clock.advance(seconds)
    with face.measure_operation("slower"):
        clock.advance(11.0)
    with face.measure_operation("slowest"):
        clock.advance(51.0)
    clock.advance(1)
    slow = {one.operation: one for one in face.get_alerts("slow_operation")}
    # One alert for each operation, and not one for each call.
    assert len(face.get_alerts(alert_type="slow_operation")) == 3
    assert {name: one.severity for name, one in slow.items()} == {
        "slow": "warning",
        "slower": "error",
        "slowest": "critical",
    }
    assert slow["slow"].value == pytest.approx(7.0, rel=0.05)
    assert (slow["slow"].threshold, slow["slow"].type) == (5.0, "slow_operation")
    assert [one.operation for one in face.get_alerts(severity="critical")] == ["slowest"]
    for number in range(12):
        with suppress(ValueError), face.measure_operation("failing"):
            if number % 3 == 0:
                raise ValueError
        face.record_cache_miss("pages")
        face.record_api_call(api="openai")
    clock.advance(1)
    types = {(one.alert_type, one.operation, one.severity) for one in face.get_alerts()}
    assert ("high_error_rate", "failing", "error") in types
    assert ("error_operation", "failing", "error") in types
    assert ("cache_performance", "pages", "error") in types
    assert not face.get_alerts("api_rate")
    for _ in range(150):
        face.record_api_call(api="openai")
    clock.advance(1)
    (rate,) = face.get_alerts("api_rate")
    assert rate.operation == "openai"
    # Calls a minute.
    assert rate.value is not None
    assert rate.value > 100
    face.clear_alerts()
    face.set_alert_threshold("slow_operation_seconds", 100.0)
    assert face.get_alert_thresholds()["slow_operation_seconds"] == 100.0
    # Another face of the same monitor leaves it as it is.
    other = PerformanceMonitor(monitor=face.monitor)
    assert other.get_alert_thresholds()["slow_operation_seconds"] == 100.0
    clock.advance(1)
    assert not face.get_alerts("slow_operation")
    with pytest.raises(ConfigurationError, match="did you mean memory_mb"):
        face.set_alert_threshold("memory_mbs", 1)
    with pytest.raises(ConfigurationError):
        face.set_alert_threshold("memory_mb", float("nan"))
    assert face.get_alert_thresholds()["memory_mb"] == 500.0


def test_environment_variables_are_read_when_a_monitor_is_made(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFORMANCE_SLOW_OPERATION_SECONDS", "2.5")
    monkeypatch.setenv("PERFORMANCE_MONITORING_ENABLED", "false")
    face = PerformanceMonitor(monitor=monitor)
    assert face.get_alert_thresholds()["slow_operation_seconds"] == 2.5
    assert not face.enabled
    monkeypatch.setenv("PERFORMANCE_MEMORY_MB", "much")
    with pytest.raises(ConfigurationError, match="PERFORMANCE_MEMORY_MB='much': use a number"):
        PerformanceMonitor(monitor=monitor)


def test_the_dashboard(face: PerformanceMonitor, clock: vs.ManualClock) -> None:
    face.start_session("s")
    with face.measure_operation("work"):
        clock.advance(6)
    clock.advance(1)
    data = json.loads(json.dumps(face.get_dashboard_data()))
    assert set(data) == {
        *("timestamp", "system_metrics", "health_score", "current_session"),
        *("operation_statistics", "recent_operations", "alerts", "performance_trends"),
    }
    assert data["current_session"]["operations_count"] == 1
    assert data["alerts"]["summary"] == {
        "total": 1,
        "critical": 0,
        "error": 0,
        "warning": 1,
        "info": 0,
    }
    assert data["alerts"]["recent"][0]["type"] == "slow_operation"
    assert 0 <= data["health_score"] <= 100
    assert data["recent_operations"][0]["operation_name"] == "work"
    assert "work" in face.get_performance_report()
    assert "Session s" in face.get_performance_report()
    face.end_session()


def test_the_score_is_that_of_the_classic_model(
    face: PerformanceMonitor, clock: vs.ManualClock
) -> None:
    assert face.get_health_score() == 100.0
    for _ in range(50):
        with suppress(ValueError), face.measure_operation("f"):
            raise ValueError
    clock.advance(1)
    score = face.get_health_score()
    assert 0 < score < 70
    face.monitor.rules.set_health(model="classic")
    clock.advance(1)
    face.monitor.tick()
    assert face.monitor.health().score == pytest.approx(face.get_health_score(), abs=5)


def test_downloads(face: PerformanceMonitor, clock: vs.ManualClock, run: Any) -> None:
    assert face.get_download_performance_report()["success_rate"] == 0.0
    mib = 1024 * 1024
    face.record_download_metrics("https://example.org/a", 2.0, True, 10 * mib, 200)
    face.record_download_metrics("https://example.org/b", 3.0, True, 20 * mib, 200)

    async def fail() -> None:
        await face.record_download_metrics(
            url="https://example.org/c", duration=1.0, success=False, file_size=0, status_code=503
        )

    run(fail())
    assert face.get_download_performance_report() == {
        "total_downloads": 3,
        "successful_downloads": 2,
        "failed_downloads": 1,
        "success_rate": 2 / 3,
        # 30 MiB in the 5 seconds of those that succeeded.
        "average_download_speed_mbps": 6.0,
        "average_duration_seconds": 2.0,
        "fastest_download": 1.0,
        "slowest_download": 3.0,
    }
    face.record_download_metrics("http://[bad", float("nan"))
    assert face.get_download_performance_report()["total_downloads"] == 3
    clock.advance(1)
    assert face.get_download_performance_report(hours=24)["total_downloads"] == 3


@pytest.mark.parametrize("name", ["metrics", "metrics.json"])
def test_what_is_stored_survives_a_restart(tmp_path: Path, name: str) -> None:
    def begin(wall: float) -> tuple[PerformanceMonitor, vs.ManualClock]:
        clock = vs.ManualClock(wall=wall)
        monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
        face = PerformanceMonitor(tmp_path / name, monitor=monitor)
        monitor.tick()
        return face, clock

    face, clock = begin(1_700_000_000.0)
    for _ in range(30):
        face.record_download_metrics("https://example.org/a", 2.0, file_size=4)
        clock.advance(10)
        face.monitor.tick()
    face.monitor.close()
    face, clock = begin(1_700_001_000.0)
    clock.advance(5)
    assert face.get_download_performance_report()["total_downloads"] == 0
    assert face.get_download_performance_report(hours=24)["total_downloads"] == 30
    face.monitor.close()


def test_parsing_and_generation(face: PerformanceMonitor) -> None:
    face.record_parsing_metrics("genre_page", 2.0, True, 30)
    face.record_parsing_metrics("genre_page", 1.0, False, 0)
    face.record_parsing_metrics("index", 0.5, items_parsed=1)
    report = face.get_parsing_performance_report()
    assert report["genre_page"] == {
        "total_operations": 2,
        "successful_operations": 1,
        "success_rate": 0.5,
        "total_items_parsed": 30,
        "average_parsing_speed_items_per_sec": 10.0,
        "average_duration": 1.5,
    }
    assert set(report) == {"genre_page", "index"}
    face.record_generation_metrics("wiki", 2.0)
    face.record_generation_metrics("wiki", 1.0, False)
    face.record_generation_metrics("fallback", 4.0)
    face.record_generation_metrics("cached", 1.0)
    report = face.get_generation_performance_report()
    assert report["total_generations"] == 4
    assert report["wiki_data_performance"] == {
        "count": 2,
        "success_rate": 0.5,
        "avg_duration": 1.5,
    }
    assert report["fallback_data_performance"]["count"] == 1
    assert report["hardcoded_data_performance"]["count"] == 0
    assert report["cached_performance"]["count"] == 1
    assert report["overall_success_rate"] == 0.75
    whole = json.loads(json.dumps(face.generate_comprehensive_report()))
    assert whole["generation_performance"]["total_generations"] == 4


def test_the_health_of_the_system(face: PerformanceMonitor) -> None:
    report = face.get_system_health_report()
    assert set(report["current_metrics"]) == {
        *("cpu_percent", "memory_percent", "memory_available_mb", "disk_usage_percent"),
        "active_threads",
    }
    assert report["health_status"] in ("healthy", "warning", "critical")


def test_memory_functions() -> None:
    assert compare_memory_snapshots(get_memory_snapshot(), None) == []
    enable_memory_tracking()
    try:
        before = get_memory_snapshot()
        kept = [bytes(1000) for _ in range(3000)]
        rows = compare_memory_snapshots(before, get_memory_snapshot(), top_n=1)
    finally:
        disable_memory_tracking()
    assert rows[0]["filename"] == __file__
    assert rows[0]["size_diff_mb"] == pytest.approx(2.9, abs=0.3)
    assert len(kept) == 3000


def test_values_and_their_benchmarks(unified: UnifiedPerformanceMonitor, sample: Read) -> None:
    levels = [unified.record_api_response_time("/orders", ms) for ms in (100, 300, 700, 2000)]
    assert levels == ["good", "acceptable", "warning", "critical"]
    assert unified.record_task_execution_time("import", 61) == "acceptable"
    assert unified.record_agent_spawn_time(31) == "critical"
    assert unified.record_metric("own", 5) is None
    figures = unified.get_metric_statistics("api_response_time")
    assert (figures["count"], figures["mean"], figures["max"]) == (4, 775.0, 2000)
    assert unified.get_metric_statistics("gone") == {"count": 0}
    assert unified.get_benchmarks()["agent_spawn_time"] == {
        "target": 10,
        "warning": 15,
        "critical": 30,
        "unit": "s",
    }
    assert unified.validate_performance("cpu_usage", 85)["level"] == "warning"
    assert unified.validate_performance("cpu_usage")["level"] == "unknown"
    assert unified.validate_performance()["task_execution_time"]["level"] == "acceptable"
    bad: Any = "slow"
    assert unified.record_metric("own", bad) is None
    assert unified.get_metric_statistics("own")["count"] == 1
    # They are operations as well.
    labels = {"component": "api", "operation": "/orders"}
    assert sample("operation_duration_seconds_count", **labels) == 4
    assert unified.get_component_statistics("api")["count"] == 4
    assert set(unified.get_component_statistics()) == {"api", "task", "agent"}
    # Values of tasks and the like are judged by their benchmarks only.
    unified.monitor.tick()
    json.dumps(unified.generate_performance_report())


def test_values_are_bounded(unified: UnifiedPerformanceMonitor) -> None:
    for number in range(10_050):
        unified.record_metric("m", number)
    for number in range(300):
        unified.record_metric(f"m {number}", 1)
    figures = unified.get_metric_statistics("m")
    assert (figures["count"], figures["min"]) == (10_000, 50)
    assert unified.get_metric_statistics("m 299") == {"count": 0}


def test_a_callback_is_told_of_alerts(
    unified: UnifiedPerformanceMonitor, clock: vs.ManualClock
) -> None:
    told: list[PerformanceAlert] = []
    done = threading.Event()

    def callback(alert: PerformanceAlert) -> None:
        told.append(alert)
        done.set()

    unified.add_alert_callback(callback)
    with unified.measure_operation("slow"):
        clock.advance(6)
    clock.advance(1)
    unified.monitor.tick()
    assert done.wait(30)
    assert (told[0].alert_type, told[0].operation) == ("slow_operation", "slow")


def test_a_forecast(unified: UnifiedPerformanceMonitor, clock: vs.ManualClock) -> None:
    for minute in range(90):
        clock.advance(60)
        for _ in range(minute):
            with unified.measure_operation("f"):
                pass
        unified.monitor.tick()
        unified.get_performance_forecast(2)
    forecast = unified.get_performance_forecast(hours_ahead=2)
    rate = forecast["signals"]["rate"]
    # One call a minute more with each minute.
    assert rate["trend_per_hour"] == pytest.approx(1.0, rel=0.1)
    assert rate["forecast"] > rate["current"]
    assert isinstance(unified.get_recommendations(), list)


def test_older_classes_warn(monitor: vs.Monitor) -> None:
    with pytest.warns(DeprecationWarning, match="PerformanceIntelligenceEngine is deprecated"):
        engine = PerformanceIntelligenceEngine(monitor=monitor)
    assert engine.record_agent_spawn_time(1) == "good"


def test_dataclasses_of_ones_own() -> None:
    metrics = PerformanceMetrics("mine")
    metrics.finish()
    assert metrics.end_time is not None
    assert metrics.cache_hit_rate == 0.0
    alert = PerformanceAlert("slow_operation", "warning", "slow")
    assert alert.to_dict()["type"] == "slow_operation"


def test_the_face_of_the_default_monitor_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    module = "vitalspan.compat.performance_monitor.unified.get_monitor"
    monkeypatch.setattr(module, lambda: monitor)
    face = get_performance_monitor()
    assert face is get_performance_monitor()
    assert face.monitor is monitor
    monitor.close()


def test_recording_goes_on_where_an_alert_cannot_be_raised(face: PerformanceMonitor) -> None:
    face.initialize()
    assert face.monitor.evaluation.ticker.running
    face.stop()
    assert not face.monitor.evaluation.ticker.running


def test_a_variable_that_has_changed_counts_when_the_next_monitor_is_made(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "PERFORMANCE_SLOW_OPERATION_SECONDS"
    monkeypatch.setenv(variable, "3")
    first = PerformanceMonitor(monitor=monitor)
    assert first.get_alert_thresholds()["slow_operation_seconds"] == 3
    first.set_alert_threshold("slow_operation_seconds", 2)
    # What was set by hand stays where the variable is as it was.
    assert PerformanceMonitor(monitor=monitor).get_alert_thresholds() == (
        first.get_alert_thresholds()
    )
    monkeypatch.setenv(variable, "7")
    assert first.get_alert_thresholds()["slow_operation_seconds"] == 2
    second = PerformanceMonitor(monitor=monitor)
    assert second.get_alert_thresholds()["slow_operation_seconds"] == 7


def test_limits_are_settable_and_read_when_a_monitor_is_made(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFORMANCE_MAX_RECENT_OPERATIONS", "150")
    monkeypatch.setenv("PERFORMANCE_MAX_ALERTS", "0")
    face = PerformanceMonitor(monitor=monitor)
    for _ in range(200):
        with face.measure_sync_operation("render"):
            pass
    assert len(face.get_dashboard_data()["recent_operations"]) == 150
    assert len(face.get_recent_operations(7)) == 7
    face.limits.recent_operations = 3
    assert len(face.get_dashboard_data()["recent_operations"]) == 3
    assert face.get_dashboard_data()["alerts"]["recent"] == []
    monkeypatch.setenv("PERFORMANCE_MAX_TRENDS", "-1")
    with pytest.raises(ConfigurationError, match="PERFORMANCE_MAX_TRENDS='-1': use a whole"):
        PerformanceMonitor(monitor=monitor)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sockets of a process")
def test_connections_are_counted_without_those_of_the_machine(
    unified: UnifiedPerformanceMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_through_all(*arguments: object, **options: object) -> None:
        raise psutil.AccessDenied

    for name in {"net_connections", "connections"} & set(dir(psutil.Process)):
        monkeypatch.setattr(psutil.Process, name, look_through_all)
    before = unified.get_system_snapshot()["connections"]
    with socket.create_server(("127.0.0.1", 0)):
        assert unified.get_system_snapshot()["connections"] == before + 1


def test_connections_that_cannot_be_counted_are_none(
    unified: UnifiedPerformanceMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(system, "connection_states", refuse)
    assert unified.get_system_snapshot()["connections"] == 0
