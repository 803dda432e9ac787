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
        started: when it started, in seconds since the Unix epoch.
        python: the version of Python.
        memory_rss: its resident memory in bytes.
        cpu_seconds: its CPU time in seconds.
        threads: the number of its Python threads.
        open_files: file descriptors in use; None if the system does not provide it.
        max_open_files: the limit of file descriptors; None if there is none or it is not known.
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
        cpus: the number of its CPUs.
        memory_size: its memory in bytes.
        memory_available: its available memory in bytes.
        load: the load average of the last minute; None if it is not known.
    """

    cpus: int
    memory_size: int
    memory_available: int
    load: float | None


@dataclass(frozen=True)
class Resources:
    """The resources that the service uses.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        process: the process that has responded.
        machine: the machine that it runs on.
        axis: the times of the following values; None without history.
        cpu_utilization: the share of the machine's CPU time in use, 0 to 1.
        memory_utilization: the share of the machine's memory in use, 0 to 1.
        memory_rss: resident memory of the process in bytes.
        operations: the operations whose calls used most CPU time, if that is measured.
        marks: what happened on the axis.
        promql: the process and the machine in PromQL, by name.
        row_promql: the figures of one of the operations in PromQL, with `$operation` and
            `$component` for its names.
        notice: a note on the figures; None if there is none.
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
