"""The samples of one monitor, format-free: what the collector and the renderer both write."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from vitalspan import names
from vitalspan._version import __version__
from vitalspan.names import COMPONENT, ERROR_TYPE, OPERATION, Family
from vitalspan.record.cell import Cell
from vitalspan.record.counters import Recording
from vitalspan.record.labels import Labels, label_text
from vitalspan.record.recorder import Recorder


class Sample(NamedTuple):
    """A value under a name that the family's name and a suffix make."""

    labels: Labels
    value: float
    suffix: str = ""
    text: str | None = None
    """The labels as the formats write them, where that is known."""

    def label_text(self) -> str:
        """Return the labels as the formats write them."""
        return label_text(self.labels) if self.text is None else self.text


class Block(NamedTuple):
    """A family with its samples, or with cells and what each has of it.

    For the histogram of durations the cells are enough.
    """

    family: Family
    samples: list[Sample]
    cells: list[Cell] | None = None
    values: list[float] | None = None


def cell_labels(cell: Cell) -> Labels:
    """Return all labels of a cell, `component` and `operation` first."""
    return ((COMPONENT, cell.component), (OPERATION, cell.operation), *cell.labels)


class State:
    """Reads a monitor's samples, family by family.

    Args:
        recorder: the operations.
        recording: the caches and APIs.
        prefix: put before the name of every metric.
        more: yields the families beyond what is recorded.
        collector_errors: how often each collector was left out of a scrape, by its type.
    """

    def __init__(
        self,
        recorder: Recorder,
        recording: Recording,
        prefix: str,
        more: Callable[[], Iterable[Block]] = tuple,
    ) -> None:
        self.recorder = recorder
        self._more = more
        self.recording = recording
        self.prefix = prefix
        self.collector_errors: dict[str, int] = {}

    def reset(self) -> None:
        """Begin anew from zero."""
        self.collector_errors.clear()

    def blocks(self) -> Iterator[Block]:
        """Yield every family that has samples, its name with the prefix."""
        for block in self._blocks():
            if block.samples or block.cells:
                yield self._prefixed(block) if self.prefix else block

    def named(self, family: Family) -> Family:
        """Return a family with the prefix before its name."""
        return family._replace(name=self.prefix + family.name) if self.prefix else family

    def _prefixed(self, block: Block) -> Block:
        family = self.named(block.family)
        if family.type != "stateset":
            return block._replace(family=family)
        # The label of a set's states has the name of the set.
        samples = [
            sample._replace(labels=tuple((self.prefix + name, value) for name, value in labels))
            for sample in block.samples
            for labels in [sample.labels]
        ]
        return block._replace(family=family, samples=samples)

    def _blocks(self) -> Iterator[Block]:
        cells = self.recorder.cells()
        # Threads go on counting while this is written: what is a part of the calls is read before
        # them, so that there are never more errors than calls.
        errors = list(_errors(cells))
        cancelled: list[float] = [cell.cancellations for cell in cells]
        yield Block(names.OPERATION_DURATION, [], cells)
        yield Block(names.OPERATION_ERRORS, errors)
        yield Block(names.OPERATION_CANCELLATIONS, [], cells, cancelled)
        yield from self._in_progress(cells)
        measured = [cell for cell in cells if cell.measured]
        cpu = [cell.cpu_seconds for cell in measured]
        yield Block(names.OPERATION_CPU, [], measured, cpu)
        growth: list[float] = [cell.memory_growth for cell in measured]
        yield Block(names.OPERATION_MEMORY_GROWTH, [], measured, growth)
        yield from _measures(cells)
        yield from _counters(self.recording)
        yield from self._more()
        yield from self._self()

    def _in_progress(self, cells: list[Cell]) -> Iterator[Block]:
        now, folder = self.recorder.now(), self.recorder.folder
        inside: list[float] = [0] * len(cells)
        ages = [0.0] * len(cells)
        for index, cell in enumerate(cells):
            if cell.records or cell.in_hand:
                inside[index], oldest = folder.in_progress(cell)
                if oldest is not None:
                    ages[index] = max(0.0, now - oldest)
        yield Block(names.OPERATION_IN_PROGRESS, [], cells, inside)
        yield Block(names.OPERATION_OLDEST, [], cells, ages)

    def _self(self) -> Iterator[Block]:
        recorder = self.recorder
        yield Block(names.INTERNAL_ERRORS, _by_key("where", recorder.faults.counts))
        yield Block(names.COLLECTOR_ERRORS, _by_key("collector", self.collector_errors))
        yield Block(names.SERIES, [Sample((), len(recorder.series.all()))])
        yield Block(names.SERIES_OVERFLOWS, [Sample((), recorder.series.overflows)])
        folder = recorder.folder
        yield Block(
            names.FOLD,
            [Sample((), folder.folds, "_count"), Sample((), folder.seconds, "_sum")],
        )
        yield Block(names.BUILD_INFO, [Sample(_build_info(), 1)])


def _errors(cells: Iterable[Cell]) -> Iterator[Sample]:
    for cell in cells:
        for error_type, count in sorted(cell.errors.items()):
            yield Sample((*cell_labels(cell), (ERROR_TYPE, error_type)), count)


def _measures(cells: Iterable[Cell]) -> Iterator[Block]:
    by_name: dict[str, list[Sample]] = {}
    for cell in cells:
        for name, amount in list(cell.measures.items()):
            sample = Sample(cell_labels(cell), amount, text=cell.text)
            by_name.setdefault(name, []).append(sample)
    for name, samples in sorted(by_name.items()):
        yield Block(names.measure(name), samples)


def _counters(recording: Recording) -> Iterator[Block]:
    requests = []
    for cache in list(recording.caches.values()):
        labels = ((COMPONENT, cache.component), ("cache", cache.name))
        requests.append(Sample((*labels, ("result", "hit")), cache.hits.total()))
        requests.append(Sample((*labels, ("result", "miss")), cache.misses.total()))
    yield Block(names.CACHE_REQUESTS, requests)
    calls, tokens, cost = [], [], []
    for api in list(recording.apis.values()):
        labels = ((COMPONENT, api.component), ("api", api.name))
        calls.append(Sample((*labels, ("outcome", "ok")), api.oks.total()))
        calls.append(Sample((*labels, ("outcome", "error")), api.errors.total()))
        tokens.append(Sample(labels, api.tokens.total()))
        cost.append(Sample(labels, api.cost.total()))
    yield Block(names.API_CALLS, calls)
    yield Block(names.API_TOKENS, tokens)
    yield Block(names.API_COST, cost)


def _by_key(label: str, counts: dict[str, int]) -> list[Sample]:
    return [Sample(((label, key),), count) for key, count in sorted(counts.items())]


def _build_info() -> Labels:
    return (
        ("opentelemetry", _installed("opentelemetry-api")),
        ("prometheus_client", _installed("prometheus-client")),
        ("python", platform.python_version()),
        ("version", __version__),
    )


_versions: dict[str, str] = {}


def _installed(package: str) -> str:
    if package not in _versions:
        try:
            _versions[package] = version(package)
        except PackageNotFoundError:
            _versions[package] = "unknown"
    return _versions[package]
