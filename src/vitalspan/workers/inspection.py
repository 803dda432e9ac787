"""Inspects and cleans a shared directory, for people."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vitalspan.errors import VitalspanError
from vitalspan.workers.archive import ARCHIVE
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.file_names import OURS
from vitalspan.workers.leadership import leader_of
from vitalspan.workers.state_file import has_magic
from vitalspan.workers.workers import WorkerInfo, members_of


class DirectoryReport(NamedTuple):
    """The content of a directory.

    Attributes:
        members: the processes: living ones, and dead ones that are not archived.
        leader: the process id of the leader, which evaluates rules; None without one.
        archived: the size of the archive in bytes.
        total: the size of all files in bytes.
        unreadable: the files that cannot be read, with the reasons.
    """

    members: list[WorkerInfo]
    leader: int | None
    archived: int
    total: int
    unreadable: list[tuple[Path, str]]


def inspect(path: Path) -> DirectoryReport:
    """Return the content of a directory."""
    unreadable: list[tuple[Path, str]] = []
    directory = WorkersDirectory(path, lambda *one: unreadable.append(one), lambda: 0.0)
    state = directory.read()
    state.sum(lambda: 0.0)
    sizes = {one.name: one.stat().st_size for one in path.iterdir() if one.is_file()}
    return DirectoryReport(
        members_of(state), leader_of(path), sizes.get(ARCHIVE, 0), sum(sizes.values()), unreadable
    )


def clean(path: Path) -> list[Path]:
    """Remove all files that processes have created in a directory, and return their paths.

    Other files stay. Nobody may be using the directory.

    Raises:
        VitalspanError: if there are files with such names, but none of them belongs to a process.
    """
    ours = sorted(one for one in path.iterdir() if OURS.fullmatch(one.name))
    if ours and not any(has_magic(one) for one in ours):
        raise VitalspanError(
            f"{path} has no files of vitalspan, so nothing is removed: remove the directory "
            "yourself if it belongs to a service"
        )
    removed = []
    for one in ours:
        with suppress(OSError):
            one.unlink()
            removed.append(one)
    return removed
