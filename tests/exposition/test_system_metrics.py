from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import prometheus_client
import psutil
import pytest
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import vitalspan as vs
from support.forked_child import holds_in_child
from support.waiting import wait_until
from vitalspan.exposition import connection_states
from vitalspan.exposition import generate as exposition
from vitalspan.exposition import system_metrics as system
from vitalspan.exposition.generate import generate_latest
from vitalspan.exposition.throttled import INTERVAL, Throttled

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

STANDARD = {
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}
SYSTEM = {
    "system_cpu_seconds_total",
    "system_cpus",
    "system_memory_size_bytes",
    "system_memory_available_bytes",
    "system_filesystem_size_bytes",
    "system_filesystem_available_bytes",
    "system_network_receive_bytes_total",
    "system_network_transmit_bytes_total",
    "process_threads",
    "process_network_connections",
}


def sample_names(collector: Collector) -> set[str]:
    return {sample.name for metric in collector.collect() for sample in metric.samples}


def values(collector: Collector) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


@pytest.fixture
def whole(clock: vs.ManualClock, registry: CollectorRegistry) -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=registry, clock=clock)
    yield monitor
    monitor.close()


@linux
def test_an_own_registry_has_them_all(whole: vs.Monitor, registry: CollectorRegistry) -> None:
    found = sample_names(registry)
    assert found >= STANDARD | SYSTEM
    assert {"python_info", "python_gc_collections_total"} <= found


def test_close_takes_them_out(whole: vs.Monitor, registry: CollectorRegistry) -> None:
    whole.close()
    assert sample_names(registry) == set()


def test_system_metrics_can_be_switched(whole: vs.Monitor, registry: CollectorRegistry) -> None:
    whole.configure(system_metrics=False)
    assert not any(name.startswith("system_") for name in sample_names(registry))
    whole.configure(system_metrics=True)
    assert any(name.startswith("system_") for name in sample_names(registry))


