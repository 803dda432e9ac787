"""Readings of the machine and the process, as in the older monitors' reports."""

from __future__ import annotations

import gc
import threading
from typing import Any, Final

import psutil

from vitalspan.compat.performance_monitor.records import MIB
from vitalspan.exposition.connection_states import connection_states

_HIGH: Final = {"cpu_percent": 80.0, "memory_percent": 80.0, "disk_usage_percent": 90.0}
"""The percentages from which on something is an issue."""

_WORDS: Final = {
    "cpu_percent": "the processors are busy",
    "memory_percent": "the memory is getting full",
    "disk_usage_percent": "the disk is getting full",
}


def system_metrics() -> dict[str, Any]:
    """Return the current resource usage of the machine and this process."""
    memory, process = psutil.virtual_memory(), psutil.Process()
    own = process.memory_info()
    return {
        "cpu_percent": psutil.cpu_percent(interval=None),
        "memory_percent": memory.percent,
        "memory_available_mb": memory.available / MIB,
        "disk_usage_percent": psutil.disk_usage("/").percent,
        "active_threads": threading.active_count(),
        "memory_mb": own.rss / MIB,
        "virtual_memory_mb": own.vms / MIB,
    }


def system_snapshot() -> dict[str, Any]:
    """Return the resource usage with disk and network traffic, and the connections."""
    disk, network = psutil.disk_io_counters(), psutil.net_io_counters()
    return {
        **system_metrics(),
        "disk_read_mb": disk.read_bytes / MIB if disk else 0.0,
        "disk_write_mb": disk.write_bytes / MIB if disk else 0.0,
        "network_sent_mb": network.bytes_sent / MIB if network else 0.0,
        "network_received_mb": network.bytes_recv / MIB if network else 0.0,
        "connections": _connections(),
    }


def system_health() -> dict[str, Any]:
    """Return the readings, the issues, and a status."""
    readings = system_metrics()
    names = ("cpu_percent", "memory_percent", "memory_available_mb", "disk_usage_percent")
    current = {name: readings[name] for name in (*names, "active_threads")}
    issues = [
        f"{_WORDS[name]}: {readings[name]:.1f} % of it in use"
        for name, limit in _HIGH.items()
        if readings[name] > limit
    ]
    return {
        "current_metrics": current,
        "garbage_collection": {"counts": gc.get_count(), "collected": _collected()},
        "performance_issues": issues,
        "health_status": "healthy" if not issues else "warning" if len(issues) == 1 else "critical",
    }


def _collected() -> int:
    return sum(generation["collected"] for generation in gc.get_stats())


def _connections() -> int:
    try:
        return len(connection_states())
    except Exception:  # noqa: BLE001 - besides its own errors, psutil raises those of files and parsers
        return 0
