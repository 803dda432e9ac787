"""The alerts of a monitor: active and past ones, silences, and actions on alerts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vitalspan.argument_checks import check_word
from vitalspan.clock import Clock
from vitalspan.notify import ActionRecord, Actions
from vitalspan.rules.alert import STATES, Alert
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.model import SEVERITIES
from vitalspan.rules.silences import Silence, Silences, silence_document
from vitalspan.runtime.fork_safe_lock import ForkSafeLock

if TYPE_CHECKING:
    from vitalspan.workers.shared_evaluation import SharedEvaluation


class Alerts:
    """The alerts of a monitor, available as `monitor.alerts`.

    Args:
        engine: the engine that evaluates the rules.
        actions: runs the actions of alerts.
        clock: the clock of the monitor.
        lock: held while rules are evaluated.

    Attributes:
        shared: the evaluation of several processes; None for a single process.
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
        """Return the alerts that are pending, firing, or were resolved less than 15 minutes ago.

        Args:
            type: only alerts of this signal or metric; `expr` for those of expressions.
            severity: only alerts whose current severity is this one: info, warning, error or
                critical.
            state: only alerts in this state: pending, firing or resolved.
            operation: only alerts about this operation.

        Raises:
            ConfigurationError: for another severity or state.
        """
        if severity is not None:
            check_word("severity", severity, SEVERITIES)
        if state is not None:
            check_word("state", state, tuple(STATES.values()))
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
        """Return past alerts as they were when they fired, changed or ended, the latest last."""
        with self._lock:
            self._follow()
        return list(self._engine.past)

    def acknowledge(self, alert: str) -> bool:
        """Acknowledge an alert, so that no reminders of it are sent.

        Args:
            alert: the id of the alert.

        Returns:
            Whether there is an alert with this id.
        """
        with self._lock:
            self._follow()
            is_known = self._engine.acknowledge(alert)
        if is_known:
            self._request("acknowledge", alert=alert)
        return is_known

    def silence(self, where: Mapping[str, str], seconds: float, comment: str = "") -> Silence:
        """Silence alerts for all receivers for a while. They are still evaluated and shown.

        Alertmanagers among the receivers get the same silence, for the alerts of this process.

        Args:
            where: `alertname`, `severity` or any label of the alerts, with a value, or with a value
                after `!=`, `=~` or `!~`.
            seconds: the duration, above 0.
            comment: the reason.

        Raises:
            ValueError: for an invalid duration, for no condition or conditions that an alert
                without labels fulfils, and for a matcher that cannot be parsed.
        """
        if not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
            raise ValueError(f"seconds={seconds!r:.80}: give the duration of the silence, above 0")
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
        """End the silence with this id; return whether there is one."""
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
        """Run a function when an alert starts firing or becomes more severe.

        The functions run one after the other, in a thread of their own.

        Args:
            match: the name of an alert, conditions on its labels, or a function of it.
            action: a function of the alert, or a coroutine function.
            cooldown: seconds before it runs for the same alert again.
            max_per_hour: the maximum number of runs per hour; None for no limit.

        Raises:
            ConfigurationError: for an invalid condition, function or number.
        """
        self._actions.add(match, action, cooldown=cooldown, max_per_hour=max_per_hour)

    def actions(self) -> list[ActionRecord]:
        """Return which actions ran recently, and which were skipped and why, the latest last."""
        return self._actions.records()

    def clear(self) -> None:
        """Remove all alerts, including past ones. Alerts whose conditions still hold start over."""
        with self._lock:
            self._engine.clear()
        self._request("clear")

    def reset(self) -> None:
        """Drop the silences, in a forked child."""
        self.kept_silences.reset()

    def _follow(self) -> None:
        """Read the results of the process that evaluates for all, if this one does not."""
        if self.shared is not None:
            self.shared.follow()

    def _request(self, kind: str, **arguments: Any) -> None:
        """Ask the process that evaluates for all to do the same."""
        if self.shared is not None and not self.shared.leads:
            self.shared.requests.send(kind, **arguments)
