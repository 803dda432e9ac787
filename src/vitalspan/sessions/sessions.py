"""The object `monitor.sessions`."""

from __future__ import annotations

from collections.abc import Callable

from vitalspan.recording.enclosing_sessions import enclosing
from vitalspan.recording.recorder import Recorder
from vitalspan.runtime import fork
from vitalspan.sessions.comparison import Comparison, compare
from vitalspan.sessions.session import Session, figures_of, open_sessions
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.session_table import MAX_HISTORY, SessionTable
from vitalspan.sessions.stored_sessions import SESSION, session_record, stored_session
from vitalspan.store.protocol import Record
from vitalspan.store.reader import StoreReader


class Sessions:
    """The sessions of a monitor.

    Args:
        recorder: the operations of this process.
        stored: returns the reader of the store; None if nothing is stored.
    """

    def __init__(
        self, recorder: Recorder, stored: Callable[[], StoreReader | None] = lambda: None
    ) -> None:
        self._recorder = recorder
        self._stored = stored
        self._began = recorder.clock.wall()
        self._earlier: list[SessionStatistics] | None = None
        self._table = SessionTable(recorder)
        fork.reset_in_child(self)

    def session(self, name: str, *, application: bool = False) -> Session:
        """Return a session, which a `with` or `async with` statement opens and closes.

        Args:
            name: the name of the session.
            application: whether it also has the calls of all other threads and tasks that are in no
                other session. The first such session that is open has them.
        """
        return Session(self._table, name, application=application)

    def application(self) -> Session | None:
        """Return the open session for calls that are in no other session; None if there is none."""
        session = self._recorder.aggregator.application_session
        return session if isinstance(session, Session) else None

    def current(self) -> Session | None:
        """Return the innermost open session of this task or thread; None if there is none."""
        around = open_sessions(enclosing.get(), self._table)
        return around[0] if around else None

    def open(self) -> list[Session]:
        """Return all open sessions of the process, in the order of opening."""
        every = list(self._recorder.open_sessions.values())
        return [one for one in every if isinstance(one, Session)]

    def history(self, name: str | None = None) -> list[SessionStatistics]:
        """Return the last hundred closed sessions, the latest one last.

        With a store, these include sessions of earlier processes.

        Args:
            name: the name of the sessions; None for all names.

        Raises:
            StoreError: if the store cannot be read.
        """
        closed = [*self._earlier_sessions(), *self._table.history][-MAX_HISTORY:]
        return [one for one in closed if name in (None, one.name)]

    def take_unstored(self) -> list[Record]:
        """Return the records of sessions that were closed since the previous call."""
        unstored, records = self._table.unstored, []
        while unstored:
            records.append(session_record(unstored.popleft()))
        return records

    def _earlier_sessions(self) -> list[SessionStatistics]:
        """Return the sessions of earlier processes, which are read from the store only once."""
        reader = self._stored()
        if reader is None:
            return []
        if self._earlier is None:
            records = reader.records(SESSION, 0.0, self._began, MAX_HISTORY)
            self._earlier = [stored_session(record.document) for record in records]
        return self._earlier

    def compare(
        self,
        before: Session | SessionStatistics,
        after: Session | SessionStatistics,
        *,
        confidence: float = 0.95,
    ) -> Comparison:
        """Return what changed between two sessions, and which changes are more than noise.

        Args:
            before: the first session, or its statistics.
            after: the second session, or its statistics.
            confidence: the required confidence of a test, 0 to 1, for a change to count.

        Raises:
            ConfigurationError: for an invalid confidence, and for anything that is not a session.
        """
        return compare(figures_of(before, "before"), figures_of(after, "after"), confidence)

    def reset(self) -> None:
        """Start over from zero, as a forked child does by itself."""
        self._table.reset()
        for session in self.open():
            session.reset()
