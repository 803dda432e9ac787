"""The data of a dashboard, in types that JSON has."""

from __future__ import annotations

from typing import Any, Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.reports.gather_overview import Sources, gather_overview
from vitalspan.reports.json_ready import json_ready

SCHEMA: Final = "vitalspan.dashboard"
VERSION: Final = 1
"""The version of the schema. It increases when a field is removed, renamed or changes its meaning,
but not when fields are added."""

MAX_CALLS: Final = 20
"""The maximum number of recent calls, slow calls, running calls and past sessions to list."""


def dashboard(
    sources: Sources, window: float | None, offset: float, operations: int
) -> dict[str, Any]:
    """Return the data of a dashboard.

    Args:
        sources: the parts of the monitor.
        window: the length of the period in seconds; None for the whole time since the start.
        offset: the seconds since its end.
        operations: the maximum number of operations to list.

    Raises:
        ConfigurationError: for a period that is not available.
    """
    overview = gather_overview(sources, window, offset, operations=operations, or_since_start=True)
    statistics, sessions = sources.statistics, sources.sessions()
    running = statistics.running()
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        **overview.to_dict(),
        "running": [one.to_dict() for one in running[:MAX_CALLS]],
        "running_left_out": max(0, len(running) - MAX_CALLS),
        "recent_calls": _latest(statistics.recent_calls()),
        "slow_calls": _latest(statistics.slow_calls()),
        "sessions": {
            "open": [one.statistics().to_dict() for one in sessions.open()[-MAX_CALLS:]],
            "past": [one.to_dict() for one in sessions.history()[-MAX_CALLS:]],
        },
    }
    ready: dict[str, Any] = json_ready(document)
    return ready


def _latest(calls: list[CallRecord]) -> list[dict[str, Any]]:
    """Return the latest calls, the last one first."""
    return [one._asdict() for one in reversed(calls[-MAX_CALLS:])]
