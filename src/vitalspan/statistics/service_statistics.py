"""The object `monitor.statistics`: figures about calls, and the calls themselves."""

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
    """The object `monitor.statistics`. Calling it returns the figures of all calls.

    Every method takes the period that it is about. Without `window`, this is all time since the
    start. With `window` and `offset`, both in seconds, it is the time of that length that ended so
    many seconds ago, as the ticks of the history allow; `CallStatistics.seconds` is how long it
    really is. A monitor that does not tick by itself ticks first.

    Args:
        recorder: the operations of this process.
        periods: what has been counted, by this process or by several.
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
        """The history before that in memory, of a store or a server; None where there is none."""
        return self._periods.earlier

    def within(self, history: History, *, stored: bool = True) -> ServiceStatistics:
        """Return the same with a history that the caller reads already, so that nothing ticks.

        Args:
            history: the history.
            stored: whether the store is asked about what the history has not.
        """
        periods = self._periods.within(history, stored=stored)
        return ServiceStatistics(self._recorder, periods, self._recent, self._slow)

    def __call__(self, *, window: float | None = None, offset: float = 0.0) -> CallStatistics:
        """Return the figures of all calls, with every cache and every API.

        Args:
            window: the length of the period in seconds; None for the time since the start.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        key: Key = (None, None)
        return self._pooled(lambda _: key, window, offset, always=key)[0]

    def components(
        self, *, window: float | None = None, offset: float = 0.0
    ) -> list[CallStatistics]:
        """Return the figures of each component with calls, with its caches and APIs.

        Those that took most time in total come first. The arguments are those of a call.
        """
        return self._pooled(lambda series: (series.component, None), window, offset)

    def component(
        self, name: str, *, window: float | None = None, offset: float = 0.0
    ) -> CallStatistics:
        """Return the figures of one component, with its caches and APIs.

        Args:
            name: of the component; one without calls has a count of zero.
            window: the length of the period in seconds; None for the time since the start.
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
        """Return the figures of each operation of each component with calls.

        Those that took most time in total come first.

        Args:
            component: whose operations these are; None for those of all components.
            window: the length of the period in seconds; None for the time since the start.
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
        """Return the figures of one operation.

        Args:
            name: of the operation; one without calls has a count of zero.
            component: that it belongs to; None takes those of this name in all components together.
            labels: that the calls have, perhaps among others; None takes all calls.
            window: the length of the period in seconds; None for the time since the start.
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
        """Return figures over time, in 96 slots at most.

        Args:
            operation: whose calls these are; None for those of all.
            component: whose calls these are; None for those of all.
            window: the length of the period in seconds; None for the history that there is.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        return self.timelines([(component, operation)], window=window, offset=offset)[0]

    def timelines(
        self, keys: Sequence[Key], *, window: float | None = None, offset: float = 0.0
    ) -> list[Timeline]:
        """Return several timelines of one period, which have the same slots.

        Args:
            keys: the component and the operation of each; None for those of all.
            window: the length of the period in seconds; None for the history that there is.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
        """
        return self._periods.timelines(keys, window, offset)

    def by_operation(
        self, *, window: float | None = None, offset: float = 0.0
    ) -> tuple[CallStatistics, list[CallStatistics], list[CallStatistics]]:
        """Return the figures of all calls, of each component and of each operation, read once.

        Args:
            window: the length of the period in seconds; None for the time since the start.
            offset: the seconds since its end.

        Raises:
            ConfigurationError: for a period that cannot be looked back on.
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

        It ends by itself once it has so many calls, or when the time is over, and costs a little
        for each call of the service until then. There are eight at a time; the oldest ends early
        when there is another.

        Args:
            operation: the operation's name.
            component: the component's name; None for any.
            calls: how many are kept, at most 100.
            seconds: for how long.

        Returns:
            What returns the calls so far, in the order in which they ended.
        """
        return self._recorder.watch(operation, component, calls, seconds)

    def running(self) -> list[RunningCall]:
        """Return every call in progress in this process, the oldest first."""
        return [call for _, call in running_calls(self._recorder)]

    def stacks(self) -> list[RunningStack]:
        """Return every call in progress in this process with its stack, the oldest first.

        Calls pay nothing for it. To find the tasks that wait, all objects that the garbage
        collector knows are looked at.
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
        """Return the figures by key, those that took most time first.

        Args:
            key_of: returns with what a series is pooled.
            window: as for a call.
            offset: as for a call.
            always: the one key, which is there even without calls.
            selection: the calls for which there are keys.
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
