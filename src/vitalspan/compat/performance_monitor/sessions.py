"""Sessions, as the older monitors opened and closed them."""

from __future__ import annotations

from datetime import UTC, datetime

from vitalspan.compat.performance_monitor.records import PerformanceMetrics, session_of
from vitalspan.monitor import Monitor
from vitalspan.sessions.session import Session


class MonitorSessions:
    """The sessions of the studio monitor, by their names.

    Attributes:
        monitor: the monitor with the sessions.
    """

    monitor: Monitor

    def start_session(self, session_id: str | None = None) -> str:
        """Open a session, of this thread or task; the first one also has what is outside of any.

        Args:
            session_id: the name; None creates one from the time.

        Returns:
            The name.
        """
        name = session_id or f"session_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        session = self.monitor.sessions.session(name, application=True)
        session.__enter__()
        return session.name

    def end_session(self, session_id: str | None = None) -> PerformanceMetrics | None:
        """Close a session.

        Args:
            session_id: the name; None is the current session.

        Returns:
            Its statistics; None if there is no such session.
        """
        session = self._session(session_id)
        if session is None:
            return None
        session.__exit__(None, None, None)
        return session_of(session.statistics(), ended=True)

    def get_current_metrics(self) -> PerformanceMetrics | None:
        """Return the statistics of the current session so far; None if there is none."""
        session = self._session()
        return None if session is None else session_of(session.statistics(), ended=False)

    def get_session_history(self, limit: int | None = None) -> list[PerformanceMetrics]:
        """Return the closed sessions, the latest last.

        Args:
            limit: the maximum number of sessions.
        """
        history = self.monitor.sessions.history()
        return [session_of(one, ended=True) for one in history[-limit if limit else 0 :]]

    def record_count(self, name: str, amount: float = 1) -> None:
        """Count something of the program's own in the current session."""
        session = self._session()
        if session is not None and self.monitor.enabled:
            session.count(name, amount)

    def _session(self, name: str | None = None) -> Session | None:
        sessions = self.monitor.sessions
        if name is None:
            return sessions.current() or sessions.application()
        # The last opened session of this name is meant.
        return next((one for one in reversed(sessions.open()) if one.name == name), None)
