"""The evaluator: a tick observes, evaluates rules, assesses health, and notifies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vitalspan.evaluation.alerts import Alerts
from vitalspan.exposition.promql_samples import PromqlSampleReader
from vitalspan.exposition.registry_samples import is_registered, read_samples, registered_names
from vitalspan.health.assessor import Assessor
from vitalspan.health.trend import Snapshots
from vitalspan.history.history import History
from vitalspan.history.registry_metrics import Samples
from vitalspan.history.samples.reading import Reading
from vitalspan.notify import Actions, Dispatcher
from vitalspan.notify.configured_receivers import ConfiguredReceivers
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.engine import RuleEngine
from vitalspan.rules.missing_series import MissingSeries, MissingSeriesWatch
from vitalspan.rules.rule_book import RuleBook
from vitalspan.rules.scoring import Scoring
from vitalspan.runtime.fork_safe_lock import ForkSafeLock
from vitalspan.signals.scores import ALERT_POINTS_METRIC
from vitalspan.signals.signal_history import SignalHistory

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from vitalspan.config import Settings
    from vitalspan.recording.counts import Counts
    from vitalspan.recording.recorder import Recorder


class Evaluator:
    """Turns the records of a monitor into alerts and a health score. Time is an argument.

    Args:
        recorder: the operations of this process.
        counts: the counts of this process or of several.
        registry: a registry whose other metrics can also be used by rules.
        settings: the settings of the monitor.

    Attributes:
        counts: the counts.
        history: the history that rules look back on.
        rules: the current rules.
        engine: evaluates the rules.
        assessor: scores health.
        alerts: active and past alerts.
        signal_history: the past of the score and of the machine.
        receivers: notifies the receivers of alerts.
        actions: runs the actions of alerts.
        ticks: the number of ticks.
    """

    def __init__(
        self, recorder: Recorder, counts: Counts, registry: CollectorRegistry, settings: Settings
    ) -> None:
        self._recorder = recorder
        self._lock = ForkSafeLock()
        # A tick holds both locks. Readers of the history hold one of them, and scrapes only need
        # the other, so they do not wait for readers.
        self._history_lock = ForkSafeLock()
        self.counts = counts
        self.history = History(
            counts,
            partial(read_samples, registry),
            partial(is_registered, registry),
            PromqlSampleReader(registry),
        )
        self.engine = RuleEngine(self.history, recorder.epoch, settings.alert_history)
        self.signal_history = SignalHistory(self.history)
        snapshots = Snapshots(settings.health_snapshots, settings.health_snapshot_interval)
        self.assessor = Assessor(self.history, recorder.epoch, snapshots)
        self.rules = RuleBook(self.history, self._use_rules, self._lock)
        self.receivers = Dispatcher(clock=recorder.clock)
        self._configured_receivers = ConfiguredReceivers(self.receivers)
        self.actions = Actions(clock=recorder.clock)
        self.alerts = Alerts(self.engine, self.actions, recorder.clock, self._lock)
        missing = MissingSeries(self.history, partial(registered_names, registry))
        self._missing_series = MissingSeriesWatch(missing, self.engine.rule_states)
        self.ticks = 0
        self._interval = settings.tick_interval
        self._rule_file = ""
        self._health_model = settings.health_model
        self.engine.set_metric_prefix(settings.metric_prefix)
        self.rules.set_metric_prefix(settings.metric_prefix)
        self._use_rules()

    def evaluate(self, now: float, samples: Samples, reading: Reading) -> bool:
        """Evaluate at a tick; return whether that was possible.

        The caller holds the lock for the evaluation of rules.

        Args:
            now: seconds on the monitor's steady clock.
            samples: the readings of metrics that rules use.
            reading: the readings of samples that expressions use.
        """
        if not self._recorder.enabled or now <= self.history.ticks.times[-1]:
            return False
        if not self.history.observe(now, samples):
            return False
        self.history.samples.observe(now, self._recorder.epoch(), reading)
        self.engine.evaluate(now)
        self._assess_health(now)
        self.engine.evaluate_health_rules(now)
        self.rules.follow_readings(now)
        self.signal_history.follow(now)
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
        self.receivers.tick(alerts, wall, self._interval, self.alerts.silences())
        self.actions.tick(alerts, wall)

    def configure(self, settings: Settings) -> None:
        """Apply settings: load the rule file, and add the receivers.

        Raises:
            ConfigurationError: for a rule file with mistakes, or an invalid URL. Nothing is changed
                then.
        """
        self.rules.set_metric_prefix(settings.metric_prefix)
        receivers = self._configured_receivers.prepare(settings)
        if settings.rules != self._rule_file:
            self.rules.load(settings.rule_paths)
            self._rule_file = settings.rules
        self._configured_receivers.use(receivers, settings)
        self.engine.keep_past(settings.alert_history)
        self.engine.set_metric_prefix(settings.metric_prefix)
        self.assessor.snapshots.configure(
            settings.health_snapshots, settings.health_snapshot_interval
        )
        if settings.health_model != self._health_model:
            self._health_model = settings.health_model
            self._use_rules()
        self._interval = settings.tick_interval

    def reset(self) -> None:
        """Start over from zero."""
        self.history.reset()
        self.engine.reset()
        self.alerts.reset()
        self.assessor.reset()
        self.signal_history.reset()
        self.rules.forget_readings()
        self._missing_series.reset()
        self.ticks = 0

    def _use_rules(self) -> None:
        with self._lock:
            rules = self.rules.in_force
            self.engine.replace(with_burn_rate_alerts(rules).groups, self._recorder.now())
            self.assessor.use(rules.health or Scoring(), rules.slos, self._health_model)
