"""Many operations with history, recorded equally by vitalspan and by prometheus_client."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from cases.by_hand import BOUNDARIES
from vitalspan.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 50


class Refused(Exception):
    """The exception of a few calls."""


def names(count: int) -> list[str]:
    """The operations' names."""
    return [f"operation_{number:05}" for number in range(count)]


def durations(name: str) -> Iterator[float]:
    """Durations in seconds for the calls of an operation: log-normal, so that all buckets fill."""
    draw = random.Random(name).lognormvariate
    while True:
        yield draw(-4.0, 2.0)


class Shop:
    """Operations of a monitor, on a clock that advances by the given durations."""

    def __init__(self, count: int) -> None:
        self.clock = ManualClock()
        self.registry = CollectorRegistry()
        self.monitor = vs.Monitor(
            registry=self.registry, clock=self.clock, max_series=2 * count, system_metrics=False
        )
        self.operations = {name: self.monitor.operation(name) for name in names(count)}
        self.past = {name: durations(name) for name in self.operations}

    def call(self, *, fail: bool = False) -> None:
        """Call every operation once."""
        for name, operation in self.operations.items():
            with contextlib.suppress(Refused), operation:
                self.clock.advance(next(self.past[name]))
                if fail:
                    raise Refused

    def fill(self) -> None:
        """Call every operation a number of times; one operation in twenty fails twice."""
        for _ in range(CALLS):
            self.call()
        for number, (name, operation) in enumerate(self.operations.items()):
            if number % 20 == 0:
                for _ in range(2):
                    with contextlib.suppress(Refused), operation:
                        self.clock.advance(next(self.past[name]))
                        raise Refused

    def scrape(self) -> bytes:
        """Fold, and write the exposition."""
        return vs.generate_latest(self.registry)


class Twin:
    """The series of a shop as prometheus_client's own metrics, read from the shop's exposition."""

    def __init__(self, exposition: bytes) -> None:
        self.registry = CollectorRegistry()
        self.past: dict[str, Iterator[float]] = {}
        self.histograms: dict[str, Any] = {}
        for family in text_string_to_metric_families(exposition.decode()):
            if family.name.startswith("operation_"):
                self._copy(family)

    def _copy(self, family: Any) -> None:
        if family.type == "histogram":
            return self._observe(family)
        labels = tuple(family.samples[0].labels) if family.samples else ("component", "operation")
        kind = Counter if family.type == "counter" else Gauge
        metric = kind(family.name, family.documentation, labels, registry=self.registry)
        for sample in family.samples:
            metric.labels(**sample.labels).inc(sample.value)
        return None

    def _observe(self, family: Any) -> None:
        counts = [sample for sample in family.samples if sample.name.endswith("_count")]
        labels = tuple(counts[0].labels)
        metric = Histogram(
            family.name, family.documentation, labels, buckets=BOUNDARIES, registry=self.registry
        )
        for sample in counts:
            name = sample.labels["operation"]
            self.past[name] = durations(name)
            self.histograms[name] = metric.labels(**sample.labels)
            for _ in range(int(sample.value)):
                self.histograms[name].observe(next(self.past[name]))

    def call(self) -> None:
        """Count one more call of every operation."""
        for name, histogram in self.histograms.items():
            histogram.observe(next(self.past[name]))


def samples(exposition: bytes) -> int:
    """The number of samples of operations in an exposition."""
    return sum(line.startswith(b"operation_") for line in exposition.splitlines())
