"""The objects of a monitor for rules, alerts, health, statistics, sessions and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from vitalspan.clock import Clock
from vitalspan.config import Settings
from vitalspan.recording.call_record import CallRecord
from vitalspan.recording.counts import Counts
from vitalspan.recording.instruments import Instruments
from vitalspan.runtime import fork
from vitalspan.runtime.first_use import first_use
from vitalspan.workers.join_workers import join_workers

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from vitalspan.evaluation.alerts import Alerts
    from vitalspan.evaluation.evaluation import Evaluation
    from vitalspan.health.service_health import ServiceHealth
    from vitalspan.marks import Marks
    from vitalspan.notify import Dispatcher
    from vitalspan.profiling.profiles import Profiles
    from vitalspan.reports.report import Report
    from vitalspan.reports.reports import Reports
    from vitalspan.rules.rule_book import RuleBook
    from vitalspan.sessions.session import Session
    from vitalspan.sessions.session_statistics import SessionStatistics
    from vitalspan.sessions.sessions import Sessions
    from vitalspan.statistics.earlier_history import EarlierHistory
    from vitalspan.statistics.running_stacks import RunningStack
    from vitalspan.statistics.service_statistics import ServiceStatistics
    from vitalspan.store.protocol import Record
    from vitalspan.store.reader import StoreReader
    from vitalspan.workers.workers import Workers


class Capabilities(Instruments):
    """Everything that a monitor does with its records, with one object per capability.

    Each object is created on first use. A monitor adds its metrics and its threads.

    Args:
        settings: the settings of the monitor.
        clock: provides durations and dates.
        tracer_provider: makes the spans; None uses the global provider.
        registry: the registry of the metrics.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tracer_provider: TracerProvider | None,
        registry: CollectorRegistry,
    ) -> None:
        super().__init__(settings, clock, tracer_provider)
        self.registry = registry
        self._server_history = self._history_of_server(settings)
        counts = self._process_counts
        self._workers = join_workers(settings, self._recorder, counts, registry)
        self._counts: Counts = self._workers.counts if self._workers else counts

    def recent_calls(self) -> list[CallRecord]:
        """Return the calls that ended most recently, the latest last."""
        if self._workers is not None:
            return self._workers.recent_calls(self._settings.recent_calls)
        return self._recorder.recent()

    def slow_calls(self) -> list[CallRecord]:
        """Return the most recent calls that took longer than the `slow` of their operation."""
        if self._workers is not None:
            return self._workers.slow_calls(self._settings.slow_calls)
        return list(self._recorder.slow)

    @first_use
    def evaluation(self) -> Evaluation:
        """The loop that evaluates rules and health, which is created on first use."""
        with fork.imports_finish_first:
            # Importing it takes longer than all other imports together.
            from vitalspan.evaluation.evaluation import Evaluation  # noqa: PLC0415

        evaluation = Evaluation(
            self._recorder, self._counts, self.registry, self._settings, self._workers
        )
        evaluation.record_sources += [self._unstored_sessions, self._unstored_marks]
        return evaluation

    @property
    def evaluation_if_made(self) -> Evaluation | None:
        """The loop that evaluates rules and health; None if it has not been used yet."""
        return Capabilities.evaluation.if_made(self)

    @property
    def rules(self) -> RuleBook:
        """The current rules: load a rule file, add and remove rules and SLOs, read signals."""
        return self.evaluation.rules

    @property
    def alerts(self) -> Alerts:
        """The active and past alerts: read, acknowledge, silence them, or run functions on them."""
        return self.evaluation.alerts

    @property
    def receivers(self) -> Dispatcher:
        """The receivers of alerts: add an Alertmanager, a webhook, a function or the log."""
        return self.evaluation.receivers

    @property
    def health(self) -> ServiceHealth:
        """The health of the service: `monitor.health()` returns the score and its reasons."""
        return self.evaluation.health

    @first_use
    def statistics(self) -> ServiceStatistics:
        """Statistics of all calls, of components and of operations, and the running calls."""
        with fork.imports_finish_first:
            # Imported here, because many programs never use it.
            from vitalspan.statistics.period_reader import PeriodReader  # noqa: PLC0415
            from vitalspan.statistics.service_statistics import ServiceStatistics  # noqa: PLC0415

        # Totals since the start need no evaluation, which is only created for a window.
        reading = lambda: self.evaluation.reading_history()  # noqa: E731, PLW0108
        periods = PeriodReader(self._counts, reading, self._earlier_history)
        return ServiceStatistics(self._recorder, periods, self.recent_calls, self.slow_calls)

    def stacks(self) -> list[RunningStack]:
        """Return the stacks of all calls that are running in this process, the oldest call first.

        A stack goes from the function of the call to the current line, across the awaits of a task.
        """
        return self.statistics.stacks()

    @first_use
    def marks(self) -> Marks:
        """The moments marked on charts: starts of the service, and those of `mark`."""
        with fork.imports_finish_first:
            from vitalspan.marks import Marks  # noqa: PLC0415 - few programs look at charts

        recorder, counts = self._recorder, self._counts
        return Marks(
            lambda: counts.internal().started or recorder.started,
            recorder.now,
            recorder.clock.wall,
            self._store_reader,
        )

    def mark(self, text: str) -> None:
        """Mark this moment on the charts of the page, such as a migration or a feature flag change.

        It is kept in the store, if there is one. The last 200 are shown.

        Args:
            text: a short description; at most 256 characters of it are kept.

        Raises:
            ConfigurationError: if the text is not a string or is empty.
        """
        self.marks.add(text)

    @first_use
    def profiles(self) -> Profiles:
        """The profiles of slow calls, which the setting `profile_slow_calls` turns on."""
        with fork.imports_finish_first:
            from vitalspan.profiling.profiles import Profiles  # noqa: PLC0415 - few have any
            from vitalspan.workers.shared_profiles import SharedProfiles  # noqa: PLC0415

        workers = self._workers
        shared = None if workers is None else SharedProfiles(workers.directory.path)
        return Profiles(self._recorder, shared)

    @first_use
    def sessions(self) -> Sessions:
        """The sessions: the open ones, the history of closed ones, and comparisons."""
        with fork.imports_finish_first:
            from vitalspan.sessions.sessions import Sessions  # noqa: PLC0415 - few open one

        return Sessions(self._recorder, self._store_reader)

    def session(self, name: str) -> Session:
        """Return a session, a named piece of work, as a context manager.

        Its statistics cover the calls that begin within it.

        Args:
            name: the name of the session; several sessions may have the same.
        """
        return self.sessions.session(name)

    @first_use
    def reports(self) -> Reports:
        """The reports: about now, a session or a period of the past."""
        with fork.imports_finish_first:
            from vitalspan.reports.gather_overview import Sources  # noqa: PLC0415
            from vitalspan.reports.reports import Reports  # noqa: PLC0415 - few programs ask

        return Reports(
            Sources(
                self.statistics,
                self.evaluation,
                lambda: self.sessions,
                lambda: self._counts.internal().started or self._recorder.started,
                lambda: None if self._workers is None else len(self._workers.members()),
                self._recorder.internal_errors,
                self._earlier_history,
            )
        )

    def dashboard(
        self, *, window: float | None = 3600.0, offset: float = 0.0, operations: int = 100
    ) -> dict[str, Any]:
        """Return all data of a dashboard, in types that JSON has.

        The schema is documented and has a version. A monitor that does not tick by itself ticks
        first.

        Args:
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
            operations: the maximum number of operations, by the time that they took.

        Raises:
            ConfigurationError: for a period that is not available.
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

        Without arguments it covers the whole time since the start. A monitor that does not tick by
        itself ticks first.

        Args:
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
            session: a session to report on, instead of a period.

        Raises:
            ConfigurationError: for a period that is not available, or something that is not a
                session.
            VitalspanError: for a window if another process has the history.
        """
        if session is not None:
            return self.reports.session(session)
        return self.reports.report(window=window, offset=offset)

    @property
    def workers(self) -> Workers | None:
        """The processes that share their counts; None for a single process."""
        return self._workers

    def _unstored_sessions(self) -> list[Record]:
        sessions = Capabilities.sessions.if_made(self)
        return [] if sessions is None else sessions.take_unstored()

    def _unstored_marks(self) -> list[Record]:
        return self.marks.take_unstored()

    def _earlier_history(self) -> EarlierHistory | None:
        """Return the history from before the one in memory; None if there is none."""
        reader = self._store_reader()
        if self._server_history is not None or reader is None:
            return self._server_history
        with fork.imports_finish_first:
            from vitalspan.statistics.earlier_history import StoredHistory  # noqa: PLC0415

        return StoredHistory(reader)

    def _history_of_server(self, settings: Settings) -> EarlierHistory | None:
        """Return the history in the Prometheus that is set; None without one."""
        if not settings.history:
            return None
        with fork.imports_finish_first:
            from vitalspan.statistics.prometheus_history import (  # noqa: PLC0415 - few have one
                prometheus_history,
            )

        return prometheus_history(settings.history, settings.metric_prefix)

    def _store_reader(self) -> StoreReader | None:
        made = self.evaluation_if_made
        persistence = None if made is None else made.persistence
        return None if persistence is None else persistence.reader
