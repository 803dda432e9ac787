"""Figures and charts of a monitor as views ask for them, with or without a history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vitalspan.page.charts import (
    Axis,
    Boundaries,
    Durations,
    Number,
    Points,
    find_boundaries,
    read_durations,
    read_points,
    read_signal,
)
from vitalspan.page.earlier_charts import EarlierCharts
from vitalspan.page.point_cache import point_cache
from vitalspan.statistics.periods import Window
from vitalspan.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitalspan.history.history import History
    from vitalspan.history.operation_series import OperationSeries
    from vitalspan.monitor import Monitor
    from vitalspan.signals.signal_history import SignalHistory
    from vitalspan.statistics.call_statistics import CallStatistics
    from vitalspan.statistics.service_statistics import ServiceStatistics
    from vitalspan.statistics.timeline import Slot

NO_HISTORY: Final = (
    "There is no history yet. These figures are of the whole service since its start, and have no "
    "charts."
)


@dataclass(frozen=True)
class Charts:
    """The charts of one moment, on one axis.

    Attributes:
        axis: the axis of all charts.
        history: the history to read, which is locked.
        signal_history: the past of the score and the machine, which is locked as well.
        boundaries: the boundaries of their points.
    """

    axis: Axis
    history: History
    signal_history: SignalHistory
    boundaries: Boundaries

    def every(self) -> Points:
        """Return the chart of all calls."""
        return self.selected(None, None)

    def operations(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Points]:
        """Return the chart of each operation.

        Args:
            keys: the component and the operation of each.
        """
        tracks: dict[tuple[str, str], list[OperationSeries]] = {key: [] for key in keys}
        for track in self.history.operations.all:
            key = (track.series.component, track.series.operation)
            if key in tracks:
                tracks[key].append(track)
        return {key: self._points(found, *key) for key, found in tracks.items()}

    def selected(self, component: str | None, operation: str | None) -> Points:
        """Return the chart of the calls of a component, an operation, or both; None takes all."""
        return self._points(self._tracks(component, operation), component, operation)

    def durations(self, component: str | None, operation: str | None) -> Durations:
        """Return how long the same calls took."""
        return read_durations(self._tracks(component, operation), self.boundaries)

    def signal(self, name: str) -> tuple[Number, ...]:
        """Return the means of a kept signal, such as `health_score`."""
        return read_signal(self.signal_history, name, self.boundaries.ticks)

    def _points(
        self, tracks: Iterable[OperationSeries], component: str | None, operation: str | None
    ) -> Points:
        forgotten = self.history.operations.removals
        key = (component, operation, self.axis.step, forgotten)
        known = point_cache.points(self.history, key)
        return read_points(tracks, self.boundaries, known)

    def _tracks(self, component: str | None, operation: str | None) -> list[OperationSeries]:
        return [
            track
            for track in self.history.operations.all
            if component in (None, track.series.component)
            and operation in (None, track.series.operation)
        ]


@contextmanager
def reading_charts(
    monitor: Monitor, seconds: float, step: float | None = None
) -> Iterator[Charts | EarlierCharts | None]:
    """Let nothing be noted in the history while charts are read from it.

    If the period is not completely in memory, it is read from a store or a Prometheus if possible.

    Args:
        monitor: the monitor with the history.
        seconds: how far charts go back at most.
        step: seconds between two points; None chooses.

    Yields:
        The charts; None if there is no history yet.
    """
    evaluation = monitor.evaluation
    with evaluation.reading_any_history() as history:
        if history is None:
            yield None
            return
        earlier = _earlier_charts(monitor, history, seconds)
        if earlier is not None:
            yield earlier
            return
        epoch, interval = history.counts.epoch(), evaluation.ticker.interval
        boundaries = find_boundaries(history, epoch, seconds, step, interval)
        yield Charts(boundaries.axis, history, evaluation.signal_history, boundaries)


def _earlier_charts(monitor: Monitor, history: History, seconds: float) -> EarlierCharts | None:
    window = Window(history, seconds, 0.0)
    if not window.lacks(seconds, 0.0):
        return None
    statistics = monitor.statistics.within(history)
    if statistics.earlier_history is None:
        return None
    try:
        slots = statistics.timeline(window=seconds).slots
    except StoreError:
        return None
    first = first_called(slots)
    begin = window.start + history.counts.epoch()
    if len(slots) < first + 2 or slots[first + 1].start >= begin:
        # It covers hardly more than memory, which has a finer resolution.
        return None
    # Long before the first call the service may not have existed.
    slots = slots[max(0, first - 1) :]
    signal_history = monitor.evaluation.signal_history
    return EarlierCharts(history, signal_history, statistics, seconds, slots)


def first_called(slots: Sequence[Slot]) -> int:
    """Return the place of the first slot with calls, or how many slots there are."""
    return next((place for place, slot in enumerate(slots) if slot.count), len(slots))


@contextmanager
def reading_statistics(monitor: Monitor) -> Iterator[tuple[ServiceStatistics, bool]]:
    """Let figures be read that may look back, on the history of another process where need be.

    Yields:
        The statistics, and whether they can look back.
    """
    with monitor.evaluation.reading_any_history() as history:
        if history is None:
            yield monitor.statistics, False
        else:
            yield monitor.statistics.within(history), True


def figures_of_operations(
    monitor: Monitor, seconds: float, component: str | None = None
) -> tuple[list[CallStatistics], str | None]:
    """Return the figures of each operation, and what has to be said about them.

    Args:
        monitor: the monitor with the calls.
        seconds: the length of the period.
        component: the component of the operations; None for all.
    """
    with reading_statistics(monitor) as (statistics, looks_back):
        if looks_back:
            return statistics.operations(component, window=seconds), None
        return statistics.operations(component), NO_HISTORY


def figures_of_all(monitor: Monitor, seconds: float) -> CallStatistics:
    """Return the figures of all calls, of the past seconds or, without history, of all time."""
    with reading_statistics(monitor) as (statistics, looks_back):
        return statistics(window=seconds if looks_back else None)


def figures_of_all_and_each(
    monitor: Monitor, seconds: float
) -> tuple[CallStatistics, list[CallStatistics], str | None]:
    """Return the figures of all calls together, those of each operation, and the same words.

    They are read once.
    """
    with reading_statistics(monitor) as (statistics, looks_back):
        total, _, operations = statistics.by_operation(window=seconds if looks_back else None)
    return total, operations, None if looks_back else NO_HISTORY


def figures_of_one(
    monitor: Monitor, operation: str, component: str | None, seconds: float
) -> CallStatistics:
    """Return the figures of one operation, likewise."""
    with reading_statistics(monitor) as (statistics, looks_back):
        window = seconds if looks_back else None
        return statistics.operation(operation, component=component, window=window)
