"""The part of a monitor that is about rules, alerts and health."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vitalspan.record.labels import value_text

if TYPE_CHECKING:
    from vitalspan.bridge.state import Block
    from vitalspan.health.advice.recommendation import Recommendation
    from vitalspan.health.result import Health
    from vitalspan.notify import ActionRecord, Receiver
    from vitalspan.rules.alert import Alert
    from vitalspan.rules.book import RuleBook
    from vitalspan.rules.budget import SloStatus
    from vitalspan.rules.silences import Silence
    from vitalspan.signals.signal import Reading
    from vitalspan.watch import Watch


class Alerting(ABC):
    """Rules, alerts and health. Nothing of it is there before it is asked for."""

    _watching: Watch | None = None
    _not_ready: str | None = None

    @abstractmethod
    def _make_watch(self) -> Watch:
        """Make what looks at the monitor."""

    @property
    def rules(self) -> RuleBook:
        """The rules in force: load a file, add and remove rules and SLOs."""
        return self._watch.rules

    def tick(self, now: float | None = None) -> None:
        """Count what has ended, evaluate every rule that is due, and tell the receivers.

        `start` does this again and again.

        Args:
            now: seconds on the monitor's steady clock; None reads it.
        """
        self._watch.tick(now)

    def start(self) -> None:
        """Tick every `tick_interval` seconds in a daemon thread, unless one does already."""
        self._watch.ticker.start()

    def stop(self) -> None:
        """End the thread that ticks."""
        if self._watching is not None:
            self._watching.ticker.stop()

    def read(self, signal: str, **fields: Any) -> Reading:
        """Return the value of a signal as of the last tick, and how many samples it is made of.

        What is about the process or the machine is followed from the first question on, so the
        first one finds no data.

        Args:
            signal: its name.
            **fields: `where`, `window`, `measure` and so on, as in a rule.

        Raises:
            ConfigurationError: for fields that ask for nothing there is.
        """
        from vitalspan.rules.file import build_query  # noqa: PLC0415 - as everything here

        return self._watch.read(build_query({"signal": signal, **fields}))

    def alerts(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the field's name
        severity: str | None = None,
        state: str | None = None,
        operation: str | None = None,
    ) -> list[Alert]:
        """Return the alerts that are pending, firing, or resolved not long ago.

        Args:
            type: only those of this signal.
            severity: only those that are info, warning, error or critical now.
            state: only those that are pending, firing or resolved.
            operation: only those about this operation.
        """
        if self._watching is None:
            return []
        asked = {"type": type, "severity": severity, "state": state, "operation": operation}
        return [
            alert
            for alert in self._watching.alerts()
            if all(getattr(alert, name) == value for name, value in asked.items() if value)
        ]

    def alert_history(self) -> list[Alert]:
        """Return alerts as they were when they fired, changed their severity and ended."""
        return [] if self._watching is None else list(self._watching.engine.past)

    def acknowledge(self, alert: str) -> bool:
        """Note that somebody has seen an alert; no reminders of it are sent.

        Args:
            alert: its id.

        Returns:
            Whether there is one of that id.
        """
        return self._watch.acknowledge(alert)

    def silence(self, where: Mapping[str, str], seconds: float, comment: str = "") -> Silence:
        """Tell nobody about some alerts for a time. They go on being evaluated and shown.

        Args:
            where: `alertname`, `severity` or any label of the alerts, with a value or with `!=`,
                `=~` or `!~` and a value.
            seconds: for how long.
            comment: why.

        Raises:
            ValueError: for an expression that cannot be.
        """
        until = self._watch.wall() + seconds
        return self._watch.silences.add(where, until, comment)

    def silences(self) -> list[Silence]:
        """Return the silences that have not ended."""
        return self._watch.silences.active(self._watch.wall())

    def unsilence(self, silence: int) -> bool:
        """End a silence; return whether there was one of that id."""
        return self._watch.silences.remove(silence)

    def clear_alerts(self) -> None:
        """Forget every alert and the past ones; conditions that still hold begin anew."""
        if self._watching is not None:
            self._watching.clear()

    def slos(self) -> list[SloStatus]:
        """Return how every SLO stands: what is left of its error budget, and for how long."""
        return [] if self._watching is None else self._watching.slos()

    def health(self) -> Health:
        """Return how the service does: the score, and what costs points, by how much and why.

        It is as of the last tick; a monitor that does not tick by itself ticks for this.
        """
        return self._watch.health()

    def recommendations(self) -> list[Recommendation]:
        """Return what to do about health, with its evidence and the points it would gain.

        Those that gain most come first. It is as of the last tick, as `health` is.
        """
        return self._watch.recommendations()

    def last_health(self) -> Health | None:
        """Return health as of the last tick, whoever made it; None where nothing has ever ticked.

        Unlike `health`, it never ticks, and waits for nothing: neither a tick nor a scrape.
        """
        watching = self._watching
        return None if watching is None else watching.assessor.latest

    def set_ready(self, ready: bool, reason: str = "") -> None:  # noqa: FBT001 - the one thing it says
        """Say whether the service can take requests, which `/-/ready` tells; it can until told.

        Args:
            ready: whether it can.
            reason: why it cannot.
        """
        self._not_ready = None if ready else value_text(reason) or "no reason was given"

    @property
    def not_ready(self) -> str | None:
        """Why the service cannot take requests, as `set_ready` was told; None where it can."""
        return self._not_ready

    def notify(self, *receivers: Receiver) -> None:
        """Tell receivers about alerts from now on: an Alertmanager, a webhook, a function."""
        for receiver in receivers:
            self._watch.dispatcher.add(receiver)

    def on_alert(
        self,
        match: str | Mapping[str, str] | Callable[[Alert], bool],
        action: Callable[[Alert], Any],
        *,
        cooldown: float = 300.0,
        max_per_hour: int | None = 60,
    ) -> None:
        """Run something when an alert begins to fire, or becomes more severe.

        It runs in a thread of its own.

        Args:
            match: an alert's name, conditions on its labels, or a function of it.
            action: a function of the alert, or a coroutine function.
            cooldown: seconds before it runs for the same alert again.
            max_per_hour: how often it runs at most; None for any number.
        """
        self._watch.actions.add(match, action, cooldown=cooldown, max_per_hour=max_per_hour)

    def alert_actions(self) -> list[ActionRecord]:
        """Return what alerts set off lately, what was left out included, the latest last."""
        return [] if self._watching is None else self._watching.actions.records()

    @property
    def _watch(self) -> Watch:
        if self._watching is None:
            # Atomic: of two threads that ask for the first time, both get the same.
            self.__dict__.setdefault("_watching", self._make_watch())
        assert self._watching is not None  # noqa: S101 - since the line above
        return self._watching

    def _alert_blocks(self) -> Iterator[Block]:
        if self._watching is not None:
            yield from self._watching.blocks()
