"""The memory functions of the older monitors, on tracemalloc."""

from __future__ import annotations

import tracemalloc
from typing import Any

from vitalspan.compat.performance_monitor.records import MIB


def enable_memory_tracking(frames: int = 1) -> None:
    """Begin to note where memory is allocated, which slows every allocation down.

    Args:
        frames: how many frames of the stack are noted.
    """
    if not tracemalloc.is_tracing():
        tracemalloc.start(frames)


def disable_memory_tracking() -> None:
    """Stop noting where memory is allocated."""
    tracemalloc.stop()


def get_memory_snapshot() -> tracemalloc.Snapshot | None:
    """Return what is allocated now, by file and line; None while nothing is noted."""
    if not tracemalloc.is_tracing():
        return None
    return tracemalloc.take_snapshot().filter_traces(
        (tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__),)
    )


def compare_memory_snapshots(
    before: tracemalloc.Snapshot | None, after: tracemalloc.Snapshot | None, top_n: int = 10
) -> list[dict[str, Any]]:
    """Return the lines whose memory has changed most.

    Args:
        before: a snapshot.
        after: a later one.
        top_n: how many lines.

    Returns:
        For each line `filename`, `lineno`, `size_diff_mb` and `count_diff`.
    """
    if before is None or after is None:
        return []
    return [
        {
            "filename": line.traceback[0].filename,
            "lineno": line.traceback[0].lineno,
            "size_diff_mb": line.size_diff / MIB,
            "count_diff": line.count_diff,
        }
        for line in after.compare_to(before, "lineno")[: max(0, top_n)]
    ]
