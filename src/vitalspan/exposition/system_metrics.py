"""Metrics of the process, the interpreter and the machine, from prometheus_client and psutil."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

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
        process = _psutil().Process()
        with process.oneshot():
            for read in (_process_memory, _process_start, _process_cpu, _process_files):
                yield from _metrics(read(process))


class System(Collector):
    """CPU, memory, disk and network of the machine, and this process's threads and connections.

    Values that the platform does not provide, or not to this user, are left out.
    """

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that the platform provides."""
        psutil = _psutil()
        parts = (_cpu, _cpus, _memory, _filesystem, _disk, _network, _threads, _connections)
        for read in parts:
            yield from _metrics(read(psutil))


def _psutil() -> Any:
    with imports_finish_first:
        import psutil  # noqa: PLC0415 - importing it takes longer than importing vitalspan

    return psutil


class _Read(NamedTuple):
    """What was read for a metric: a value, or a value for each value of a label."""

    name: str
    help: str
    value: float | Mapping[str, float]
    label: str = ""


def _metrics(found: Iterable[_Read]) -> list[Metric]:
    # Besides its own errors, psutil raises those of files, parsers and missing functions.
    with suppress(Exception):
        return list(map(_metric, found))
    return []


def _metric(found: _Read) -> Metric:
    kind = CounterMetricFamily if found.name.endswith("_total") else GaugeMetricFamily
    if not isinstance(found.value, Mapping):
        return kind(found.name, found.help, found.value)
    family = kind(found.name, found.help, labels=[found.label])
    for text, value in found.value.items():
        family.add_metric([text], value)
    return family


def _process_memory(process: Any) -> Iterator[_Read]:
    memory = process.memory_info()
    yield _Read("process_virtual_memory_bytes", "Virtual memory size in bytes.", memory.vms)
    yield _Read("process_resident_memory_bytes", "Resident memory size in bytes.", memory.rss)


def _process_start(process: Any) -> Iterator[_Read]:
    text = "Start time of the process since unix epoch in seconds."
    yield _Read("process_start_time_seconds", text, process.create_time())


def _process_cpu(process: Any) -> Iterator[_Read]:
    cpu, text = process.cpu_times(), "Total user and system CPU time spent in seconds."
    yield _Read("process_cpu_seconds_total", text, cpu.user + cpu.system)


def _process_files(process: Any) -> Iterator[_Read]:
    yield _Read("process_open_fds", "Number of open file descriptors.", process.num_fds())


def _cpu(psutil: Any) -> Iterator[_Read]:
    times = psutil.cpu_times()._asdict().items()
    # The kernel includes guests in user and nice; a sum must not count them twice.
    by_mode = {mode: seconds for mode, seconds in times if not mode.startswith("guest")}
    yield _Read("system_cpu_seconds_total", "CPU time of the machine by mode.", by_mode, "mode")


def _cpus(psutil: Any) -> Iterator[_Read]:
    cpus = psutil.cpu_count()
    if cpus is not None:
        yield _Read("system_cpus", "Logical CPUs of the machine.", cpus)


def _memory(psutil: Any) -> Iterator[_Read]:
    memory = psutil.virtual_memory()
    yield _Read("system_memory_size_bytes", "Total memory of the machine.", memory.total)
    text = "Memory that is available without swapping."
    yield _Read("system_memory_available_bytes", text, memory.available)


def _filesystem(psutil: Any) -> Iterator[_Read]:
    usage = psutil.disk_usage("/")
    text = "Size of the root file system."
    yield _Read("system_filesystem_size_bytes", text, {"/": usage.total}, "mountpoint")
    text = "Space on the root file system that is available to any user."
    yield _Read("system_filesystem_available_bytes", text, {"/": usage.free}, "mountpoint")


def _disk(psutil: Any) -> Iterator[_Read]:
    counters = psutil.disk_io_counters(nowrap=False)
    if counters is not None:
        read, written = counters.read_bytes, counters.write_bytes
        yield _Read("system_disk_read_bytes_total", "Bytes read from all disks.", read)
        yield _Read("system_disk_written_bytes_total", "Bytes written to all disks.", written)


def _network(psutil: Any) -> Iterator[_Read]:
    counters = psutil.net_io_counters(nowrap=False)
    if counters is not None:
        text = "Bytes received by the network interfaces."
        yield _Read("system_network_receive_bytes_total", text, counters.bytes_recv)
        text = "Bytes sent by the network interfaces."
        yield _Read("system_network_transmit_bytes_total", text, counters.bytes_sent)


def _threads(psutil: Any) -> Iterator[_Read]:
    yield _Read("process_threads", "Threads of this process.", psutil.Process().num_threads())


def _connections(_psutil: Any) -> Iterator[_Read]:
    # Always present, even without sockets, because a registry learns the names on registration.
    states = Counter({"established": 0, "listen": 0})
    states.update(connection_states())
    by_state, text = dict(sorted(states.items())), "Sockets of this process, by state."
    yield _Read("process_network_connections", text, by_state, "state")
