"""One evaluation for all processes: one of them leads, and the others know what it has found."""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vitalspan.history.history import DEFAULT_RETENTION
from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.history.ticks import Ticks
from vitalspan.notify.delivery import ReceiverStatus
from vitalspan.resource import share_instance
from vitalspan.rules.error_budget import SloStatus
from vitalspan.rules.silences import Silences, silence_document, silence_of
from vitalspan.workers.evaluation_state import (
    engine_document,
    health_document,
    restore_engine,
    restore_health,
)
from vitalspan.workers.journal import Journal
from vitalspan.workers.leadership import Leadership
from vitalspan.workers.private_files import read_file, write_file
from vitalspan.workers.requests import Requests
from vitalspan.workers.series_columns import dump
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import WorkerCounts

if TYPE_CHECKING:
    from vitalspan.health.assessor import Assessor
    from vitalspan.history.history import History
    from vitalspan.notify import Actions, Dispatcher
    from vitalspan.rules.engine import RuleEngine
    from vitalspan.rules.rule_book import RuleBook
    from vitalspan.workers.workers import Workers

EVALUATION: Final = "evaluation"
_FORMAT: Final = 1

_Stamp = tuple[int, int]


@dataclass
class Evaluated:
    """The parts of an evaluation.

    Attributes:
        history: what rules look back on.
        engine: evaluates them.
        rules: the rules in force.
        assessor: scores health.
        receivers: are notified.
        actions: are run.
        silences: keep alerts from receivers.
        interval: seconds between two ticks.
    """

    history: History
    engine: RuleEngine
    rules: RuleBook
    assessor: Assessor
    receivers: Dispatcher
    actions: Actions
    silences: Silences
    interval: float


