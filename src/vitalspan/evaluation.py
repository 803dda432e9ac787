"""The evaluation loop: a tick observes, evaluates rules, assesses health, and notifies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from vitalspan.alerts import Alerts
from vitalspan.errors import VitalspanError
from vitalspan.exposition.alert_families import (
    receiver_families,
    rule_families,
    slo_families,
    store_families,
    tick_families,
)
from vitalspan.exposition.asked_samples import AskedSamples
from vitalspan.exposition.families import MetricFamily
from vitalspan.exposition.health_families import health_families
from vitalspan.exposition.registry_samples import is_registered, read_samples, registered_names
from vitalspan.health.assessor import Assessor
from vitalspan.health.service_health import ServiceHealth
from vitalspan.health.trend import Snapshots
from vitalspan.history.history import History
from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.notify import Actions, Dispatcher
from vitalspan.notify.configured_receivers import ConfiguredReceivers
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.error_budget import SloStatus
from vitalspan.rules.missing_series import MissingSeries, MissingSeriesWatch
from vitalspan.rules.rule_book import RuleBook
from vitalspan.rules.scoring import Scoring
from vitalspan.runtime import fork
from vitalspan.runtime.fork_safe_lock import ForkSafeLock
from vitalspan.runtime.ticker import Ticker
from vitalspan.signals.scores import ALERT_POINTS_METRIC
from vitalspan.signals.trail import SignalTrail

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.persistence import Persistence
    from vitalspan.recording.counts import Counts
    from vitalspan.recording.recorder import Recorder
    from vitalspan.workers.shared_evaluation import SharedEvaluation
    from vitalspan.workers.workers import Workers


class Evaluation:
    """Turns what a monitor records into alerts and a health score, tick by tick.

    Args:
        recorder: the operations of this process.
        counts: what has been counted, by this process or by several.
        registry: its other metrics can be used by rules too.
        settings: the settings of the monitor.
        workers: the processes that evaluate together; None for a process by itself.

    Attributes:
        counts: what has been counted.
        history: what rules look back on.
        rules: the rules in force.
        engine: evaluates them.
        assessor: scores health.
        alerts: active and past alerts.
        health: the score, with its reasons.
        trail: what the score and the machine were like.
        receivers: notifies the receivers of alerts.
        actions: runs what alerts trigger.
        persistence: stores what was found; None without a store.
        ticker: the thread that ticks.
        after_ticks: what is called after each tick, with its time on the steady clock. It raises
            nothing.
        ticks: how many ticks there were.
        seconds: how long they took together.
    """

    def __init__(
        self,
        recorder: Recorder,
        counts: Counts,
        registry: CollectorRegistry,
        settings: Settings,
        workers: Workers | None = None,
    ) -> None:
        self._recorder = recorder
        self._lock = ForkSafeLock()
        self.counts = counts
        self.history = History(
            counts,
            partial(read_samples, registry),
            partial(is_registered, registry),
            AskedSamples(registry),
        )
        self.engine = RuleEngine(self.history, recorder.epoch, settings.alert_history)
        self.trail = SignalTrail(self.history)
        snapshots = Snapshots(settings.health_snapshots, settings.health_snapshot_interval)
        self.assessor = Assessor(self.history, recorder.epoch, snapshots)
        self.rules = RuleBook(self.history, self._use_rules, self._lock)
        self.receivers = Dispatcher(clock=recorder.clock)
        self._configured_receivers = ConfiguredReceivers(self.receivers)
        self.actions = Actions(clock=recorder.clock)
        self.alerts = Alerts(self.engine, self.actions, recorder.clock, self._lock)
        self.health = ServiceHealth(
            self.assessor, self.engine, self._refresh_health, recorder.now, self._lock
        )
        self.ticker = Ticker(self.tick, settings.tick_interval)
        missing = MissingSeries(self.history, partial(registered_names, registry))
        self._missing_series = MissingSeriesWatch(missing, self.engine.rule_states)
        self.ticks = 0
        self.seconds = 0.0
        self._rule_file = ""
        self._health_model = settings.health_model
        self.engine.set_metric_prefix(settings.metric_prefix)
        self.rules.set_metric_prefix(settings.metric_prefix)
        self._use_rules()
        self._ticking = threading.Lock()
        self.after_ticks: list[Callable[[float], None]] = []
        self._shared = None if workers is None else self._share(workers, settings)
        self.persistence: Persistence | None = None
        self._stored: tuple[str, str, int] = ("", "", 0)
        self.history.begin(recorder.now())
        fork.reset_in_child(self)

    def tick(self, now: float | None = None) -> None:
        """Run a tick: observe, evaluate the rules that are due, assess health, notify.

        Args:
            now: seconds on the monitor's steady clock; None reads it. A time that is not after
                that of the last tick is left out.
        """
        self._tick(now, self.after_ticks)

    def _tick(self, now: float | None, tasks: Iterable[Callable[[float], None]]) -> None:
        """Run a tick, and then what is done after ticks; nothing where somebody only asks."""
        # A tick within a tick, from a signal handler say, or beside one, adds nothing.
        ticking = self._ticking
        if not ticking.acquire(blocking=False):
            return
        try:
            began, persistence, batch = self._recorder.now(), self.persistence, None
            self.rules.reload_if_changed()
            if not self._leads(began if now is None else now):
                if persistence is not None:
                    persistence.let_go()
                return
            # Collectors may take long, and want locks whose holders wait for this one.
            samples, reading = self.history.metrics.read(), self.history.samples.read()
            with self._lock:
                now = self._recorder.now() if now is None else now
                if persistence is not None:
                    with self._storing():
                        persistence.prepare(now, self._recorder.epoch(), is_first=self._is_first())
                evaluated = self._evaluate(now, samples, reading)
                if evaluated and persistence is not None:
                    with self._storing():
                        batch = persistence.collect(now, self._recorder.epoch())
                if evaluated and self._shared is not None:
                    seconds = self._recorder.now() - began
                    self._shared.publish(now, samples, reading, seconds=seconds)
            if batch is not None and persistence is not None:
                # Nobody who reads alerts waits for a disk.
                with self._storing():
                    persistence.write(batch)
            self.seconds += self._recorder.now() - began
            for task in tasks if evaluated else ():
                task(now)
        finally:
            ticking.release()

    def _leads(self, now: float) -> bool:
        """Return whether this process evaluates; if another one does, take over its results."""
        if self._shared is None:
            return True
        with self._lock:
            return self._shared.lead(now)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001 - rules and receivers go on without a store
            self._recorder.internal_errors.note("store", "storing history failed")

    def _is_first(self) -> bool:
        """Return whether nothing was evaluated yet, by this process or by another worker."""
        return (self.ticks if self._shared is None else self._shared.ticks) == 0

    def _persist(self, settings: Settings) -> Persistence | None:
        if not settings.store:
            return None
        # Few programs have a store.
        from vitalspan.persistence import Persisted, Persistence  # noqa: PLC0415

        parts = Persisted(
            self.history,
            self.engine,
            self.assessor,
            self.receivers,
            self.actions,
            self.alerts.kept_silences,
            self._recorder.series_table.hidden,
            lambda: self.ticker.interval,
            self._shared is not None,
        )
        return Persistence(settings, parts)

    def _share(self, workers: Workers, settings: Settings) -> SharedEvaluation:
        # Few processes have others beside them.
        from vitalspan.workers.evaluation_parts import EvaluationParts  # noqa: PLC0415
        from vitalspan.workers.shared_evaluation import SharedEvaluation  # noqa: PLC0415

        parts = EvaluationParts(
            self.history,
            self.engine,
            self.rules,
            self.assessor,
            self.receivers,
            self.actions,
            self.alerts.kept_silences,
            settings.tick_interval,
        )
        self.alerts.shared = SharedEvaluation(workers, parts)
        return self.alerts.shared

    def _evaluate(self, now: float, samples: Samples, reading: Reading) -> bool:
        """Evaluate at a tick; return whether that was possible."""
        if not self._recorder.enabled or now <= self.history.ticks.times[-1]:
            return False
        if not self.history.observe(now, samples):
            return False
        self.history.samples.observe(now, self._recorder.epoch(), reading)
        self.engine.evaluate(now)
        self._assess_health(now)
        self.engine.evaluate_health_rules(now)
        self.rules.follow_readings(now)
        self.trail.follow(now)
        self._notify(now)
        self._missing_series.tick(now, self.rules.in_force)
        self.ticks += 1
        return True

    def _assess_health(self, now: float) -> None:
        self.history.make(ALERT_POINTS_METRIC, self.engine.alert_points())
        if self.assessor.is_off:
            return
        try:
            self.assessor.assess(now)
        except Exception:  # noqa: BLE001 - rules and receivers go on, with the score as it was
            self._recorder.internal_errors.note("health", "assessing health failed")

    def _notify(self, now: float) -> None:
        alerts = [alert for alert in self.engine.alerts(now) if alert.state != "pending"]
        wall = now + self._recorder.epoch()
        self.receivers.tick(alerts, wall, self.ticker.interval, self.alerts.silences())
        self.actions.tick(alerts, wall)

    @contextmanager
    def reading_history(self) -> Iterator[History]:
        """Let nothing be noted in the history while it is read; tick first unless a thread does.

        Yields:
            The history.

        Raises:
            VitalspanError: where another process has it, since that one evaluates for all.
        """
        with self.reading_history_if_here() as history:
            if history is None:
                raise VitalspanError(
                    "the history is in the process that evaluates for all: ask that one for a "
                    "window, or ask here for the time since the start"
                )
            yield history

    @contextmanager
    def reading_history_if_here(self) -> Iterator[History | None]:
        """Do the same as `reading_history`, and yield None where another process has the history.

        Yields:
            The history, or None.
        """
        shared = self._shared
        with self._brief_lead():
            if not self.ticker.running:
                self._tick(None, ())
            with self._lock:
                yield self.history if shared is None or shared.leads else None

    @contextmanager
    def _brief_lead(self) -> Iterator[None]:
        """Let other processes lead afterwards, unless this one leads already or ticks by itself."""
        shared = self._shared
        led = shared is not None and shared.leads
        try:
            yield
        finally:
            if shared is not None and not led and not self.ticker.running:
                shared.step_down()

    @contextmanager
    def reading_rules(self) -> Iterator[RuleEngine]:
        """Let no rule be evaluated while the state of the rules is read.

        Yields:
            The engine; in a process that does not evaluate, with what the one that does has found.
        """
        with self._lock:
            if self._shared is not None:
                self._shared.follow()
            yield self.engine

    def configure(self, settings: Settings) -> None:
        """Apply settings: load the rule file, add the receivers, set the interval.

        Raises:
            ConfigurationError: for a rule file with mistakes, or an address that is none. Nothing
                is changed then.
        """
        self.rules.set_metric_prefix(settings.metric_prefix)
        stored = (settings.store, settings.store_tiers, settings.store_max_bytes)
        persistence = self.persistence
        if stored != self._stored:
            persistence = self._persist(settings)
        receivers = self._configured_receivers.prepare(settings)
        if settings.rules != self._rule_file:
            self.rules.load(settings.rule_paths)
            self._rule_file = settings.rules
        self._configured_receivers.use(receivers, settings)
        if persistence is not self.persistence:
            former, self.persistence, self._stored = self.persistence, persistence, stored
            if former is not None:
                former.let_go()
        self.engine.keep_past(settings.alert_history)
        self.engine.set_metric_prefix(settings.metric_prefix)
        self.assessor.snapshots.configure(
            settings.health_snapshots, settings.health_snapshot_interval
        )
        if settings.health_model != self._health_model:
            self._health_model = settings.health_model
            self._use_rules()
        self.ticker.set_interval(settings.tick_interval)

    def slo_statuses(self) -> list[SloStatus]:
        """Return how every error budget stands, in the process that evaluates for all."""
        return self.rules.slos() if self._shared is None else self._shared.statuses

    def families(self) -> Iterator[MetricFamily]:
        """Yield the metric families of rules, SLOs, health, receivers and ticks."""
        with self._lock:
            if self._shared is not None:
                self._shared.follow()
            families = list(self._families())
        yield from families

    def close(self) -> None:
        """End every thread; for a short while, receivers are still sent what is queued."""
        self.ticker.stop()
        if self.persistence is not None:
            self.persistence.let_go()
        if self._shared is not None:
            self._shared.step_down()
        self.receivers.close()
        self.actions.close()
        if self._shared is not None:
            self._shared.close()

    def reset(self) -> None:
        """Begin anew from zero, as a forked child does by itself."""
        if self._lock.reset():
            self._ticking = threading.Lock()
        with self._lock:
            self.history.reset()
            self.engine.reset()
            self.alerts.reset()
            self.assessor.reset()
            self.trail.reset()
            self.rules.forget_readings()
            self._missing_series.reset()
            self.ticks, self.seconds = 0, 0.0
            if self._shared is not None:
                self._shared.reset()
            if self.persistence is not None:
                self.persistence.reset()
        self.ticker.reset()

    def _families(self) -> Iterator[MetricFamily]:
        yield from rule_families(self.engine, self._missing_series.without_series)
        yield from health_families(self.assessor.latest, [name for name, _ in self.assessor.levels])
        counters = self.history.slo_counters
        objectives = {name: counter.objective for name, counter in counters.items()}
        shared = self._shared
        yield from slo_families(self.slo_statuses(), self.history.slo_counts(), objectives)
        receivers = self.receivers.snapshot() if shared is None else shared.receiver_statuses
        counts = self.actions.counts() if shared is None else shared.action_counts
        yield from receiver_families(receivers, counts)
        ticks, seconds = (self.ticks, self.seconds) if shared is None else shared.ticking
        yield from tick_families(ticks, seconds, reload_failed=self.rules.reload_failed)
        if self.persistence is not None:
            yield from store_families(self.persistence.status)

    def _refresh_health(self) -> None:
        if self.ticker.running and self.assessor.latest.at is not None:
            return
        with self._brief_lead():
            self._tick(None, ())

    def _use_rules(self) -> None:
        with self._lock:
            rules = self.rules.in_force
            self.engine.replace(with_burn_rate_alerts(rules).groups, self._recorder.now())
            self.assessor.use(rules.health or Scoring(), rules.slos, self._health_model)
