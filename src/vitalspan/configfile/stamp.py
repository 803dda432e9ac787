"""File stamps, which tell whether files have changed."""

from __future__ import annotations

from pathlib import Path


class FileStamps:
    """The modification times, sizes and inodes that files had when they were added.

    Add a file before reading it: a change while it is being read then counts.

    Args:
        paths: the first files.
    """

    def __init__(self, *paths: Path) -> None:
        self._stamps = {path: _stamp(path) for path in paths}

    def add(self, path: Path) -> None:
        """Remember the current state of a file."""
        self._stamps[path] = _stamp(path)

    @property
    def size(self) -> int:
        """The total size of the files in bytes."""
        return sum(stamp[1] for stamp in self._stamps.values() if stamp is not None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileStamps) and self._stamps == other._stamps

    __hash__ = None  # type: ignore[assignment] # files can be added

    def changed(self) -> bool:
        """Return whether a file was written, replaced, removed or created since it was added."""
        return any(_stamp(path) != stamp for path, stamp in self._stamps.items())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
