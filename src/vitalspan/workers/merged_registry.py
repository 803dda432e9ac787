"""The other metrics of a registry: the user's own, and those of processes and the machine.

Each process publishes the metrics that prometheus_client itself has made, and those of its process.
They are merged by rules of their own: counters, histograms and summaries are summed, gauges follow
their `multiprocess_mode` or get the label `worker`. A user's custom collector may be slow, so it is
not published but shown by the process that is scraped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    values,
)
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from vitalspan.exposition.multiprocess_metrics import MultiprocessMetrics
from vitalspan.exposition.system_metrics import Described
from vitalspan.workers.state_file import decoding

SUM, LIVING_SUM, WORKER, ONCE = "sum", "livesum", "worker", "once"
MAX, MIN, LATEST = "max", "min", "mostrecent"

_OF_PROCESS: Final = (ProcessCollector, GCCollector, PlatformCollector, Described)
_WORKER_LABEL: Final = "worker"

Row = list[Any]
"""A family: name, type, help, unit, merge rule, and samples of name, labels and value.

If the latest value wins, samples also have the time of their last change on the steady clock.
"""

Key = tuple[str, tuple[tuple[str, str], ...]]


def published_collectors(
    registry: CollectorRegistry,
) -> tuple[list[Collector], list[Collector]]:
    """Return the collectors to publish: those of the user's metrics, and those of the process."""
    with registry._lock:  # noqa: SLF001 - nothing public lists them
        collectors = list(registry._collector_to_names)  # noqa: SLF001
    own = [] if is_multiprocess() else [one for one in collectors if is_metric(one)]
    return own, [one for one in collectors if isinstance(one, _OF_PROCESS)]


def is_published(collector: Collector) -> bool:
    """Whether a collector's metrics are published, or are in the files of prometheus_client."""
    return is_metric(collector) or isinstance(collector, _OF_PROCESS)


def is_multiprocess() -> bool:
    """Whether prometheus_client combines the values of several processes itself."""
    return values.ValueClass is not values.MutexValue


def is_metric(collector: object) -> bool:
    """Whether a collector is a metric of prometheus_client that the application has made."""
    return isinstance(collector, MetricWrapperBase)


def key_of(name: str, labels: Iterable[tuple[str, str]]) -> Key:
    """Return the key of a sample within its family: its name and labels."""
    return name, tuple(labels)


@dataclass
class MergedFamily:
    """A family of several processes.

    Attributes:
        type: the type of the metric.
        help: the help text.
        unit: the unit.
        rule: how the values of several processes are merged.
        samples: the merged values so far.
        changes: when the values changed, if the latest one wins.
    """

    type: str
    help: str
    unit: str
    rule: str
    samples: dict[Key, float] = field(default_factory=dict)
    changes: dict[Key, float] = field(default_factory=dict)


class MergedRegistry:
    """Merges the metrics that processes have published.

    Attributes:
        families: the families by name.
    """

    def __init__(self) -> None:
        self.families: dict[str, MergedFamily] = {}

    def add(self, rows: Iterable[Row], worker: int, *, living: bool) -> None:
        """Add the families of a process.

        Args:
            rows: the published families.
            worker: the number of the process.
            living: whether it is alive; only sums are kept of a dead one.
        """
        for name, kind, documentation, unit, rule, samples in rows:
            if not living and (rule != SUM or kind == "gauge"):
                continue
            family = self.families.get(name)
            if family is None:
                family = self.families[name] = MergedFamily(kind, documentation, unit, rule)
            if family.type != kind or family.rule != rule:
                # If versions of the application differ, the family that was read first is shown.
                continue
            for sample, labels, value, changed in samples:
                pairs = _with_worker(labels, worker) if rule == WORKER else labels
                key = key_of(sample, pairs)
                if rule == LATEST:
                    if changed < family.changes.get(key, changed):
                        continue
                    family.changes[key] = changed
                family.samples[key] = _merged(rule, sample, family.samples.get(key), value + 0)

    def sums(self) -> list[Row]:
        """Return the families that an archive keeps."""
        return [
            [
                *(name, one.type, one.help, one.unit, one.rule),
                [[sample, labels, value] for (sample, labels), value in one.samples.items()],
            ]
            for name, one in self.families.items()
            if one.rule == SUM
        ]

    def metrics(self) -> Iterator[Metric]:
        """Yield the families as metrics of prometheus_client."""
        for name, family in self.families.items():
            metric = Metric(name, family.help, family.type, family.unit)
            for (sample, labels), value in family.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def rows_of(head: Mapping[str, Any]) -> list[Row]:
    """Return the families in the head of a published state, after checking them.

    Raises:
        UnreadableError: for content that this version cannot read.
    """
    with decoding("its metrics"):
        return [_checked(*row) for row in head.get("registry", ())]


def _checked(  # noqa: PLR0917 - a row has that many columns
    name: Any, kind: Any, documentation: Any, unit: Any, rule: Any, samples: Any
) -> Row:
    Metric(str(name), str(documentation), kind)
    checked = [
        [
            str(sample),
            [(str(label), str(text)) for label, text in labels],
            value + 0,
            changed[0] + 0 if changed else 0.0,
        ]
        for sample, labels, value, *changed in samples
    ]
    return [str(name), kind, str(documentation), str(unit), str(rule), checked]


class SharedRegistry(MultiprocessMetrics):
    """The published metrics of all processes, as a collector.

    Args:
        read: publishes, and returns the sum of what all processes have published.
    """

    def __init__(self, read: Callable[[], MergedRegistry]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, and those that prometheus_client keeps in its own files."""
        yield from self._read().metrics()
        path = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if is_multiprocess() and Path(path).is_dir():
            # The function has no type annotations.
            collector: Any = MultiProcessCollector
            yield from collector(None, path).collect()

    def covers(self, collector: Collector) -> bool:
        """Whether the metrics of a collector are among these."""
        return is_published(collector)


def _with_worker(labels: Iterable[tuple[str, str]], worker: int) -> list[tuple[str, str]]:
    pairs = [(label, text) for label, text in labels]
    taken = any(label == _WORKER_LABEL for label, _ in pairs)
    return [*pairs, (f"vitalspan_{_WORKER_LABEL}" if taken else _WORKER_LABEL, str(worker))]


def _merged(rule: str, sample: str, before: float | None, value: float) -> float:
    if before is None:
        return value
    if sample.endswith("_created") or rule == MIN:
        return min(before, value)
    if rule in {SUM, LIVING_SUM}:
        return before + value
    return max(before, value) if rule == MAX else value
