"""The other metrics of a registry: merged by rules of their own, and each of them shown once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from support.subprograms import FORKING, PRELUDE, run_program
from support.worker_processes import die, publish
from vitalspan.workers.state_file import SUFFIX, StateFile

Processes = list[tuple[vs.Monitor, CollectorRegistry]]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Three processes with a registry each."""
    made = []
    for _ in range(3):
        registry = CollectorRegistry()
        monitor = vs.Monitor(
            registry=registry,
            clock=vs.ManualClock(),
            workers=str(tmp_path),
            publish_interval=3600.0,
        )
        made.append((monitor, registry))
    yield made
    for monitor, _ in made:
        monitor.close()


def samples(monitor: vs.Monitor) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = monitor.generate_latest().decode()
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = one.value
    return found


def test_metrics_are_merged_by_what_they_are(processes: Processes) -> None:
    for number, (monitor, registry) in enumerate(processes):
        Counter("sold", "Sold.", ["what"], registry=registry).labels("hat").inc(number + 1)
        histogram = Histogram("size", "Size.", buckets=(1, 2), registry=registry)
        histogram.observe(number)
        Summary("weight", "Weight.", registry=registry).observe(number)
        Gauge("plain", "Plain.", registry=registry).set(number)
        Gauge("mine", "Mine.", ["worker"], registry=registry).labels("x").set(number)
        for mode in ("sum", "livesum", "max", "livemax", "min", "livemin", "mostrecent"):
            Gauge(mode, mode, registry=registry, multiprocess_mode=mode).set(number + 1)
        Info("about", "About.", registry=registry).info({"color": "red"})
        Enum("state", "State.", states=["on", "off"], registry=registry).state("off")
        publish(monitor)
        monitor.clock.advance(1.0)  # type: ignore[attr-defined]
    shown = samples(processes[0][0])
    assert shown["sold_total", (("what", "hat"),)] == 6
    assert shown["size_bucket", (("le", "1.0"),)] == 2
    assert shown["size_bucket", (("le", "+Inf"),)] == shown["size_count", ()] == 3
    assert shown["size_sum", ()] == shown["weight_sum", ()] == 3
    assert [shown["plain", (("worker", str(number)),)] for number in range(3)] == [0, 1, 2]
    assert [
        shown["mine", (("vitalspan_worker", str(number)), ("worker", "x"))] for number in range(3)
    ] == [0, 1, 2]
    values = {"sum": 6, "livesum": 6, "max": 3, "livemax": 3, "min": 1, "livemin": 1}
    for mode, value in values.items():
        assert shown[mode, ()] == value, mode
    assert shown["about_info", (("color", "red"),)] == 1
    assert shown["state", (("state", "off"), ("worker", "2"))] == 1


def test_the_most_recent_value_is_of_the_process_that_has_set_it_last(
    processes: Processes,
) -> None:
    gauges = [
        Gauge("latest", "Latest.", registry=registry, multiprocess_mode="mostrecent")
        for _, registry in processes
    ]
    for number in (0, 2, 1):
        monitor, _ = processes[number]
        gauges[number].set(number + 5)
        for other, _ in processes:
            other.clock.advance(1.0)  # type: ignore[attr-defined]
        with monitor.operation("f"):
            pass
        publish(monitor)
    # Another one publishes later, but has set nothing since.
    with processes[2][0].operation("f"):
        pass
    publish(processes[2][0])
    assert samples(processes[2][0])["latest", ()] == 6


