"""The profiles of slow calls of all processes, each in a file in their shared directory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vitalspan.profiling.profile_json import decode, encode
from vitalspan.runtime import fork
from vitalspan.workers.private_files import make_directory, read_file, replace_file

if TYPE_CHECKING:
    from vitalspan.profiling.profile import Profile

SUFFIX: Final = ".profile"

KEPT: Final = 50
"""The number of profiles of all processes that are kept; the oldest are removed."""

_LARGEST: Final = 8 * 1024 * 1024
"""The maximum size of a file in bytes, which is more than any profile has."""


class SharedProfiles:
    """The profiles in a directory.

    Args:
        path: the directory; it is created with the first profile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, Profile | None] = {}
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Drop everything that was read. Another thread may have been about to read more."""
        self._read = {}

    def keep(self, profile: Profile) -> None:
        """Store a profile for all processes.

        Raises:
            OSError: if it cannot be written.
        """
        make_directory(self._path)
        replace_file(self._path / f"{profile.id}{SUFFIX}", encode(profile))
        for path in self._files()[:-KEPT]:
            path.unlink(missing_ok=True)

    def recent(self) -> list[Profile]:
        """Return the profiles that can be read, in the order in which they were stored."""
        read = self._read
        found = {path.name: read.get(path.name) or self._decoded(path) for path in self._files()}
        # In one step, because several threads may ask.
        self._read = found
        return [one for one in found.values() if one is not None]

    def _files(self) -> list[Path]:
        """Return the files, the latest last."""
        times = []
        with suppress(OSError):
            for path in self._path.glob(f"*{SUFFIX}"):
                with suppress(OSError):
                    times.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(times)]

    def _decoded(self, path: Path) -> Profile | None:
        with suppress(OSError, ValueError):
            if path.stat().st_size <= _LARGEST:
                return decode(read_file(path))
        return None
