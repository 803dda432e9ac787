"""The history of the evaluating process, as another process reads it from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitalspan.history.history import History
from vitalspan.history.ticks import Ticks
from vitalspan.workers.journal import BEGINNING
from vitalspan.workers.merged_counts import MergedCounts
from vitalspan.workers.state_file import UnreadableError

if TYPE_CHECKING:
    from vitalspan.workers.journal import Journal
    from vitalspan.workers.workers import Workers


class FollowedHistory:
    """A history that follows the journal of another process. It costs nothing until it is read.

    Args:
        workers: the processes.
        journal: the journal of the evaluating process.
    """

    def __init__(self, workers: Workers, journal: Journal) -> None:
        self._workers = workers
        self._journal = journal
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._history: History | None = None
        self._place = BEGINNING

    def catch_up(self) -> History | None:
        """Return the history up to the last entry of the journal; None if there is none."""
        for entry, place in self._journal.entries_after(self._place):
            self._place = place
            first = self._history is None
            history = self._history or History(self._counts(), _read_no_metrics)
            if first:
                history.ticks = Ticks(entry.now)
            elif entry.now <= history.ticks.times[-1]:
                # A segment begins with the last entry of the previous one.
                continue
            counts = history.counts
            assert isinstance(counts, MergedCounts)  # noqa: S101 - as it was made
            try:
                with counts.replaying(entry.payload):
                    history.observe(entry.now, entry.samples)
            except UnreadableError as error:
                self._workers.note(f"the journal of alerts could not be read: {error}")
                break
            if first:
                history.ticks = Ticks(entry.now)
            self._history = history
        return self._history

    def _counts(self) -> MergedCounts:
        return self._workers.counts.like_this()


def _read_no_metrics(_: object) -> tuple[()]:
    return ()
