"""Snapshots of allocated memory, and their differences."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Literal

from vitalspan.argument_checks import check_word
from vitalspan.errors import ConfigurationError, VitalspanError

MIB: Final = 1024 * 1024

By = Literal["line", "file", "traceback"]

_KEY_TYPES: Final = {"line": "lineno", "file": "filename", "traceback": "traceback"}

_OWN_FILES: Final = (tracemalloc.__file__, str(Path(__file__).parent / "*"))


@dataclass(frozen=True)
class Difference:
    """The difference of the memory of one line, file or stack between two snapshots.

    Attributes:
        filename: the file.
        lineno: the line; 0 if all lines of a file are counted together.
        size: the bytes in the later snapshot.
        size_diff: the increase in bytes; negative for a decrease.
        count: the number of memory blocks in the later snapshot.
        count_diff: the increase in blocks.
        traceback: `filename:lineno` of each recorded frame, the innermost last; a single frame
            unless the differences are by `traceback`.
    """

    filename: str
    lineno: int
    size: int
    size_diff: int
    count: int
    count_diff: int
    traceback: tuple[str, ...]

    @property
    def size_mb(self) -> float:
        """The size in megabytes of 1,048,576 bytes."""
        return self.size / MIB

    @property
    def size_diff_mb(self) -> float:
        """The difference in megabytes of 1,048,576 bytes."""
        return self.size_diff / MIB

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {
            "filename": self.filename,
            "lineno": self.lineno,
            "size_mb": self.size_mb,
            "size_diff_mb": self.size_diff_mb,
            "count": self.count,
            "count_diff": self.count_diff,
        }

    def __str__(self) -> str:
        place = f"{self.filename}:{self.lineno}" if self.lineno else self.filename
        return f"{place}: {self.size_diff_mb:+.3f} MB in {self.count_diff:+d} blocks"


def is_tracking() -> bool:
    """Return whether tracemalloc is tracing allocations."""
    return tracemalloc.is_tracing()


def snapshot() -> tracemalloc.Snapshot:
    """Return a snapshot by file and line, without the allocations of this function itself.

    It only has what was allocated since tracing began.

    Raises:
        VitalspanError: if allocations are not traced.
    """
    if not tracemalloc.is_tracing():
        raise VitalspanError(
            "allocations are not being traced, so a snapshot would be empty: call "
            "tracemalloc.start() first, or use 'with vitalspan.memory.track():'"
        )
    own = [tracemalloc.Filter(inclusive=False, filename_pattern=name) for name in _OWN_FILES]
    for pattern in _OWN_FILES:
        # Patterns are compiled once and cached, which would look like growth later.
        fnmatch(tracemalloc.__file__, pattern)
    return tracemalloc.take_snapshot().filter_traces(own)


def size_of(snapshot: tracemalloc.Snapshot) -> int:
    """Return how many bytes are allocated in a snapshot."""
    return sum(one.size for one in snapshot.statistics("filename"))


def differences(
    before: tracemalloc.Snapshot,
    after: tracemalloc.Snapshot,
    *,
    by: By = "line",
    top: int = 10,
) -> list[Difference]:
    """Return where memory has grown or shrunk between two snapshots, the largest changes first.

    Args:
        before: a snapshot.
        after: a later one.
        by: `line`, `file`, or `traceback` for stacks of as many frames as are traced.
        top: the maximum number of differences.

    Raises:
        ConfigurationError: if `by` is something else, or `top` is negative.
    """
    check_word("by", by, tuple(_KEY_TYPES))
    if top < 0:
        raise ConfigurationError(f"top={top!r:.80}: use a whole number from 0 up")
    changed = [one for one in all_differences(before, after, by) if one.size_diff or one.count_diff]
    return changed[:top]


def all_differences(
    before: tracemalloc.Snapshot, after: tracemalloc.Snapshot, by: By = "line"
) -> Iterator[Difference]:
    """Yield the difference of every line, file or stack, which may be zero."""
    for one in after.compare_to(before, _KEY_TYPES[by]):
        frame = one.traceback[-1]
        yield Difference(
            frame.filename,
            0 if by == "file" else frame.lineno,
            one.size,
            one.size_diff,
            one.count,
            one.count_diff,
            tuple(f"{each.filename}:{each.lineno}" for each in one.traceback),
        )