class SharedEvaluation:
    """Leads the evaluation, or follows the process that does.

    The caller holds the lock under which rules are evaluated.

    Args:
        workers: the processes.
        parts: what takes part in the evaluation of this process.

    Attributes:
        requests: to the leader.
        statuses: of SLOs, as they were published last.
        receiver_statuses: of receivers, as they were published last.
        action_counts: of actions, as they were published last.
        ticks: how many ticks there were in all processes.
        seconds: how long they took together.
    """

    def __init__(self, workers: Workers, parts: Evaluated) -> None:
        self._workers = workers
        self._parts = parts
        directory = workers.directory.path
        self._directory = directory
        self._leadership = Leadership(directory)
        self._boot = _boot_id()
        share_instance(os.fspath(directory.absolute()))
        # Silences of several processes have different numbers.
        parts.silences.number_from(1 + secrets.randbelow(2**40))
        self.requests = Requests(directory, parts.engine, parts.silences, workers.note)
        self._journal = Journal(directory, self._boot, DEFAULT_RETENTION)
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked child does."""
        self._leadership.release()
        self._leading = False
        self._seen: _Stamp | None = None
        self._results: dict[str, Counter[str]] = {}
        self._actions: Counter[str] = Counter()
        self._failed = False
        self.statuses: list[SloStatus] = []
        self.receiver_statuses: list[ReceiverStatus] = []
        self.action_counts: dict[str, int] = {}
        self.ticks = 0
        self.seconds = 0.0

    @property
    def ticking(self) -> tuple[int, float]:
        """How many ticks there were in all processes, and the seconds that they took."""
        return self.ticks, self.seconds

    @property
    def leads(self) -> bool:
        """Whether this process evaluates for all."""
        return self._leading

    def lead(self, now: float) -> bool:
        """Lead if no other process does, and else follow; return whether this process leads.

        Args:
            now: the time, in seconds on the steady clock.
        """
        if self._leading and self._leadership.acquire():
            self.requests.apply()
            return True
        self._leading = False
        if not self._leadership.acquire():
            self.follow()
            return False
        self._take_over(now)
        self._leading = True
        self.requests.apply()
        return True

    def step_down(self) -> None:
        """Let another process lead, since this one will not tick by itself."""
        self._leading = False
        self._leadership.release()

    def follow(self) -> None:
        """Take over what the leader has published, if that is news."""
        if self._leading:
            return
        document = self._read()
        if document is not None:
            self._restore(document)

    def publish(self, now: float, samples: Samples, reading: Reading, *, seconds: float) -> None:
        """Publish what a tick of this process has found.

        Args:
            now: the tick, in seconds on the steady clock.
            samples: the metrics of the registry that rules ask for.
            reading: the samples that expressions of rules ask for.
            seconds: how long the tick took.
        """
        self.ticks += 1
        self.seconds += seconds
        parts = self._parts
        self.statuses = parts.rules.slos()
        self.receiver_statuses = [self._with_past(one) for one in parts.receivers.snapshot()]
        self.action_counts = dict(Counter(parts.actions.counts()) + self._actions)
        for result in parts.actions.counts():
            self.action_counts.setdefault(result, 0)
        try:
            self._write_journal(now, samples, reading)
            self._write(now)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._workers.note(f"publishing alerts and health failed: {error.strerror}")
            self._failed = True

    def _take_over(self, now: float) -> None:
        self._seen = None
        document = self._read()
        if document is not None:
            self._restore(document)
            self._results = {one.name: Counter(one.results) for one in self.receiver_statuses}
            self._actions = Counter(self.action_counts)
        own = {one.name: Counter(one.results) for one in self._parts.receivers.snapshot()}
        for name, counts in own.items():
            # This process may have led before, and its own counts are among those it restored.
            self._results.get(name, Counter()).subtract(counts)
        self._actions.subtract(self._parts.actions.counts())
        self._journal.begin()
        self._restore_history(now)

    def _restore_history(self, now: float) -> None:
        history, counts = self._parts.history, self._workers.counts
        history.reset()
        counts.forget_series()
        if self._replay(now):
            return
        history.ticks = Ticks(min(now, counts.born))
        past = self._workers.has_past()
        if past:
            # Nobody knows when that was counted which older processes have left.
            history.ticks = Ticks(now)
            history.observe(now)
            history.ticks = Ticks(now)
        self._begin_journal(history.ticks.times[0], past=past)

    def _replay(self, now: float) -> bool:
        """Give the history what the journal has; return whether that is anything."""
        history, replayed = self._parts.history, False
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
                history.ticks = Ticks(entry.now)
            replayed = True
        return replayed

    def _begin_journal(self, now: float, *, past: bool) -> None:
        if not self._leadership.held:
            return
        counts = self._workers.counts
        with suppress(OSError):
            if past:
                series = counts.changed_series(everything=True)
                self._journal.append(now, counts.counts, series, {}, Reading())
            else:
                self._journal.append(now, WorkerCounts(), ([], []), {}, Reading())

    def _write_journal(self, now: float, samples: Samples, reading: Reading) -> None:
        if not self._leadership.held:
            return
        counts = self._workers.counts
        everything = self._journal.wants_everything(now)
        series = counts.changed_series(everything=everything)
        self._journal.append(now, counts.counts, series, samples, reading)

    def _write(self, now: float) -> None:
        if not self._leadership.held:
            return
        parts = self._parts
        history = parts.history
        wall = now + self._workers.counts.epoch()
        document = {
            "format": _FORMAT,
            "boot": self._boot,
            "now": now,
            "wall": wall,
            "began": history.ticks.times[0],
            "engine": engine_document(parts.engine),
            "health": health_document(parts.assessor),
            "slos": [asdict(one) for one in self.statuses],
            "receivers": [asdict(one) for one in self.receiver_statuses],
            "actions": self.action_counts,
            "silences": [silence_document(one) for one in parts.silences.active(wall)],
            "ticks": self.ticks,
            "seconds": self.seconds,
        }
        path = self._directory / EVALUATION
        unfinished = path.with_suffix(".new")
        write_file(unfinished, dump(document))
        unfinished.replace(path)

    def _read(self) -> dict[str, Any] | None:
        """Return what the leader has published; None if that is no news, or cannot be read."""
        path = self._directory / EVALUATION
        try:
            state = path.stat()
            stamp = (state.st_ino, state.st_mtime_ns)
            if stamp == self._seen:
                return None
            document: dict[str, Any] = json.loads(read_file(path))
            self._seen = stamp
            usable = document["format"] == _FORMAT and document["boot"] == self._boot
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError) as error:
            self._workers.report(path, f"{error!r:.80}")
            return None
        return document if usable else None

    def _restore(self, document: Mapping[str, Any]) -> None:
        parts = self._parts
        try:
            restore_engine(parts.engine, document["engine"])
            restore_health(parts.assessor, document["health"])
            self.statuses = [SloStatus(**one) for one in document["slos"]]
            self.receiver_statuses = [ReceiverStatus(**one) for one in document["receivers"]]
            self.action_counts = dict(document["actions"])
            parts.silences.replace([silence_of(one) for one in document["silences"]])
            self.ticks, self.seconds = document["ticks"], document["seconds"]
            now, wall, began = document["now"], document["wall"], document["began"]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._workers.report(self._directory / EVALUATION, f"{error!r:.80}")
            return
        ticks = Ticks(began)
        ticks.add(now)
        parts.history.ticks = ticks
        alerts = [alert for alert in parts.engine.alerts(now) if alert.state != "pending"]
        parts.receivers.adopt(alerts, wall, parts.interval)
        parts.actions.adopt(alerts)

    def _with_past(self, status: ReceiverStatus) -> ReceiverStatus:
        past = self._results.get(status.name)
        if past is None:
            return status
        results = {result: count + past[result] for result, count in status.results.items()}
        return replace(status, results=results)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return os.uname().nodename
