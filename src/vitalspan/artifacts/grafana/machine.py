"""Rows about machines: processors, memory, disks, network, and what runs on them."""

from __future__ import annotations

from typing import Final

from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import time_series
from vitalspan.artifacts.grafana.queries import TARGETS, Queries
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, Line, Panel
from vitalspan.artifacts.grafana.tables import Column, rows

BUSY: Final = ((None, GOOD), (0.7, FAIR), (0.9, BAD))
"""The colours of a share that should not come near to 1."""

_ONE: Final = "{{instance}}"


def machine(page: Page, queries: Queries) -> None:
    """Add what each process says of the machine that it runs on."""
    page.row(
        "Machine",
        _by_mode(queries),
        _taken("memory", "memory_utilization", "Above 90 % the kernel may end processes.", queries),
        _taken("root file system", "disk_utilization", "A full one stops what writes.", queries),
        _traffic("Disk traffic", "disk", "read", "written", queries),
        _traffic("Network traffic", "network", "receive", "transmit", queries),
        widths=(8, 8, 8, 12, 12),
    )
    page.row("Inventory", _sizes(queries), _interpreters(queries), height=7, widths=(16, 8))


def _by_mode(queries: Queries) -> Panel:
    time = queries.rate("system_cpu_seconds_total", TARGETS)
    busy = queries.rate("system_cpu_seconds_total", TARGETS, 'mode!="idle"')
    return time_series(
        "CPU time by mode",
        "The share of the machines' CPU time that was spent in each mode; what lacks of 100 % was "
        "idle. Much iowait: the disk is slow. Steal: the host gives the time to others.",
        "percentunit",
        [Line(f"sum by (mode) ({busy}) / on () group_left () sum({time})", "{{mode}}")],
        stacked=True,
        most=1,
    )


def _taken(what: str, signal: str, warning: str, queries: Queries) -> Panel:
    return time_series(
        f"{what.capitalize()} taken",
        f"The share of the {what} that is taken, as each process sees its machine. {warning}",
        "percentunit",
        [Line(queries.signal(signal, TARGETS, apart=True), _ONE)],
        limits=BUSY,
        most=1,
    )


def _traffic(title: str, what: str, coming: str, going: str, queries: Queries) -> Panel:
    def rate(way: str) -> str:
        counter = queries.rate(f"system_{what}_{way}_bytes_total", TARGETS)
        return f"sum by (job, instance) ({counter})"

    return time_series(
        title,
        "Bytes a second of the whole machine, not of the process alone.",
        "Bps",
        [Line(rate(coming), f"{_ONE} {coming}"), Line(rate(going), f"{_ONE} {going}")],
    )


def _sizes(queries: Queries) -> Panel:
    def column(title: str, metric: str, unit: str = "bytes") -> Column:
        series = queries.series(metric, TARGETS)
        return Column(title, f"max by (job, instance) ({series})", unit)

    return rows(
        "Machines",
        "How large the machine of each process is, and what is left of it. Processes of one "
        "machine say the same.",
        {"instance": "Instance"},
        [
            column("Processors", "system_cpus", "none"),
            column("Memory", "system_memory_size_bytes"),
            column("Available", "system_memory_available_bytes"),
            column("Disk", "system_filesystem_size_bytes"),
            column("Free", "system_filesystem_available_bytes"),
        ],
    )


def _interpreters(queries: Queries) -> Panel:
    info = queries.series("python_info", TARGETS)
    return rows(
        "Interpreters",
        "Which Python runs, and in how many processes.",
        {"implementation": "Python", "version": "Version"},
        [Column("Processes", f"count by (implementation, version) ({info})", "none")],
    )
