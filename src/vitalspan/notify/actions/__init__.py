"""Internal: actions that run when an alert starts firing."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.argument_checks import check_whole, seconds_above_0
from vitalspan.clock import Clock, SystemClock
from vitalspan.errors import ConfigurationError
from vitalspan.notify.actions.action_queue import ActionQueue, ActionRecord
from vitalspan.notify.actions.triggered_action import Action, Match, TriggeredAction
from vitalspan.notify.alert_identity import Identity, identity, most_relevant_by_key
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import SEVERITIES
from vitalspan.runtime import fork

_RANKS: Final[Mapping[str, int]] = {severity: rank for rank, severity in enumerate(SEVERITIES)}


class Actions:
    """Runs actions, one at a time, in a thread of their own.

    An alert triggers its actions when it starts firing and when its severity rises, even while it
    is silenced: silences only keep people from being notified. A forked child starts over.

    Args:
        clock: provides the times of records.
        queue: the maximum number of waiting alerts.
        records: the number of records to keep.
        timeout: seconds after which an action that is a coroutine is cancelled; a function cannot
            be interrupted.

    Raises:
        ConfigurationError: for an invalid argument.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        queue: int = 100,
        records: int = 100,
        timeout: float = 60.0,
    ) -> None:
        for name, number in (("queue", queue), ("records", records)):
            check_whole(name, number)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._queue = queue
        self._kept = records
        self._timeout = seconds_above_0("Actions: timeout", timeout)
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._closed = False
        self._triggered_actions: tuple[TriggeredAction, ...] = ()
        self._firing: dict[Identity, Alert] = {}
        self._action_queue = self._new_queue()
        fork.reset_in_child(self)

    def add(
        self,
        match: Match,
        action: Action,
        *,
        cooldown: float = 300.0,
        max_per_hour: int | None = 60,
        name: str | None = None,
    ) -> None:
        """Run an action for certain alerts from now on.

        Args:
            match: the name of an alert; or required values of its labels, `type` and `severity`, in
                the syntax of a rule's `where`, for example `=~pay.*`; or a function of the alert.
            action: a function or coroutine function that takes the alert.
            cooldown: seconds until the same alert may trigger it again.
            max_per_hour: how often it may run per hour for all alerts together; None for no limit.
            name: its name in records; by default the name of the function.

        Raises:
            ConfigurationError: for an invalid argument.
        """
        triggered = TriggeredAction(
            match, action, cooldown=cooldown, max_per_hour=max_per_hour, name=name
        )
        with self._lock:
            self._triggered_actions = (*self._triggered_actions, triggered)

    def remove(self, action: Action) -> None:
        """Stop running an action, for all alerts that it was added for.

        Raises:
            ConfigurationError: if there is no such action.
        """
        with self._lock:
            # By equality, because a bound method is a new object each time it is accessed.
            remaining = tuple(one for one in self._triggered_actions if one.action != action)
            if len(remaining) == len(self._triggered_actions):
                raise ConfigurationError(f"{action!r:.80} is not among the actions")
            self._triggered_actions = remaining

    def tick(self, alerts: Sequence[Alert], now: float) -> None:
        """Queue the alerts that started firing; this never waits for an action.

        Args:
            alerts: all firing alerts; others are ignored.
            now: Unix seconds.
        """
        firing = most_relevant_by_key(
            (alert for alert in alerts if alert.state == "firing"), identity
        )
        previous = self._firing
        self._firing = firing
        new_alerts = [alert for key, alert in firing.items() if _begins(alert, previous.get(key))]
        if new_alerts and self._triggered_actions:
            self._action_queue.push(new_alerts, now, self._triggered_actions)

    def adopt(self, alerts: Sequence[Alert]) -> None:
        """Remember alerts whose actions another process runs."""
        self._firing = most_relevant_by_key(
            (alert for alert in alerts if alert.state == "firing"), identity
        )

    def records(self) -> list[ActionRecord]:
        """Return which actions ran recently, and which were skipped and why, the latest last."""
        return self._action_queue.records()

    def counts(self) -> dict[str, int]:
        """Return the number of actions for each result: `run`, `failed`, `cooldown`, ..."""
        return self._action_queue.counts()

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; waiting alerts trigger nothing.

        Args:
            timeout: seconds that a running action may still take.
        """
        self._closed = True
        self._action_queue.close(timeout)

    def reset(self) -> None:
        """Start over, as a forked child does by itself: no alert has fired, no action has run."""
        action_queue, process = self._action_queue, self._process
        # At the fork, a thread that does not exist in the child may have held the lock.
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._firing = {}
        self._triggered_actions = tuple(
            triggered.fresh_copy() for triggered in self._triggered_actions
        )
        self._action_queue = self._new_queue()
        if process == self._process:
            action_queue.close(0.0)
        else:
            action_queue.abandon_in_child()

    def _new_queue(self) -> ActionQueue:
        action_queue = ActionQueue(
            self._clock, queue=self._queue, records=self._kept, timeout=self._timeout
        )
        if self._closed:
            action_queue.close(0.0)
        return action_queue


def _begins(alert: Alert, before: Alert | None) -> bool:
    """Return whether an alert is new, or more severe than before."""
    if before is None or before.id != alert.id:
        return True
    return _RANKS.get(alert.severity, 0) > _RANKS.get(before.severity, 0)
