"""The shared directory of the processes of one service.

Readers take no lock. They list the files, read those that have changed since the last time, and
read the archive last: it names the processes that were archived in the meantime, whose own files
are then ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from vitalspan.runtime import fork
from vitalspan.workers.archive import ARCHIVE, Archive, archived_ids
from vitalspan.workers.directory_lock import locked
from vitalspan.workers.directory_state import DirectoryState, WorkerState
from vitalspan.workers.file_names import EVALUATED
from vitalspan.workers.merged_registry import MergedRegistry
from vitalspan.workers.payload import Payload
from vitalspan.workers.private_files import make_directory
from vitalspan.workers.series_columns import SeriesLayout
from vitalspan.workers.state_file import (
    SUFFIX,
    StateFile,
    UnreadableError,
    read_header,
    read_state,
)

UNUSED_AFTER: Final = 3600.0
"""Seconds without a living process after which the next one starts with an empty archive."""

_PATIENCE: Final = 2.0
"""Seconds that a new process waits for the lock of the directory."""

_Layouts = dict[Any, SeriesLayout]


class WorkersDirectory:
    """The files of a directory.

    Args:
        path: the directory; it is created when the first process publishes something.
        report: called once for each file that cannot be read, with its path and the reason.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
    """

    def __init__(
        self, path: Path, report: Callable[[Path, str], None], epoch: Callable[[], float]
    ) -> None:
        self.path = path
        self._report = report
        self._reported: set[str] = set()
        self._archive = Archive(path, epoch, self.reporting)
        self._known: dict[str, WorkerState] = {}

    def begin(self, now: float) -> StateFile:
        """Create the file of this process, with the lowest number that no living one has.

        A directory that has been unused for `UNUSED_AFTER` is emptied first.

        Args:
            now: seconds since the Unix epoch.

        Raises:
            OSError: if the file cannot be created.
        """
        make_directory(self.path)
        with locked(self.path, _PATIENCE):
            headers = self._headers()
            taken = {worker for worker, living in headers if living}
            if not taken:
                self._empty_if_unused(now)
            number = next(number for number in range(len(taken) + 1) if number not in taken)
            return StateFile(self.path, number, os.getpid(), now)

    def read(self) -> DirectoryState:
        """Read the latest state of every process; files that cannot be read are reported.

        A process that has published nothing new has the same payload object as before.
        """
        known, layouts = self._known, self._layouts()
        found: dict[str, WorkerState] = {}
        for path in sorted(self.files()):
            self._read(path, known, layouts, found)
        self._read(self.path / ARCHIVE, known, layouts, found)
        self._known = found.copy()
        archived = found.pop(ARCHIVE, None)
        archive = None if archived is None else archived.payload
        ids = frozenset(archived_ids(archive))
        return DirectoryState([one for one in found.values() if one.header.id not in ids], archive)

    def _layouts(self) -> _Layouts:
        layouts = (one.payload.columns.layout for one in self._known.values())
        return {one.source: one for one in layouts}

    def _read(
        self,
        path: Path,
        known: dict[str, WorkerState],
        layouts: _Layouts,
        found: dict[str, WorkerState],
    ) -> None:
        before = known.get(path.name)
        with self.reporting(path):
            state = read_state(path, None if before is None else before.commit)
            if state is None:
                return
            if before is not None and before.commit == state.commit:
                payload = before.payload
            else:
                payload = Payload(state.payload, layouts)
                layout = payload.columns.layout
                layouts[layout.source] = layout
            found[path.name] = WorkerState(state.header, state.commit, state.living, payload)

    def registry_of(self, state: DirectoryState) -> MergedRegistry:
        """Return the sum of the other metrics that all processes have published."""
        merged = MergedRegistry()
        if state.archive is not None:
            with self.reporting(self.path / ARCHIVE):
                merged.add(state.archive.registry, 0, living=False)
        for worker in sorted(state.workers, key=lambda one: one.commit.published):
            header = worker.header
            with self.reporting(self.path / f"{header.id}{SUFFIX}"):
                merged.add(worker.payload.registry, header.worker, living=worker.living)
        return merged

    def archive_dead(self, now: float) -> int:
        """Move the counts of dead processes into the archive and remove their files.

        If another process is doing this at the moment, nothing is done. If the archive cannot be
        written, for example to a full disk, the files stay.

        Args:
            now: seconds since the Unix epoch.

        Returns:
            The number of processes that were archived.
        """
        if not any(not living for _, living in self._headers()):
            return 0
        try:
            # A child that is forked in the meantime would keep the archive file locked.
            with fork.imports_finish_first, locked(self.path, 0.0):
                return self._archive.add_dead(self.read(), now)
        except OSError:
            return 0

    def files(self) -> list[Path]:
        """Return the files of processes."""
        try:
            with os.scandir(self.path) as entries:
                return [
                    Path(entry.path)
                    for entry in entries
                    if entry.name.endswith(SUFFIX) and not entry.name.startswith(".")
                ]
        except OSError:
            return []

    def _headers(self) -> list[tuple[int, bool]]:
        """Return the number of each process, and whether it is alive."""
        headers = []
        for path in self.files():
            with self.reporting(path):
                header, living = read_header(path)
                headers.append((header.worker, living))
        return headers

    def _empty_if_unused(self, now: float) -> None:
        evaluated = self._evaluated()
        paths = [*self.files(), self.path / ARCHIVE, *evaluated]
        times = []
        for path in paths:
            with suppress(OSError):
                times.append(path.stat().st_mtime)
        if times and now - max(times) > UNUSED_AFTER:
            self._remove_dead()
            for path in evaluated:
                with suppress(OSError):
                    path.unlink()

    def _evaluated(self) -> list[Path]:
        """Return the files of the evaluation and the profiles; see `EVALUATED`."""
        return [path for path in self.path.iterdir() if EVALUATED.fullmatch(path.name)]

    def _remove_dead(self) -> None:
        for path in [*self.files(), self.path / ARCHIVE]:
            with suppress(OSError):
                try:
                    _, living = read_header(path)
                except UnreadableError:
                    living = False
                if not living:
                    path.unlink()

    @contextmanager
    def reporting(self, path: Path) -> Iterator[None]:
        """Report a file that cannot be read in the block, once for each path, and go on."""
        try:
            yield
        except FileNotFoundError:
            # Another process has archived it in the meantime, or there is no archive yet.
            return
        except (UnreadableError, OSError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            if path.name not in self._reported:
                self._reported.add(path.name)
                self._report(path, reason)
