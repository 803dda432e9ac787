"""The dashboard Resources: what processes take of their machines, and who takes it."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Row, process_dashboard
from vitalspan.artifacts.grafana.panels import Column, Panel, Stat, Target, TimeSeries, legend
from vitalspan.artifacts.grafana.queries import BY_OPERATION, COMPONENTS, TARGETS, Queries
from vitalspan.artifacts.grafana.rows.machine import machine_rows
from vitalspan.artifacts.grafana.rows.runtime import loops_and_pools
from vitalspan.artifacts.grafana.rows.traffic import TOP, top_operations
from vitalspan.artifacts.grafana.rows.vitalspan_itself import vitalspan_itself

_CPU: Final = "process_cpu_seconds_total"


def resources(queries: Queries) -> Dashboard:
    """Return the dashboard of CPU, memory and what else is scarce."""
    return process_dashboard(
        "vitalspan-resources",
        "vitalspan / Resources",
        "CPU, memory and files of processes and machines, and the components that use them.",
        queries,
        COMPONENTS,
        Row(
            "Now",
            *_processes_now(queries),
            *_machines_now(queries),
            height=5,
            widths=(3, 3, 3, 3, 4, 4, 4),
        ),
        _by_component(queries),
        _top_operations(queries),
        _processes(queries),
        _python(queries),
        loops_and_pools(queries),
        *machine_rows(queries),
        vitalspan_itself(queries),
    )


def _processes_now(queries: Queries) -> list[Panel]:
    def series(metric: str) -> str:
        return queries.series(metric, TARGETS)

    open_files = f"max({series('process_open_fds')} / {series('process_max_fds')})"
    return [
        Stat(
            "CPU",
            "The CPU time of all selected processes. 100 % is one processor.",
            [Target(f"sum({queries.rate(_CPU, TARGETS)})", "CPU")],
            "percentunit",
        ),
        Stat(
            "Memory",
            "The resident memory of all selected processes together.",
            [Target(f"sum({series('process_resident_memory_bytes')})", "memory")],
            "bytes",
        ),
        Stat(
            "Open files",
            "The open file descriptors, including sockets, as a share of the limit, in the process "
            "that is nearest to its limit. At 100 %, the process can open no more files or "
            "connections.",
            [Target(open_files, "open files")],
            "percentunit",
            thresholds=styles.UTILIZATION,
            decimals=1,
        ),
        Stat(
            "Uptime",
            "How long the youngest process has been running. If there was no deployment, it may "
            "have crashed before.",
            [Target(f"time() - max({series('process_start_time_seconds')})", "uptime")],
            "dtdurations",
            sparkline=False,
        ),
    ]


def _machines_now(queries: Queries) -> list[Panel]:
    def share(what: str, description: str, signal: str, name: str) -> Panel:
        return Stat(
            f"Machine's {what}",
            f"The share of {description} machine.",
            [Target(f"max({queries.signal(signal, TARGETS)})", name)],
            "percentunit",
            thresholds=styles.UTILIZATION,
        )

    memory = "memory that is used, on the fullest"
    disk = "the root file system that is used, on the fullest"
    return [
        share("CPU", "CPU time that was not idle, on the busiest", "cpu_utilization", "CPU"),
        share("memory", memory, "memory_utilization", "memory"),
        share("disk", disk, "disk_utilization", "disk"),
    ]


def _by_component(queries: Queries) -> Row:
    cpu = queries.rate(metrics.OPERATION_CPU, COMPONENTS)
    growth = queries.rate(metrics.OPERATION_MEMORY_GROWTH, COMPONENTS)
    process = f"sum by (job) ({queries.rate(_CPU, TARGETS)})"
    return Row(
        "By component",
        TimeSeries(
            "CPU by component",
            "The CPU time of each component's calls. 100 % is one processor. A call includes its "
            "nested calls, so the lines can add up to more than the process. Short calls and code "
            "outside of operations are not measured.",
            [
                Target(f"sum by (job, component) ({cpu})", "{{component}}"),
                Target(process, "process {{job}}"),
            ],
            "percentunit",
        ),
        TimeSeries(
            "Memory growth by component",
            "The growth of the process's resident memory during each component's calls, a second. "
            "It includes what other threads did in the meantime, but not memory that was released. "
            "If a process grows, look at the highest line first.",
            [Target(f"sum by (job, component) ({growth})", "{{component}}")],
            "binBps",
        ),
    )


def _top_operations(queries: Queries) -> Row:
    def by_operation(metric: metrics.Family) -> str:
        return f"sum by (job, component, operation) ({queries.rate(metric, COMPONENTS)})"

    calls = queries.signal("rate", COMPONENTS, by=BY_OPERATION)
    growth = by_operation(metrics.OPERATION_MEMORY_GROWTH)
    return Row(
        "Top operations",
        top_operations(
            "Most CPU",
            f"The {TOP} operations whose calls take most CPU time. 100 % is one processor.",
            Column("CPU", by_operation(metrics.OPERATION_CPU), "percentunit"),
            calls,
        ),
        top_operations(
            "Most memory growth",
            f"The {TOP} operations during whose calls the process's memory grows most.",
            Column("Growth", growth, "binBps"),
            calls,
        ),
    )


def _processes(queries: Queries) -> Row:
    def by_instance(how: str, series: str, *by: str) -> Target:
        labels = ("job", "instance", *by)
        expr = f"{how} by ({', '.join(labels)}) ({series})"
        return Target(expr, legend(*labels[1:]))

    def signal(name: str) -> Target:
        return Target(queries.signal(name, TARGETS, apart=True), "{{instance}}")

    virtual = queries.series("process_virtual_memory_bytes", TARGETS)
    connections = queries.series("process_network_connections", TARGETS)
    return Row(
        "Process",
        TimeSeries(
            "CPU of each process",
            "The CPU time of each process. 100 % is one processor, and Python threads rarely use "
            "more.",
            [by_instance("sum", queries.rate(_CPU, TARGETS))],
            "percentunit",
        ),
        TimeSeries(
            "Resident memory",
            "The memory of the machine that each process holds. If it grows for hours and never "
            "falls, the process leaks memory.",
            [signal("memory_rss")],
            "bytes",
        ),
        TimeSeries(
            "Virtual memory",
            "The addresses that each process has reserved, far more than it uses. Only a steady "
            "rise matters.",
            [by_instance("max", virtual)],
            "bytes",
        ),
        TimeSeries(
            "Open file descriptors",
            "The files and sockets that each process has open. If they rise steadily, something is "
            "never closed.",
            [signal("open_fds")],
        ),
        TimeSeries(
            "Threads",
            "The threads of each process. If they rise steadily, some threads never end.",
            [signal("threads")],
        ),
        TimeSeries(
            "Network connections",
            "The connections of each process by state. Many in close_wait mean that the process "
            "does not close connections that its peers have closed.",
            [by_instance("sum", connections, "state")],
        ),
        widths=[8] * 6,
    )


def _python(queries: Queries) -> Row:
    def by_generation(what: str) -> list[Target]:
        rate = queries.rate(f"python_gc_{what}_total", TARGETS)
        expr = f"sum by (job, generation) ({rate})"
        return [Target(expr, "generation {{generation}}")]

    return Row(
        "Python",
        TimeSeries(
            "Garbage collections",
            "Collections a second. Those of generation 2 look at all objects, and stop all threads "
            "in the meantime. Many of them cost time.",
            by_generation("collections"),
            "ops",
        ),
        TimeSeries(
            "Objects collected per second",
            "Objects that only the garbage collector could free, because they refer to each other "
            "in cycles.",
            by_generation("objects_collected"),
            "short",
        ),
        TimeSeries(
            "Uncollectable objects per second",
            "Objects that can never be freed. Anything above 0 is a leak.",
            by_generation("objects_uncollectable"),
            "short",
        ),
    )
