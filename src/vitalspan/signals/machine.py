"""Signals about the process and the machine."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics as names
from vitalspan.promql.expression import Expression
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection, worst_of
from vitalspan.signals.promtool_series import Inputs, Samples, Target, labelled, plain, share, used
from vitalspan.signals.query import Query
from vitalspan.signals.registry_metric import counter_rate
from vitalspan.signals.signal import NO_DATA, Amount, Reading, Signal, Window
from vitalspan.signals.source import REGISTRY
from vitalspan.signals.values import gauge_of
from vitalspan.units import BYTES, NUMBER, PER_SECOND, RATIO, SECONDS, Unit

_CPU: Final = "system_cpu_seconds_total"
_GC: Final = "python_gc_collections_total"
_MEMORY: Final = ("system_memory_available_bytes", "system_memory_size_bytes")
_DISK: Final = ("system_filesystem_available_bytes", "system_filesystem_size_bytes")


def _cpu_utilization(window: Window, query: Query) -> Reading:
    every, idle = window.growth(_CPU), window.growth(_CPU, "mode", "idle")
    if not every or idle is None:
        return NO_DATA
    return Reading(min(1.0, max(0.0, 1.0 - idle / every)), 1)


def _cpu_utilization_promql(apart: Selection) -> Expression:
    idle = apart.sum_rate(_CPU, Matcher("mode", "=", "idle"))
    return 1 - idle / (apart.sum_rate(_CPU) > 0)


def _resource_utilization(window: Window, query: Query) -> Reading:
    both = (_cpu_utilization(window, query), _MEMORY_UTILIZATION.value(window, query))
    values = [reading.value for reading in both if reading.value is not None]
    return Reading(max(values), 1) if values else NO_DATA


def _resource_utilization_promql(apart: Selection) -> Expression:
    cpu, memory = _cpu_utilization_promql(apart), _share_taken_promql(apart, *_MEMORY)
    return (cpu >= memory).or_(memory).or_(cpu)


def _gc_rate(window: Window, query: Query) -> Reading:
    return counter_rate(window, _GC)


def _gc_rate_inputs(target: Target) -> Samples:
    return {labelled(_GC, "generation", "0"): target.value}


def _share_taken_promql(apart: Selection, available: str, size: str) -> Expression:
    return 1 - apart.total(apart.series(available)) / apart.total(apart.series(size))


def _share_taken(
    name: str, summary: str, metrics: tuple[str, str], labels: tuple[tuple[str, str], ...] = ()
) -> Signal:
    available, size = metrics

    def value(window: Window, query: Query) -> Reading:
        free, whole = sum(window.gauges(available)), sum(window.gauges(size))
        return Reading(1.0 - free / whole, 1) if whole > 0 else NO_DATA

    return Signal(
        name,
        RATIO,
        REGISTRY,
        summary,
        value,
        worst_of(lambda apart: _share_taken_promql(apart, available, size)),
        Inputs(used(available, size, labels)),
        metrics=metrics,
        instant=True,
    )


def _gauge(name: str, unit: Unit, summary: str, metric: str, slope_name: str = "") -> Signal:
    def promql(selection: Selection, query: Query) -> Expression:
        return selection.total(selection.series(metric), how=selection.worst)

    return Signal(
        name,
        unit,
        REGISTRY,
        summary,
        gauge_of(metric, max),
        promql,
        Inputs(plain(metric)),
        metrics=(metric,),
        instant=True,
        slope_name=slope_name,
    )


_MEMORY_UTILIZATION: Final = _share_taken(
    "memory_utilization", "the share of the machine's memory that is in use", _MEMORY
)

MACHINE: Final = (
    Signal(
        "cpu_utilization",
        RATIO,
        REGISTRY,
        "the share of the machine's CPU time that was not idle",
        _cpu_utilization,
        worst_of(_cpu_utilization_promql),
        Inputs(
            share(labelled(_CPU, "mode", "user"), {}, labelled(_CPU, "mode", "idle")),
            averaged=True,
        ),
        metrics=(_CPU,),
    ),
    _gauge(
        "memory_rss",
        BYTES,
        "the resident memory of the process",
        "process_resident_memory_bytes",
        slope_name="memory_growth",
    ),
    _MEMORY_UTILIZATION,
    Signal(
        "resource_utilization",
        RATIO,
        REGISTRY,
        "the share of the machine's CPU time or memory that is in use, whichever is higher",
        _resource_utilization,
        worst_of(_resource_utilization_promql),
        Inputs(used(*_MEMORY)),
        metrics=(_CPU, *_MEMORY),
    ),
    _share_taken(
        "disk_utilization",
        "the share of the root file system that is in use",
        _DISK,
        labels=(("mountpoint", "/"),),
    ),
    _gauge("open_fds", NUMBER, "the open file descriptors of the process", "process_open_fds"),
    _gauge("threads", NUMBER, "the threads of the process", "process_threads"),
    _gauge("event_loop_lag", SECONDS, "how late an event loop is", names.EVENT_LOOP_LAG.name),
    _gauge("event_loop_tasks", NUMBER, "the tasks of an event loop", names.EVENT_LOOP_TASKS.name),
    _gauge(
        "executor_queue_length",
        NUMBER,
        "the work that waits for a thread of an executor",
        names.EXECUTOR_QUEUE_LENGTH.name,
    ),
    Signal(
        "gc_rate",
        PER_SECOND,
        REGISTRY,
        "the garbage collections per second",
        _gc_rate,
        worst_of(lambda apart: apart.sum_rate(_GC)),
        Inputs(_gc_rate_inputs),
        amount=Amount(NUMBER, "the garbage collections", whole=True),
        metrics=(_GC,),
    ),
)
