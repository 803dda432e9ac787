"""What the processes take of their machines, and who takes it."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.itself import itself
from vitalspan.artifacts.grafana.machine import BUSY, machine
from vitalspan.artifacts.grafana.overview import OPERATION_PAGE
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, TARGETS, Queries
from vitalspan.artifacts.grafana.styles import Line
from vitalspan.artifacts.grafana.tables import Column, rows

UID: Final = "vitalspan-resources"

_TOP: Final = 10
_CPU: Final = "process_cpu_seconds_total"


def resources(queries: Queries, datasource: str) -> Page:
    """Return the dashboard of CPU, memory and what else is scarce."""
    page = Page(
        UID,
        "vitalspan / Resources",
        "CPU, memory and files of processes and machines; which components take them.",
        COMPONENTS,
        queries,
        datasource,
    )
    _now(page, queries)
    _attribution(page, queries)
    _most(page, queries)
    _process(page, queries)
    _python(page, queries)
    machine(page, queries)
    itself(page, queries)
    return page


def _now(page: Page, queries: Queries) -> None:
    signal = queries.signal
    files = queries.series("process_open_fds", TARGETS)
    limit = queries.series("process_max_fds", TARGETS)
    started = queries.series("process_start_time_seconds", TARGETS)
    page.row(
        "Now",
        number(
            "CPU",
            "CPU time of all processes chosen; 100 % is one processor.",
            "percentunit",
            Line(f"sum({queries.rate(_CPU, TARGETS)})", "CPU"),
        ),
        number(
            "Memory",
            "Resident memory of all processes chosen, together.",
            "bytes",
            Line(f"sum({queries.series('process_resident_memory_bytes', TARGETS)})", "memory"),
        ),
        number(
            "Open files",
            "File descriptors, sockets among them: the share of the limit that the process nearest "
            "to its own has open. At 100 % nothing can be opened or connected to.",
            "percentunit",
            Line(f"max({files} / {limit})", "open files"),
            steps=BUSY,
            decimals=1,
        ),
        number(
            "Uptime",
            "How long the youngest process has run. Young ones that were not deployed just now "
            "have crashed.",
            "dtdurations",
            Line(f"time() - max({started})", "uptime"),
            sparkline=False,
        ),
        number(
            "Machine's CPU",
            "The share of the CPU time that was not idle, on the busiest machine.",
            "percentunit",
            Line(f"max({signal('cpu_utilization', TARGETS)})", "CPU"),
            steps=BUSY,
        ),
        number(
            "Machine's memory",
            "The share of the memory that is taken, on the fullest machine.",
            "percentunit",
            Line(f"max({signal('memory_utilization', TARGETS)})", "memory"),
            steps=BUSY,
        ),
        number(
            "Machine's disk",
            "The share of the root file system that is taken, on the fullest machine.",
            "percentunit",
            Line(f"max({signal('disk_utilization', TARGETS)})", "disk"),
            steps=BUSY,
        ),
        height=5,
        widths=(3, 3, 3, 3, 4, 4, 4),
    )


def _attribution(page: Page, queries: Queries) -> None:
    cpu = f"sum by (job, component) ({queries.rate(names.OPERATION_CPU.name, COMPONENTS)})"
    growth = queries.rate(names.OPERATION_MEMORY_GROWTH.name, COMPONENTS)
    page.row(
        "By component",
        time_series(
            "CPU by component",
            "CPU time of each component's calls; 100 % is one processor. A call counts those that "
            "it makes too, so that together the lines may be above the process. What lies between "
            "is not measured: short calls, and code outside of operations.",
            "percentunit",
            [
                Line(cpu, "{{component}}"),
                Line(f"sum by (job) ({queries.rate(_CPU, TARGETS)})", "process {{job}}"),
            ],
        ),
        time_series(
            "Memory growth by component",
            "By how much the process's resident memory grew during each component's calls, a "
            "second. What other threads did meanwhile shows in it, and memory that is given back "
            "does not: beside a process that grows, the highest line is where to look.",
            "binBps",
            [Line(f"sum by (job, component) ({growth})", "{{component}}")],
        ),
        widths=(12, 12),
    )


def _most(page: Page, queries: Queries) -> None:
    by = ("component", "operation")
    cpu = queries.rate(names.OPERATION_CPU.name, COMPONENTS)
    growth = queries.rate(names.OPERATION_MEMORY_GROWTH.name, COMPONENTS)
    calls = queries.signal("rate", COMPONENTS, by=by)
    most = f"topk({_TOP}, sum by (job, component, operation) (%s))"
    who = {"component": "Component", "operation": "Operation"}
    links = {"operation": OPERATION_PAGE}
    page.row(
        "Operations that take most",
        rows(
            "Most CPU",
            f"The {_TOP} operations whose calls take most CPU time; 100 % is one processor. A name "
            "leads to its page.",
            who,
            [
                Column("CPU", most % cpu, "percentunit"),
                Column(
                    "Calls", f"{calls} and on (job, component, operation) {most % cpu}", "reqps"
                ),
            ],
            links=links,
        ),
        rows(
            "Most memory growth",
            f"The {_TOP} operations during whose calls the process's memory grows most, a second. "
            "A name leads to its page.",
            who,
            [
                Column("Growth", most % growth, "binBps"),
                Column(
                    "Calls", f"{calls} and on (job, component, operation) {most % growth}", "reqps"
                ),
            ],
            links=links,
        ),
        widths=(12, 12),
    )


def _process(page: Page, queries: Queries) -> None:
    states = queries.series("process_network_connections", TARGETS)
    one = "{{instance}}"
    page.row(
        "Process",
        time_series(
            "CPU of each process",
            "CPU time; 100 % is one processor. Python code in threads rarely gets beyond it.",
            "percentunit",
            [Line(f"sum by (job, instance) ({queries.rate(_CPU, TARGETS)})", one)],
        ),
        time_series(
            "Resident memory",
            "What each process holds of the machine's memory. One that grows for hours and never "
            "falls leaks.",
            "bytes",
            [Line(queries.signal("memory_rss", TARGETS, apart=True), one)],
        ),
        time_series(
            "Virtual memory",
            "The addresses that each process has reserved. Far more than it uses; only a steady "
            "rise says something.",
            "bytes",
            [Line(_of("process_virtual_memory_bytes", queries), one)],
        ),
        time_series(
            "Open file descriptors",
            "Files and sockets that each process has open. A steady rise: something is never "
            "closed.",
            "none",
            [Line(queries.signal("open_fds", TARGETS, apart=True), one)],
        ),
        time_series(
            "Threads",
            "Threads of each process. A steady rise: threads are started that never end.",
            "none",
            [Line(queries.signal("threads", TARGETS, apart=True), one)],
        ),
        time_series(
            "Network connections",
            "Connections of each process by state. Many in close_wait: the process does not close "
            "what its peers have ended.",
            "none",
            [Line(f"sum by (job, instance, state) ({states})", "{{instance}} {{state}}")],
        ),
        widths=(8,) * 6,
    )


def _of(metric: str, queries: Queries) -> str:
    return f"max by (job, instance) ({queries.series(metric, TARGETS)})"


def _python(page: Page, queries: Queries) -> None:
    def by_generation(metric: str) -> list[Line]:
        rate = queries.rate(metric, TARGETS)
        return [Line(f"sum by (job, generation) ({rate})", "generation {{generation}}")]

    page.row(
        "Python",
        time_series(
            "Garbage collections",
            "Collections a second. Those of generation 2 look at every object and stop all threads "
            "meanwhile: many of them cost time.",
            "ops",
            by_generation("python_gc_collections_total"),
        ),
        time_series(
            "Objects collected a second",
            "Objects that only the garbage collector could free, since they refer to each "
            "other in circles.",
            "short",
            by_generation("python_gc_objects_collected_total"),
        ),
        time_series(
            "Uncollectable objects a second",
            "Objects that could not be freed, and never will be. Anything above 0 is a leak.",
            "short",
            by_generation("python_gc_objects_uncollectable_total"),
        ),
    )
