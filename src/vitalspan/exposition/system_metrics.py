"""Metrics of the process, the interpreter and the machine, from prometheus_client and psutil."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vitalspan.exposition.connection_states import connection_states
from vitalspan.exposition.throttled import Throttled
from vitalspan.runtime.fork import imports_finish_first


class Described(Throttled):
    """A throttled collector that tells a registry its metric names on registration."""

    def describe(self) -> Iterable[Metric]:
        """Return the families that the collector has now, or none if it fails."""
        try:
            return self.collect()
        except Exception:  # noqa: BLE001 - a scrape counts and logs it, but no program may end by it
            return []


def register(registry: CollectorRegistry, now: Callable[[], float]) -> list[Collector]:
    """Add the collectors whose names a registry does not have yet.

    Returns:
        The added collectors, for `unregister`.
    """
    added: list[Collector] = []
    for collector in _collectors():
        described = Described(collector, now)
        # The default registry already has prometheus_client's own collectors.
        with suppress(ValueError):
            registry.register(described)
            added.append(described)
    return added


def _collectors() -> list[Collector]:
    own = CollectorRegistry()
    GCCollector(own)
    process = ProcessCollector(registry=None) if sys.platform == "linux" else PsutilProcess()
    return [process, PlatformCollector(registry=None), *own._collector_to_names, System()]  # noqa: SLF001


class PsutilProcess(Collector):
    """The standard `process_*` metrics for systems without /proc."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that the platform provides."""
        with imports_finish_first:
            import psutil  # noqa: PLC0415 - importing it takes longer than importing vitalspan

        process = psutil.Process()
        with process.oneshot():
            for read in (_process_memory, _process_start, _process_cpu, _process_files):
                yield from _readable(read(process))


class System(Collector):
    """CPU, memory, disk and network of the machine, and this process's threads and connections.

    Values that the platform does not provide, or not to this user, are left out.
    """

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that the platform provides."""
        with imports_finish_first:
            import psutil  # noqa: PLC0415 - importing it takes longer than importing vitalspan

        parts = (_cpu, _cpus, _memory, _filesystem, _disk, _network, _threads, _connections)
        for read in parts:
            yield from _readable(read(psutil))


def _readable(metrics: Iterable[Metric]) -> list[Metric]:
    # Besides its own errors, psutil raises those of files, parsers and missing functions.
    with suppress(Exception):
        return list(metrics)
    return []


def _process_memory(process: Any) -> Iterator[Metric]:
    memory = process.memory_info()
    yield GaugeMetricFamily(
        "process_virtual_memory_bytes", "Virtual memory size in bytes.", memory.vms
    )
    yield GaugeMetricFamily(
        "process_resident_memory_bytes", "Resident memory size in bytes.", memory.rss
    )


def _process_start(process: Any) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        process.create_time(),
    )


def _process_cpu(process: Any) -> Iterator[Metric]:
    cpu = process.cpu_times()
    yield CounterMetricFamily(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        cpu.user + cpu.system,
    )


def _process_files(process: Any) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "process_open_fds", "Number of open file descriptors.", process.num_fds()
    )


def _cpu(psutil: Any) -> Iterator[Metric]:
    family = CounterMetricFamily(
        "system_cpu_seconds_total", "CPU time of the machine by mode.", labels=["mode"]
    )
    for mode, seconds in psutil.cpu_times()._asdict().items():
        # The kernel includes guests in user and nice; a sum must not count them twice.
        if not mode.startswith("guest"):
            family.add_metric([mode], seconds)
    yield family


def _cpus(psutil: Any) -> Iterator[Metric]:
    cpus = psutil.cpu_count()
    if cpus is not None:
        yield GaugeMetricFamily("system_cpus", "Logical CPUs of the machine.", cpus)


def _memory(psutil: Any) -> Iterator[Metric]:
    memory = psutil.virtual_memory()
    yield GaugeMetricFamily(
        "system_memory_size_bytes", "Total memory of the machine.", memory.total
    )
    yield GaugeMetricFamily(
        "system_memory_available_bytes",
        "Memory that is available without swapping.",
        memory.available,
    )


def _filesystem(psutil: Any) -> Iterator[Metric]:
    usage = psutil.disk_usage("/")
    size = GaugeMetricFamily(
        "system_filesystem_size_bytes", "Size of the root file system.", labels=["mountpoint"]
    )
    size.add_metric(["/"], usage.total)
    free = GaugeMetricFamily(
        "system_filesystem_available_bytes",
        "Space on the root file system that is available to any user.",
        labels=["mountpoint"],
    )
    free.add_metric(["/"], usage.free)
    yield from (size, free)


def _disk(psutil: Any) -> Iterator[Metric]:
    counters = psutil.disk_io_counters(nowrap=False)
    if counters is not None:
        yield CounterMetricFamily(
            "system_disk_read_bytes_total", "Bytes read from all disks.", counters.read_bytes
        )
        yield CounterMetricFamily(
            "system_disk_written_bytes_total", "Bytes written to all disks.", counters.write_bytes
        )


def _network(psutil: Any) -> Iterator[Metric]:
    counters = psutil.net_io_counters(nowrap=False)
    if counters is not None:
        yield CounterMetricFamily(
            "system_network_receive_bytes_total",
            "Bytes received by the network interfaces.",
            counters.bytes_recv,
        )
        yield CounterMetricFamily(
            "system_network_transmit_bytes_total",
            "Bytes sent by the network interfaces.",
            counters.bytes_sent,
        )


def _threads(psutil: Any) -> Iterator[Metric]:
    threads = psutil.Process().num_threads()
    yield GaugeMetricFamily("process_threads", "Threads of this process.", threads)


def _connections(_psutil: Any) -> Iterator[Metric]:
    # Always present, even without sockets, because a registry learns the names on registration.
    states = {"established": 0, "listen": 0}
    for state in connection_states():
        states[state] = states.get(state, 0) + 1
    family = GaugeMetricFamily(
        "process_network_connections", "Sockets of this process, by state.", labels=["state"]
    )
    for state, count in sorted(states.items()):
        family.add_metric([state], count)
    yield family
