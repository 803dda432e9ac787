"""Internal: actions that run when an alert begins to fire."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.checks import check_whole, seconds_above_0
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

    An alert triggers its actions when it begins to fire and when its severity rises, even while it
    is silenced: silences only keep people from being notified. A forked child begins anew.

    Args:
        clock: where the times in records come from.
        queue: alerts that wait at most.
        records: records that are kept.
        timeout: seconds after which an action that is a coroutine is cancelled; a function cannot
            be interrupted.

    Raises:
        ConfigurationError: for an argument that cannot be used.
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
        """Run an action for certain alerts, from now on.

        Args:
            match: an alert's name; or what its labels, `type` and `severity` must be, with values
                as in a rule's `where`, `=~pay.*` for example; or a function of the alert.
            action: a function or a coroutine function of the alert.
            cooldown: seconds until the same alert may trigger it again.
            max_per_hour: how often all alerts together may trigger it; None for any number.
            name: what records call it; the function's name by default.

        Raises:
            ConfigurationError: for an argument that cannot be used.
        """
        triggered = TriggeredAction(
            match, action, cooldown=cooldown, max_per_hour=max_per_hour, name=name
        )
        with self._lock:
            self._triggered_actions = (*self._triggered_actions, triggered)

    def remove(self, action: Action) -> None:
        """Stop running an action, for whatever alerts it was added.

        Raises:
            ConfigurationError: if there is no such action.
        """
        with self._lock:
            # Equal, not the same: a bound method is another object each time it is named.
            remaining = tuple(one for one in self._triggered_actions if one.action != action)
            if len(remaining) == len(self._triggered_actions):
                raise ConfigurationError(f"{action!r:.80} is not among the actions")
            self._triggered_actions = remaining

    def tick(self, alerts: Sequence[Alert], now: float) -> None:
        """Queue the alerts that have begun to fire; never waits for an action.

        Args:
            alerts: all that fire; others are ignored.
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
        """Take note of alerts whose actions another process runs."""
        self._firing = most_relevant_by_key(
            (alert for alert in alerts if alert.state == "firing"), identity
        )

    def records(self) -> list[ActionRecord]:
        """Return which actions ran lately, and which were left out and why, the latest last."""
        return self._action_queue.records()

    def counts(self) -> dict[str, int]:
        """Return how many actions came to each of `run`, `failed`, `cooldown`, ..."""
        return self._action_queue.counts()

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; alerts that wait trigger nothing.

        Args:
            timeout: seconds that a running action may still take.
        """
        self._closed = True
        self._action_queue.close(timeout)

    def reset(self) -> None:
        """Begin anew, as a forked child does by itself: no alert has fired, no action has run."""
        action_queue, process = self._action_queue, self._process
        # A fork may have come while a thread, which the child has not, held the lock.
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
