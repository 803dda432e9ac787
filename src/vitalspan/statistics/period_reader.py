"""Reads the calls of a period: from the counts, the history or the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from vitalspan.errors import VitalspanError
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.periods import Key, KeyOf, Period, SinceStart, Window, check_period
from vitalspan.statistics.pooled_calls import PooledCalls
from vitalspan.statistics.stored_timeline import stored_timelines
from vitalspan.statistics.stored_window import StoredWindow
from vitalspan.statistics.timeline import Timeline, timelines

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.recording.counts import Counts
    from vitalspan.recording.series import Series
    from vitalspan.store.reader import StoreReader


class PeriodReader:
    """Reads what was counted in a period, which may have ended.

    All time since the start is in the counts. A window is read from the history, or from the store
    where that goes further back.

    Args:
        counts: what has been counted, by this process or by several.
        reading_history: returns a context manager with the history, up to date.
        stored: returns what reads the store; None where nothing is stored.
    """

    def __init__(
        self,
        counts: Counts,
        reading_history: Callable[[], AbstractContextManager[History]],
        stored: Callable[[], StoreReader | None],
    ) -> None:
        self.counts = counts
        self._reading_history = reading_history
        self._stored = stored

    def within(self, history: History, *, stored: bool = True) -> PeriodReader:
        """Return the same with a history that the caller reads already, so that nothing ticks.

        Args:
            history: the history.
            stored: whether the store is asked about what the history has not.
        """
        return PeriodReader(
            self.counts, lambda: nullcontext(history), self._stored if stored else lambda: None
        )

    def pool(self, key_of: KeyOf, window: float | None, offset: float) -> PooledCalls:
        """Return the sums of calls by key.

        Args:
            key_of: returns with what a series is pooled.
            window: the length of the period in seconds; None for the time since the start.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        check_period(window, offset)
        counts = self.counts
        every = counts.all_series()
        sums: dict[Key, CallSums] = {}
        with self._period(every, window, offset) as period:
            period.pool(sums, key_of)
            caches, apis = tuple(period.caches()), tuple(period.apis())
            pooled = PooledCalls(sums, period.seconds, caches, apis)
        for series in every:
            key = key_of(series)
            if key is not None:
                sums.setdefault(key, CallSums()).add_in_progress(*counts.in_progress(series))
        return pooled

    def timelines(self, keys: Sequence[Key], window: float | None, offset: float) -> list[Timeline]:
        """Return several timelines of one period, which have the same slots.

        Args:
            keys: the component and the operation of each; None for those of all.
            window: the length of the period in seconds; None for the history that there is.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        check_period(window, offset)
        epoch = self.counts.epoch()
        with ExitStack() as reading:
            reader = None if window is None else self._stored()
            history = self._history_in(reading, reader)
            if history is not None:
                ticks = history.ticks.times
                length = ticks[-1] - ticks[0] if window is None else window
                period = Window(history, length, offset)
                if reader is None or not period.lacks(length, offset):
                    return timelines(history, period, keys, epoch)
        assert reader is not None  # noqa: S101 - since the method above
        assert window is not None  # noqa: S101 - since there is a reader
        end = self.counts.now() + epoch - offset
        return stored_timelines(reader, keys, end - window, end, end + offset)

    @contextmanager
    def _period(self, every: list[Series], window: float | None, offset: float) -> Iterator[Period]:
        if window is None:
            yield SinceStart(self.counts, every)
            return
        with ExitStack() as reading:
            reader = self._stored()
            history = self._history_in(reading, reader)
            if history is not None:
                period = Window(history, window, offset)
                if reader is None or not period.lacks(window, offset):
                    yield period
                    return
        assert reader is not None  # noqa: S101 - since the lines above
        # Nobody waits for the store who evaluates rules.
        yield StoredWindow(reader, self.counts, window, offset)

    def _history_in(self, reading: ExitStack, reader: StoreReader | None) -> History | None:
        """Return the history; None where another process has it, and stores it as well.

        Args:
            reading: lets nothing be noted until it is closed.
            reader: reads the store; None without one.

        Raises:
            VitalspanError: where another process has it, and does not store it.
        """
        try:
            return reading.enter_context(self._reading_history())
        except VitalspanError:
            if reader is None:
                raise
            return None
