"""The object `monitor.reports`."""

from __future__ import annotations

from typing import Any

from vitalspan.errors import ConfigurationError
from vitalspan.recording.call_record import CallRecord
from vitalspan.reports.dashboard import dashboard
from vitalspan.reports.overview import Period
from vitalspan.reports.period_report import period_document
from vitalspan.reports.report import Report
from vitalspan.reports.sections.calls import MAX_CALLS, MAX_ROWS
from vitalspan.reports.session_report import session_document
from vitalspan.reports.survey import MAX_OPERATIONS, Sources, survey
from vitalspan.sessions.comparison import compare
from vitalspan.sessions.session import Session
from vitalspan.sessions.session_statistics import SessionStatistics


class Reports:
    """The object `monitor.reports`.

    Args:
        sources: the parts of the monitor that are reported on.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def dashboard(
        self,
        *,
        window: float | None = 3600.0,
        offset: float = 0.0,
        operations: int = MAX_OPERATIONS,
    ) -> dict[str, Any]:
        """Return everything that a dashboard shows, as `Monitor.dashboard` does."""
        return dashboard(self._sources, window, offset, operations)

    def report(self, *, window: float | None = None, offset: float = 0.0) -> Report:
        """Return the report on a period, as `Monitor.report` does."""
        sources = self._sources
        overview = survey(sources, window, offset)
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
        self, session: Session | SessionStatistics, before: SessionStatistics | None = None
    ) -> Report:
        """Return the report on a session.

        Args:
            session: an open one as it is now, or a closed one of `monitor.sessions.history()`.
            before: another one, whose figures are compared with.

        Raises:
            ConfigurationError: for something that is no session.
        """
        figures = session.statistics() if isinstance(session, Session) else session
        if not isinstance(figures, SessionStatistics):
            raise ConfigurationError(
                f"session={session!r:.80}: give a session, or one of monitor.sessions.history()"
            )
        comparison = None if before is None else compare(before, figures, 0.95)
        data = {
            "kind": "session",
            "session": figures.to_dict(),
            "comparison": None if comparison is None else comparison.to_dict(),
        }
        return Report(session_document(figures, comparison), data)


def _slowest(calls: list[CallRecord], period: Period) -> tuple[CallRecord, ...]:
    within = [one for one in calls if period.start <= one.start + one.duration <= period.end]
    return tuple(sorted(within, key=lambda one: -one.duration)[:MAX_CALLS])
