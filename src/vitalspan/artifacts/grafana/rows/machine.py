"""Rows about machines: processors, memory, disks, network, and what runs on them."""

from __future__ import annotations

from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Panels, row
from vitalspan.artifacts.grafana.panels import Column, Table, Target, TimeSeries, labels
from vitalspan.artifacts.grafana.queries import TARGETS, Queries
from vitalspan.promql.matchers import Matcher


@row("Machine", widths=(8, 8, 8, 12, 12))
def machine(queries: Queries) -> Panels:
    """Return the row about the machines that processes run on."""

    def usage(what: str, signal: str, warning: str) -> TimeSeries:
        return TimeSeries(
            f"{what.capitalize()} used",
            f"The used share of the {what}, as each process sees its machine. {warning}",
            [queries.target(signal, TARGETS, apart=True)],
            limits=styles.UTILIZATION,
        )

    time = queries.rate("system_cpu_seconds_total", TARGETS)
    busy = queries.rate("system_cpu_seconds_total", TARGETS, Matcher("mode", "!=", "idle"))
    by_mode = f"sum by (mode) ({busy}) / on () group_left () sum({time})"
    yield TimeSeries(
        "CPU time by mode",
        "How much of the machines' CPU time was spent in each mode; the rest was idle. Much "
        "iowait means that the disk is slow. Much steal means that the host gives the time to "
        "other machines.",
        [Target(by_mode, "{{mode}}")],
        "percentunit",
        stacked=True,
        maximum=1,
    )
    yield usage("memory", "memory_utilization", "Above 90 %, the kernel may kill processes.")
    yield usage("root file system", "disk_utilization", "When it is full, nothing can be written.")
    yield _traffic("disk", "read", "written", queries)
    yield _traffic("network", "receive", "transmit", queries)


@row("Inventory", height=7, widths=(16, 8))
def inventory(queries: Queries) -> Panels:
    """Return the row about the sizes of machines, and what runs on them."""

    def column(title: str, metric: str, unit: str = "bytes") -> Column:
        return Column(title, f"max by (job, instance) ({queries.series(metric, TARGETS)})", unit)

    info = queries.series("python_info", TARGETS)
    processes = f"count by (implementation, version) ({info})"
    yield Table(
        "Machines",
        "The size of the machine of each process, and how much is free. Processes on the same "
        "machine show the same values.",
        labels("instance"),
        [
            column("Processors", "system_cpus", "none"),
            column("Memory", "system_memory_size_bytes"),
            column("Available", "system_memory_available_bytes"),
            column("Disk", "system_filesystem_size_bytes"),
            column("Free", "system_filesystem_available_bytes"),
        ],
    )
    yield Table(
        "Interpreters",
        "The versions of Python, and the number of processes that run with each of them.",
        labels(implementation="Python", version="Version"),
        [Column("Processes", processes, "none")],
    )


def _traffic(what: str, coming: str, going: str, queries: Queries) -> TimeSeries:
    def target(way: str) -> Target:
        counter = queries.rate(f"system_{what}_{way}_bytes_total", TARGETS)
        return Target(f"sum by (job, instance) ({counter})", f"{{{{instance}}}} {way}")

    return TimeSeries(
        f"{what.capitalize()} traffic",
        "Bytes per second of the whole machine, and not only of the process.",
        [target(coming), target(going)],
        "Bps",
    )
