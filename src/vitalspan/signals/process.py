"""Signals about the process, the machine, SLOs, and any metric of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vitalspan import names
from vitalspan.signals.matching import quoted
from vitalspan.signals.promql import Selection
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading, Signal, Window
from vitalspan.signals.units import BYTES, NUMBER, PER_SECOND, RATIO

_CPU: Final = "system_cpu_seconds_total"
_GC: Final = "python_gc_collections_total"
_BAD: Final = names.SLO_BAD_EVENTS.name
_EVENTS: Final = names.SLO_EVENTS.name


def _cpu_utilization(window: Window, query: Query) -> Reading:
    every, idle = window.growth(_CPU), window.growth(_CPU, "mode", "idle")
    if not every or idle is None:
        return NO_DATA
    return Reading(min(1.0, max(0.0, 1.0 - idle / every)), 1)


def _cpu_utilization_promql(selection: Selection, query: Query) -> str:
    def one(apart: Selection) -> str:
        idle = apart.sum_rate(_CPU, 'mode="idle"')
        return f"1 - {idle} / ({apart.sum_rate(_CPU)} > 0)"

    return selection.each_instance(one)


def _used(
    available: str, size: str
) -> tuple[Callable[[Window, Query], Reading], Callable[[Selection, Query], str]]:
    def value(window: Window, query: Query) -> Reading:
        free, whole = sum(window.gauges(available)), sum(window.gauges(size))
        return Reading(1.0 - free / whole, 1) if whole > 0 else NO_DATA

    def promql(selection: Selection, query: Query) -> str:
        def one(apart: Selection) -> str:
            free, whole = apart.gauge(available), apart.gauge(size)
            return f"1 - {apart.total(free)} / {apart.total(whole)}"

        return selection.each_instance(one)

    return value, promql


def _resource_utilization(window: Window, query: Query) -> Reading:
    both = (_cpu_utilization(window, query), _MEMORY[0](window, query))
    known = [reading.value for reading in both if reading.value is not None]
    return Reading(max(known), 1) if known else NO_DATA


def _resource_utilization_promql(selection: Selection, query: Query) -> str:
    def one(apart: Selection) -> str:
        cpu, memory = (build(apart, query) for build in (_cpu_utilization_promql, _MEMORY[1]))
        return f"{cpu} >= {memory} or {memory} or {cpu}"

    return selection.each_instance(one)


def _gauge(
    metric: str,
) -> tuple[Callable[[Window, Query], Reading], Callable[[Selection, Query], str]]:
    def value(window: Window, query: Query) -> Reading:
        found = window.gauges(metric)
        return Reading(max(found), 1) if found else NO_DATA

    def promql(selection: Selection, query: Query) -> str:
        return selection.total(selection.gauge(metric), how=selection.worst)

    return value, promql


def _gc_rate(window: Window, query: Query) -> Reading:
    grown = window.growth(_GC)
    if grown is None or not window.seconds:
        return NO_DATA
    return Reading(grown / window.seconds, 1)


def _burn_rate(window: Window, query: Query) -> Reading:
    events = window.increase("events")
    if events <= 0:
        return NO_DATA
    return Reading(window.increase("bad") / events / (1.0 - window.objective()), events)


def _burn_rate_promql(selection: Selection, query: Query) -> str:
    slo = str(query.slo)
    known = selection.objectives.get(slo)
    gauge = selection.gauge(names.SLO_OBJECTIVE.name, f"slo={quoted(slo)}")
    objective = selection.total(gauge, how="min") if known is None else repr(known)
    return f"{selection.slo_ratio(_BAD, _EVENTS, slo)} / (1 - {objective})"


def is_counter(metric: str) -> bool:
    """Whether a metric of that name is a counter, or a part of a histogram that is one."""
    return metric.endswith(("_total", "_count", "_sum", "_bucket"))


_HOW: Final[dict[str, Callable[[list[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}


def _series(window: Window, query: Query) -> Reading:
    metric = str(query.series)
    if is_counter(metric):
        grown = window.growth(metric)
        if grown is None or not window.seconds:
            return NO_DATA
        return Reading(grown / window.seconds, 1)
    found = window.gauges(metric)
    return Reading(_HOW[query.aggregate](found), 1) if found else NO_DATA


def _series_promql(selection: Selection, query: Query) -> str:
    metric = str(query.series)
    # It is given as the registry has it, with a prefix if there is one.
    selection = replace(selection, prefix="")
    if is_counter(metric):
        return selection.sum_rate(metric)
    return selection.total(selection.gauge(metric), how=query.aggregate)


def series_signal(metric: str) -> Signal:
    """Return the signal of a metric of the registry: a counter's rate, a gauge's value."""
    counter = is_counter(metric)
    return Signal(
        metric,
        PER_SECOND if counter else NUMBER,
        "registry",
        "the rate of a counter" if counter else "the value of a gauge",
        _series,
        _series_promql,
        metrics=(metric,),
        instant=not counter,
    )


_MEMORY: Final = _used("system_memory_available_bytes", "system_memory_size_bytes")
_DISK: Final = _used("system_filesystem_available_bytes", "system_filesystem_size_bytes")
_RSS: Final = _gauge("process_resident_memory_bytes")
_FDS: Final = _gauge("process_open_fds")
_THREADS: Final = _gauge("process_threads")

PROCESS: Final = (
    Signal(
        "cpu_utilization",
        RATIO,
        "registry",
        "the share of the machine's CPU time that was not idle",
        _cpu_utilization,
        _cpu_utilization_promql,
        metrics=(_CPU,),
    ),
    Signal(
        "memory_rss",
        BYTES,
        "registry",
        "the resident memory of the process",
        *_RSS,
        metrics=("process_resident_memory_bytes",),
        instant=True,
    ),
    Signal(
        "memory_utilization",
        RATIO,
        "registry",
        "the share of the machine's memory that is taken",
        *_MEMORY,
        metrics=("system_memory_available_bytes", "system_memory_size_bytes"),
        instant=True,
    ),
    Signal(
        "resource_utilization",
        RATIO,
        "registry",
        "the share of the machine's CPU time or memory that is taken, whichever is more",
        _resource_utilization,
        _resource_utilization_promql,
        metrics=(_CPU, "system_memory_available_bytes", "system_memory_size_bytes"),
    ),
    Signal(
        "disk_utilization",
        RATIO,
        "registry",
        "the share of the root file system that is taken",
        *_DISK,
        metrics=("system_filesystem_available_bytes", "system_filesystem_size_bytes"),
        instant=True,
    ),
    Signal(
        "open_fds",
        NUMBER,
        "registry",
        "the open file descriptors of the process",
        *_FDS,
        metrics=("process_open_fds",),
        instant=True,
    ),
    Signal(
        "threads",
        NUMBER,
        "registry",
        "the threads of the process",
        *_THREADS,
        metrics=("process_threads",),
        instant=True,
    ),
    Signal(
        "gc_rate",
        PER_SECOND,
        "registry",
        "the garbage collections a second",
        _gc_rate,
        lambda selection, query: selection.each_instance(lambda apart: apart.sum_rate(_GC)),
        metrics=(_GC,),
    ),
    Signal(
        "burn_rate",
        NUMBER,
        "slos",
        "how many times faster than allowed an error budget is being spent",
        _burn_rate,
        _burn_rate_promql,
        counted=_EVENTS,
        argument="slo",
    ),
)
