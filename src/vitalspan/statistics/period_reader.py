"""Reads the calls of a period, from the counts, the history or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from vitalspan.errors import VitalspanError
from vitalspan.statistics.call_statistics import (
    ApiStatistics,
    CacheStatistics,
    ModelStatistics,
)
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.earlier_history import EarlierHistory, longest_of
from vitalspan.statistics.periods import (
    Key,
    KeyOf,
    Period,
    PeriodQuestion,
    SinceStart,
    Window,
    check_period,
)
from vitalspan.statistics.pooled_calls import PooledCalls
from vitalspan.statistics.timeline import Timeline, timelines
from vitalspan.store.call_selection import EVERY_CALL, CallSelection

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.recording.counts import ApiCounts, Counts, ModelCounts
    from vitalspan.recording.series import Series


class PeriodReader:
    """Reads the counts of a period, which may be in the past.

    The counts cover the whole time since the start. A window is read from the history, or from a
    store if that goes back further.

    Args:
        counts: the counts of this process or of several.
        reading_history: returns a context manager with the up-to-date history.
        earlier: returns the history from before that in memory; None if there is none.
    """

    def __init__(
        self,
        counts: Counts,
        reading_history: Callable[[], AbstractContextManager[History]],
        earlier: Callable[[], EarlierHistory | None],
    ) -> None:
        self.counts = counts
        self._reading_history = reading_history
        self._earlier = earlier

    @property
    def earlier(self) -> EarlierHistory | None:
        """The history from before that in memory; None if there is none."""
        return self._earlier()

    def within(self, history: History, *, stored: bool = True) -> PeriodReader:
        """Return a reader for a history that the caller is reading already, so that nothing ticks.

        Args:
            history: the history.
            stored: whether a store may be read for what the history lacks; a server never is.
        """
        return PeriodReader(
            self.counts, lambda: nullcontext(history), self._nearby if stored else lambda: None
        )

    def _nearby(self) -> EarlierHistory | None:
        earlier = self._earlier()
        return None if earlier is None or earlier.is_remote else earlier

    def pool(
        self,
        key_of: KeyOf,
        window: float | None,
        offset: float,
        selection: CallSelection = EVERY_CALL,
    ) -> PooledCalls:
        """Return the sums of calls by key.

        Args:
            key_of: returns the key with which a series is pooled.
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
            selection: the calls that have keys.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        earlier = None if window is None else self._earlier()
        check_period(window, offset, longest_of(earlier))
        question = None if window is None else PeriodQuestion(window, offset, selection)
        counts = self.counts
        every = counts.all_series()
        sums: dict[Key, CallSums] = {}
        with self._period(every, question, earlier) as period:
            period.pool(sums, key_of)
            caches = tuple(CacheStatistics(*one) for one in period.caches())
            apis = tuple(_api_statistics(period.apis(), period.models()))
            pooled = PooledCalls(sums, period.seconds, caches, apis)
        for series in every:
            key = key_of(series)
            if key is not None:
                sums.setdefault(key, CallSums()).add_in_progress(*counts.in_progress(series))
        return pooled

    def timelines(self, keys: Sequence[Key], window: float | None, offset: float) -> list[Timeline]:
        """Return several timelines of one period, with the same slots.

        Args:
            keys: the component and the operation of each; None for those of all.
            window: the length of the period in seconds; None for the whole history.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        earlier = None if window is None else self._earlier()
        check_period(window, offset, longest_of(earlier))
        epoch = self.counts.epoch()
        with ExitStack() as reading:
            history = self._history_in(reading, earlier)
            if history is not None:
                ticks = history.ticks.times
                length = ticks[-1] - ticks[0] if window is None else window
                period = Window(history, length, offset)
                if earlier is None or not period.lacks(length, offset):
                    return timelines(history, period, keys, epoch)
        assert earlier is not None  # noqa: S101 - since the method above
        assert window is not None  # noqa: S101 - since there is one
        end = self.counts.now() + epoch - offset
        return earlier.timelines(keys, end - window, end, end + offset)

    @contextmanager
    def _period(
        self, every: list[Series], question: PeriodQuestion | None, earlier: EarlierHistory | None
    ) -> Iterator[Period]:
        if question is None:
            yield SinceStart(self.counts, every)
            return
        window, offset, _ = question
        with ExitStack() as reading:
            history = self._history_in(reading, earlier)
            if history is not None:
                period = Window(history, window, offset)
                if earlier is None or not period.lacks(window, offset):
                    yield period
                    return
        assert earlier is not None  # noqa: S101 - since the lines above
        # The evaluation of rules must not wait for a store or a server.
        yield earlier.window(self.counts, question)

    def _history_in(self, reading: ExitStack, earlier: EarlierHistory | None) -> History | None:
        """Return the history; None if another process has it, and there is an earlier one.

        Args:
            reading: keeps the history unchanged until it is closed.
            earlier: the history from before that in memory; None if there is none.

        Raises:
            VitalspanError: if another process has it, and there is no earlier one.
        """
        try:
            return reading.enter_context(self._reading_history())
        except VitalspanError:
            if earlier is None:
                raise
            return None


def _api_statistics(
    apis: Iterable[ApiCounts], models: Iterable[ModelCounts]
) -> Iterator[ApiStatistics]:
    by_api: dict[tuple[str, str], list[ModelStatistics]] = {}
    for component, api, model, amounts in models:
        if amounts.calls:
            figures = ModelStatistics.of(model, amounts)
            by_api.setdefault((component, api), []).append(figures)
    for component, name, oks, errors, tokens, cost in apis:
        own = by_api.get((component, name), ())
        by_cost = tuple(sorted(own, key=lambda one: (-one.cost, -one.tokens)))
        yield ApiStatistics(component, name, oks + errors, errors, tokens, cost, by_cost)
