"""The directory that the processes of one service share, and the archive of those that have ended.

Readers take no lock. They list the files, read them, and read the archive last: a process that was
archived meanwhile is named there, and its own file is left out. Whoever archives replaces the
archive by renaming a complete one, before it removes the files that went into it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from vitalspan.metrics import OTHER, OVERFLOW
from vitalspan.recording.detail_counts import DetailCounts
from vitalspan.runtime import fork
from vitalspan.workers.encoding import Sections, add_to, encode_counts, encode_key, sections
from vitalspan.workers.file_names import EVALUATED
from vitalspan.workers.private_files import make_directory, open_file
from vitalspan.workers.registry import MergedRegistry, rows_of
from vitalspan.workers.state_file import (
    SUFFIX,
    PublishedState,
    StateFile,
    UnreadableError,
    read_header,
    read_state,
)
from vitalspan.workers.worker_counts import SeriesCounts, WorkerCounts

ARCHIVE: Final = "archive"
LOCK: Final = "lock"
_UNFINISHED: Final = ".archiving"

UNUSED_AFTER: Final = 3600.0
"""Seconds without a living process after which the next one begins anew, with an empty archive."""

_PATIENCE: Final = 2.0
"""Seconds that a new process waits for the lock on the directory."""

_RETRY: Final = 0.005
_MAX_FOLDED: Final = 4096
"""Ids of removed files that an archive remembers, for readers that have listed them before."""

_MAX_ARCHIVED_SERIES: Final = 20_000
_MAX_ARCHIVED_ERROR_TYPES: Final = 100


class WorkerState(NamedTuple):
    """The published state of one process, taken apart."""

    state: PublishedState
    parts: Sections


class DirectoryState(NamedTuple):
    """The published states of all processes.

    Attributes:
        workers: the processes, living and dead, that are not in the archive.
        archive: the sum of those that have been archived; None without one.
    """

    workers: list[WorkerState]
    archive: Sections | None


class WorkersDirectory:
    """The files of a directory.

    Args:
        path: the directory; it is made when the first process publishes something.
        report: is told once of each file that cannot be read: its path, and why.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
    """

    def __init__(
        self, path: Path, report: Callable[[Path, str], None], epoch: Callable[[], float]
    ) -> None:
        self.path = path
        self._report = report
        self._epoch = epoch
        self._reported: set[str] = set()

    def begin(self, now: float) -> StateFile:
        """Make the file of this process, with the lowest number that no living one has.

        A directory that nobody has used for `UNUSED_AFTER` is emptied first.

        Args:
            now: seconds since the Unix epoch.

        Raises:
            OSError: if that is not possible.
        """
        make_directory(self.path)
        with self._locked(_PATIENCE):
            headers = self._headers()
            taken = {worker for worker, living in headers if living}
            if not taken:
                self._empty_if_unused(now)
            number = next(number for number in range(len(taken) + 1) if number not in taken)
            return StateFile(self.path, number, os.getpid(), now)

    def read(self) -> DirectoryState:
        """Read what every process has published last; what cannot be read is reported."""
        found: list[WorkerState] = []
        for path in self.files():
            with self.reporting(path):
                state = read_state(path)
                if state is not None:
                    found.append(WorkerState(state, sections(state.payload)))
        archive = self._archive()
        folded = frozenset(archive.head.get("folded", ()) if archive else ())
        return DirectoryState([one for one in found if one.state.header.id not in folded], archive)

    def sum_of(self, state: DirectoryState) -> WorkerCounts:
        """Return what all processes have counted."""
        counts = WorkerCounts()
        epoch = self._epoch()
        if state.archive is not None:
            with self.reporting(self.path / ARCHIVE):
                add_to(counts, state.archive, living=False, epoch=epoch)
        for worker in state.workers:
            with self.reporting(self.path / f"{worker.state.header.id}{SUFFIX}"):
                add_to(counts, worker.parts, living=worker.state.living, epoch=epoch)
        return counts

    def registry_of(self, state: DirectoryState) -> MergedRegistry:
        """Return the sum of the other metrics that all processes have published."""
        merged = MergedRegistry()
        if state.archive is not None:
            with self.reporting(self.path / ARCHIVE):
                merged.add(rows_of(state.archive.head), 0, living=False)
        for worker in sorted(state.workers, key=lambda one: one.state.commit.published):
            header, living = worker.state.header, worker.state.living
            with self.reporting(self.path / f"{header.id}{SUFFIX}"):
                merged.add(rows_of(worker.parts.head), header.worker, living=living)
        return merged

    def archive_dead(self, now: float) -> int:
        """Put the counts of dead processes into the archive and remove their files.

        Another process that does so at the moment is enough. What cannot be written, on a full
        disk, stays in the files.

        Args:
            now: seconds since the Unix epoch.

        Returns:
            How many processes were archived.
        """
        if not any(not living for _, living in self._headers()):
            return 0
        try:
            # A child that was forked meanwhile would keep the file of the archive locked.
            with fork.imports_finish_first, self._locked(0.0):
                return self._archive_dead(now)
        except OSError:
            return 0

    def files(self) -> list[Path]:
        """Return the files of processes, oldest first as far as that is known."""
        try:
            with os.scandir(self.path) as entries:
                return [
                    Path(entry.path)
                    for entry in entries
                    if entry.name.endswith(SUFFIX) and not entry.name.startswith(".")
                ]
        except OSError:
            return []

    def _archive_dead(self, now: float) -> int:
        state = self.read()
        if state.archive is None and os.path.lexists(self.path / ARCHIVE):
            # It cannot be read, perhaps by this version only: a new one would replace its counts.
            return 0
        counts, merged = WorkerCounts(), MergedRegistry()
        before: list[str] = []
        if state.archive is not None:
            try:
                merged.add(rows_of(state.archive.head), 0, living=False)
                add_to(counts, state.archive, living=False, epoch=self._epoch())
            except UnreadableError:
                return 0
            before = list(state.archive.head.get("folded", ()))
        ids = []
        for worker in state.workers:
            header = worker.state.header
            if worker.state.living:
                continue
            # By itself: one that cannot be read is kept.
            with self.reporting(self.path / f"{header.id}{SUFFIX}"):
                rows = rows_of(worker.parts.head)
                add_to(counts, worker.parts, living=False, epoch=self._epoch())
                merged.add(rows, header.worker, living=False)
                ids.append(header.id)
        if ids:
            counts.registry = merged.sums()
            counts.folded = [*before, *ids][-_MAX_FOLDED:]
            _limit(counts)
            self._write_archive(encode_counts(counts, self._epoch()), now)
        # Those that an earlier attempt has archived but not removed are removed as well.
        for one in {*before, *ids}:
            with suppress(OSError):
                (self.path / f"{one}{SUFFIX}").unlink(missing_ok=True)
        return len(ids)

    def _write_archive(self, payload: bytes, now: float) -> None:
        for left_over in self.path.glob(f"*{_UNFINISHED}"):
            left_over.unlink(missing_ok=True)
        archive = StateFile(self.path, 0, os.getpid(), now, _UNFINISHED)
        try:
            archive.write(payload, now)
            archive.path.rename(self.path / ARCHIVE)
        except BaseException:
            archive.path.unlink(missing_ok=True)
            raise
        finally:
            archive.close()

    def _archive(self) -> Sections | None:
        path = self.path / ARCHIVE
        archive: list[Sections] = []
        with self.reporting(path):
            state = read_state(path)
            archive += [sections(state.payload)] if state is not None else []
        return archive[0] if archive else None

    def _headers(self) -> list[tuple[int, bool]]:
        """Return the number of each process, and whether it lives."""
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
        """Return the files of those who evaluate rules: the past, alerts and requests."""
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
        """Report what cannot be read inside, once for each path, and go on."""
        try:
            yield
        except FileNotFoundError:
            # Somebody has archived it meanwhile, or there is no archive yet.
            return
        except (UnreadableError, OSError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            if path.name not in self._reported:
                self._reported.add(path.name)
                self._report(path, reason)

    @contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        file = open_file(self.path / LOCK, os.O_RDWR | os.O_CREAT)
        try:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(_RETRY)
            try:
                yield
            finally:
                # A child that was forked meanwhile has the same open file, which closing does not
                # unlock then.
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            os.close(file)


def _limit(counts: WorkerCounts) -> None:
    """Keep the archive from growing without bound over the processes of weeks."""
    for series in counts.series.values():
        if series.details is not None and len(series.details.errors) > _MAX_ARCHIVED_ERROR_TYPES:
            _limit_errors(series.details)
    if len(counts.series) <= _MAX_ARCHIVED_SERIES:
        return
    overflow_key = encode_key(OVERFLOW, OVERFLOW, ())
    for key in list(counts.series)[_MAX_ARCHIVED_SERIES:]:
        series = counts.series.pop(key)
        overflow = counts.series.setdefault(overflow_key, SeriesCounts(series.boundaries))
        overflow.add_durations(
            series.boundaries, series.first, series.fine, series.total, series.spread
        )
        if series.details is not None:
            overflow.add_details(series.details)


def _limit_errors(details: DetailCounts) -> None:
    names = list(details.errors)
    others = sum(details.errors.pop(name) for name in names[_MAX_ARCHIVED_ERROR_TYPES:])
    for name in names[_MAX_ARCHIVED_ERROR_TYPES:]:
        error = details.last_errors.pop(name, None)
        if error is not None:
            details.note_error(OTHER, error)
    details.errors[OTHER] = details.errors.get(OTHER, 0) + others
