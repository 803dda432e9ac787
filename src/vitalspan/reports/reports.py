"""The object `monitor.reports`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from vitalspan.config import Settings
from vitalspan.exposition.families import MetricFamily, ScalarFamily
from vitalspan.metrics import REPORTS
from vitalspan.recording.call_record import CallRecord
from vitalspan.reports.dashboard import dashboard
from vitalspan.reports.gather_overview import MAX_OPERATIONS, Sources, gather_overview
from vitalspan.reports.overview import Period
from vitalspan.reports.period_report import period_document
from vitalspan.reports.periodic_reports import PeriodicReports
from vitalspan.reports.report import Report
from vitalspan.reports.report_directory import ReportDirectory
from vitalspan.reports.sections.calls import MAX_CALLS, MAX_ROWS
from vitalspan.reports.session_report import session_document
from vitalspan.reports.stored_reports import STORE, ReportStore, StoredReport
from vitalspan.sessions.comparison import compare
from vitalspan.sessions.session import Session, figures_of
from vitalspan.sessions.session_statistics import SessionStatistics


class Reports:
    """The object `monitor.reports`.

    Args:
        sources: the parts of the monitor to report on.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._periodic: PeriodicReports | None = None
        self._configured: tuple[Any, ...] | None = None
        self._store = ReportStore(lambda: sources.evaluation.persistence)
        sources.evaluation.after_ticks.append(self._tick)
        sources.evaluation.record_sources.append(self._store.take_unstored)

    def dashboard(
        self,
        *,
        window: float | None = 3600.0,
        offset: float = 0.0,
        operations: int = MAX_OPERATIONS,
    ) -> dict[str, Any]:
        """Return all data of a dashboard, like `Monitor.dashboard`."""
        return dashboard(self._sources, window, offset, operations)

    def report(self, *, window: float | None = None, offset: float = 0.0) -> Report:
        """Return the report on a period, like `Monitor.report`."""
        sources = self._sources
        overview = gather_overview(sources, window, offset)
        period = overview.period
        running = () if period.is_past else tuple(sources.statistics.running())
        slow = _slowest(sources.statistics.slow_calls(), period)
        data = {
            "kind": "period",
            **overview.to_dict(),
            "running": [one.to_dict() for one in running[:MAX_ROWS]],
            "slow_calls": [one._asdict() for one in slow],
        }
        return Report(period_document(overview, running, slow), data)

    def session(
        self,
        session: Session | SessionStatistics,
        before: Session | SessionStatistics | None = None,
    ) -> Report:
        """Return the report on a session.

        Args:
            session: an open session, or a closed one from `monitor.sessions.history()`.
            before: another session to compare with, or its statistics.

        Raises:
            ConfigurationError: for anything that is not a session.
        """
        figures = figures_of(session, "session")
        comparison = None
        if before is not None:
            comparison = compare(figures_of(before, "before"), figures, 0.95)
        data = {
            "kind": "session",
            "session": figures.to_dict(),
            "comparison": None if comparison is None else comparison.to_dict(),
        }
        return Report(session_document(figures, comparison), data)

    def keep(self, report: Report) -> None:
        """Store a report in every format; it is available after the next tick.

        Raises:
            VitalspanError: without a store.
        """
        counts = self._sources.evaluation.counts
        self._store.keep(report, counts.now() + counts.epoch())

    def kept(self, most: int = 100) -> list[StoredReport]:
        """Return the latest reports in the store, the last one first.

        Args:
            most: the maximum number of reports.

        Raises:
            VitalspanError: without a store, or if it cannot be read.
        """
        return self._store.kept(most)

    def write_every(
        self,
        interval: float,
        directory: str | PathLike[str],
        *,
        formats: str | Iterable[str] = "html",
        keep: int = 168,
        max_age: float = 30 * 86400.0,
    ) -> None:
        """Write a report at the end of each interval of the time of day, such as every full hour.

        The next tick writes it, so the monitor has to tick; see `Monitor.start`. From now on, the
        history is kept for the length of an interval. This replaces earlier settings.

        Args:
            interval: the number of seconds that each report covers, at least 60.
            directory: the directory for reports, which is created when it is needed. `store` keeps
                them in the store instead; see `kept`.
            formats: one or several of `html`, `md`, `json` and `txt`; a store has all.
            keep: the number of reports to keep there.
            max_age: seconds after which a report is removed.

        Raises:
            ConfigurationError: for an invalid value.
            VitalspanError: for `store` without a store.
        """
        settings = Settings(
            reports=STORE if directory == STORE else str(Path(directory)),
            report_interval=interval,
            report_formats=formats if isinstance(formats, str) else ",".join(formats),
            report_keep=keep,
            report_max_age=max_age,
        )
        self._use(settings)

    def stop_writing(self) -> None:
        """Stop writing reports at an interval."""
        self._periodic = None

    def configure(self, settings: Settings) -> None:
        """Apply the settings of reports at an interval, if they have changed."""
        wanted: tuple[Any, ...] | None = None
        if settings.reports:
            ages = (settings.report_interval, settings.report_max_age)
            wanted = (settings.reports, settings.report_endings, settings.report_keep, *ages)
            if settings.reports == STORE:
                wanted = (*wanted, settings.store)
        if wanted == self._configured:
            return
        self._configured = wanted
        if wanted is None:
            self.stop_writing()
        else:
            self._use(settings)

    def families(self) -> Iterator[MetricFamily]:
        """Yield the metric family of reports at an interval."""
        periodic = self._periodic
        if periodic is not None:
            counts = {"written": periodic.written, "failed": periodic.failed}
            yield ScalarFamily.by_label(REPORTS, "result", counts)

    def _use(self, settings: Settings) -> None:
        evaluation, interval = self._sources.evaluation, settings.report_interval
        history = evaluation.history
        for index in (history.operations, history.caches, history.apis, history.models):
            index.retain(interval)
        directory: ReportDirectory | ReportStore
        if settings.reports == STORE:
            self._store.retain(min(settings.report_max_age, settings.report_keep * interval))
            directory = self._store
        else:
            directory = ReportDirectory(
                Path(settings.reports),
                settings.report_endings,
                settings.report_keep,
                settings.report_max_age,
            )
        counts = evaluation.counts
        self._periodic = PeriodicReports(
            directory,
            interval,
            partial(self.report, window=interval),
            self._sources.internal_errors,
            counts.now() + counts.epoch(),
        )

    def _tick(self, now: float) -> None:
        if self._periodic is not None:
            self._periodic.tick(now + self._sources.evaluation.counts.epoch())


def _slowest(calls: list[CallRecord], period: Period) -> tuple[CallRecord, ...]:
    within = [one for one in calls if period.start <= one.start + one.duration <= period.end]
    return tuple(sorted(within, key=lambda one: -one.duration)[:MAX_CALLS])
