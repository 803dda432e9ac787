"""The object `monitor.statistics`: statistics of calls, and the calls themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from vitalspan.labels import declared
from vitalspan.recording.call_record import CallRecord
from vitalspan.statistics.call_statistics import CallStatistics, RunningCall
from vitalspan.statistics.call_sums import CallSums
from vitalspan.statistics.period_reader import PeriodReader
from vitalspan.statistics.periods import (
    Key,
    KeyOf,
    SeriesNames,
)
from vitalspan.statistics.running_calls import running_calls
from vitalspan.statistics.running_stacks import RunningStack, running_stacks
from vitalspan.statistics.timeline import Timeline
from vitalspan.store.call_selection import EVERY_CALL, CallSelection

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.recording.recorder import Recorder
    from vitalspan.recording.series import Series
    from vitalspan.statistics.earlier_history import EarlierHistory

_Calls = Callable[[], list[CallRecord]]


class ServiceStatistics:
    """The object `monitor.statistics`. Calling it returns the statistics of all calls.

    All methods take a period. Without `window`, this is the whole time since the start. With
    `window` and `offset`, both in seconds, it is the period of that length that ended that long
    ago, to the precision of the history's ticks; `CallStatistics.seconds` is its actual length. A
    monitor that does not tick by itself ticks first.

    Args:
        recorder: the operations of this process.
        periods: the counts of this process or of several.
        recent: returns the recent calls.
        slow: returns the slow calls.
    """

    def __init__(
        self, recorder: Recorder, periods: PeriodReader, recent: _Calls, slow: _Calls
    ) -> None:
        self._recorder = recorder
        self._periods = periods
        self._recent = recent
        self._slow = slow

    @property
    def earlier_history(self) -> EarlierHistory | None:
        """The history from before that in memory, of a store or a server; None if there is none."""
        return self._periods.earlier

    def within(self, history: History, *, stored: bool = True) -> ServiceStatistics:
        """Return the statistics of a history that the caller is reading already, so nothing ticks.

        Args:
            history: the history.
            stored: whether the store may be read for what the history lacks.
        """
        periods = self._periods.within(history, stored=stored)
        return ServiceStatistics(self._recorder, periods, self._recent, self._slow)

    def __call__(self, *, window: float | None = None, offset: float = 0.0) -> CallStatistics:
        """Return the statistics of all calls, with all caches and APIs.

        Args:
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        key: Key = (None, None)
        return self._pooled(lambda _: key, window, offset, always=key)[0]

    def components(
        self, *, window: float | None = None, offset: float = 0.0
    ) -> list[CallStatistics]:
        """Return the statistics of each component with calls, with its caches and APIs.

        They are ordered by total time, the most first. The arguments are those of a call.
        """
        return self._pooled(lambda series: (series.component, None), window, offset)

    def component(
        self, name: str, *, window: float | None = None, offset: float = 0.0
    ) -> CallStatistics:
        """Return the statistics of one component, with its caches and APIs.

        Args:
            name: the name of the component; one without calls has a count of zero.
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
        """
        key: Key = (name, None)
        return self._pooled(
            lambda series: key if series.component == name else None,
            window,
            offset,
            always=key,
            selection=CallSelection(name),
        )[0]

    def operations(
        self, component: str | None = None, *, window: float | None = None, offset: float = 0.0
    ) -> list[CallStatistics]:
        """Return the statistics of each operation of each component with calls.

        They are ordered by total time, the most first.

        Args:
            component: the component of the operations; None for all components.
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
        """

        def key_of(series: Series | SeriesNames) -> Key | None:
            is_wanted = component is None or series.component == component
            return (series.component, series.operation) if is_wanted else None

        return self._pooled(key_of, window, offset, selection=CallSelection(component))

    def operation(
        self,
        name: str,
        *,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
        window: float | None = None,
        offset: float = 0.0,
    ) -> CallStatistics:
        """Return the statistics of one operation.

        Args:
            name: the name of the operation; one without calls has a count of zero.
            component: its component; None combines the operations of this name in all components.
            labels: labels that the calls have, among others; None for all calls.
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.
        """
        key: Key = (component, name)
        selection = CallSelection(component, name, declared(labels or {}))
        label_pairs = set(selection.labels)

        def key_of(series: Series | SeriesNames) -> Key | None:
            selected = series.operation == name and component in (None, series.component)
            return key if selected and label_pairs <= set(series.labels) else None

        return self._pooled(key_of, window, offset, always=key, selection=selection)[0]

    def timeline(
        self,
        operation: str | None = None,
        *,
        component: str | None = None,
        window: float | None = None,
        offset: float = 0.0,
    ) -> Timeline:
        """Return statistics over time, in at most 96 slots.

        Args:
            operation: the operation of the calls; None for all.
            component: the component of the calls; None for all.
            window: the length of the period in seconds; None for the whole history.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        return self.timelines([(component, operation)], window=window, offset=offset)[0]

    def timelines(
        self, keys: Sequence[Key], *, window: float | None = None, offset: float = 0.0
    ) -> list[Timeline]:
        """Return several timelines of one period, with the same slots.

        Args:
            keys: the component and the operation of each; None for those of all.
            window: the length of the period in seconds; None for the whole history.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        return self._periods.timelines(keys, window, offset)

    def by_operation(
        self, *, window: float | None = None, offset: float = 0.0
    ) -> tuple[CallStatistics, list[CallStatistics], list[CallStatistics]]:
        """Return the statistics of all calls, of each component and of each operation, read once.

        Args:
            window: the length of the period in seconds; None for the whole time since the start.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that is not available.
        """
        pooled = self._periods.pool(
            lambda series: (series.component, series.operation), window, offset
        )
        now, epoch = self._periods.counts.now(), self._periods.counts.epoch()
        (calls,) = pooled.of_all().figures(now, epoch, always=True)
        return calls, pooled.by_component().figures(now, epoch), pooled.figures(now, epoch)

    def recent_calls(
        self, operation: str | None = None, *, component: str | None = None
    ) -> list[CallRecord]:
        """Return the calls in `monitor.recent_calls()` of an operation or a component."""
        return _selected(self._recent(), operation, component)

    def slow_calls(
        self, operation: str | None = None, *, component: str | None = None
    ) -> list[CallRecord]:
        """Return the calls in `monitor.slow_calls()` of an operation or a component."""
        return _selected(self._slow(), operation, component)

    def watch(
        self,
        operation: str,
        *,
        component: str | None = None,
        calls: int = 20,
        seconds: float = 300.0,
    ) -> Callable[[], list[CallRecord]]:
        """Keep the next calls of an operation in this process, however many other calls there are.

        It ends by itself once it has that many calls, or when the time is over, and until then it
        costs a little for each call of the service. There can be eight at a time; a further one
        ends the oldest early.

        Args:
            operation: the operation's name.
            component: the component's name; None for any.
            calls: how many to collect, at most 100.
            seconds: for how long.

        Returns:
            A function that returns the calls so far, in the order in which they ended.
        """
        return self._recorder.watch(operation, component, calls, seconds)

    def running(self) -> list[RunningCall]:
        """Return every call in progress in this process, the oldest first."""
        return [call for _, call in running_calls(self._recorder)]

    def stacks(self) -> list[RunningStack]:
        """Return every call in progress in this process with its stack, the oldest first.

        This costs calls nothing. To find waiting tasks, all objects known to the garbage collector
        are examined.
        """
        return running_stacks(running_calls(self._recorder))

    def _pooled(
        self,
        key_of: KeyOf,
        window: float | None,
        offset: float,
        *,
        always: Key | None = None,
        selection: CallSelection = EVERY_CALL,
    ) -> list[CallStatistics]:
        """Return the statistics by key, ordered by total time, the most first.

        Args:
            key_of: returns the key with which a series is pooled.
            window: as for a call.
            offset: as for a call.
            always: the only key, which is included even without calls.
            selection: the calls that have keys.
        """
        pooled = self._periods.pool(key_of, window, offset, selection)
        if always is not None:
            pooled.sums.setdefault(always, CallSums())
        now, epoch = self._periods.counts.now(), self._periods.counts.epoch()
        return pooled.figures(now, epoch, always=always is not None)


def _selected(
    calls: list[CallRecord], operation: str | None, component: str | None
) -> list[CallRecord]:
    return [
        call
        for call in calls
        if operation in (None, call.operation) and component in (None, call.component)
    ]