def test_nothing_twice_in_the_default_registry() -> None:
    monitor = vs.Monitor()
    try:
        families = [metric.name for metric in prometheus_client.REGISTRY.collect()]
        text = generate_latest().decode()
    finally:
        monitor.close()
    assert len(families) == len(set(families))
    assert "process_resident_memory_bytes" in families
    assert "system_cpus" in families
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_a_name_that_is_taken_stays_the_users(
    registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    Gauge("process_resident_memory_bytes", "Mine.", registry=registry).set(5)
    monitor = vs.Monitor(registry=registry, clock=clock)
    assert registry.get_sample_value("process_resident_memory_bytes") == 5
    assert registry.get_sample_value("system_cpus")
    monitor.close()


class Reader(Collector):
    def __init__(self) -> None:
        self.readings = 0

    def collect(self) -> list[Metric]:
        self.readings += 1
        return [GaugeMetricFamily("readings", "Readings.", self.readings)]


def test_read_once_a_second_at_most(clock: vs.ManualClock, registry: CollectorRegistry) -> None:
    reader = Reader()
    registry.register(Throttled(reader, clock.now))
    for _ in range(10):
        assert b"readings 1.0\n" in generate_latest(registry)
        clock.advance(INTERVAL / 11)
    clock.advance(INTERVAL / 11)
    assert b"readings 2.0\n" in generate_latest(registry)
    assert registry.get_sample_value("readings") == 2
    assert reader.readings == 2


def test_a_fault_is_not_kept(clock: vs.ManualClock) -> None:
    faults: list[Exception] = [OSError("not now")]

    class Moody(Reader):
        def collect(self) -> list[Metric]:
            if faults:
                raise faults.pop()
            return super().collect()

    throttled = Throttled(Moody(), clock.now)
    with pytest.raises(OSError, match="not now"):
        throttled.collect()
    assert len(list(throttled.collect())) == 1


def test_many_threads_read_once(clock: vs.ManualClock) -> None:
    reader = Reader()
    throttled = Throttled(reader, clock.now)
    threads = [threading.Thread(target=throttled.collect) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reader.readings == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_reads_for_itself(clock: vs.ManualClock) -> None:
    reader = Reader()
    throttled = Throttled(reader, clock.now)
    throttled.collect()
    # As another thread of the parent would, in the middle of a reading.
    with throttled._lock:
        assert holds_in_child(lambda: values(throttled) == {("readings", ""): 2.0})
    assert reader.readings == 1


@linux
def test_prometheus_clients_own_collectors_are_read_once_a_second(
    registry: CollectorRegistry, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = []

    class Counted(ProcessCollector):
        def collect(self) -> Any:
            readings.append(clock.now())
            return super().collect()

    Counted(registry=registry)
    monkeypatch.setattr(exposition, "time", SimpleNamespace(monotonic=clock.now))
    del readings[:]
    texts = {generate_latest(registry) for _ in range(5)}
    assert len(texts) == len(readings) == 1
    clock.advance(INTERVAL)
    assert b"process_open_fds" in generate_latest(registry, names={"process_open_fds"})
    assert len(readings) == 2


@linux
def test_a_collector_that_is_gone_is_forgotten(registry: CollectorRegistry) -> None:
    collector = ProcessCollector(registry=registry)
    generate_latest(registry)
    assert collector in exposition._throttled
    before = len(exposition._throttled)
    registry.unregister(collector)
    del collector
    assert len(exposition._throttled) == before - 1


@linux
def test_psutil_process_has_the_standard_names_and_values() -> None:
    ours, reference = values(system.PsutilProcess()), values(ProcessCollector(registry=None))
    assert ours.keys() == reference.keys() - {("process_max_fds", "")}
    start = ("process_start_time_seconds", "")
    assert ours[start] == pytest.approx(reference[start], abs=2)
    rss = ("process_resident_memory_bytes", "")
    assert ours[rss] == pytest.approx(reference[rss], rel=0.2)
    cpu = ("process_cpu_seconds_total", "")
    assert 0 <= ours[cpu] <= reference[cpu] + 1


def types(collector: Collector) -> dict[str, str]:
    return {metric.name: metric.type for metric in collector.collect()}


@linux
def test_psutil_process_has_the_standard_types() -> None:
    ours, reference = types(system.PsutilProcess()), types(ProcessCollector(registry=None))
    assert ours.items() <= reference.items()


def test_elsewhere_the_process_is_read_by_psutil(
    registry: CollectorRegistry, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "sys", SimpleNamespace(platform="darwin"))
    monitor = vs.Monitor(registry=registry, clock=clock)
    assert registry.get_sample_value("process_resident_memory_bytes")
    # As on Windows.
    monkeypatch.delattr(psutil.Process, "num_fds", raising=False)
    clock.advance(INTERVAL)
    assert registry.get_sample_value("process_open_fds") is None
    assert registry.get_sample_value("process_resident_memory_bytes")
    monitor.close()


@linux
def test_values_are_those_of_psutil() -> None:
    found = values(system.System())
    assert found["system_cpus", ""] == psutil.cpu_count()
    assert found["system_memory_size_bytes", ""] == psutil.virtual_memory().total
    assert 0 < found["system_memory_available_bytes", ""] <= psutil.virtual_memory().total
    assert found["system_filesystem_size_bytes", "/"] == psutil.disk_usage("/").total
    assert found["system_filesystem_available_bytes", "/"] <= psutil.disk_usage("/").total
    assert found["process_threads", ""] == psutil.Process().num_threads()
    assert found["system_network_receive_bytes_total", ""] <= psutil.net_io_counters().bytes_recv
    assert found["system_network_transmit_bytes_total", ""] <= psutil.net_io_counters().bytes_sent
    spent = sum(value for (name, _), value in found.items() if name == "system_cpu_seconds_total")
    times = psutil.cpu_times()
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    assert spent == pytest.approx(sum(times) - guests, rel=0.01)
    assert ("system_cpu_seconds_total", "guest") not in found


def test_connections_by_state() -> None:
    before = values(system.System())
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            accepted, _ = server.accept()
            with accepted, client:
                inside = values(system.System())
        assert inside["process_network_connections", "listen"] == (
            before["process_network_connections", "listen"] + 1
        )
    assert inside["process_network_connections", "established"] == (
        before["process_network_connections", "established"] + 2
    )


@linux
def test_connections_are_those_that_psutil_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        clients = [
            opened.enter_context(socket.create_connection(server.getsockname())) for _ in range(3)
        ]
        for _ in clients:
            opened.enter_context(server.accept()[0])
        clients[0].close()
        clients[1].shutdown(socket.SHUT_WR)
        bound = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        bound.bind(("127.0.0.1", 0))
        for end in socket.socketpair():
            opened.enter_context(end)
        opened.enter_context(socket.socket())

        def expected() -> dict[str, int]:
            process: Any = psutil.Process()
            connections = getattr(process, "net_connections", None) or process.connections
            return Counter(connection.status.lower() for connection in connections("inet"))

        def found() -> dict[str, float]:
            # It lists all sockets of the machine for that, so a scrape must not ask it.
            with monkeypatch.context() as patched:
                without_psutil(patched)
                counted = values(system.System()).items()
            return {
                state: value
                for (name, state), value in counted
                if name == "process_network_connections"
            }

        states = {"established", "listen", "close_wait", "fin_wait2", "none"}
        assert wait_until(lambda: states <= expected().keys())
        assert wait_until(lambda: found() == expected())


def without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("net_connections", "connections"):
        if hasattr(psutil.Process, name):
            monkeypatch.setattr(psutil.Process, name, failing(psutil.AccessDenied()))


@pytest.mark.parametrize("error", [OSError("no /proc"), ImportError("no ctypes")])
def test_psutil_counts_connections_where_the_kernel_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fake = SimpleNamespace(socket_states=failing(error))
    monkeypatch.setitem(sys.modules, "vitalspan.exposition.socket_states", fake)
    with socket.create_server(("127.0.0.1", 0)):
        found = values(system.System())
    assert found["process_network_connections", "listen"] >= 1


def test_connections_are_there_without_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_states, "sys", SimpleNamespace(platform="sunos"))
    fake = SimpleNamespace(net_connections=lambda kind: [])
    monkeypatch.setattr(psutil, "Process", lambda: fake)
    found = values(system.System())
    assert found["process_network_connections", "listen"] == 0
    assert found["process_network_connections", "established"] == 0


def test_older_psutil_has_another_name_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_states, "sys", SimpleNamespace(platform="sunos"))
    connection = SimpleNamespace(status="NONE")
    fake = SimpleNamespace(connections=lambda kind: [connection], num_threads=lambda: 1)
    monkeypatch.setattr(psutil, "Process", lambda: fake)
    assert values(system.System())["process_network_connections", "none"] == 1


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail


PARTS = {
    "cpu_times": "system_cpu_seconds_total",
    "cpu_count": "system_cpus",
    "virtual_memory": "system_memory_",
    "disk_usage": "system_filesystem_",
    "disk_io_counters": "system_disk_",
    "net_io_counters": "system_network_",
}
ERRORS = [
    psutil.AccessDenied(),
    FileNotFoundError("/proc/diskstats"),
    NotImplementedError(),
    RuntimeError("couldn't find any physical disk"),
    AttributeError("not on this platform"),
    ValueError("unparsable"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("function", "lost"), PARTS.items())
def test_what_cannot_be_read_is_absent_alone(
    monkeypatch: pytest.MonkeyPatch, function: str, lost: str, error: Exception
) -> None:
    before = sample_names(system.System())
    monkeypatch.setattr(psutil, function, failing(error))
    after = sample_names(system.System())
    assert {name for name in before if not name.startswith(lost)} == after


@pytest.mark.parametrize(
    ("function", "none"),
    [("cpu_count", "system_cpus"), ("disk_io_counters", "disk"), ("net_io_counters", "network_")],
)
def test_what_is_unknown_is_absent(
    monkeypatch: pytest.MonkeyPatch, function: str, none: str
) -> None:
    monkeypatch.setattr(psutil, function, lambda: None)
    names = sample_names(system.System()) - {"process_network_connections"}
    assert not any(none in name for name in names)
    assert "system_memory_size_bytes" in names


def test_connections_that_cannot_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_states, "sys", SimpleNamespace(platform="sunos"))
    without_psutil(monkeypatch)
    names = sample_names(system.System())
    assert "process_threads" in names
    assert "process_network_connections" not in names


def test_parts_of_the_process_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "create_time", failing(psutil.AccessDenied()))
    names = sample_names(system.PsutilProcess())
    assert "process_start_time_seconds" not in names
    assert "process_resident_memory_bytes" in names


def test_a_broken_psutil_keeps_nobody_from_starting(
    registry: CollectorRegistry, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "sys", SimpleNamespace(platform="sunos"))
    monkeypatch.setattr(psutil, "Process", failing(RuntimeError("broken")))
    monkeypatch.setitem(sys.modules, "psutil", None)
    monitor = vs.Monitor(registry=registry, clock=clock)
    text = generate_latest(registry)
    assert b"operation_duration" not in text
    assert b"vitalspan_build_info" in text
    assert b"vitalspan_collector_errors_total" in text
    assert b"python_info" in text
    monitor.close()
