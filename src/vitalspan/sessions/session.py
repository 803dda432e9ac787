"""A session: a named stretch of work, and the calls within it."""

from __future__ import annotations

from contextvars import Token
from heapq import nlargest
from types import TracebackType
from typing import Any, Final, Self

from vitalspan.labels import value_text
from vitalspan.recording.call_record import IN_PROGRESS, CallRecord, Record, to_call_record
from vitalspan.recording.enclosing_sessions import Link, enclosing
from vitalspan.recording.lock_free_counter import amount_of
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.session_table import SessionTable
from vitalspan.statistics.call_sums import CallSums

SLOWEST: Final = 5
"""Calls that are kept as the slowest."""

MAX_OPERATIONS: Final = 1000
"""Operations of one session that have figures of their own; further ones are in its total only."""

MAX_COUNTS: Final = 100
"""Distinct names of what a program counts in one session."""

_BATCH: Final = 256

_Key = tuple[str, str]


class Session:
    """A session, opened and closed by a `with` statement.

    Calls that begin within it belong to it, also in tasks that are created within it, and also to
    the sessions around it. A thread begins without any session, unless it is started with the
    context of another one, as `asyncio.to_thread` does.

    Args:
        table: what the sessions of the monitor share.
        name: of the session.
    """

    def __init__(self, table: SessionTable, name: str) -> None:
        self.name = value_text(name)
        self._table = table
        self._recorder = table.recorder
        self._token: Token[Link | None] | None = None
        self._outer: tuple[Session, ...] = ()
        self._ended = True
        self._result: SessionStatistics | None = None
        self.reset()

    def reset(self) -> None:
        """Begin anew from zero, as in a forked child."""
        self._began = self._recorder.now()
        self._start = self._recorder.clock.wall()
        self._records: list[Record] = []
        self._limit = _BATCH
        self._all = CallSums()
        self._sums: dict[_Key, CallSums] = {}
        self._slowest: list[CallRecord] = []
        self._counts: dict[str, float] = {}
        self._inner: dict[int, Session] = {}

    def __enter__(self) -> Self:
        if not self._ended or self._result is not None:
            raise RuntimeError(f"session {self.name!r} was opened before: make another one")
        link = enclosing.get()
        self._outer = tuple(open_sessions(link, self._table))
        self.reset()
        self._ended = False
        for session in self._outer:
            session._inner[id(self)] = self  # noqa: SLF001 - of the same class
        self._recorder.open_session(self)
        self._token = enclosing.set((self, link))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        try:
            if token is not None:
                enclosing.reset(token)
        except ValueError:
            # It is closed in another task than it was opened in, where it encloses nothing.
            pass
        try:
            self._result = self.statistics()
            self._table.history.append(self._result)
        except Exception:  # noqa: BLE001 - the user's code must not fail
            self._recorder.internal_errors.note("session", "a session is not in the history")
        finally:
            self._ended = True
            for session in self._outer:
                session._inner.pop(id(self), None)  # noqa: SLF001 - of the same class
            self._recorder.close_session(self)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    @property
    def is_open(self) -> bool:
        """True if calls are counted in it."""
        return not self._ended

    def count(self, name: str, amount: float = 1) -> None:
        """Count something of the program's own, in this session and in those around it.

        An amount that cannot be counted, and a name beyond the hundredth, are left out, counted in
        `vitalspan_internal_errors_total` and logged once.

        Args:
            name: of what is counted.
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
        """Return the figures until now; those of a closed session do not change any more."""
        if self._result is not None:
            return self._result
        recorder = self._recorder
        now, epoch = recorder.now(), recorder.epoch()
        seconds = now - self._began
        everything = CallSums()
        with self._table.locked() as locked:
            for session in (self, *list(self._inner.values())):
                running = session.count_ended() if locked else []
                oldest = min((record[0] for record in running), default=None)
                everything.add_in_progress(len(running), oldest)
            everything.add(self._all)
            sums = {}
            for key, one in self._sums.items():
                sums[key] = CallSums()
                sums[key].add(one)
            slowest, counts = tuple(self._slowest), dict(self._counts)
        operations = [
            one.statistics(component, operation, seconds, now, epoch)
            for (component, operation), one in sums.items()
        ]
        return SessionStatistics(
            self.name,
            self._start,
            seconds,
            everything.statistics(None, None, seconds, now, epoch),
            tuple(sorted(operations, key=lambda figures: -figures.total)),
            slowest,
            counts,
            self._outer[0].name if self._outer else None,
            sums,
        )

    def take(self, record: Record) -> bool:
        """Count a call that has just begun; return False for one that is not the session's."""
        if self._ended or record[2].recorder is not self._recorder:
            return False
        self._records.append(record)
        if len(self._records) >= self._limit:
            with self._table.locked(patience=0.0) as locked:
                if locked:
                    self.count_ended()
        return True

    def count_ended(self) -> list[Record]:
        """Count the calls that have ended, and return those in progress. The lock is held."""
        records = self._records
        batch = records[:]
        del records[: len(batch)]
        ended, waiting = _grouped(batch)
        records += waiting
        self._limit = _BATCH + 2 * len(waiting)
        for key, calls in ended.items():
            sums = CallSums()
            sums.add_records(_site_of(calls[0]).series.histogram.grid, calls)
            for session in (self, *self._outer):
                session._add(key, sums, calls)  # noqa: SLF001 - of the same class
        return waiting

    def _add(self, key: _Key, sums: CallSums, calls: list[Record]) -> None:
        self._all.add(sums)
        if key in self._sums or len(self._sums) < MAX_OPERATIONS:
            self._sums.setdefault(key, CallSums()).add(sums)
        slowest = self._slowest
        full = len(slowest) == SLOWEST
        if not full or sums.longest > slowest[-1].duration:
            epoch = self._recorder.epoch()
            latest = nlargest(SLOWEST, calls, key=lambda record: record[1])
            slowest = [*slowest, *(to_call_record(record, epoch) for record in latest)]
            self._slowest = nlargest(SLOWEST, slowest, key=lambda call: call.duration)

    def _add_count(self, name: str, amount: float) -> None:
        if self._ended:
            return
        with self._table.locked():
            if name not in self._counts and len(self._counts) >= MAX_COUNTS:
                raise ValueError(f"a session counts {MAX_COUNTS} things at most")
            self._counts[name] = self._counts.get(name, 0) + amount


def _grouped(batch: list[Record]) -> tuple[dict[_Key, list[Record]], list[Record]]:
    """Return the calls that have ended by component and operation, and those in progress."""
    ended: dict[_Key, list[Record]] = {}
    waiting = []
    keys: dict[int, _Key] = {}
    for record in batch:
        if record[1] == IN_PROGRESS:
            waiting.append(record)
            continue
        site = _site_of(record)
        key = keys.get(id(site))
        if key is None:
            key = keys[id(site)] = (site.series.component, site.series.operation)
            ended.setdefault(key, [])
        ended[key].append(record)
    return ended, waiting


def _site_of(record: Record) -> Any:
    # The operation may have become known during the call.
    return (record[3].site if len(record) > 3 else None) or record[2]


def open_sessions(link: Link | None, table: SessionTable) -> list[Session]:
    """Return the open sessions of one monitor among those of a link, the innermost first."""
    found = []
    while link is not None:
        session, link = link
        if isinstance(session, Session) and session.is_open and session._table is table:  # noqa: SLF001
            found.append(session)
    return found
