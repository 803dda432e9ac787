"""The document of resources: the process, the machine, and the operations that use most."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from vitalspan.page.charts import Axis, Number
from vitalspan.page.documents.marks import Mark, marks_of
from vitalspan.page.documents.promql import (
    Queries,
    promql_of_figures,
    promql_of_resources,
)
from vitalspan.page.figures import NO_HISTORY, figures_of_operations, reading_charts
from vitalspan.statistics.call_statistics import CallStatistics

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_OPERATIONS: Final = 20


@dataclass(frozen=True)
class ProcessResources:
    """The process that has answered.

    Attributes:
        pid: its process id.
        started: when it began, in seconds since the Unix epoch.
        python: the version of Python.
        memory_rss: resident memory in bytes.
        cpu_seconds: CPU time that it has used.
        threads: how many it has, those of Python alone.
        open_files: file descriptors in use; None where the system does not say.
        max_open_files: how many it may have; None for no limit or where that is not known.
        gc_collections: garbage collections by generation, the youngest first.
    """

    pid: int
    started: float
    python: str
    memory_rss: int
    cpu_seconds: float
    threads: int
    open_files: int | None
    max_open_files: int | None
    gc_collections: tuple[int, ...]


@dataclass(frozen=True)
class MachineResources:
    """The machine that it runs on.

    Attributes:
        cpus: how many it has.
        memory_size: in bytes.
        memory_available: in bytes.
        load: processes that want a CPU, on average over the last minute; None where that is not
            known.
    """

    cpus: int
    memory_size: int
    memory_available: int
    load: float | None


@dataclass(frozen=True)
class Resources:
    """The resources that the service uses.

    Attributes:
        at: when this was written, in seconds since the Unix epoch.
        process: the process that has answered.
        machine: that it runs on.
        axis: the times of what follows; None without history.
        cpu_utilization: the share of the machine's CPU time in use, 0 to 1.
        memory_utilization: the share of the machine's memory in use, 0 to 1.
        memory_rss: resident memory of the process in bytes.
        operations: those whose calls used most CPU time, where that is measured.
        marks: what happened on the axis.
        promql: the process and the machine in PromQL, by name.
        row_promql: the figures of one of the operations, with `$operation` and `$component` for its
            names.
        notice: what has to be said about the figures; None for nothing.
    """

    at: float
    process: ProcessResources
    machine: MachineResources
    axis: Axis | None
    cpu_utilization: tuple[Number, ...]
    memory_utilization: tuple[Number, ...]
    memory_rss: tuple[Number, ...]
    operations: tuple[CallStatistics, ...]
    marks: tuple[Mark, ...]
    promql: Queries
    row_promql: Queries
    notice: str | None


def resources(monitor: Monitor, asked: dict[str, Any]) -> Resources:
    """Return what the process, the machine and the operations use."""
    figures, _ = figures_of_operations(monitor, asked["range"])
    measured = [one for one in figures if one.cpu_seconds is not None]
    measured.sort(key=lambda one: -(one.cpu_seconds or 0.0))
    with reading_charts(monitor, asked["range"]) as charts:
        axis = None if charts is None else charts.axis
        signals = ("cpu_utilization", "memory_utilization", "memory_rss")
        trails = [() if charts is None else charts.signal(name) for name in signals]
    cpu_utilization, memory_utilization, memory_rss = trails
    return Resources(
        at=monitor.clock.wall(),
        process=_process(),
        machine=_machine(),
        axis=axis,
        cpu_utilization=cpu_utilization,
        memory_utilization=memory_utilization,
        memory_rss=memory_rss,
        operations=tuple(measured[:MOST_OPERATIONS]),
        marks=marks_of(monitor, axis),
        promql=promql_of_resources(monitor),
        row_promql=promql_of_figures(monitor, asked["range"]),
        notice=None if axis is not None else NO_HISTORY,
    )


def _process() -> ProcessResources:
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        open_files = max_open_files = None
        with contextlib.suppress(AttributeError, OSError, psutil.Error):
            open_files = process.num_fds()
        with contextlib.suppress(ImportError, OSError):
            import resource  # noqa: PLC0415 - only systems with such limits have it

            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            max_open_files = None if limit == resource.RLIM_INFINITY else limit
        return ProcessResources(
            pid=process.pid,
            started=process.create_time(),
            python=platform.python_version(),
            memory_rss=process.memory_info().rss,
            cpu_seconds=times.user + times.system,
            threads=threading.active_count(),
            open_files=open_files,
            max_open_files=max_open_files,
            gc_collections=tuple(one["collections"] for one in gc.get_stats()),
        )


def _machine() -> MachineResources:
    memory = psutil.virtual_memory()
    load = None
    with contextlib.suppress(AttributeError, OSError):
        load = os.getloadavg()[0]
    return MachineResources(
        cpus=psutil.cpu_count() or 1,
        memory_size=memory.total,
        memory_available=memory.available,
        load=load,
    )
