"""One evaluation for all processes: one of them leads, and the others read its results."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.history.ticks import Ticks
from vitalspan.notify.delivery import ReceiverStatus
from vitalspan.resource import leave_instance, share_instance
from vitalspan.rules.error_budget import SloStatus
from vitalspan.rules.silences import silence_document, silence_of
from vitalspan.workers.evaluation_state import (
    engine_document,
    health_document,
    restore_engine,
    restore_health,
)
from vitalspan.workers.history_journal import HistoryJournal
from vitalspan.workers.leader_requests import LeaderRequests
from vitalspan.workers.leadership import Leadership
from vitalspan.workers.published_evaluation import PublishedEvaluation

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.workers.evaluation_parts import EvaluationParts
    from vitalspan.workers.workers import Workers


class SharedEvaluation:
    """Leads the evaluation, or follows the process that does.

    The caller holds the lock for the evaluation of rules.

    Args:
        workers: the processes.
        parts: the parts of this process' evaluation.

    Attributes:
        requests: the requests to the leader.
        statuses: the statuses of SLOs, as last published.
        receiver_statuses: the statuses of receivers, as last published.
        action_counts: the counts of actions, as last published.
        ticks: the number of ticks in all processes.
        seconds: the total seconds that they took.
    """

    def __init__(self, workers: Workers, parts: EvaluationParts) -> None:
        self._workers = workers
        self._parts = parts
        directory = workers.directory.path
        self._leadership = Leadership(directory)
        self._boot = _boot_id()
        self._instance = os.fspath(directory.absolute())
        share_instance(self._instance)
        self._closed = False
        # Silences of several processes must have different numbers.
        parts.silences.number_from(1 + secrets.randbelow(2**40))
        self.requests = LeaderRequests(directory, parts.engine, parts.silences, workers.note)
        self._published = PublishedEvaluation(directory, self._boot, workers.report)
        self._past = HistoryJournal(workers, parts.history, directory, self._boot)
        self.reset()

    def reset(self) -> None:
        """Start over in a forked child."""
        self._leadership.release()
        self._leading = False
        self._past.followed.reset()
        self._published.forget()
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
        """The number of ticks in all processes, and the seconds that they took."""
        return self.ticks, self.seconds

    @property
    def leads(self) -> bool:
        """Whether this process evaluates for all."""
        return self._leading

    def lead(self, now: float) -> bool:
        """Lead if no other process does, and follow otherwise; return whether this process leads.

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
        """Let another process lead, because this one will not tick by itself."""
        self._leading = False
        self._leadership.release()

    def close(self) -> None:
        """Leave the other processes: this one evaluates for itself again."""
        self.step_down()
        if not self._closed:
            self._closed = True
            leave_instance(self._instance)

    def follow(self) -> None:
        """Read what the leader has published, if it has changed."""
        if self._leading:
            return
        document = self._published.read()
        if document is not None:
            self._restore(document)

    def followed_history(self) -> History | None:
        """Return the history of the leader; None where it has none yet."""
        return self._past.followed.catch_up()

    def publish(self, now: float, samples: Samples, reading: Reading, *, seconds: float) -> None:
        """Publish the results of a tick of this process.

        Args:
            now: the time of the tick, in seconds on the steady clock.
            samples: the registry's metrics that rules use.
            reading: the samples that expressions of rules use.
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
            if self._leadership.held:
                self._past.note(now, samples, reading)
                self._published.write(self._document(now))
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._workers.note(f"publishing alerts and health failed: {error.strerror}")
            self._failed = True

    def _take_over(self, now: float) -> None:
        self._published.forget()
        document = self._published.read()
        if document is not None:
            self._restore(document)
            self._results = {one.name: Counter(one.results) for one in self.receiver_statuses}
            self._actions = Counter(self.action_counts)
        own = {one.name: Counter(one.results) for one in self._parts.receivers.snapshot()}
        for name, counts in own.items():
            # This process may have led before, and then the restored counts include its own.
            self._results.get(name, Counter()).subtract(counts)
        self._actions.subtract(self._parts.actions.counts())
        self._past.followed.reset()
        self._past.restore(now, writes=self._leadership.held)

    def _document(self, now: float) -> dict[str, Any]:
        parts = self._parts
        wall = now + self._workers.counts.epoch()
        return {
            "now": now,
            "wall": wall,
            "began": parts.history.ticks.times[0],
            "engine": engine_document(parts.engine),
            "health": health_document(parts.assessor),
            "slos": [asdict(one) for one in self.statuses],
            "receivers": [asdict(one) for one in self.receiver_statuses],
            "actions": self.action_counts,
            "silences": [silence_document(one) for one in parts.silences.active(wall)],
            "ticks": self.ticks,
            "seconds": self.seconds,
        }

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
            self._workers.report(self._published.path, f"{error!r:.80}")
            return
        ticks = Ticks(began)
        ticks.add(now)
        parts.history.ticks = ticks
        alerts = [alert for alert in parts.engine.alerts(now) if alert.state != "pending"]
        parts.receivers.adopt(alerts, wall, parts.interval())
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
