"""The samples that the expressions of rules need, as observed at the ticks.

Only samples that an expression needs are kept, and no longer than it looks back. There are at most
`MAX_SERIES` series and `MAX_SAMPLES` samples. Beyond these limits an expression has no value, but
never a wrong one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from vitalspan.history.samples.kept_series import KeptHistograms, KeptSeries, SlottedSamples
from vitalspan.history.samples.reading import Reading, SampleReader, read_nothing
from vitalspan.history.samples.selection_table import SelectionTable
from vitalspan.history.samples.selections import Selection
from vitalspan.history.samples.series_lookup import SeriesLookup
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import Vector
from vitalspan.promql.engine.series import Demand, Series
from vitalspan.runtime.internal_errors import logger

MAX_SERIES: Final = 100_000
"""The maximum number of series whose samples are kept."""

MAX_SAMPLES: Final = 50_000_000
"""The maximum number of samples of all series, of 8 bytes each, with one tick per second."""

_REGISTRY: Final = "registry"
"""The owner of the series that are read from the registry."""

_CLOCK_SET: Final = 1.0
"""The minimum change of the system clock in seconds after which samples are shifted."""


class SampleStore:
    """Keeps samples from tick to tick, and provides the series of expressions.

    Args:
        read: reads the registry.

    Attributes:
        now: the time of the last tick, in milliseconds since the epoch.
        refused: how often a series was not kept because there were too many.
    """

    def __init__(self, read: SampleReader = read_nothing) -> None:
        self.now = 0
        self.refused = 0
        self._read = read
        self._selections = SelectionTable()
        self._tables: dict[Hashable, dict[int, SlottedSamples]] = {}
        self._series: dict[Hashable, dict[MetricLabels, KeptSeries]] = {}
        self._lookup = SeriesLookup(partial(self._keep, _REGISTRY))
        self._epoch: float | None = None
        self._has_room = False

    @property
    def external_labels(self) -> Mapping[str, str]:
        """The external labels of the process, which all its series have."""
        return self._lookup.external_labels

    @property
    def has_everything(self) -> bool:
        """True if there are samples of all series, not only of those that were asked for."""
        return False

    def __len__(self) -> int:
        return sum(len(series) for series in self._series.values())

    @property
    def size(self) -> int:
        """The number of kept samples."""
        return sum(slotted.size for table in self._tables.values() for slotted in table.values())

    @property
    def capacity(self) -> int:
        """The number of samples with one tick per second, once all retentions have passed."""
        return sum(
            slotted.capacity for table in self._tables.values() for slotted in table.values()
        )

    def select(self, demand: Demand) -> Sequence[Series]:
        """Return the series that a demand selects.

        Raises:
            EvaluationError: if there are more than can be kept, so that the result would be wrong.
        """
        return self._selections.series(demand)

    def ask(self, demands: Iterable[Demand]) -> None:
        """Keep the samples for these demands from the next tick on, and drop all others.

        Raises:
            PromqlError: for a demand that cannot be met; nothing is changed then.
        """
        new = self._selections.replace(demands)
        if new is not None:
            self._rebuild_selections(new)
        for table in self._tables.values():
            for slot, slotted in table.items():
                slotted.retention = self._selections.retention(slot)
        self._has_room = True

    def _rebuild_selections(self, new: set[Selection]) -> None:
        """Add the kept series to new selections, and drop those without any."""
        self._lookup.clear()
        for owner, every_series in self._series.items():
            for entry in every_series.values():
                for selection in self._selections.matching(entry.labels):
                    # A lost slot length is restored with the series, for all selections at once.
                    is_lost = entry.is_partial and selection.slot not in entry.resolutions
                    if selection in new and not is_lost:
                        selection.series.append(self._slotted(owner, selection.slot).add(entry))
        ids = {id(series) for selection in self._selections for series in selection.series}
        for owner, table in self._tables.items():
            for slotted in table.values():
                slotted.retain(ids)
            every_series = self._series.get(owner, {})
            for labels in [one.labels for one in every_series.values() if not one.resolutions]:
                del every_series[labels]

    def wants(self, metric: str) -> bool:
        """Return whether an expression may select a metric."""
        return self._selections.names.wants(metric)

    def read(self) -> Reading:
        """Read all needed samples. Collectors may take long, and may take locks of their own."""
        return self._read(self._selections.names) if self._selections else Reading()

    def observe(self, now: float, epoch: float, reading: Reading) -> None:
        """Store what was read at a tick.

        Args:
            now: the time of the tick, in seconds on the steady clock.
            epoch: the difference to the time of day, in seconds.
            reading: what was read.
        """
        # Also before there are selections: the first expression needs the time of this tick.
        self.now = at = round((now + self._offset(epoch)) * 1000)
        if not self._selections:
            return
        if self._has_room:
            self._has_room = False
            self._take_refused(_REGISTRY)
        for point, layout, values in reading.points:
            for entry, value in zip(self._lookup.of_point(point, layout), values, strict=True):
                if entry is not None:
                    if value < entry.value:
                        entry.read(value, at)
                    else:
                        entry.value = value
                        entry.seen = at
        self._note_samples(reading, at)
        self._append(_REGISTRY)

    def _note_samples(self, reading: Reading, at: int) -> None:
        for name, labels, value in reading.samples:
            entry = self._lookup.of_sample(name, labels)
            if entry is not None:
                entry.read(value, at)
        for name, labels, histogram in reading.histograms:
            entry = self._lookup.of_sample(name, labels, KeptHistograms)
            if entry is not None:
                entry.read(histogram, at)

    def record(self, owner: Hashable, vector: Vector) -> None:
        """Store the result of a recording rule at this tick.

        Args:
            owner: the rule; series that are no longer in its result have ended.
            vector: the result.
        """
        if not self._selections:
            return
        # The result of a rule is looked up at each tick.
        self._take_refused(owner)
        for labels, value in vector:
            kind = KeptHistograms if isinstance(value, FloatHistogram) else KeptSeries
            entry = self._keep(owner, labels, kind)
            if entry is not None:
                entry.read(value, self.now)
        self._append(owner)

    def forget_owners(self, living: Iterable[Hashable]) -> None:
        """Drop the series of recording rules that no longer exist."""
        kept = {_REGISTRY, *living}
        for owner in [owner for owner in self._series if owner not in kept]:
            gone = {
                id(s)
                for kept in self._series.pop(owner, {}).values()
                for s in kept.resolutions.values()
            }
            self._tables.pop(owner, None)
            for selection in self._selections:
                selection.series = [one for one in selection.series if id(one) not in gone]
            self._take_refused(owner)
            self._has_room = True

    def reset(self) -> None:
        """Drop all samples, and start over in a forked child, which is another instance."""
        self._tables.clear()
        self._series.clear()
        self._lookup.reset()
        for selection in self._selections:
            selection.series.clear()
            selection.refused.clear()
        self._epoch = None
        self.now = 0

    def _offset(self, epoch: float) -> float:
        """Return the difference between the clocks; samples are shifted if one of them was set."""
        if self._epoch is None:
            self._epoch = epoch
        moved = epoch - self._epoch
        if abs(moved) >= _CLOCK_SET:
            self._epoch = epoch
            for table in self._tables.values():
                for slotted in table.values():
                    slotted.shift(round(moved * 1000))
        return self._epoch

    def _append(self, owner: Hashable) -> None:
        for slotted in self._tables.get(owner, {}).values():
            for entry, series in slotted.append(self.now):
                self._forget(owner, entry, series, slotted.slot)

    def _forget(self, owner: Hashable, entry: KeptSeries, series: Series, slot: int) -> None:
        entry.resolutions.pop(slot, None)
        for selection in self._selections.matching(entry.labels):
            if selection.slot == slot:
                selection.series[:] = [one for one in selection.series if one is not series]
        entry.is_partial = bool(entry.resolutions)
        if not entry.resolutions:
            self._series[owner].pop(entry.labels, None)
        # It may come back, and is then looked up again.
        self._lookup.clear()
        self._has_room = True

    def _keep(
        self, owner: Hashable, labels: MetricLabels, kind: type[KeptSeries] = KeptSeries
    ) -> KeptSeries | None:
        """Return the kept series for labels; None if no expression selects it.

        Args:
            owner: the owner of the series.
            labels: the labels of the series.
            kind: the class for a new series.
        """
        every_series = self._series.setdefault(owner, {})
        entry = every_series.get(labels)
        if entry is not None and not entry.is_partial:
            return entry
        resolutions = {} if entry is None else entry.resolutions
        selections = [
            one for one in self._selections.matching(labels) if one.slot not in resolutions
        ]
        if not selections and entry is None:
            return None
        if (entry is None and len(self) >= MAX_SERIES) or self.capacity >= MAX_SAMPLES:
            self._refuse(owner, selections)
            return entry
        if entry is None:
            entry = every_series[labels] = kind(labels)
        entry.is_partial = False
        for selection in selections:
            selection.series.append(self._slotted(owner, selection.slot).add(entry))
        return entry

    def _refuse(self, owner: Hashable, selections: Sequence[Selection]) -> None:
        if not self.refused:
            logger.warning(
                "expressions of rules need more than %d series or %d samples, so some of them "
                "have no "
                "value: add conditions on labels, or use shorter ranges",
                MAX_SERIES,
                MAX_SAMPLES,
            )
        self.refused += 1
        for selection in selections:
            selection.refused.add(owner)

    def _take_refused(self, owner: Hashable) -> None:
        """Keep the series of an owner that were refused before, if there is room now."""
        if not self.refused:
            return
        refusing = [one for one in self._selections if owner in one.refused]
        for selection in refusing:
            selection.refused.discard(owner)
        if refusing and owner == _REGISTRY:
            self._lookup.clear()

    def _slotted(self, owner: Hashable, slot: int) -> SlottedSamples:
        table = self._tables.setdefault(owner, {})
        slotted = table.get(slot)
        if slotted is None:
            slotted = table[slot] = SlottedSamples(slot)
            slotted.retention = self._selections.retention(slot)
        return slotted
