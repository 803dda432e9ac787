"""Series whose samples are kept, and the arrays of times that they share."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable

from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.histogram_arithmetic import began_anew
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.packed_counts import packed
from vitalspan.promql.engine.series import STALE, Series, Value, is_stale

_CHECK = 64
"""The number of samples after which old ones are searched."""

_SPARE_RESETS = 64
"""Resets kept in addition to two for each sample; a series with more is not a counter."""

_TICK = 1000


class KeptSeries:
    """A series with its latest value.

    Attributes:
        labels: the labels of the series.
        value: the latest value.
        seen: the tick of the latest value, in milliseconds since the epoch; 0 if there was none.
        resolutions: the samples by the slot length that they are kept in.
        is_partial: whether a slot length has been dropped because no sample was left in it.
        weight: the memory of a sample, as a number of plain numbers.
    """

    weight = 1

    __slots__ = ("is_partial", "labels", "resolutions", "seen", "value")

    def __init__(self, labels: MetricLabels) -> None:
        self.labels = labels
        self.value = 0.0
        self.seen = 0
        self.resolutions: dict[int, Series] = {}
        self.is_partial = False

    def read(self, value: Value, now: int) -> None:
        """Record a number. After a counter was reset, the value keeps what was counted before."""
        if isinstance(value, FloatHistogram):
            # It has become another type of metric, which has no numbers.
            return
        if value < self.value and self.seen:
            self._note_reset(now)
        self.value = value
        self.seen = now

    def _note_reset(self, now: int) -> None:
        for series in self.resolutions.values():
            if series.resets is not None:
                series.resets.append((now, self.value))
                if len(series.resets) > 2 * len(series.values) + _SPARE_RESETS:
                    # It is a gauge, whose decreases are not resets: samples are compared instead.
                    series.resets = None

    def new_samples(self) -> Series:
        """Return a series without samples, for one slot length."""
        return Series(self.labels, array("q"), array("d"), has_stale=False, resets=[])


class KeptHistograms(KeptSeries):
    """A series of native histograms with its latest value.

    Attributes:
        value: the latest value; a number if the series has become one of numbers.
    """

    __slots__ = ("_last",)

    weight = 128
    value: Value  # type: ignore[assignment]

    def __init__(self, labels: MetricLabels) -> None:
        super().__init__(labels)
        self._last: Value = 0.0

    def read(self, value: Value, now: int) -> None:
        """Record a value. After a counter was reset, the value keeps what it had counted before."""
        self.seen = now
        last, self._last = self._last, value
        if not isinstance(value, FloatHistogram):
            self.value = value
        elif value != last:
            # An unchanged histogram is kept only once.
            if isinstance(last, FloatHistogram) and began_anew(value, last):
                self._note_reset(now)
            self.value = packed(value)

    def new_samples(self) -> Series:
        """Return a series without samples, for one slot length."""
        return Series(self.labels, array("q"), [], resets=[])


_Member = tuple[KeptSeries, Series, Callable[[float], None]]


class _Cohort:
    """Series with samples at the same times, so that the times are stored only once."""

    def __init__(self, times: array[int]) -> None:
        self.times = times
        self.members: list[_Member] = []

    def add(self, entry: KeptSeries, series: Series) -> None:
        series.times = self.times
        # The bound method saves an attribute lookup at each tick.
        self.members.append((entry, series, series.values.append))


class SlottedSamples:
    """The samples of many series in slots of one length.

    Args:
        slot: the length in milliseconds; the first sample of each slot is kept. 0 keeps all.

    Attributes:
        retention: milliseconds that samples are kept.
        size: the number of values.
        count: the number of series; one of histograms counts as several.
    """

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.retention = 0
        self.size = 0
        self.count = 0
        self._last = -1
        self._cohorts: list[_Cohort] = []
        self._new: list[tuple[KeptSeries, Series]] = []
        self._appended = 0

    @property
    def capacity(self) -> int:
        """The number of values that are kept with one tick per second."""
        return self.count * (self.retention // (self.slot or _TICK) + 1)

    def add(self, entry: KeptSeries) -> Series:
        """Keep samples of a series from the next tick on; return the series of these samples."""
        series = entry.resolutions.get(self.slot)
        if series is None:
            series = entry.new_samples()
            entry.resolutions[self.slot] = series
            self._new.append((entry, series))
            self.count += entry.weight
        return series

    def append(self, now: int) -> list[tuple[KeptSeries, Series]]:
        """Add the values that were read at a tick, and end the series that were not read.

        Returns:
            The series without any samples left.
        """
        slot = now // self.slot if self.slot else now
        if slot == self._last:
            return []
        self._last = slot
        missing: list[_Member] = []
        for cohort in self._cohorts:
            missing += self._append_to(cohort, now)
        if self._new:
            self._add_cohort(self._new, now)
            self._new = []
        for entry, series, _ in missing:
            self._end(entry, series, now)
        self._appended += 1
        if self._appended >= _CHECK:
            self._appended = 0
            return self._forget(now - self.retention)
        return []

    def _append_to(self, cohort: _Cohort, now: int) -> list[_Member]:
        """Add values to the series of a cohort, and remove those that were not read."""
        missing: list[_Member] = []
        for member in cohort.members:
            if member[0].seen == now:
                member[2](member[0].value)
            else:
                missing.append(member)
        if missing and len(cohort.members) == 1 and _has_ended(missing[0][1]):
            # It has ended before, and shares its times with no other series.
            return []
        if missing:
            for _, series, _ in missing:
                series.times = array("q", cohort.times)
            lost = {id(series) for _, series, _ in missing}
            cohort.members = [member for member in cohort.members if id(member[1]) not in lost]
        cohort.times.append(now)
        self.size += len(cohort.members)
        return missing

    def _add_cohort(self, members: Iterable[tuple[KeptSeries, Series]], now: int) -> None:
        cohort = _Cohort(array("q", [now]))
        for entry, series in members:
            if entry.seen == now:
                cohort.add(entry, series)
                series.values.append(entry.value)
                self.size += 1
            else:
                alone = _Cohort(array("q"))
                alone.add(entry, series)
                self._cohorts.append(alone)
        if cohort.members:
            self._cohorts.append(cohort)

    def _end(self, entry: KeptSeries, series: Series, now: int) -> None:
        """Mark the end of a series, which may come back."""
        alone = _Cohort(series.times)
        alone.add(entry, series)
        values = series.values
        if not _has_ended(series):
            alone.times.append(now)
            values.append(STALE)
            series.has_stale = True
            self.size += 1
        self._cohorts.append(alone)

    def _forget(self, oldest: int) -> list[tuple[KeptSeries, Series]]:
        """Drop samples before a time, and let series with equal times share them again."""
        entries: list[tuple[KeptSeries, Series]] = []
        cohorts: dict[tuple[int, int], _Cohort] = {}
        for cohort in self._cohorts:
            cut = bisect_left(cohort.times, oldest)
            if cut:
                del cohort.times[:cut]
                for _, series, _ in cohort.members:
                    del series.values[:cut]
                    self.size -= cut
                    if series.resets:
                        series.resets = [one for one in series.resets if one[0] >= oldest]
            if not cohort.times:
                self.count -= sum(entry.weight for entry, _, _ in cohort.members)
                entries += [(entry, series) for entry, series, _ in cohort.members]
                continue
            # If they begin at the same tick and are equally long, the times are equal.
            same = cohorts.setdefault((cohort.times[0], len(cohort.times)), cohort)
            if same is not cohort and same.times == cohort.times:
                for entry, series, _ in cohort.members:
                    same.add(entry, series)
            elif same is not cohort:
                cohorts[id(cohort), -1] = cohort
        self._cohorts = list(cohorts.values())
        return entries

    def retain(self, ids: set[int]) -> None:
        """Keep only the series with these ids."""
        for cohort in self._cohorts:
            dropped = [member for member in cohort.members if id(member[1]) not in ids]
            for entry, series, _ in dropped:
                entry.resolutions.pop(self.slot, None)
                self.size -= len(series.values)
            if dropped:
                cohort.members = [one for one in cohort.members if id(one[1]) in ids]
        self._cohorts = [cohort for cohort in self._cohorts if cohort.members]
        for entry, series in self._new:
            if id(series) not in ids:
                entry.resolutions.pop(self.slot, None)
        self._new = [one for one in self._new if id(one[1]) in ids]
        self.count = sum(entry.weight for entry, _ in self._new) + sum(
            entry.weight for cohort in self._cohorts for entry, _, _ in cohort.members
        )

    def shift(self, milliseconds: int) -> None:
        """Shift all samples in time, because the system clock was set."""
        for cohort in self._cohorts:
            for index, time in enumerate(cohort.times):
                cohort.times[index] = time + milliseconds
            for _, series, _ in cohort.members:
                if series.resets:
                    series.resets = [(time + milliseconds, lost) for time, lost in series.resets]
        self._last = -1


def _has_ended(series: Series) -> bool:
    """Return whether the series has ended already, or never began."""
    values = series.values
    return not values or (series.has_stale and is_stale(values[-1]))
