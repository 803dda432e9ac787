"""The recorder: what all call sites of one monitor share."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vitalspan.clock import Clock
from vitalspan.config import Settings
from vitalspan.recording import spans
from vitalspan.recording.aggregation import Aggregator
from vitalspan.recording.boundary_table import BoundaryTable
from vitalspan.recording.call_record import CallRecord, Record, to_call_record
from vitalspan.recording.call_watch import CallWatch
from vitalspan.recording.enclosing_sessions import (
    EnclosingSession,
    Enclosure,
    enclosing,
    innermost,
)
from vitalspan.recording.lock_free_counter import LockFreeCounter
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.resource_meter import ResourceMeter
from vitalspan.recording.series import Series
from vitalspan.recording.series_table import SeriesTable
from vitalspan.recording.slo_counter import SloCounter
from vitalspan.runtime.internal_errors import InternalErrors, logger

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

T = TypeVar("T")


class Site(Protocol):
    """The methods of a call site that its recorder uses."""

    series: Series

    def set_gate(self) -> None:
        """Update the gates, which decide which path its calls take."""


class SiteCache(Protocol):
    """Call sites that are kept for reuse."""

    def clear(self) -> None:
        """Drop all call sites that are only kept for reuse."""


class Recorder(MonitorPart):
    """The series, the aggregator and the switches of one monitor.

    Args:
        settings: the settings of the monitor.
        clock: provides durations and dates.
        tracer_provider: the monitor's own provider; None uses the global one.

    Attributes:
        sites: all call sites that are referenced somewhere.
        site_caches: the caches of call sites for reuse.
        open_sessions: the open sessions, by their `id`.
        profile_of: returns the profile id of a call that has just ended, or None without a profile;
            it is None itself while no calls are profiled.
        profile_results: how many slow calls were profiled, and how many were not, by reason; empty
            if none were ever to be profiled.
    """

    def __init__(
        self, settings: Settings, clock: Clock, tracer_provider: TracerProvider | None
    ) -> None:
        self.clock = clock
        self.now: Callable[[], float] = clock.now
        self.born = clock.now()
        self.started = clock.wall()
        """When all counts started at zero, in seconds since the epoch."""
        self.enabled = True
        self.silent_provider: object = None
        self.tracing = spans.Tracing(tracer_provider)
        self.meter = ResourceMeter()
        self.internal_errors = InternalErrors()
        self.boundaries = BoundaryTable(settings.buckets, from_slos=settings.buckets_from_slos)
        self.series_table = SeriesTable(settings.max_series, self.boundaries, clock.wall)
        self.aggregator = Aggregator(
            clock.now, settings.recent_calls, self.internal_errors, _relocate
        )
        self.slow: deque[CallRecord] = deque(maxlen=settings.slow_calls)
        self.profile_of: Callable[[Record], str | None] | None = None
        self.profile_results: Mapping[str, LockFreeCounter] = {}
        self.sites: weakref.WeakSet[Site] = weakref.WeakSet()
        self.site_caches: weakref.WeakSet[SiteCache] = weakref.WeakSet()
        self.open_sessions: dict[int, EnclosingSession] = self.aggregator.open_sessions
        self.enclosure: Callable[[], Enclosure] = enclosing.get
        """Returns the enclosure of this task or thread. It is an attribute, because a function that
        held the context variable could not be pickled."""
        self._looking_for_sessions = False

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("recorder",)

    def configure(self, settings: Settings) -> None:
        """Keep as many series and calls, in such buckets, as the settings say."""
        self.series_table.limit = settings.max_series
        self.aggregator.recent.resize(settings.recent_calls)
        self.slow = deque(self.slow, maxlen=settings.slow_calls)
        if self.boundaries.configure(settings.buckets, from_slos=settings.buckets_from_slos):
            self._apply_boundaries()

    def switch(self, *, enabled: bool) -> None:
        """Switch recording on or off everywhere."""
        self.enabled = enabled
        self._set_gates()

    def open_session(self, session: EnclosingSession) -> None:
        """Add an open session; from the first one on, calls look for the sessions around them."""
        self.open_sessions[id(session)] = session
        if not self._looking_for_sessions:
            self._set_gates()
            # Last, so that no other session relies on it before every call site looks.
            self._looking_for_sessions = True

    def enclosing_session(self) -> EnclosingSession | None:
        """Return the session of the current code; None without one."""
        session = innermost(enclosing.get(), self.open_sessions)
        return self.aggregator.application_session if session is None else session

    def close_session(self, session: EnclosingSession) -> None:
        """Remove an open session; after the last one, calls take the shortest path again."""
        self.open_sessions.pop(id(session), None)
        if not self.open_sessions:
            self._looking_for_sessions = False
            # Another thread may have opened one in between, which this takes into account.
            self._set_gates()

    def skip_tracing(self) -> None:
        """Take the short path from now on, because the provider makes no spans."""
        provider = spans.slot._TRACER_PROVIDER  # noqa: SLF001
        if self.silent_provider is not provider:
            self.silent_provider = provider
            self._set_gates()

    def _set_gates(self) -> None:
        for site in members(self.sites):
            site.set_gate()

    def all_series(self) -> list[Series]:
        """Return every series with all finished calls counted."""
        with self.aggregator.flushed(self.series_table.all) as every:
            return self.series_table.all() if every is None else every

    def declare_buckets(
        self, component: str, operation: str, boundaries: tuple[float, ...]
    ) -> None:
        """Give an operation its own bucket boundaries, unless it has some already."""
        if self.boundaries.declare(component, operation, boundaries):
            key = (component, operation)
            every = self.series_table.all()
            if any((series.component, series.operation) == key for series in every):
                self._apply_boundaries()

    def count_slos(self, counters: tuple[SloCounter, ...]) -> None:
        """Let SLO counters judge the calls of the series that they select, also of later series."""
        self.series_table.count_slos(counters)
        thresholds = (counter.under for counter in counters)
        if self.boundaries.set_thresholds(under for under in thresholds if under is not None):
            self._apply_boundaries()

    def _apply_boundaries(self) -> None:
        """Give every series the buckets of its operation, unless it has counted calls already."""
        unchanged = []
        with self.aggregator.flushed(self.series_table.all) as flushed:
            for series in self.series_table.all() if flushed is None else flushed:
                grid = self.boundaries.grid(series.component, series.operation)
                if grid.boundaries == series.histogram.grid.boundaries:
                    continue
                if flushed is None or not series.use_grid(grid):
                    unchanged.append(series)
        if unchanged:
            logger.warning(
                "the bucket boundaries of %d series cannot change, because their calls are being "
                "counted already: restart the process; operation %s is one of them",
                len(unchanged),
                unchanged[0].operation,
            )

    def note_slow(self, record: Record) -> None:
        """Keep a call that took longer than its `slow=` limit for reading."""
        call = to_call_record(record, self.epoch())
        if self.profile_of is not None:
            call = call._replace(profile_id=self.profile_of(record))
        self.slow.append(call)

    def epoch(self) -> float:
        """Return the difference between the time of day and the steady clock, in seconds."""
        return self.clock.wall() - self.clock.now()

    def recent(self) -> list[CallRecord]:
        """Return the most recent calls in the order in which they ended."""
        return self._counted(self.aggregator.recent.latest)

    def watch(
        self, operation: str, component: str | None, calls: int, seconds: float
    ) -> Callable[[], list[CallRecord]]:
        """Keep the next calls of an operation as they end.

        Args:
            operation: the operation's name.
            component: the component's name; None for any.
            calls: how many to keep.
            seconds: for how long.

        Returns:
            A function that returns the calls so far, in the order in which they ended.
        """
        # Calls that have ended already are counted first, so that the watch never sees them.
        self.all_series()
        begin = self.now()
        watch = CallWatch(operation, component, calls, begin, begin + seconds)
        self.aggregator.recent.watch(watch)

        return lambda: self._counted(watch.calls)

    def _counted(self, calls: Callable[[], list[Record]]) -> list[CallRecord]:
        """Return calls for reading, once everything that has ended is counted."""
        self.all_series()
        epoch = self.epoch()
        return [to_call_record(record, epoch) for record in calls()]

    def reset(self) -> None:
        """Start over from zero, as a forked child must: its parent has the earlier counts."""
        self.born = self.now()
        self.started = self.clock.wall()
        self.meter.close()
        self.aggregator.reset()
        self.series_table.reset()
        self.slow.clear()
        self.internal_errors.reset()


def _relocate(record: Record) -> Series:
    """Move an ended call to the series of the operation and labels that it turned out to have."""
    site, details = record[2], record[3]
    target = details.site or site
    if details.labels:
        target = target.labelled(tuple(sorted(details.labels.items())))
    details.labels = details.site = None
    series: Series = target.series
    if series is not site.series:
        record[2] = target
        series.notes.append(None)
        series.records.append(record)
    return series


def members(weak_set: weakref.WeakSet[T]) -> list[T]:
    """Return the members of a weak set to which other threads may be adding."""
    while True:
        # Iterating fails if a thread or a signal handler adds a member in between.
        with suppress(RuntimeError):
            return list(weak_set)
