"""A machine and a process whose CPU time and memory tests set."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Machine(Collector):
    """The responses of psutil for a machine with 100 bytes of memory, idle at first."""

    def __init__(self) -> None:
        self.idle = 0.0
        self.busy = 0.0
        self.available = 60.0
        self.resident = 5e8

    def collect(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily("system_cpu_seconds", "CPU time.", labels=["mode"])
        cpu.add_metric(["idle"], self.idle)
        cpu.add_metric(["user"], self.busy)
        yield cpu
        for name, value in (
            ("system_memory_available_bytes", self.available),
            ("system_memory_size_bytes", 100.0),
            ("process_resident_memory_bytes", self.resident),
        ):
            yield GaugeMetricFamily(name, "Memory.", value=value)

    # So that a registry knows of what, and asks for it.
    describe = collect
