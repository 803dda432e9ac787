"""Charts that go further back than memory does, read from a store or a Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vitalspan.page.charts import (
    UNKNOWN,
    Axis,
    Durations,
    Number,
    Points,
    figures_of,
    read_signal,
)
from vitalspan.statistics.timeline import Slot

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.signals.signal_history import SignalHistory
    from vitalspan.statistics.service_statistics import ServiceStatistics


class EarlierCharts:
    """The charts of one moment, on one axis, of a period that memory has not as a whole.

    Args:
        history: the history in memory, which is locked.
        signal_history: the past of the score and the machine, which is locked as well.
        statistics: reads what is not in memory.
        seconds: how far the charts go back.
        slots: the slots of all calls, from the statistics; they determine the axis.
    """

    def __init__(
        self,
        history: History,
        signal_history: SignalHistory,
        statistics: ServiceStatistics,
        seconds: float,
        slots: Sequence[Slot],
    ) -> None:
        self._epoch = history.counts.epoch()
        self._signal_history = signal_history
        self._statistics = statistics
        self._seconds = seconds
        self._slots = slots
        self.axis = Axis(
            max(slot.end - slot.start for slot in slots), tuple(slot.end for slot in slots)
        )

    def every(self) -> Points:
        """Return the chart of all calls."""
        return self._points(self._slots)

    def operations(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Points]:
        """Return the chart of each operation.

        Args:
            keys: the component and the operation of each.
        """
        keys = list(keys)
        found = self._statistics.timelines(keys, window=self._seconds) if keys else []
        return {key: self._points(one.slots) for key, one in zip(keys, found, strict=True)}

    def selected(self, component: str | None, operation: str | None) -> Points:
        """Return the chart of the calls of a component, an operation, or both; None takes all."""
        key = (component, operation)
        return self._points(self._statistics.timelines([key], window=self._seconds)[0].slots)

    def durations(self, component: str | None, operation: str | None) -> Durations:  # noqa: ARG002
        """Return nothing: a timeline has no buckets."""
        return Durations((), ())

    def signal(self, name: str) -> tuple[Number, ...]:
        """Return the means of a signal, such as `health_score`."""
        ticks = (self._slots[0].start, *self.axis.times)
        values = read_signal(self._signal_history, name, [one - self._epoch for one in ticks])
        earlier = self._statistics.earlier_history
        if earlier is None:
            return values
        before = earlier.means(name, self._slots)
        return tuple(
            known if value is None else value for value, known in zip(values, before, strict=True)
        )

    def _points(self, slots: Sequence[Slot]) -> Points:
        """Return the points of slots, which may be longer than those of the axis."""
        ends = [slot.end for slot in slots]
        places = [bisect_left(ends, one - self.axis.step / 2) for one in self.axis.times]
        chosen = (slots[place] if place < len(slots) else None for place in places)
        figures = (UNKNOWN if slot is None else figures_of(slot) for slot in chosen)
        return Points(*zip(*figures, strict=True))
