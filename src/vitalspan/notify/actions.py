"""What is done, not said, when an alert begins to fire."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.clock import Clock, SystemClock
from vitalspan.errors import ConfigurationError
from vitalspan.notify.chores import ActionRecord, Chores
from vitalspan.notify.identity import Identity, identity, prevailing
from vitalspan.notify.reaction import Action, Match, Reaction
from vitalspan.notify.target import seconds
from vitalspan.record import fork
from vitalspan.rules.alert import Alert
from vitalspan.rules.model import SEVERITIES

_RANKS: Final[Mapping[str, int]] = {severity: rank for rank, severity in enumerate(SEVERITIES)}


class Actions:
    """Runs actions, one at a time, in a thread of their own.

    An action is set off when an alert begins to fire and when its severity rises, whether or not
    the alert is silenced: silence is about telling people. A forked child begins anew.

    Args:
        clock: where the times in records come from.
        queue: alerts that wait at most.
        records: records that are kept.
        timeout: seconds after which an action that is a coroutine is cancelled; a function cannot
            be interrupted.

    Raises:
        ConfigurationError: for what cannot be.
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
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigurationError(f"{name}={number!r:.80}: give a whole number from 1 up")
        self._clock: Clock = SystemClock() if clock is None else clock
        self._queue = queue
        self._kept = records
        self._timeout = seconds("Actions", "timeout", timeout)
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._closed = False
        self._reactions: tuple[Reaction, ...] = ()
        self._firing: dict[Identity, Alert] = {}
        self._chores = self._new_chores()
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
            cooldown: seconds until the same alert may set it off again.
            max_per_hour: how often all alerts together may set it off; None for any number.
            name: for records; that of the function otherwise.

        Raises:
            ConfigurationError: for what cannot be.
        """
        reaction = Reaction(match, action, cooldown=cooldown, max_per_hour=max_per_hour, name=name)
        with self._lock:
            self._reactions = (*self._reactions, reaction)

    def remove(self, action: Action) -> None:
        """Run an action no more, whatever it was to be run for.

        Raises:
            ConfigurationError: if there is no such action.
        """
        with self._lock:
            # Equal, not the same: a bound method is another object each time it is named.
            left = tuple(one for one in self._reactions if one.action != action)
            if len(left) == len(self._reactions):
                raise ConfigurationError(f"{action!r:.80} is not among the actions")
            self._reactions = left

    def tick(self, alerts: Sequence[Alert], now: float) -> None:
        """Queue the alerts that have begun to fire; never waits for an action.

        Args:
            alerts: all that fire; others are left out.
            now: Unix seconds.
        """
        firing = prevailing((alert for alert in alerts if alert.state == "firing"), identity)
        seen = self._firing
        self._firing = firing
        begun = [alert for key, alert in firing.items() if _begins(alert, seen.get(key))]
        if begun and self._reactions:
            self._chores.push(begun, now, self._reactions)

    def records(self) -> list[ActionRecord]:
        """Return what was done and left out, the latest last."""
        return self._chores.records()

    def counts(self) -> dict[str, int]:
        """Return how often something was run, failed, cooldown, rate_limited or dropped."""
        return self._chores.counts()

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; alerts that wait set off nothing.

        Args:
            timeout: seconds that an action under way may take.
        """
        self._closed = True
        self._chores.close(timeout)

    def reset(self) -> None:
        """Begin anew, as a forked child does by itself: nothing fires, nothing was done."""
        chores, process = self._chores, self._process
        # A fork may have come while a thread, which the child has not, held the lock.
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._firing = {}
        self._reactions = tuple(reaction.anew() for reaction in self._reactions)
        self._chores = self._new_chores()
        if process == self._process:
            chores.close(0.0)
        else:
            chores.disown()

    def _new_chores(self) -> Chores:
        made = Chores(self._clock, queue=self._queue, records=self._kept, timeout=self._timeout)
        if self._closed:
            made.close(0.0)
        return made


def _begins(alert: Alert, before: Alert | None) -> bool:
    """Whether an alert fires that did not, or is more severe than it was."""
    if before is None or before.id != alert.id:
        return True
    return _RANKS.get(alert.severity, 0) > _RANKS.get(before.severity, 0)
