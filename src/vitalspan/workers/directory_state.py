"""The states of all processes of a directory, read at one moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vitalspan.workers.merged_series import SeriesSums, Source
from vitalspan.workers.payload import Payload
from vitalspan.workers.state_file import Commit, Header
from vitalspan.workers.worker_counts import WorkerCounts


class WorkerState(NamedTuple):
    """The published state of one process.

    Attributes:
        header: identifies the process.
        commit: identifies the state.
        living: whether the process is alive.
        payload: the decoded state.
    """

    header: Header
    commit: Commit
    living: bool
    payload: Payload


class DirectoryState(NamedTuple):
    """The published states of all processes.

    Attributes:
        workers: the processes, living and dead, that are not in the archive.
        archive: the sum of the archived processes; None without an archive.
    """

    workers: list[WorkerState]
    archive: Payload | None

    def sources(self) -> list[Source]:
        """Return the series of all processes."""
        sources = [Source(one.payload.columns, one.living) for one in self.workers]
        return [*([Source(self.archive.columns, living=False)] if self.archive else []), *sources]

    def sum_of_heads(self) -> WorkerCounts:
        """Return the sum of the counts of all processes, without the series."""
        counts = WorkerCounts()
        if self.archive is not None:
            self.archive.add_head(counts)
        for one in self.workers:
            one.payload.add_head(counts)
        return counts

    def sum(self, epoch: Callable[[], float]) -> WorkerCounts:
        """Return the sum of the counts of all processes.

        Args:
            epoch: returns the difference between the time of day and the steady clock, in seconds.
        """
        counts = self.sum_of_heads()
        sums = SeriesSums(epoch)
        sums.update(self.sources())
        counts.series = sums.series
        return counts