def test_what_was_counted_before_a_monitor_was_made_is_published(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Counter("sold", "Sold.", registry=registry).inc(3)
    monitor = vs.Monitor(registry=registry, workers=str(tmp_path), publish_interval=3600.0)
    publish(monitor)
    assert samples(monitor)["sold_total", ()] == 3
    monitor.close()


def test_a_gauge_that_raises_keeps_nothing_else_from_being_published(processes: Processes) -> None:
    monitor, registry = processes[0]
    Gauge("broken", "Broken.", registry=registry).set_function(lambda: 1 // 0)
    Counter("sold", "Sold.", registry=registry).inc(2)
    publish(monitor)
    shown = samples(processes[1][0])
    assert shown["sold_total", ()] == 2
    assert shown["vitalspan_collector_errors_total", (("collector", "Gauge"),)] >= 1


def test_what_was_counted_before_a_fork_is_counted_once(tmp_path: Path) -> None:
    run_program(
        f"""
import threading
from prometheus_client import Counter, Gauge, Histogram
registry = CollectorRegistry()
sold = Counter("sold", "Sold.", ["what"], registry=registry)
size = Histogram("size", "Size.", buckets=(1, 2), registry=registry)
Gauge("asked", "Asked.", registry=registry).set_function(lambda: os.getpid())
latest = Gauge("latest", "Latest.", registry=registry, multiprocess_mode="mostrecent")
latest.set(1)
class Broken(Counter):
    def collect(self):
        raise ValueError("broken")
Broken("broken", "Broken.", registry=registry)
monitor = vs.Monitor(registry=registry, workers={str(tmp_path)!r}, publish_interval=3600)
hats = sold.labels("hat")
hats.inc(100)
size.observe(1)

def count():
    hats.inc()
    size.observe(3)
    if number == 0:
        latest.set(7)
    assert monitor.workers.publisher.publish()

def reset():
    sold.labels("hat").reset()
    sold.labels("hat").inc(5)
    assert monitor.workers.publisher.publish()

for number in range(3):
    in_child(count)
lines = monitor.generate_latest().decode().splitlines()
assert 'sold_total{{what="hat"}} 103.0' in lines, lines
for line in ('size_bucket{{le="1.0"}} 1.0', "size_count 4.0", "size_sum 10.0"):
    assert line in lines, lines

in_child(reset)
# A lock that another thread holds during the fork is free in the child.
with hats._value._lock, registry._lock:
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        hats.inc()
        os._exit(not monitor.workers.publisher.publish())
assert os.waitpid(pid, 0)[1] == 0
assert 'sold_total{{what="hat"}} 109.0' in monitor.generate_latest().decode().splitlines()
""",
        prelude=PRELUDE + FORKING,
    )


def test_what_a_gauge_was_before_a_fork_is_not_the_most_recent(tmp_path: Path) -> None:
    run_program(
        f"""
from prometheus_client import Gauge
registry = CollectorRegistry()
latest = Gauge("latest", "Latest.", registry=registry, multiprocess_mode="mostrecent")
latest.set(1)
monitor = vs.Monitor(registry=registry, workers={str(tmp_path)!r}, publish_interval=3600)

def set_it():
    latest.set(7)
    assert "latest 7.0" in monitor.generate_latest().decode().splitlines()
    # What a parent has set and not published is not the latest in its child.
    latest.set(8)
    in_child(look_at_seven)
    in_child(grow)

def look_at_seven():
    assert "latest 7.0" in monitor.generate_latest().decode().splitlines()

def grow():
    latest.set(9)
    assert monitor.workers.publisher.publish()
    in_child(look)

def look():
    assert "latest 9.0" in monitor.generate_latest().decode().splitlines()

in_child(set_it)
""",
        prelude=PRELUDE + FORKING,
    )


def test_sums_of_the_dead_stay_and_their_gauges_go(processes: Processes) -> None:
    counters = []
    for number, (monitor, registry) in enumerate(processes):
        counters.append(Counter("sold", "Sold.", registry=registry))
        counters[-1].inc(10)
        Gauge("plain", "Plain.", registry=registry).set(number)
        gauge = Gauge("open", "Open.", registry=registry, multiprocess_mode="sum")
        gauge.set(1)
        with monitor.operation("f"):
            pass
        publish(monitor)
    die(processes[2][0])
    for _ in range(2):
        shown = samples(processes[0][0])
        assert shown["sold_total", ()] == 30
        assert ("plain", (("worker", "2"),)) not in shown
        assert shown["open", ()] == 2
        assert ("plain", (("worker", "1"),)) in shown
        assert processes[0][0].workers is not None
        processes[0][0].workers.directory.archive_dead(0.0)


def test_what_processes_use_is_shown_by_worker_and_in_all(processes: Processes) -> None:
    for monitor, _ in processes:
        with monitor.operation("f"):
            pass
        publish(monitor)
    shown = samples(processes[1][0])
    resident = [
        shown["process_resident_memory_bytes", (("worker", str(number)),)] for number in range(3)
    ]
    assert all(size > 1e6 for size in resident)
    assert shown["workers_resident_memory_bytes", ()] == pytest.approx(sum(resident))
    assert shown["workers_cpu_seconds_total", ()] == pytest.approx(
        sum(shown["process_cpu_seconds_total", (("worker", str(number)),)] for number in range(3))
    )
    assert ("system_memory_size_bytes", ()) in shown
    assert ("python_gc_collections_total", (("generation", "0"), ("worker", "2"))) in shown
    [info] = [labels for name, labels in shown if name == "python_info"]
    assert "worker" not in dict(info)


def test_rules_see_the_metrics_of_all_processes(processes: Processes) -> None:
    monitor = processes[0][0]
    monitor.rules.add(alert="Queue", series="queue", window=60, above={"warning": 5})
    for number, (one, registry) in enumerate(processes):
        Gauge("queue", "Queue.", registry=registry).set(number * 4)
        with one.operation("f"):
            pass
        publish(one)
    monitor.tick()
    monitor.clock.advance(5.0)  # type: ignore[attr-defined]
    monitor.tick()
    assert [one.alertname for one in monitor.alerts.active()] == ["Queue"]


def test_a_collector_of_the_users_own_is_shown_by_the_process_that_is_asked(
    processes: Processes,
) -> None:
    class Own:
        def __init__(self, number: int) -> None:
            self.number = number

        def collect(self) -> Iterator[Any]:
            yield GaugeMetricFamily("own", "Own.", value=self.number)

    for number, (monitor, registry) in enumerate(processes):
        registry.register(Own(number))  # type: ignore[arg-type]
        publish(monitor)
    assert [samples(monitor)["own", ()] for monitor, _ in processes] == [0, 1, 2]


@pytest.mark.parametrize(
    "rows", ["[1]", '[["a"]]', '[["a","cheese","","","sum",[]]]', '[["a","gauge","","","sum",[1]]]']
)
def test_damaged_metrics_are_left_out(processes: Processes, tmp_path: Path, rows: str) -> None:
    monitor, registry = processes[0]
    Counter("sold", "Sold.", registry=registry).inc(2)
    head = f'{{"registry":{rows}}}'.encode()
    file = StateFile(tmp_path, 9, 1, 0.0)
    file.write(len(head).to_bytes(4, "little") + bytes(8) + b"\x2a\0" + head, 0.0)
    assert samples(monitor)["sold_total", ()] == 2
    assert file.path.name.endswith(SUFFIX)
    file.close()


def test_the_files_of_prometheus_client_are_shown_beside_ours(tmp_path: Path) -> None:
    run_program(
        """
import os
import vitalspan as vs
from prometheus_client import Counter, Gauge
sold = Counter("sold", "Sold.")
Gauge("queue", "Queue.", multiprocess_mode="livesum").set(1)

@vs.operation("f")
def f():
    sold.inc()

def child():
    f()
    vs.get_monitor().workers.publisher.publish()

for _ in range(3):
    pid = os.fork()
    if not pid:
        try:
            child()
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
f()
lines = vs.generate_latest().decode().splitlines()
assert lines.count("sold_total 4.0") == 1, lines
assert 'operation_duration_seconds_count{component="default",operation="f"} 4' in lines
assert len([one for one in lines if one.startswith("process_resident_memory_bytes{")]) == 1
assert len([one for one in lines if one.startswith("sold_total")]) == 1
""",
        prelude="import warnings; warnings.simplefilter('ignore', DeprecationWarning)",
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path),
    )
    assert list(tmp_path.glob("*.db"))
