"""Series of samples, and the source of an evaluation."""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Protocol

from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.matchers import Matcher

_STALE_BITS: Final = 0x7FF8_0000_0000_0002
_DOUBLE: Final = struct.Struct("<d")
_STALE_BYTES: Final = _STALE_BITS.to_bytes(8, "little")

Value = float | FloatHistogram
"""The value of a sample: a number or a native histogram."""

Reset = tuple[int, Value]
"""When a counter was reset, in milliseconds since the epoch, and what it had counted."""

STALE: Final[float] = _DOUBLE.unpack(_STALE_BYTES)[0]
"""The value that marks the end of a series: a NaN that no computation returns."""


def is_stale(value: Value) -> bool:
    """Return whether a value is the stale marker rather than a sample."""
    return isinstance(value, float) and math.isnan(value) and _DOUBLE.pack(value) == _STALE_BYTES


@dataclass(slots=True, eq=False)
class Series:
    """The samples of one series.

    Args:
        labels: the labels of the series.
        times: the times of the samples, in milliseconds since the epoch, increasing. Series may
            share an array of times.
        values: the values, with `STALE` where the series ended: an array of numbers, or a list if
            there may be native histograms.
        has_stale: whether the values may contain `STALE` or native histograms.
        resets: when counters were reset, with the previous values; None if that is unknown.
    """

    labels: MetricLabels
    times: array[int]
    values: array[float] | list[Value]
    has_stale: bool = True
    resets: list[Reset] | None = None

    @classmethod
    def of(cls, labels: MetricLabels, samples: Iterable[tuple[int, Value]]) -> Series:
        """Return the series for samples, ordered by their times in milliseconds."""
        times, values = array("q"), list[Value]()
        for time, value in samples:
            times.append(time)
            values.append(value)
        return cls(labels, times, values)

    def append(self, time: int, value: Value) -> None:
        """Append a sample; an array of numbers only accepts numbers."""
        self.times.append(time)
        self.values.append(value)  # type: ignore[arg-type]

    def latest(self, at: int, lookback: int) -> tuple[int, Value] | None:
        """Return the time and value of the sample that is valid at a time; None without one.

        Args:
            at: milliseconds since the epoch.
            lookback: the number of milliseconds for which a sample is valid.
        """
        times = self.times
        if not times:
            return None
        index = len(times) - 1 if times[-1] <= at else bisect_right(times, at) - 1
        if index < 0 or times[index] <= at - lookback:
            return None
        value = self.values[index]
        if self.has_stale and value != value and is_stale(value):  # noqa: PLR0124 - faster than isnan
            return None
        return times[index], value

    def window(self, start: int, end: int) -> Window | None:
        """Return the samples after one time and up to another; None if there are none."""
        first, last = bisect_right(self.times, start), bisect_right(self.times, end)
        if first >= last:
            return None
        times, values = self.times[first:last], self.values[first:last]
        if isinstance(values, list):
            window = window_of(self.labels, zip(times, values, strict=True))
            if window is not None:
                window.resets = self.resets
            return window
        if self.has_stale and any(value != value and is_stale(value) for value in values):  # noqa: PLR0124
            return window_of(self.labels, zip(times, values, strict=True))
        return Window(self.labels, times, values)


@dataclass(slots=True)
class Window:
    """The samples of one series within a range, at least one number or native histogram.

    Attributes:
        labels: the labels of the series.
        times: the times of the numbers.
        values: the numbers.
        histogram_times: the times of the native histograms.
        histograms: the native histograms.
        resets: when the series was reset, within the range or not; None if that is unknown.
    """

    labels: MetricLabels
    times: array[int]
    values: array[float]
    histogram_times: Sequence[int] = ()
    histograms: Sequence[FloatHistogram] = ()
    resets: Sequence[Reset] | None = None

    def samples(self) -> list[tuple[int, Value]]:
        """Return the numbers and the native histograms, ordered by time."""
        numbers: list[tuple[int, Value]] = list(zip(self.times, self.values, strict=True))
        if not self.histograms:
            return numbers
        natives = zip(self.histogram_times, self.histograms, strict=True)
        return sorted([*numbers, *natives], key=itemgetter(0))


def window_of(labels: MetricLabels, samples: Iterable[tuple[int, Value]]) -> Window | None:
    """Return the window of some samples without stale markers; None if none are left."""
    window = Window(labels, array("q"), array("d"), [], [])
    histogram_times: list[int] = []
    histograms: list[FloatHistogram] = []
    for time, value in samples:
        if isinstance(value, FloatHistogram):
            histogram_times.append(time)
            histograms.append(value)
        elif not is_stale(value):
            window.times.append(time)
            window.values.append(value)
    window.histogram_times, window.histograms = histogram_times, histograms
    return window if window.values or histograms else None


@dataclass(frozen=True)
class Selector:
    """A selector: the series that an expression selects.

    Attributes:
        matchers: matchers that all have to match; one for `__name__` selects the metric.
    """

    matchers: tuple[Matcher, ...]

    @property
    def name(self) -> str:
        """The metric of the selected series; empty if they may have several."""
        names = [one.value for one in self.matchers if (one.label, one.operator) == (NAME, "=")]
        return names[0] if names else ""

    def matches(self, labels: MetricLabels) -> bool:
        """Return whether the labels of a series match."""
        mapping = labels.mapping
        return all(one.matches(mapping.get(one.label, "")) for one in self.matchers)

    def __str__(self) -> str:
        others = ", ".join(
            str(one) for one in self.matchers if (one.label, one.operator) != (NAME, "=")
        )
        return f"{self.name}{{{others}}}" if others or not self.name else self.name


@dataclass(frozen=True, eq=False)
class Demand:
    """The series that a selector in an expression needs, and how far it looks back.

    Attributes:
        selector: the selector.
        range: the range in milliseconds; 0 for the latest sample.
        back: the maximum number of milliseconds from the evaluation back to the end of the range;
            None for a fixed time.
    """

    selector: Selector
    range: int = 0
    back: int | None = 0


class SeriesSource(Protocol):
    """The source of an evaluation's series."""

    def select(self, demand: Demand) -> Sequence[Series]:
        """Return the series that match the selector of a demand."""
