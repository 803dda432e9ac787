"""The alerts of a monitor: active and past ones, silences, and actions that they trigger."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vitalspan.clock import Clock
from vitalspan.notify import ActionRecord, Actions
from vitalspan.rules.alert import Alert
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.silences import Silence, Silences, silence_document
from vitalspan.runtime.fork_safe_lock import ForkSafeLock

if TYPE_CHECKING:
    from vitalspan.workers.shared_evaluation import SharedEvaluation


class Alerts:
    """The alerts of a monitor, as `monitor.alerts`.

    Args:
        engine: evaluates the rules that alerts come from.
        actions: runs what alerts trigger.
        clock: of the monitor.
        lock: held while rules are evaluated.

    Attributes:
        shared: the evaluation of several processes; None for a process by itself.
        kept_silences: the silences.
    """

    shared: SharedEvaluation | None = None

    def __init__(
        self, engine: RuleEngine, actions: Actions, clock: Clock, lock: ForkSafeLock
    ) -> None:
        self._engine = engine
        self._actions = actions
        self._clock = clock
        self._lock = lock
        self.kept_silences = Silences()
        engine.silenced = self.kept_silences.until

    def active(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the field's name
        severity: str | None = None,
        state: str | None = None,
        operation: str | None = None,
    ) -> list[Alert]:
        """Return the alerts that are pending, firing, or resolved less than 15 minutes ago.

        Args:
            type: only those of this signal.
            severity: only those that are info, warning, error or critical now.
            state: only those that are pending, firing or resolved.
            operation: only those about this operation.
        """
        conditions = {"type": type, "severity": severity, "state": state, "operation": operation}
        with self._lock:
            self._follow()
            alerts = self._engine.alerts(self._clock.now())
        return [
            alert
            for alert in alerts
            if all(getattr(alert, name) == value for name, value in conditions.items() if value)
        ]

    def history(self) -> list[Alert]:
        """Return past alerts as they were when they fired, changed and ended, the latest last."""
        with self._lock:
            self._follow()
        return list(self._engine.past)

    def acknowledge(self, alert: str) -> bool:
        """Acknowledge an alert, so that no reminders of it are sent.

        Args:
            alert: its id.

        Returns:
            Whether there is an alert of that id.
        """
        with self._lock:
            self._follow()
            is_known = self._engine.acknowledge(alert)
        if is_known:
            self._request("acknowledge", alert=alert)
        return is_known

    def silence(self, where: Mapping[str, str], seconds: float, comment: str = "") -> Silence:
        """Keep alerts from all receivers for a while. They are still evaluated and shown.

        An Alertmanager that is a receiver gets the same silence, for the alerts of this process.

        Args:
            where: `alertname`, `severity` or any label of the alerts, with a value or with `!=`,
                `=~` or `!~` and a value.
            seconds: for how long, above 0.
            comment: why.

        Raises:
            ValueError: for a duration that is none, for no condition or conditions that an alert
                without labels fulfils, and for a matcher that cannot be parsed.
        """
        if not 0 < seconds < math.inf:
            raise ValueError(f"seconds={seconds!r:.80}: a silence lasts for a number above 0")
        silence = self.kept_silences.add(where, self._clock.wall() + seconds, comment)
        if self.shared is not None:
            self._request("silence", silence=silence_document(silence))
        return silence

    def silences(self) -> list[Silence]:
        """Return the silences that have not ended."""
        with self._lock:
            self._follow()
        return self.kept_silences.active(self._clock.wall())

    def unsilence(self, silence: int) -> bool:
        """End the silence of this id; return whether there is one."""
        is_known = self.kept_silences.remove(silence)
        if is_known:
            self._request("unsilence", silence=silence)
        return is_known

    def on(
        self,
        match: str | Mapping[str, str] | Callable[[Alert], bool],
        action: Callable[[Alert], Any],
        *,
        cooldown: float = 300.0,
        max_per_hour: int | None = 60,
    ) -> None:
        """Run a function when an alert begins to fire or becomes more severe.

        Functions run one after the other, in a thread of their own.

        Args:
            match: an alert's name, conditions on its labels, or a function of it.
            action: a function of the alert, or a coroutine function.
            cooldown: seconds before it runs for the same alert again.
            max_per_hour: how often it runs at most; None for any number.

        Raises:
            ConfigurationError: for a condition, a function or a number that cannot be used.
        """
        self._actions.add(match, action, cooldown=cooldown, max_per_hour=max_per_hour)

    def actions(self) -> list[ActionRecord]:
        """Return which actions ran lately, and which were left out and why, the latest one last."""
        return self._actions.records()

    def clear(self) -> None:
        """Forget every alert, past ones included. Conditions that still hold begin anew."""
        with self._lock:
            self._engine.clear()
        self._request("clear")

    def reset(self) -> None:
        """Forget the silences, as a forked child does."""
        self.kept_silences.reset()

    def _follow(self) -> None:
        """Take over the results of the process that evaluates for all, if this one does not."""
        if self.shared is not None:
            self.shared.follow()

    def _request(self, kind: str, **arguments: Any) -> None:
        """Ask the process that evaluates for all to do the same."""
        if self.shared is not None and not self.shared.leads:
            self.shared.requests.send(kind, **arguments)
