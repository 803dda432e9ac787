"""The archive: a file with the summed counts of processes that have ended.

It names the processes in it, so that a reader who also finds the file of one of them counts that
process only once. A new archive is written completely and renamed, before the files that it
includes are removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from vitalspan.metrics import OTHER, OVERFLOW
from vitalspan.recording.detail_counts import DetailCounts
from vitalspan.workers.details_encoding import sum_of_details
from vitalspan.workers.directory_state import DirectoryState, WorkerState
from vitalspan.workers.merged_registry import MergedRegistry
from vitalspan.workers.payload import Payload, encode_counts
from vitalspan.workers.series_keys import encode_key
from vitalspan.workers.state_file import SUFFIX, StateFile, UnreadableError, decoding
from vitalspan.workers.worker_counts import SeriesCounts, WorkerCounts

ARCHIVE: Final = "archive"
"""The name of the file."""

_UNFINISHED: Final = ".archiving"
_MAX_ARCHIVED_IDS: Final = 4096
"""The number of ids of removed files to remember, for readers that listed the files before."""

_MAX_ARCHIVED_SERIES: Final = 20_000
_MAX_ARCHIVED_ERROR_TYPES: Final = 100


class Archive:
    """Writes the archive of a directory. Only one process at a time may do this.

    Args:
        directory: the directory.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        reporting: a context manager that reports a file that cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        epoch: Callable[[], float],
        reporting: Callable[[Path], AbstractContextManager[None]],
    ) -> None:
        self._directory = directory
        self._epoch = epoch
        self._reporting = reporting

    def add_dead(self, state: DirectoryState, now: float) -> int:
        """Move the counts of dead processes into the archive and remove their files.

        Args:
            state: the state of the directory.
            now: seconds since the Unix epoch.

        Returns:
            The number of processes that were added.

        Raises:
            OSError: if the archive cannot be written, for example to a full disk; nothing is
                removed then.
        """
        before = archived_ids(state.archive)
        if state.archive is None and os.path.lexists(self._directory / ARCHIVE):
            # The archive cannot be read, perhaps only by this version: a new one would lose its
            # counts.
            return 0
        try:
            if state.archive is not None:
                _check(state.archive)
        except UnreadableError:
            return 0
        dead = [one for one in state.workers if not one.living and self._is_readable(one)]
        ids = [one.header.id for one in dead]
        if dead:
            counts = self._sum_of(DirectoryState(dead, state.archive))
            counts.archived = [*before, *ids][-_MAX_ARCHIVED_IDS:]
            _limit(counts)
            self._write(encode_counts(counts, self._epoch()), now)
        # Files that an earlier attempt has archived but not removed are removed as well.
        for one in {*before, *ids}:
            with suppress(OSError):
                (self._directory / f"{one}{SUFFIX}").unlink(missing_ok=True)
        return len(ids)

    def _is_readable(self, worker: WorkerState) -> bool:
        # A file that cannot be read is kept, and the others are archived.
        readable = []
        with self._reporting(self._directory / f"{worker.header.id}{SUFFIX}"):
            _check(worker.payload)
            readable.append(worker)
        return bool(readable)

    def _sum_of(self, state: DirectoryState) -> WorkerCounts:
        counts = state.sum(self._epoch)
        merged = MergedRegistry()
        if state.archive is not None:
            merged.add(state.archive.registry, 0, living=False)
        for one in state.workers:
            merged.add(one.payload.registry, one.header.worker, living=False)
        counts.registry = merged.sums()
        return counts

    def _write(self, payload: bytes, now: float) -> None:
        for left_over in self._directory.glob(f"*{_UNFINISHED}"):
            left_over.unlink(missing_ok=True)
        archive = StateFile(self._directory, 0, os.getpid(), now, _UNFINISHED)
        try:
            archive.write(payload, now)
            archive.path.rename(self._directory / ARCHIVE)
        except BaseException:
            archive.path.unlink(missing_ok=True)
            raise
        finally:
            archive.close()


def archived_ids(archive: Payload | None) -> list[str]:
    """Return the ids of the processes in an archive."""
    return [] if archive is None else list(archive.head.get("archived", ()))


def _check(payload: Payload) -> None:
    """Raise UnreadableError for a state that cannot be read completely, which would lose counts."""
    _ = payload.registry
    with decoding("its details"):
        sum_of_details(payload.columns.details.values(), 0.0)


def _limit(counts: WorkerCounts) -> None:
    """Limit the size of the archive, which includes the processes of weeks."""
    for series in counts.series.values():
        if series.details is not None and len(series.details.errors) > _MAX_ARCHIVED_ERROR_TYPES:
            _limit_errors(series.details)
    _limit_series(counts.series, list(counts.series)[_MAX_ARCHIVED_SERIES:])


def _limit_series(series_by_key: dict[bytes, SeriesCounts], refused: Iterable[bytes]) -> None:
    overflow_key = encode_key(OVERFLOW, OVERFLOW, ())
    for key in refused:
        series = series_by_key.pop(key)
        overflow = series_by_key.setdefault(overflow_key, SeriesCounts(series.boundaries))
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
