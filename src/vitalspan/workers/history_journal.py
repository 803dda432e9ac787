"""The leader's history, which is continued by the process that takes over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitalspan.history.history import DEFAULT_RETENTION
from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.history.ticks import Ticks
from vitalspan.recording.model_amounts import ModelAmounts, ModelKey
from vitalspan.workers.followed_history import FollowedHistory
from vitalspan.workers.journal import Journal
from vitalspan.workers.slo_history import SloHistory
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import WorkerCounts

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.workers.workers import Workers


class HistoryJournal:
    """Writes the journal of a history, and restores a history from another process' journal.

    Args:
        workers: the processes.
        history: the history of this process.
        directory: the shared directory of the processes.
        boot: the id of this boot; steady times of other boots mean nothing.

    Attributes:
        followed: the history of the evaluating process, if that is not this one.
    """

    def __init__(self, workers: Workers, history: History, directory: Path, boot: str) -> None:
        self._workers = workers
        self._history = history
        self._journal = Journal(directory, boot, DEFAULT_RETENTION)
        self.followed = FollowedHistory(workers, self._journal)
        self._slos = SloHistory(directory, boot)
        self._models: dict[ModelKey, ModelAmounts] = {}

    def note(self, now: float, samples: Samples, reading: Reading) -> None:
        """Write the observations of a tick.

        Args:
            now: the time of the tick, in seconds on the steady clock.
            samples: the registry's metrics that rules use.
            reading: the samples that expressions of rules use.

        Raises:
            OSError: if it cannot be written, for example to a full disk.
        """
        counts = self._workers.counts
        everything = self._journal.wants_everything(now)
        series = counts.changed_series(everything=everything)
        changed = replace(counts.counts, models=self._changed_models(everything=everything))
        self._journal.append(now, changed, series, samples, reading)
        if everything:
            self._slos.write(self._history)

    def restore(self, now: float, *, writes: bool) -> None:
        """Restore the history from the journal; start over without one.

        Args:
            now: the time, in seconds on the steady clock.
            writes: whether this process writes the journal from now on.
        """
        history, counts = self._history, self._workers.counts
        self._journal.begin()
        self._models = {}
        history.reset()
        counts.forget_series()
        if self._replay(now):
            return
        history.ticks = Ticks(min(now, counts.born))
        past = self._workers.has_past()
        if past:
            # The times are unknown at which the counts of earlier processes were made.
            history.ticks = Ticks(now)
            history.observe(now)
            history.ticks = Ticks(now)
        if writes:
            self._begin_journal(history.ticks.times[0], past=past)

    def _changed_models(self, *, everything: bool) -> dict[ModelKey, ModelAmounts]:
        """Return the amounts of the models that were called since the last entry, or of all."""
        known = {} if everything else self._models
        self._models = self._workers.counts.counts.models
        return {
            key: amounts
            for key, amounts in self._models.items()
            if key not in known or known[key].sums != amounts.sums
        }

    def _replay(self, now: float) -> bool:
        """Replay the journal into the history; return whether there was anything."""
        history, replayed = self._history, False
        for entry in self._journal.entries(now):
            if not replayed:
                history.ticks = Ticks(entry.now)
            try:
                with self._workers.counts.replaying(entry.payload):
                    history.observe(entry.now, entry.samples)
                history.samples.observe(entry.now, self._workers.counts.epoch(), entry.reading)
            except UnreadableError as error:
                self._workers.note(f"the journal of alerts could not be read: {error}")
                break
            if not replayed:
                history.begin_at_first_tick()
            replayed = True
        if replayed:
            self._restore_slos()
        return replayed

    def _restore_slos(self) -> None:
        try:
            self._slos.restore(self._history)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._workers.note(f"the history of SLOs could not be read: {error}")

    def _begin_journal(self, now: float, *, past: bool) -> None:
        counts = self._workers.counts
        with suppress(OSError):
            if past:
                series = counts.changed_series(everything=True)
                self._journal.append(now, counts.counts, series, {}, Reading())
            else:
                self._journal.append(now, WorkerCounts(), ([], []), {}, Reading())
