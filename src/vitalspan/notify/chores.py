"""Running actions, one at a time, in a thread of their own."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from vitalspan.clock import Clock
from vitalspan.notify.coroutines import Coroutines
from vitalspan.notify.reaction import Reaction
from vitalspan.notify.receiver import reason
from vitalspan.notify.worker import Worker
from vitalspan.record.faults import logger
from vitalspan.rules.alert import Alert

RESULTS: Final = ("run", "failed", "cooldown", "rate_limited", "dropped")
"""How actions are counted: done; raised; left out since the same was done not long ago, since too
much was done within an hour, since too many alerts waited."""

_GRACE_SECONDS: Final = 0.5
_MAX_ERROR: Final = 500
_OUTCOMES: Final[Mapping[str, Literal["ok", "error"]]] = {"run": "ok", "failed": "error"}


@dataclass(frozen=True)
class ActionRecord:
    """One time that an alert set off an action, or would have.

    Attributes:
        alert_id: of the alert.
        alertname: its name.
        action: the action's name.
        started: when, in Unix seconds.
        duration: in seconds.
        outcome: ok, error or skipped.
        error: what was raised, or why it was skipped; empty for ok.
    """

    alert_id: str
    alertname: str
    action: str
    started: float
    duration: float
    outcome: Literal["ok", "error", "skipped"]
    error: str = ""


class Chores:
    """Alerts that wait for what they set off, and what came of it.

    Args:
        clock: where the times in records come from.
        queue: alerts that wait at most.
        records: records that are kept.
        timeout: seconds after which a coroutine is cancelled.
    """

    def __init__(self, clock: Clock, *, queue: int, records: int, timeout: float) -> None:
        self._clock = clock
        self._room = queue
        self._timeout = timeout
        self._changed = threading.Condition()
        self._queue: deque[tuple[Alert, float, Sequence[Reaction]]] = deque()
        self._records: deque[ActionRecord] = deque(maxlen=records)
        self._counts = dict.fromkeys(RESULTS, 0)
        self._closed = False
        self._coroutines = Coroutines()
        self._worker = Worker("vitalspan-actions", self._work)

    def push(self, alerts: Sequence[Alert], now: float, reactions: Sequence[Reaction]) -> None:
        """Queue alerts; in a full queue they take the place of the oldest.

        Args:
            alerts: that have begun to fire.
            now: Unix seconds.
            reactions: what they may set off.
        """
        with self._changed:
            if self._closed:
                return
            for alert in alerts:
                if len(self._queue) >= self._room:
                    self._queue.popleft()
                    self._counts["dropped"] += 1
                self._queue.append((alert, now, reactions))
            if self._queue:
                self._worker.ensure()
                self._changed.notify_all()

    def records(self) -> list[ActionRecord]:
        """Return what was done and left out, the latest last."""
        with self._changed:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Return how many actions came to each of `RESULTS`."""
        with self._changed:
            return dict(self._counts)

    def close(self, timeout: float) -> None:
        """End the thread; alerts that wait set off nothing.

        Args:
            timeout: seconds that an action under way may take.
        """
        with self._changed:
            self._closed = True
            self._counts["dropped"] += len(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        if not self._worker.join(timeout):
            self._coroutines.cancel()
            self._worker.join(_GRACE_SECONDS)

    def disown(self) -> None:
        """Leave what is under way to the parent of a forked child, where this is of no more use."""
        self._coroutines.disown()

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    while not self._queue:
                        if self._closed:
                            return
                        self._changed.wait()
                    alert, now, reactions = self._queue.popleft()
                for reaction in reactions:
                    self._react(reaction, alert, now)
        finally:
            with suppress(Exception):
                self._coroutines.close()

    def _react(self, reaction: Reaction, alert: Alert, now: float) -> None:
        started, began = self._clock.wall(), self._clock.now()
        came_to = self._run(reaction, alert, now)
        if came_to is None:
            return
        result, error = came_to
        record = ActionRecord(
            alert_id=alert.id,
            alertname=alert.alertname,
            action=reaction.name,
            started=started,
            duration=self._clock.now() - began,
            outcome=_OUTCOMES.get(result, "skipped"),
            error=error,
        )
        with self._changed:
            self._counts[result] += 1
            self._records.append(record)

    def _run(self, reaction: Reaction, alert: Alert, now: float) -> tuple[str, str] | None:
        """Return one of `RESULTS` and what is to be said of it; None where it is not concerned."""
        try:
            if self._closed or not reaction.matches(alert):
                return None
            refused = reaction.refusal(alert, now)
            if refused is not None:
                return refused
            done = reaction.action(alert)
            if inspect.isawaitable(done):
                self._coroutines.run(done, self._timeout)
        # Whatever it raises, SystemExit included, is no reason to end the thread.
        except BaseException as error:  # noqa: BLE001
            with suppress(Exception):
                logger.warning(
                    "action %s on alert %s failed", reaction.name, alert.alertname, exc_info=True
                )
            return "failed", reason(error, _MAX_ERROR)
        return "run", ""
