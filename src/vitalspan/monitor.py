"""The monitor: records operations, and gives access to rules, alerts, health and receivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry

from vitalspan import living_monitors
from vitalspan.bridge.otlp.metrics_push import MetricsPush
from vitalspan.clock import Clock, SystemClock
from vitalspan.config import Settings
from vitalspan.errors import ConfigurationError
from vitalspan.exposition.formats import Format
from vitalspan.exposition.generate import generate_latest
from vitalspan.exposition.model_usage import ModelUsage
from vitalspan.exposition.monitor_families import MonitorFamilies
from vitalspan.exposition.registration import Registration
from vitalspan.exposition.registry_locks import RegistryLocks
from vitalspan.labels import value_text
from vitalspan.recording.call_record import CallRecord
from vitalspan.recording.counts import Counts
from vitalspan.recording.instruments import Instruments
from vitalspan.runtime import fork, free_threading
from vitalspan.runtime.first_use import first_use
from vitalspan.workers.join import join_workers

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from vitalspan.alerts import Alerts
    from vitalspan.evaluation import Evaluation
    from vitalspan.exposition.families import MetricFamily
    from vitalspan.health.service_health import ServiceHealth
    from vitalspan.notify import Dispatcher
    from vitalspan.reports.report import Report
    from vitalspan.reports.reports import Reports
    from vitalspan.rules.rule_book import RuleBook
    from vitalspan.sessions.session import Session
    from vitalspan.sessions.session_statistics import SessionStatistics
    from vitalspan.sessions.sessions import Sessions
    from vitalspan.statistics.running_stacks import RunningStack
    from vitalspan.statistics.service_statistics import ServiceStatistics
    from vitalspan.store.protocol import Record
    from vitalspan.store.reader import StoreReader
    from vitalspan.workers.workers import Workers

F = TypeVar("F", bound=Callable[..., Any])


class Monitor(Instruments):
    """Records operations and shows them in a prometheus_client registry.

    Args:
        registry: where the metrics appear; None is prometheus_client's default registry.
        tracer_provider: makes the spans; None follows the global provider, whenever one is
            configured.
        clock: where durations and dates come from; tests give a `ManualClock`.
        **settings: as `vitalspan.config.Settings` lists them.

    Raises:
        ConfigurationError: for a setting that cannot be used, or if the registry has metrics of
            these names already.

    Attributes:
        registry: where the metrics appear.
        clock: where durations and dates come from.
        closed: whether the monitor has left its registry.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        free_threading.notice_once()
        super().__init__(Settings().changed(settings), clock or SystemClock(), tracer_provider)
        self.registry = REGISTRY if registry is None else registry
        self.closed = False
        counts = self._process_counts
        self._workers = join_workers(self._settings, self._recorder, counts, self.registry)
        self._counts: Counts = self._workers.counts if self._workers else counts
        self._families = MonitorFamilies(self._counts, self._settings, self._more_families)
        self._families.shared = None if self._workers is None else self._workers.registry
        self._model_usage = ModelUsage(self.registry, self._settings)
        self._counters.usage = self._model_usage
        self._push = MetricsPush(self.registry, self.clock, self._families)
        self._registration = Registration(self.registry, self._families, self._recorder.now)
        self._not_ready: str | None = None
        self._load_prices("", self._settings.prices)
        if self._settings.alerting:
            # A rule file with mistakes must leave nothing of this in the registry.
            self.evaluation.configure(self._settings)
        exporter = self._push.prepare(None, self._settings)
        try:
            self._registration.enter(self._settings)
        except ConfigurationError:
            if self.evaluation_if_made is not None:
                self.evaluation.close()
            raise
        self._push.use(exporter)
        if self._settings.reports:
            self.reports.configure(self._settings)
        self._registry_locks = RegistryLocks(self.registry)
        fork.reset_in_child(self._registry_locks, first=True)
        self._reset_in_children()
        if self._workers is None:
            # Otherwise what the parent has counted is left out when the child publishes.
            fork.reset_in_child(self._model_usage)
        living_monitors.add(self)

    def forget(
        self,
        operation: str,
        *,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
    ) -> int:
        """Forget series of an operation, such as those of a customer who has left.

        They disappear from the metrics with all their counts. If they are counted in again, they
        begin at zero.

        Args:
            operation: its name.
            component: its component; None forgets the operation in all components.
            labels: labels that the series have, perhaps among others; None forgets all series.

        Returns:
            How many series were forgotten.
        """
        forgotten = self._call_sites.forget(operation, component, labels)
        if self.evaluation_if_made is not None:
            self.evaluation.history.forget(forgotten)
        return len(forgotten)

    def recent_calls(self) -> list[CallRecord]:
        """Return the calls that ended most recently, the latest one last."""
        if self._workers is not None:
            return self._workers.recent_calls(self._settings.recent_calls)
        return self._recorder.recent()

    def slow_calls(self) -> list[CallRecord]:
        """Return the most recent calls that took longer than the `slow` of their operation."""
        if self._workers is not None:
            return self._workers.slow_calls(self._settings.slow_calls)
        return list(self._recorder.slow)

    def generate_latest(self, format: Format = Format.TEXT_0_0_4) -> bytes:  # noqa: A002 - the word
        """Return the metrics of this monitor's registry in an exposition format."""
        return generate_latest(self.registry, format=format)

    def configure(self, **settings: Any) -> None:
        """Change settings. A new `component` applies to what is defined from now on.

        Raises:
            ConfigurationError: for a setting that cannot be used; nothing is changed then.
        """
        wanted = self._settings.changed(settings)
        if wanted.workers != self._settings.workers:
            raise ConfigurationError(
                f"workers={wanted.workers!r:.80}: the monitor is made already; set "
                "VITALSPAN_WORKERS, or configure before the first operation is defined"
            )
        self._load_prices(self._settings.prices, wanted.prices)
        exporter = self._push.prepare(self._settings, wanted)
        if self.evaluation_if_made is not None or wanted.alerting:
            self.evaluation.configure(wanted)
        self._registration.change(self._settings, wanted)
        self._settings = wanted
        self._model_usage.configure(wanted)
        self._push.use(exporter)
        if wanted.reports or Monitor.reports.if_made(self) is not None:
            self.reports.configure(wanted)
        if self._workers is not None:
            self._workers.set_interval(wanted.publish_interval)
        self._configure_instruments()

    @property
    def settings(self) -> Settings:
        """The settings in force; `configure` changes them."""
        return self._settings

    @first_use
    def evaluation(self) -> Evaluation:
        """The loop that evaluates rules and health; it is made when it is first used."""
        with fork.imports_finish_first:
            # Importing what this needs takes longer than everything else together.
            from vitalspan.evaluation import Evaluation  # noqa: PLC0415

        evaluation = Evaluation(
            self._recorder, self._counts, self.registry, self._settings, self._workers
        )
        evaluation.record_sources.append(self._unstored_sessions)
        return evaluation

    @property
    def evaluation_if_made(self) -> Evaluation | None:
        """The loop that evaluates rules and health, or None if nothing has used it yet."""
        return Monitor.evaluation.if_made(self)

    @property
    def rules(self) -> RuleBook:
        """The rules in force: load a rule file, add and remove rules and SLOs, read signals."""
        return self.evaluation.rules

    @property
    def alerts(self) -> Alerts:
        """The alerts, active and past: read, acknowledge and silence them, or run a function."""
        return self.evaluation.alerts

    @property
    def receivers(self) -> Dispatcher:
        """The receivers of alerts: add an Alertmanager, a webhook, a function or the log."""
        return self.evaluation.receivers

    @property
    def health(self) -> ServiceHealth:
        """The health of the service: `monitor.health()` is the score and its reasons."""
        return self.evaluation.health

    @first_use
    def statistics(self) -> ServiceStatistics:
        """The figures of all calls, of components and of operations, and the calls running now."""
        with fork.imports_finish_first:
            # A program that nobody asks needs none of this.
            from vitalspan.statistics.service_statistics import ServiceStatistics  # noqa: PLC0415

        return ServiceStatistics(
            self._recorder,
            self._counts,
            # Totals since the start need no evaluation, which is made only for a window.
            lambda: self.evaluation.reading_history(),  # noqa: PLW0108
            self.recent_calls,
            self.slow_calls,
            stored=self._store_reader,
        )

    def stacks(self) -> list[RunningStack]:
        """Return where every call is that is inside now in this process, the oldest call first.

        Each has the stack from its function to the line that it is at, across the awaits of a task.
        """
        return self.statistics.stacks()

    @first_use
    def sessions(self) -> Sessions:
        """The sessions: those that are open, the history of closed ones, and comparisons."""
        with fork.imports_finish_first:
            from vitalspan.sessions.sessions import Sessions  # noqa: PLC0415 - few open one

        return Sessions(self._recorder, self._store_reader)

    def session(self, name: str) -> Session:
        """Return a session, a named stretch of work that a `with` statement opens and closes.

        It has statistics of its own, of the calls that begin within it.

        Args:
            name: of the session; several may have the same.
        """
        return self.sessions.session(name)

    @first_use
    def reports(self) -> Reports:
        """The reports: what is said about now, a session or a period of the past."""
        with fork.imports_finish_first:
            from vitalspan.reports.reports import Reports  # noqa: PLC0415 - few programs ask
            from vitalspan.reports.survey import Sources  # noqa: PLC0415

        return Reports(
            Sources(
                self.statistics,
                self.evaluation,
                lambda: self.sessions,
                lambda: self._counts.internal().started or self._recorder.started,
                lambda: None if self._workers is None else len(self._workers.members()),
                self._recorder.internal_errors,
                self._store_reader,
            )
        )

    def dashboard(
        self, *, window: float | None = 3600.0, offset: float = 0.0, operations: int = 100
    ) -> dict[str, Any]:
        """Return everything that a dashboard shows, in types that JSON has.

        The schema is documented and has a version. A monitor that does not tick by itself ticks
        first.

        Args:
            window: the length of the period in seconds; None for all time since the start.
            offset: the seconds since its end.
            operations: how many operations are listed at most, those that took most time.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        return self.reports.dashboard(window=window, offset=offset, operations=operations)

    def report(
        self,
        *,
        window: float | None = None,
        offset: float = 0.0,
        session: Session | SessionStatistics | None = None,
    ) -> Report:
        """Return a report for people: as text, Markdown, JSON or one HTML file.

        Without arguments it is about all time since the start. A monitor that does not tick by
        itself ticks first.

        Args:
            window: the length of the period in seconds; None for all time since the start.
            offset: the seconds since its end.
            session: reports on this session instead of a period.

        Raises:
            ConfigurationError: for a period that cannot be looked back on, or something that is no
                session.
            VitalspanError: for a window if another process has the history.
        """
        if session is not None:
            return self.reports.session(session)
        return self.reports.report(window=window, offset=offset)

    @property
    def workers(self) -> Workers | None:
        """The processes that put their counts together; None for a process by itself."""
        return self._workers

    def tick(self, now: float | None = None) -> None:
        """Evaluate once: count what has ended, evaluate rules and health, notify the receivers.

        `start` does this every few seconds.

        Args:
            now: seconds on the monitor's steady clock; None reads it.
        """
        self.evaluation.tick(now)

    def start(self) -> None:
        """Start a daemon thread that ticks every `tick_interval` seconds, unless there is one.

        With `metrics="otlp"`, start the one that pushes metrics as well.
        """
        if self._workers is not None:
            self._workers.start()
        self.evaluation.ticker.start()
        self._push.start()

    def stop(self) -> None:
        """Stop the thread that ticks."""
        if self.evaluation_if_made is not None:
            self.evaluation.ticker.stop()

    def set_ready(self, ready: bool, reason: str = "") -> None:  # noqa: FBT001 - the one thing it sets
        """Set whether the service can take requests, which is what `/-/ready` answers.

        It can until told otherwise.

        Args:
            ready: whether it can.
            reason: why it cannot.
        """
        self._not_ready = None if ready else value_text(reason) or "no reason was given"

    @property
    def not_ready(self) -> str | None:
        """The reason why the service cannot take requests; None if it can."""
        return self._not_ready

    def close(self) -> None:
        """Remove this monitor from its registry and end its threads. Calls are still recorded.

        With `metrics="otlp"`, metrics are pushed once more.
        """
        self.closed = True
        self._push.use(None)
        if self._workers is not None:
            self._workers.close()
        if self.evaluation_if_made is not None:
            self.evaluation.close()
        self._registration.leave()
        self._model_usage.leave()

    def reset(self) -> None:
        """Begin anew from zero, as a forked child does by itself."""
        super().reset()
        self._model_usage.reset()
        sessions = Monitor.sessions.if_made(self)
        if sessions is not None:
            sessions.reset()
        if self.evaluation_if_made is not None:
            self.evaluation.reset()

    def _unstored_sessions(self) -> list[Record]:
        sessions = Monitor.sessions.if_made(self)
        return [] if sessions is None else sessions.take_unstored()

    def _store_reader(self) -> StoreReader | None:
        made = self.evaluation_if_made
        persistence = None if made is None else made.persistence
        return None if persistence is None else persistence.reader

    def _more_families(self) -> Iterator[MetricFamily]:
        if self.evaluation_if_made is not None:
            yield from self.evaluation.families()
        reports = Monitor.reports.if_made(self)
        if reports is not None:
            yield from reports.families()
        yield from self._push.families()

    def _load_prices(self, before: str, path: str) -> None:
        if path != before:
            with fork.imports_finish_first:
                from vitalspan.price_file import load_prices  # noqa: PLC0415 - few have such a file

            load_prices(self.prices, path)
