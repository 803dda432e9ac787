"""Counts the events of an SLO from counters of the registry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from vitalspan.history.registry_metrics import MAX_SERIES, Samples
from vitalspan.runtime.internal_errors import logger

Key = tuple[str, ...]
"""The values of the labels that separate the budgets of an SLO."""


class Counters(NamedTuple):
    """Counters of the registry.

    Attributes:
        metric: the metric of the counters.
        selects: returns whether a series is one of them, by its labels.
    """

    metric: str
    selects: Callable[[Mapping[str, str]], bool]


class CountedPart:
    """The events of an SLO, or of one set of its labels.

    Attributes:
        events: the number of events so far.
        bad: the number of bad events.
    """

    __slots__ = ("_judged", "bad", "events")

    def __init__(self) -> None:
        self.events = self.bad = self._judged = 0.0

    def add(self, events: float, judged: float, *, judged_are_good: bool) -> None:
        """Add events, and how many of them were counted as good, or as bad."""
        self.events += events
        self._judged += judged
        bad = self.events - self._judged if judged_are_good else self._judged
        # An event in progress may be in only one of the two counters. A counter never decreases.
        self.bad = max(self.bad, min(bad, self.events))


class SeriesSloCounter:
    """Counts the events of an SLO by the increase of registry counters from tick to tick.

    The first value of a counter is from before, and is not counted. A series that appears later
    counts from 0, so that the first error of its kind is not lost.

    Args:
        total: the counters of all events.
        judged: the counters of the good events, or of the bad ones.
        judged_are_good: whether `judged` counts the good events.
        objective: the ratio of events that should be good.
        by: labels whose values are counted separately.
        definition: distinguishes it from counters of the same name in other processes.
    """

    def __init__(
        self,
        total: Counters,
        judged: Counters,
        objective: float,
        *,
        judged_are_good: bool,
        by: tuple[str, ...] = (),
        definition: str = "",
    ) -> None:
        self.objective = objective
        self.definition = definition
        self._by = by
        self._total, self._judged = _Growth(total, by), _Growth(judged, by)
        self._judged_are_good = judged_are_good
        self._parts: dict[Key, CountedPart] = {}
        self.reset()

    @property
    def metrics(self) -> tuple[str, str]:
        """The names of the metrics that it reads."""
        return self._total.metric, self._judged.metric

    @property
    def seen(self) -> tuple[bool, bool]:
        """Whether there have been counters of all events, and of the judged ones."""
        return self._total.seen, self._judged.seen

    def reset(self) -> None:
        """Start over from zero."""
        self._total.reset()
        self._judged.reset()
        self._parts = {} if self._by else {(): CountedPart()}

    def read(self, samples: Samples, is_known: Callable[[str], bool]) -> None:
        """Count what was read from the registry at a tick.

        Args:
            samples: the samples.
            is_known: returns whether a metric is registered, even if it has no series yet.
        """
        total, judged = self._total, self._judged
        if total.metric not in samples or judged.metric not in samples:
            return
        # Without any good event all are bad, unless the metric does not exist at all.
        exists = judged.begun or samples[judged.metric] or is_known(judged.metric)
        if self._judged_are_good and not exists:
            return
        events, judged_events = total.take(samples), judged.take(samples)
        for key in events:
            part = self._parts.setdefault(key, CountedPart())
            part.add(
                events[key],
                judged_events.get(key, 0.0),
                judged_are_good=self._judged_are_good,
            )

    def series(self) -> Iterator[tuple[dict[str, str], CountedPart]]:
        """Iterate over the counts, with the labels of each."""
        for key, part in self._parts.items():
            yield dict(zip(self._by, key, strict=True)), part


class _Growth:
    """The increase of counters since they were last read.

    Args:
        counters: the counters.
        by: labels whose values are counted separately.
    """

    def __init__(self, counters: Counters, by: tuple[str, ...]) -> None:
        self.metric = counters.metric
        self.begun = False
        self._selects = counters.selects
        self._by = by
        self._refused = False
        self._latest: dict[frozenset[tuple[str, str]], float] = {}

    @property
    def seen(self) -> bool:
        return bool(self._latest)

    def reset(self) -> None:
        self.begun = False
        self._latest.clear()

    def take(self, samples: Samples) -> dict[Key, float]:
        """Return the increase by the values of the separating labels."""
        grown: dict[Key, float] = {}
        latest = self._latest
        present = set()
        for labels, value in samples[self.metric]:
            if math.isnan(value) or not self._selects(labels):
                continue
            identity = frozenset(labels.items())
            present.add(identity)
            before = latest.get(identity)
            if before is None:
                if len(present) > MAX_SERIES:
                    self._refuse()
                    continue
                before = 0.0 if self.begun else value
            latest[identity] = value
            key = tuple(labels.get(name, "") for name in self._by)
            # A counter that has decreased was reset to 0, for example by a restart of its source.
            growth = value - before if value >= before else value
            grown[key] = grown.get(key, 0.0) + growth
        self.begun = True
        if len(latest) > MAX_SERIES:
            self._latest = {one: value for one, value in latest.items() if one in present}
        return grown

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            logger.warning(
                "the metric %s has more than %d series, and SLOs ignore the others",
                self.metric,
                MAX_SERIES,
            )
