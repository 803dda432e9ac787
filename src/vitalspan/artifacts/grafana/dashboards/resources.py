"""The dashboard Resources: what processes use of their machines, and which components use it."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import Column, Stat, Target, TimeSeries
from vitalspan.artifacts.grafana.queries import BY_OPERATION, COMPONENTS, TARGETS, Queries, grouped
from vitalspan.artifacts.grafana.rows.machine import inventory, machine
from vitalspan.artifacts.grafana.rows.traffic import TOP, top_operations
from vitalspan.artifacts.grafana.rows.vitalspan_itself import vitalspan_itself
from vitalspan.artifacts.grafana.variables import label_variables

_CPU: Final = "process_cpu_seconds_total"
_NO_LOOP: Final = "no event loop is instrumented"
_NO_EXECUTOR: Final = "no executor of vitalspan.integrations is in use"


@row("Now", height=5, widths=(3, 3, 3, 3, 4, 4, 4))
def _now(queries: Queries) -> Panels:
    def series(metric: str) -> str:
        return queries.series(metric, TARGETS)

    open_files = f"max({series('process_open_fds')} / {series('process_max_fds')})"
    yield Stat(
        "CPU",
        "The CPU time of all selected processes. 100 % is one processor.",
        [Target(f"sum({queries.rate(_CPU, TARGETS)})", "CPU")],
        "percentunit",
    )
    yield Stat(
        "Memory",
        "The resident memory of all selected processes together.",
        [Target(f"sum({series('process_resident_memory_bytes')})", "memory")],
        "bytes",
    )
    yield Stat(
        "Open files",
        "The open files and sockets of the process that is closest to its limit, as a share "
        "of that limit. At 100 %, the process cannot open any more files or connections.",
        [Target(open_files, "open files")],
        "percentunit",
        thresholds=styles.UTILIZATION,
        decimals=1,
    )
    yield Stat(
        "Uptime",
        "How long the youngest process has been running. If this falls without a deployment, "
        "a process has crashed.",
        [Target(f"time() - max({series('process_start_time_seconds')})", "uptime")],
        "dtdurations",
        sparkline=False,
    )
    yield from _machines_now(queries)


def _machines_now(queries: Queries) -> Panels:
    def share(what: str, description: str, signal: str) -> Stat:
        return Stat(
            f"Machine's {what}",
            f"The share of {description} machine.",
            [queries.target(signal, TARGETS, what, how="max")],
            thresholds=styles.UTILIZATION,
        )

    yield share("CPU", "CPU time that was not idle, on the busiest", "cpu_utilization")
    yield share("memory", "memory that is used, on the fullest", "memory_utilization")
    yield share("disk", "the root file system that is used, on the fullest", "disk_utilization")


@row("By component")
def _by_component(queries: Queries) -> Panels:
    cpu = queries.rate(metrics.OPERATION_CPU, COMPONENTS)
    growth = queries.rate(metrics.OPERATION_MEMORY_GROWTH, COMPONENTS)
    process = f"sum by (job) ({queries.rate(_CPU, TARGETS)})"
    yield TimeSeries(
        "CPU by component",
        "The CPU time of each component's calls. 100 % is one processor. A call includes its "
        "nested calls, so the lines can add up to more than the process uses. Short calls and "
        "code outside of operations are not measured.",
        [grouped("sum", cpu, "job", "component"), Target(process, "process {{job}}")],
        "percentunit",
    )
    yield TimeSeries(
        "Memory growth by component",
        "How much the resident memory of the process grows per second during each component's "
        "calls. This includes what other threads do in the meantime, but not memory that is "
        "released. If a process grows, start with the highest line.",
        [grouped("sum", growth, "job", "component")],
        "binBps",
    )


@row("Top operations")
def _top_operations(queries: Queries) -> Panels:
    def by_operation(metric: metrics.Family) -> str:
        return f"sum by (job, component, operation) ({queries.rate(metric, COMPONENTS)})"

    calls = queries.signal("rate", COMPONENTS, by=BY_OPERATION)
    yield top_operations(
        "Most CPU",
        f"The {TOP} operations whose calls take the most CPU time. 100 % is one processor.",
        Column("CPU", by_operation(metrics.OPERATION_CPU), "percentunit"),
        calls,
    )
    yield top_operations(
        "Most memory growth",
        f"The {TOP} operations during which the memory of the process grows most.",
        Column("Growth", by_operation(metrics.OPERATION_MEMORY_GROWTH), "binBps"),
        calls,
    )


@row("Process", widths=[8] * 6)
def _processes(queries: Queries) -> Panels:
    yield TimeSeries(
        "CPU of each process",
        "The CPU time of each process. 100 % is one processor, and Python threads rarely use more.",
        [grouped("sum", queries.rate(_CPU, TARGETS), *TARGETS)],
        "percentunit",
    )
    yield TimeSeries(
        "Resident memory",
        "The memory of the machine that each process uses. If it grows for hours and never "
        "falls, the process leaks memory.",
        [queries.target("memory_rss", TARGETS, apart=True)],
    )
    yield TimeSeries(
        "Virtual memory",
        "The address space that each process has reserved, which is far more than it uses. "
        "Only a steady rise matters.",
        [grouped("max", queries.series("process_virtual_memory_bytes", TARGETS), *TARGETS)],
        "bytes",
    )
    yield TimeSeries(
        "Open file descriptors",
        "The files and sockets that each process has open. If they rise steadily, something is "
        "never closed.",
        [queries.target("open_fds", TARGETS, apart=True)],
    )
    yield TimeSeries(
        "Threads",
        "The threads of each process. If they rise steadily, some threads never end.",
        [queries.target("threads", TARGETS, apart=True)],
    )
    yield TimeSeries(
        "Network connections",
        "The connections of each process, by state. Many in close_wait mean that the process "
        "does not close connections after its peers have closed them.",
        [grouped("sum", queries.series("process_network_connections", TARGETS), *TARGETS, "state")],
    )


@row("Python")
def _python(queries: Queries) -> Panels:
    def by_generation(what: str) -> list[Target]:
        rate = queries.rate(f"python_gc_{what}_total", TARGETS)
        return [Target(f"sum by (job, generation) ({rate})", "generation {{generation}}")]

    yield TimeSeries(
        "Garbage collections",
        "Garbage collections per second, by generation. Those of generation 2 look at all "
        "objects and stop all threads, so many of them cost time.",
        by_generation("collections"),
        "ops",
    )
    yield TimeSeries(
        "Objects collected per second",
        "Objects per second that only the garbage collector could free, because they refer to "
        "each other in cycles.",
        by_generation("objects_collected"),
        "short",
    )
    yield TimeSeries(
        "Uncollectable objects per second",
        "Objects per second that the garbage collector could not free. Anything above 0 is a leak.",
        by_generation("objects_uncollectable"),
        "short",
    )


@row("Event loops and thread pools", widths=(8, 8, 8))
def _loops_and_pools(queries: Queries) -> Panels:
    def largest(family: metrics.Family, label: str, empty: str) -> Target:
        return grouped("max", queries.series(family, TARGETS), *TARGETS, label, empty=empty)

    yield TimeSeries(
        "Lag of event loops",
        "How late each event loop ran its callbacks. If it is late, something blocks the loop "
        "or computes in it, and everything else in the loop has to wait.",
        [largest(metrics.EVENT_LOOP_LAG, "loop", _NO_LOOP)],
        "s",
    )
    yield TimeSeries(
        "Tasks of event loops",
        "The tasks of each event loop that have not ended. If they rise steadily, tasks start "
        "faster than they end, or some never end.",
        [largest(metrics.EVENT_LOOP_TASKS, "loop", _NO_LOOP)],
    )
    yield TimeSeries(
        "Queues of thread pools",
        "The tasks that are waiting for a thread of each pool. If tasks wait for long, the "
        "pool has too few threads, or its tasks block.",
        [largest(metrics.EXECUTOR_QUEUE_LENGTH, "executor", _NO_EXECUTOR)],
    )


RESOURCES: Final = Dashboard(
    "vitalspan-resources",
    "vitalspan / Resources",
    "CPU, memory and files of processes and machines, and the components that use them.",
    label_variables(COMPONENTS),
    (
        *(_now, _by_component, _top_operations, _processes, _python, _loops_and_pools),
        *(machine, inventory, vitalspan_itself),
    ),
)
"""The dashboard of CPU, memory and other limited resources."""
