"""The memory functions of the older monitors, based on `vitalspan.memory`."""

from __future__ import annotations

import tracemalloc
from itertools import islice
from typing import Any

from vitalspan.memory.snapshots import all_differences, is_tracking, snapshot
from vitalspan.memory.tracing import tracing


def enable_memory_tracking(frames: int = 1) -> None:
    """Start tracing allocations, which slows all of them down.

    Args:
        frames: the number of stack frames to record.
    """
    tracing.switch_on(frames)


def disable_memory_tracking() -> None:
    """Stop tracing allocations."""
    tracing.switch_off()


def get_memory_snapshot() -> tracemalloc.Snapshot | None:
    """Return a snapshot by file and line; None if allocations are not traced."""
    return snapshot() if is_tracking() else None


def compare_memory_snapshots(
    before: tracemalloc.Snapshot | None, after: tracemalloc.Snapshot | None, top_n: int = 10
) -> list[dict[str, Any]]:
    """Return the lines whose memory has changed most.

    Args:
        before: a snapshot.
        after: a later one.
        top_n: the number of lines.

    Returns:
        For each line `filename`, `lineno`, `size_diff_mb` and `count_diff`.
    """
    if before is None or after is None:
        return []
    return [
        {
            "filename": line.filename,
            "lineno": line.lineno,
            "size_diff_mb": line.size_diff_mb,
            "count_diff": line.count_diff,
        }
        for line in islice(all_differences(before, after), max(0, top_n))
    ]
