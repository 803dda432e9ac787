"""The queue of actions that alerts have triggered, and the records of their results."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from vitalspan.clock import Clock
from vitalspan.notify.actions.triggered_action import TriggeredAction
from vitalspan.notify.receiver import reason
from vitalspan.rules.alert import Alert
from vitalspan.runtime.event_loop import CallbackLoop
from vitalspan.runtime.internal_errors import logger
from vitalspan.runtime.worker_queue import WorkerQueue

RESULTS: Final = ("run", "failed", "cooldown", "rate_limited", "dropped")
"""The results of actions: it ran; it raised; it was skipped because it ran for the same alert
recently, because it ran too often within an hour, or because too many alerts were waiting."""

_GRACE_SECONDS: Final = 0.5
_MAX_ERROR: Final = 500
_OUTCOMES: Final[Mapping[str, Literal["ok", "error"]]] = {"run": "ok", "failed": "error"}


@dataclass(frozen=True)
class ActionRecord:
    """A record of an action that an alert triggered, or would have triggered.

    Attributes:
        alert_id: the id of the alert.
        alertname: the name of the alert.
        action: the name of the action.
        started: the start in Unix seconds.
        duration: the duration in seconds.
        outcome: ok, error or skipped.
        error: the exception, or why it was skipped; empty for ok.
    """

    alert_id: str
    alertname: str
    action: str
    started: float
    duration: float
    outcome: Literal["ok", "error", "skipped"]
    error: str = ""


class _Triggered(NamedTuple):
    """An alert that waits for its triggered actions."""

    alert: Alert
    now: float
    actions: Sequence[TriggeredAction]


class ActionQueue:
    """Runs triggered actions one at a time, in a thread of their own.

    Args:
        clock: provides the times of records.
        queue: the maximum number of waiting alerts.
        records: the number of records to keep.
        timeout: seconds after which a coroutine is cancelled.
    """

    def __init__(self, clock: Clock, *, queue: int, records: int, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._records: deque[ActionRecord] = deque(maxlen=records)
        self._counts = dict.fromkeys(RESULTS, 0)
        self._callback_loop = CallbackLoop()
        self._queue: WorkerQueue[_Triggered] = WorkerQueue(
            "vitalspan-actions", queue, self._handle, self._callback_loop.close
        )
        self._lock = self._queue.lock

    def push(self, alerts: Sequence[Alert], now: float, actions: Sequence[TriggeredAction]) -> None:
        """Queue alerts; in a full queue they replace the oldest ones.

        Args:
            alerts: the alerts that started firing.
            now: Unix seconds.
            actions: the actions that they may trigger.
        """
        with self._lock:
            if self._queue.closed.is_set():
                return
            for alert in alerts:
                left_out = self._queue.put(_Triggered(alert, now, actions))
                self._counts["dropped"] += left_out is not None

    def records(self) -> list[ActionRecord]:
        """Return what ran and what was skipped, the latest last."""
        with self._lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Return the number of actions for each of `RESULTS`."""
        with self._lock:
            return dict(self._counts)

    def close(self, timeout: float) -> None:
        """End the thread; waiting alerts trigger nothing.

        Args:
            timeout: seconds that a running action may still take.
        """
        with self._lock:
            self._queue.close()
            self._counts["dropped"] += self._queue.clear()
        if not self._queue.join(timeout):
            self._callback_loop.cancel()
            self._queue.join(_GRACE_SECONDS)

    def abandon_in_child(self) -> None:
        """Leave the event loop to the parent process; a forked child replaces this object."""
        self._callback_loop.abandon_in_child()

    def _handle(self, triggered: _Triggered) -> None:
        for action in triggered.actions:
            self._run_and_record(action, triggered.alert, triggered.now)

    def _run_and_record(self, action: TriggeredAction, alert: Alert, now: float) -> None:
        started, began = self._clock.wall(), self._clock.now()
        result_and_error = self._run(action, alert, now)
        if result_and_error is None:
            return
        result, error = result_and_error
        record = ActionRecord(
            alert_id=alert.id,
            alertname=alert.alertname,
            action=action.name,
            started=started,
            duration=self._clock.now() - began,
            outcome=_OUTCOMES.get(result, "skipped"),
            error=error,
        )
        with self._lock:
            self._counts[result] += 1
            self._records.append(record)

    def _run(self, action: TriggeredAction, alert: Alert, now: float) -> tuple[str, str] | None:
        """Return one of `RESULTS` and an explanation; None if the alert does not match."""
        try:
            if self._queue.closed.is_set() or not action.matches(alert):
                return None
            refused = action.refusal(alert, now)
            if refused is not None:
                return refused
            result = action.action(alert)
            if inspect.isawaitable(result):
                self._callback_loop.run(result, self._timeout)
        # Whatever it raises, even SystemExit, must not end the thread.
        except BaseException as error:  # noqa: BLE001
            with suppress(Exception):
                logger.warning(
                    "action %s on alert %s failed", action.name, alert.alertname, exc_info=True
                )
            return "failed", reason(error, _MAX_ERROR)
        return "run", ""
