"""Tracks what a block of code allocates and keeps."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.memory.snapshots import MIB, By, Difference, differences, size_of, snapshot
from vitalspan.memory.tracing import tracing

_MAX_FRAMES: Final = 100


class Tracked:
    """The memory of a block, from its start to its end or, within it, until now.

    Attributes:
        before: the snapshot at the start.
        after: the snapshot at the end; None within the block.
        peak_mb: the maximum growth of the block's memory, in megabytes of 1,048,576 bytes; None
            within the block, and if tracemalloc was running already, whose peak is not reset.
    """

    def __init__(self, before: tracemalloc.Snapshot) -> None:
        self.before = before
        self.after: tracemalloc.Snapshot | None = None
        self.peak_mb: float | None = None

    def lines(self, top: int = 10) -> list[Difference]:
        """Return the lines whose memory has changed most.

        Args:
            top: the maximum number of lines.

        Raises:
            VitalspanError: if something has stopped tracemalloc within the block.
        """
        return self._differences("line", top)

    def files(self, top: int = 10) -> list[Difference]:
        """Return the files whose memory has changed most.

        Args:
            top: the maximum number of files.

        Raises:
            VitalspanError: if something has stopped tracemalloc within the block.
        """
        return self._differences("file", top)

    @property
    def size_diff_mb(self) -> float:
        """The increase of allocated memory in megabytes of 1,048,576 bytes."""
        return (size_of(self._latest()) - size_of(self.before)) / MIB

    def _differences(self, by: By, top: int) -> list[Difference]:
        return differences(self.before, self._latest(), by=by, top=top)

    def _latest(self) -> tracemalloc.Snapshot:
        return snapshot() if self.after is None else self.after


@contextmanager
def track(*, frames: int = 1) -> Iterator[Tracked]:
    """Track allocations within a `with` statement, in all threads.

    In the meantime, all allocations are slower. Afterwards tracemalloc is as it was: it is stopped,
    unless the program had started it.

    Args:
        frames: the number of stack frames to record per allocation, 1 to 100; the program's own
            number if tracemalloc is already running.

    Raises:
        ConfigurationError: for an invalid number of frames.
    """
    if not 1 <= frames <= _MAX_FRAMES:
        raise ConfigurationError(
            f"frames={frames!r:.80}: use a whole number from 1 to {_MAX_FRAMES}"
        )
    started = tracing.begin(frames)
    try:
        tracked = Tracked(snapshot())
        begun_with = tracemalloc.get_traced_memory()[0]
        if started:
            tracemalloc.reset_peak()
        try:
            yield tracked
        finally:
            # If something has stopped tracemalloc, an exception of the block is more important; the
            # error comes when the lines are requested.
            if tracemalloc.is_tracing():
                if started:
                    peak = tracemalloc.get_traced_memory()[1]
                    tracked.peak_mb = max(0, peak - begun_with) / MIB
                tracked.after = snapshot()
    finally:
        tracing.end()
