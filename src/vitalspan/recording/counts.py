"""The counts of this process, or of several, for exposition and history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from vitalspan.recording.counters import CounterTable
from vitalspan.recording.model_amounts import ModelAmounts
from vitalspan.recording.recorder import Recorder
from vitalspan.recording.series import Series
from vitalspan.recording.slo_counter import SloCounter


class CacheCounts(NamedTuple):
    """The lookups in one cache."""

    component: str
    name: str
    hits: float
    misses: float


class ApiCounts(NamedTuple):
    """The calls to one API, their tokens, and their cost in US dollars."""

    component: str
    name: str
    oks: float
    errors: float
    tokens: float
    cost: float


class ModelCounts(NamedTuple):
    """The calls to one model of an API."""

    component: str
    api: str
    model: str
    amounts: ModelAmounts


class SloCounts(NamedTuple):
    """The events of one SLO, for one set of the labels that separate its budgets."""

    name: str
    labels: Mapping[str, str]
    events: float
    bad: float


@dataclass
class InternalCounts:
    """The counts that vitalspan keeps about itself.

    Attributes:
        internal_errors: the internal errors, by where they happened.
        collector_errors: how often each type of collector was left out of a scrape.
        series: the number of sets of operation labels.
        overflows: how often a set of labels was refused.
        flushes: the number of batches of calls that were counted.
        flush_seconds: the seconds that this took.
        profiles: the number of slow calls to be profiled, by what became of it.
        started: when these counts, and those of caches and APIs, started at zero, in seconds since
            the epoch; None if that is not known.
    """

    internal_errors: Mapping[str, int] = field(default_factory=dict)
    collector_errors: Mapping[str, int] = field(default_factory=dict)
    series: int = 0
    overflows: int = 0
    flushes: int = 0
    flush_seconds: float = 0.0
    profiles: Mapping[str, int] = field(default_factory=dict)
    started: float | None = None


class Counts(Protocol):
    """The counts so far."""

    @property
    def born(self) -> float:
        """The time at which counting began, in seconds on the steady clock."""

    @property
    def now(self) -> Callable[[], float]:
        """A function that returns the time on the steady clock, in seconds."""

    def epoch(self) -> float:
        """Return the difference between the time of day and the steady clock, in seconds."""

    def flushed(self) -> AbstractContextManager[list[Series] | None]:
        """Count everything that has ended, and keep the counts unchanged while they are read.

        Yields:
            The series, or None if they are not available now.
        """

    def all_series(self) -> list[Series]:
        """Return every series with all finished calls counted."""

    def in_progress(self, series: Series) -> tuple[int, float | None]:
        """Return how many calls are in progress and when the oldest began, on the steady clock."""

    def caches(self) -> Iterable[CacheCounts]:
        """Return the counts of every cache."""

    def apis(self) -> Iterable[ApiCounts]:
        """Return the counts of every API."""

    def models(self) -> Iterable[ModelCounts]:
        """Return the counts of every model of every API."""

    def slos(self, counters: Mapping[str, SloCounter]) -> Iterable[SloCounts]:
        """Return the counts of SLOs.

        Args:
            counters: the counters of this process, by the names of the SLOs.
        """

    def count_slos(self, counters: Mapping[str, SloCounter]) -> None:
        """Let SLO counters, by name, judge the calls of the series that they select."""

    def internal(self) -> InternalCounts:
        """Return the counts that vitalspan keeps about itself."""

    def note_collector_error(self, kind: str) -> None:
        """Count a collector of this type that was left out of a scrape."""


class ProcessCounts:
    """The counts of this process.

    Args:
        recorder: the operations.
        counters: the caches and APIs.

    Attributes:
        collector_errors: how often each type of collector was left out of a scrape.
    """

    def __init__(self, recorder: Recorder, counters: CounterTable) -> None:
        self.recorder = recorder
        self.counters = counters
        self.collector_errors: dict[str, int] = {}
        self.now = recorder.now
        self.epoch = recorder.epoch
        self.all_series = recorder.all_series

    @property
    def born(self) -> float:
        """The time at which counting began, in seconds on the steady clock."""
        return self.recorder.born

    def flushed(self) -> AbstractContextManager[list[Series] | None]:
        """Count everything that has ended; no other thread counts during the block."""
        return self.recorder.aggregator.flushed(self.recorder.series_table.all)

    def in_progress(self, series: Series) -> tuple[int, float | None]:
        """Return how many calls are in progress and when the oldest began, on the steady clock."""
        if series.records or series.in_hand:
            return series.in_progress()
        return 0, None

    def caches(self) -> Iterator[CacheCounts]:
        """Yield the counts of every cache."""
        for cache in list(self.counters.caches.values()):
            yield CacheCounts(cache.component, cache.name, cache.hits.total(), cache.misses.total())

    def apis(self) -> Iterator[ApiCounts]:
        """Yield the counts of every API."""
        for api in list(self.counters.apis.values()):
            totals = (counter.total() for counter in api.counters())
            yield ApiCounts(api.component, api.name, *totals)

    def models(self) -> Iterator[ModelCounts]:
        """Yield the counts of every model of every API."""
        for api in list(self.counters.apis.values()):
            for model, counter in list(api.models.items()):
                yield ModelCounts(api.component, api.name, model, counter.amounts())

    def slos(self, counters: Mapping[str, SloCounter]) -> Iterator[SloCounts]:
        """Yield the counts of SLOs."""
        for name, slo_counter in list(counters.items()):
            for labels, counter in slo_counter.series():
                yield SloCounts(name, labels, counter.events, counter.bad)

    def count_slos(self, counters: Mapping[str, SloCounter]) -> None:
        """Let SLO counters, by name, judge the calls of the series that they select."""
        self.recorder.count_slos(tuple(counters.values()))

    def internal(self) -> InternalCounts:
        """Return the counts that vitalspan keeps about itself."""
        recorder = self.recorder
        return InternalCounts(
            recorder.internal_errors.counts,
            self.collector_errors,
            len(recorder.series_table.all()),
            recorder.series_table.overflows,
            recorder.aggregator.flushes,
            recorder.aggregator.seconds,
            {name: int(one.total()) for name, one in recorder.profile_results.items()},
            recorder.started,
        )

    def note_collector_error(self, kind: str) -> None:
        """Count a collector of this type that was left out of a scrape."""
        self.collector_errors[kind] = self.collector_errors.get(kind, 0) + 1

    def reset(self) -> None:
        """Start over from zero; the recorder and the counters do so themselves."""
        self.collector_errors.clear()
