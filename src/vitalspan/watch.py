"""What makes alerts of what a monitor records: history, rules, receivers, and the tick."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from vitalspan import names
from vitalspan.bridge.alerts import alert_blocks, receiver_blocks, slo_blocks
from vitalspan.bridge.health import health_blocks
from vitalspan.bridge.samples import read_samples
from vitalspan.bridge.state import Block, Sample
from vitalspan.health.advice.recommendation import Recommendation
from vitalspan.health.assess import Assessor
from vitalspan.health.result import Health
from vitalspan.health.trend import Snapshots
from vitalspan.history.history import History
from vitalspan.history.metrics import Samples
from vitalspan.notify import Actions, Alertmanager, Dispatcher, Receiver, Webhook
from vitalspan.record import fork
from vitalspan.rules.alert import Alert
from vitalspan.rules.book import RuleBook
from vitalspan.rules.budget import SloStatus, status
from vitalspan.rules.engine import Engine
from vitalspan.rules.scoring import Scoring
from vitalspan.rules.silences import Silences
from vitalspan.rules.slos import expand
from vitalspan.signals.bound import Bound
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading
from vitalspan.ticker import Ticker

MAX_ASKED: Final = 100
"""Questions of `read` that are remembered, since what is derived has a past."""

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.record.counters import Recording
    from vitalspan.record.recorder import Recorder


class Watch:
    """Looks at a monitor tick by tick.

    Args:
        recorder: the operations.
        recording: the caches and APIs.
        registry: whose other metrics rules may ask for.
        settings: of the monitor.
    """

    def __init__(
        self,
        recorder: Recorder,
        recording: Recording,
        registry: CollectorRegistry,
        settings: Settings,
    ) -> None:
        self._recorder = recorder
        self.history = History(recorder, recording, partial(read_samples, registry))
        self.engine = Engine(self.history, recorder.epoch, settings.alert_history)
        self._lock = threading.RLock()
        snapshots = Snapshots(settings.health_snapshots, settings.health_snapshot_interval)
        self.assessor = Assessor(self.history, recorder.epoch, snapshots)
        self.rules = RuleBook(self.history, self._rules_changed, self._locked)
        self.silences = Silences()
        self.engine.silenced = self.silences.until
        self.dispatcher = Dispatcher(clock=recorder.clock)
        self.actions = Actions(clock=recorder.clock)
        self.ticker = Ticker(self.tick, settings.tick_interval)
        self.ticks = 0
        self.seconds = 0.0
        self._configured: list[Receiver] = []
        self._rule_file = ""
        self._told = ("", "")
        self._asked: dict[Query, Bound] = {}
        self._model = settings.health_model
        self.engine.prefix(settings.metric_prefix)
        self.rules.know_prefix(settings.metric_prefix)
        self._rules_changed()
        self._process = os.getpid()
        self._ticking = threading.Lock()
        self.history.begin(recorder.now())
        fork.reset_in_child(self)

    def configure(self, settings: Settings) -> None:
        """Load the rule file, set the interval, and tell the receivers of these settings.

        Raises:
            ConfigurationError: for a rule file with mistakes, or an address that is none; nothing
                is changed then.
        """
        self.rules.know_prefix(settings.metric_prefix)
        told = (settings.alertmanager, settings.webhook)
        receivers = configured(settings) if told != self._told else self._configured
        if settings.rules != self._rule_file:
            self.rules.load(settings.rules or None)
            self._rule_file = settings.rules
        if told != self._told:
            # Receivers that stay know what they have been told.
            for receiver in self._configured:
                self.dispatcher.remove(receiver)
            for receiver in receivers:
                self.dispatcher.add(receiver)
            self._configured, self._told = receivers, told
        self.engine.remember(settings.alert_history)
        self.engine.prefix(settings.metric_prefix)
        self.assessor.snapshots.configure(
            settings.health_snapshots, settings.health_snapshot_interval
        )
        if settings.health_model != self._model:
            self._model = settings.health_model
            self._rules_changed()
        self.ticker.set_interval(settings.tick_interval)

    def tick(self, now: float | None = None) -> None:
        """Fold, look back, evaluate every rule that is due, and tell the receivers.

        Args:
            now: seconds on the monitor's steady clock; None reads it. A time that is not after
                that of the last tick is left out.
        """
        # A tick within a tick, from a signal handler say, or beside one, adds nothing.
        ticking = self._ticking
        if not ticking.acquire(blocking=False):
            return
        try:
            began = self._recorder.now()
            self.rules.reload_if_changed()
            # Collectors may take long, and want locks whose holders wait for this one.
            found = self.history.metrics.read()
            with self._locked():
                self._look(self._recorder.now() if now is None else now, found)
            self.seconds += self._recorder.now() - began
        finally:
            ticking.release()

    def _look(self, now: float, found: Samples) -> None:
        if not self._recorder.enabled or now <= self.history.ticks.times[-1]:
            return
        if not self.history.observe(now, found):
            return
        self.engine.evaluate(now, partial(self._assess, now))
        for query, bound in self._asked.items():
            if query.derive is not None:
                bound.read(now)
        self._tell(now)
        self.ticks += 1

    def _assess(self, now: float) -> None:
        self.history.make("alert_points", self.engine.alert_points())
        if self.assessor.is_off:
            return
        try:
            self.assessor.assess(now)
        except Exception:  # noqa: BLE001 - rules and receivers go on, with the score as it was
            self._recorder.faults.note("health", "assessing health failed")

    def health(self) -> Health:
        """Return health as of the last tick; where nothing ticks by itself, as of now."""
        if not self.ticker.running or self.assessor.latest.at is None:
            self.tick()
        return self.assessor.latest

    def recommendations(self) -> list[Recommendation]:
        """Return what to do about health, what gains most first, as `health` has it."""
        self.health()
        with self._locked():
            counted = {labels["alertname"] for labels, _ in self.engine.alert_points()}
            alerts = self.engine.alerts(self._recorder.now())
            return self.assessor.adviser.advise(self.assessor.latest, alerts, counted)

    def wall(self) -> float:
        """Return the time of day, in seconds since the Unix epoch."""
        return self._recorder.clock.wall()

    def alerts(self) -> list[Alert]:
        """Return every alert that is pending, firing, or resolved not long ago."""
        with self._locked():
            return self.engine.alerts(self._recorder.now())

    def read(self, query: Query) -> Reading:
        """Return the present value of a query without `by`, as of the last tick."""
        with self._locked():
            bound = self._asked.pop(query, None) or Bound(query, self.history)
            self._asked[query] = bound
            if len(self._asked) > MAX_ASKED:
                del self._asked[next(iter(self._asked))]
            readings = bound.read(self.history.ticks.times[-1])
            return readings[0][1] if readings else NO_DATA

    def slos(self) -> list[SloStatus]:
        """Return how every SLO stood at the last tick."""
        with self._locked():
            now = self.history.ticks.times[-1]
            return [status(slo, self.history, now) for slo in self.rules.in_force.slos]

    def acknowledge(self, alert: str) -> bool:
        """Note that somebody has seen an alert; return whether there is one of that id."""
        with self._locked():
            found = [
                instance
                for run in self.engine.runs()
                for instance in run.instances.values()
                if instance.id == alert
            ]
            for instance in found:
                instance.acknowledged = True
            return bool(found)

    def clear(self) -> None:
        """Forget every alert and the past ones; conditions that still hold begin anew."""
        with self._locked():
            self.engine.clear()

    def blocks(self) -> Iterator[Block]:
        """Yield the families about rules, SLOs, receivers and ticks."""
        with self._locked():
            blocks = list(self._blocks())
        yield from blocks

    def close(self) -> None:
        """End every thread; what is queued for receivers is sent for a short while."""
        self.ticker.stop()
        self.dispatcher.close()
        self.actions.close()

    def reset(self) -> None:
        """Begin anew from zero, in a forked child for example."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = threading.RLock()
            self._ticking = threading.Lock()
        with self._locked():
            self._begin_anew()
        self.ticker.reset()

    def _begin_anew(self) -> None:
        self.history.reset()
        self.engine.reset()
        self.silences.reset()
        self.assessor.reset()
        self.ticks, self.seconds = 0, 0.0
        for bound in self._asked.values():
            bound.forget()

    def _blocks(self) -> Iterator[Block]:
        yield from alert_blocks(self.engine)
        totals = {name: (one.events, one.bad) for name, one in self.history.judges.items()}
        yield from health_blocks(self.assessor.latest, [name for name, _ in self.assessor.levels])
        yield from slo_blocks(self.slos(), totals)
        yield from receiver_blocks(self.dispatcher.snapshot(), self.actions.counts())
        failed = self.rules.reload_failed
        yield Block(names.RULES_RELOAD_FAILED, [Sample((), int(failed))])
        yield Block(
            names.TICK, [Sample((), self.ticks, "_count"), Sample((), self.seconds, "_sum")]
        )

    def _tell(self, now: float) -> None:
        alerts = self.engine.alerts(now)
        told = [alert for alert in alerts if alert.state != "pending"]
        wall = now + self._recorder.epoch()
        self.dispatcher.tick(told, wall, self.ticker.interval)
        self.actions.tick(told, wall)

    def _rules_changed(self) -> None:
        with self._locked():
            rules = self.rules.in_force
            self.engine.replace(expand(rules).groups, self._recorder.now())
            self.assessor.use(rules.health or Scoring(), rules.slos, self._model)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            yield


def configured(settings: Settings) -> list[Receiver]:
    """Return the receivers that settings name.

    Raises:
        ConfigurationError: for an address that is none.
    """
    urls = [url.strip() for url in settings.alertmanager.split(",") if url.strip()]
    receivers: list[Receiver] = [Alertmanager(*urls)] if urls else []
    if settings.webhook:
        receivers.append(Webhook(settings.webhook))
    return receivers
