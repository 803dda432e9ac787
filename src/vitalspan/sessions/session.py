"""A session: a named stretch of work, and the calls within it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Self

from vitalspan.errors import ConfigurationError
from vitalspan.labels import value_text
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.enclosing_sessions import (
    CountedKey,
    Enclosure,
    enclosing,
    enclosure_of,
    innermost,
)
from vitalspan.recording.lock_free_counter import amount_of
from vitalspan.recording.series import CountedBatch, Series
from vitalspan.sessions.session_amounts import SessionAmounts
from vitalspan.sessions.session_calls import SessionCalls
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.session_table import SessionTable

MAX_COUNTS: Final = 100
"""The maximum number of names of the program's own counts in one session."""


class Session:
    """A session, which a `with` statement opens and closes.

    Calls that begin within it belong to it and to the sessions around it, also in tasks that are
    created within it. A thread starts without a session, unless it is started with the context of
    another one, as `asyncio.to_thread` does.

    Args:
        table: the parts that all sessions of the monitor share.
        name: the name of the session.
        application: whether it also has the calls of the whole process that are in no other
            session, unless another open session has them.
    """

    def __init__(self, table: SessionTable, name: str, *, application: bool = False) -> None:
        self.name = value_text(name)
        self._application = application
        self._table = table
        self._recorder = table.recorder
        self._enclosure: Enclosure | None = None
        self._outer: tuple[Session, ...] = ()
        self._ended = True
        self._result: SessionStatistics | None = None
        self.reset()

    def reset(self) -> None:
        """Start over from zero, as in a forked child."""
        self._began = self._recorder.now()
        self._start = self._recorder.clock.wall()
        self._calls = SessionCalls()
        self._counts: dict[str, float] = {}
        self._amounts = SessionAmounts()

    def __enter__(self) -> Self:
        if not self._ended or self._result is not None:
            raise RuntimeError(f"session {self.name!r:.80} was opened before: create a new one")
        around = enclosing.get().without_closed()
        self._outer = tuple(open_sessions(around, self._table))
        self.reset()
        self._ended = False
        self._recorder.open_session(self)
        aggregator = self._recorder.aggregator
        if self._application and aggregator.application_session is None:
            aggregator.application_session = self
        self._enclosure = Enclosure(self, around)
        enclosing.set(self._enclosure)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            self._result = self.statistics()
            self._table.add(self._result)
        except Exception:  # noqa: BLE001 - the user's code must not fail
            self._recorder.internal_errors.note(
                "session", "a session could not be added to the history"
            )
        finally:
            self._ended = True
            if self.is_of_application:
                self._recorder.aggregator.application_session = None
            self._recorder.close_session(self)
            if self._enclosure is not None:
                # Recent calls hold the enclosure for longer than the session is needed.
                self._enclosure.session = None
                # It may be closed before sessions within it, or in another task.
                enclosing.set(enclosing.get().without_closed())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.__exit__(kind, error, traceback)

    @property
    def is_open(self) -> bool:
        """True if calls are counted in it."""
        return not self._ended

    @property
    def is_of_application(self) -> bool:
        """True if calls that are in no other session belong to it."""
        return self._recorder.aggregator.application_session is self

    def count(self, name: str, amount: float = 1) -> None:
        """Count something of the program's own, in this session and in those around it.

        An invalid amount, and a name after the hundredth, is left out, counted in
        `vitalspan_internal_errors_total` and logged once.

        Args:
            name: the name of the count.
            amount: zero or more.
        """
        try:
            checked = amount_of(amount)
            for session in (self, *self._outer):
                session._add_count(value_text(name), checked)  # noqa: SLF001 - of the same class
        except ValueError as fault:
            message = f"{name!r:.80} of a session is left out: {fault}"
            self._recorder.internal_errors.note("session", message, trace=False)

    def statistics(self) -> SessionStatistics:
        """Return the statistics so far; those of a closed session do not change any more."""
        if self._result is not None:
            return self._result
        recorder = self._recorder
        aggregator = recorder.aggregator
        now, epoch = recorder.now(), recorder.epoch()
        seconds = now - self._began
        running: list[Record] = []
        with aggregator.flushed(recorder.series_table.all) as every:
            # Code that interrupts a count, for example in a signal handler, does not get the lock,
            # and sees the previous counts.
            calls = self._calls.copy()
            for buffered in aggregator.settled(every or []):
                ended: list[Record] = []
                for record in buffered:
                    if self._encloses(record):
                        (running if record[1] == IN_PROGRESS else ended).append(record)
                calls.add_records(ended)
        with self._table.locked():
            counts = dict(self._counts)
        everything = calls.total()
        oldest = min((record[0] for record in running), default=None)
        everything.add_in_progress(len(running), oldest)
        operations = [
            one.statistics(component, operation, seconds, now, epoch)
            for (component, operation), one in calls.operations.items()
        ]
        return SessionStatistics(
            self.name,
            self._start,
            seconds,
            replace(
                everything.statistics(None, None, seconds, now, epoch),
                caches=tuple(self._amounts.caches()),
                apis=tuple(self._amounts.apis()),
            ),
            tuple(sorted(operations, key=lambda figures: -figures.total)),
            tuple(calls.slowest),
            counts,
            self._outer[0].name if self._outer else None,
            calls.operations,
        )

    def add(self, series: Series, calls: CountedBatch) -> None:
        """Add ended calls to this session and to those around it."""
        self._calls.add(series, calls)
        for session in self._outer:
            session._calls.add(series, calls)  # noqa: SLF001 - of the same class

    def add_amount(self, counted: CountedKey, column: str, amount: float) -> None:
        """Add an amount of a cache or an API to this session and to those around it."""
        for session in (self, *self._outer):
            if not session._ended:  # noqa: SLF001 - of the same class
                session._amounts.add(counted, column, amount)  # noqa: SLF001

    def _encloses(self, record: Record) -> bool:
        """Return whether a call began within this session and is not counted in it yet."""
        around = enclosure = enclosure_of(record)
        while enclosure is not None:
            if enclosure.session is self:
                return True
            enclosure = enclosure.outer
        if around is None or not self.is_of_application:
            return False
        return innermost(around, self._recorder.open_sessions) is None

    def _add_count(self, name: str, amount: float) -> None:
        if self._ended:
            return
        with self._table.locked():
            if name not in self._counts and len(self._counts) >= MAX_COUNTS:
                raise ValueError(f"a session can have {MAX_COUNTS} counts at most")
            self._counts[name] = self._counts.get(name, 0) + amount


def open_sessions(enclosure: Enclosure | None, table: SessionTable) -> list[Session]:
    """Return the open sessions of one monitor in an enclosure, the innermost first."""
    sessions = []
    while enclosure is not None:
        session = enclosure.session
        if isinstance(session, Session) and session.is_open and session._table is table:  # noqa: SLF001
            sessions.append(session)
        enclosure = enclosure.outer
    return sessions


def figures_of(session: object, argument: str) -> SessionStatistics:
    """Return the statistics of a session, or of one that is given as its statistics already.

    Args:
        session: the session.
        argument: the name of the argument, for the message.

    Raises:
        ConfigurationError: for anything that is not a session.
    """
    figures = session.statistics() if isinstance(session, Session) else session
    if not isinstance(figures, SessionStatistics):
        raise ConfigurationError(
            f"{argument}={session!r:.80}: give a session, or one of monitor.sessions.history()"
        )
    return figures
