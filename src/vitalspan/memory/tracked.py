"""What a block of code has allocated and kept."""

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
    """The memory of a block, from its beginning to its end or, within it, until now.

    Attributes:
        before: what was allocated at the beginning.
        after: what was allocated at the end; None within the block.
        peak_mb: by how much the block's memory grew at most, in megabytes of 1,048,576 bytes; None
            within the block, and if tracemalloc ran already, whose own peak is left alone.
    """

    def __init__(self, before: tracemalloc.Snapshot) -> None:
        self.before = before
        self.after: tracemalloc.Snapshot | None = None
        self.peak_mb: float | None = None

    def lines(self, top: int = 10) -> list[Difference]:
        """Return the lines whose memory has changed most.

        Args:
            top: how many at most.

        Raises:
            VitalspanError: if something has stopped tracemalloc within the block.
        """
        return self._differences("line", top)

    def files(self, top: int = 10) -> list[Difference]:
        """Return the files whose memory has changed most.

        Args:
            top: how many at most.

        Raises:
            VitalspanError: if something has stopped tracemalloc within the block.
        """
        return self._differences("file", top)

    @property
    def size_diff_mb(self) -> float:
        """How much more memory is allocated than before, in megabytes of 1,048,576 bytes."""
        return (size_of(self._latest()) - size_of(self.before)) / MIB

    def _differences(self, by: By, top: int) -> list[Difference]:
        return differences(self.before, self._latest(), by=by, top=top)

    def _latest(self) -> tracemalloc.Snapshot:
        return snapshot() if self.after is None else self.after


@contextmanager
def track(*, frames: int = 1) -> Iterator[Tracked]:
    """Note what is allocated within a `with` statement, in all threads.

    Every allocation is slower meanwhile. Afterwards tracemalloc is as it was: it is stopped, unless
    the program had started it.

    Args:
        frames: how many frames of the stack of each allocation are noted, 1 to 100; those that the
            program has asked for, if tracemalloc runs already.

    Raises:
        ConfigurationError: for a number of frames that cannot be had.
    """
    if not 1 <= frames <= _MAX_FRAMES:
        raise ConfigurationError(f"frames={frames!r:.80}: write a number from 1 to {_MAX_FRAMES}")
    started = tracing.begin(frames)
    try:
        tracked = Tracked(snapshot())
        begun_with = tracemalloc.get_traced_memory()[0]
        if started:
            tracemalloc.reset_peak()
        try:
            yield tracked
        finally:
            # If something has stopped tracemalloc, an exception of the block is worth more than
            # one about that; whoever asks for the lines is told.
            if tracemalloc.is_tracing():
                if started:
                    peak = tracemalloc.get_traced_memory()[1]
                    tracked.peak_mb = max(0, peak - begun_with) / MIB
                tracked.after = snapshot()
    finally:
        tracing.end()
