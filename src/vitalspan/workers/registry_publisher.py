"""Reads what this process publishes of a registry: the user's metrics, and those of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from vitalspan.labels import value_text
from vitalspan.workers.forked_metrics import free_locks, has_callback
from vitalspan.workers.merged_registry import (
    LATEST,
    LIVING_SUM,
    MAX,
    MIN,
    ONCE,
    SUM,
    WORKER,
    Key,
    Row,
    is_metric,
    is_multiprocess,
    key_of,
    published_collectors,
)

_SUMMED: Final = frozenset({"counter", "histogram", "summary"})
_MODES: Final[Mapping[str, str]] = {
    "sum": LIVING_SUM,
    "livesum": LIVING_SUM,
    "max": MAX,
    "livemax": MAX,
    "min": MIN,
    "livemin": MIN,
    "mostrecent": LATEST,
    "livemostrecent": LATEST,
}
_ADDED_UP: Final = frozenset(
    {
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_threads",
    }
)
"""Process metrics whose sums over all processes are shown as well, as `workers_*`."""

_PROCESS_SECONDS: Final = 5.0
"""Seconds between two readings of the resources of the process and the machine."""


class RegistryPublisher:
    """Reads what this process publishes of a registry.

    Args:
        registry: the registry.
        now: returns the time on a steady clock, in seconds.
        note_error: called with the type of each collector that raised and was left out.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        now: Callable[[], float],
        note_error: Callable[[str], None],
    ) -> None:
        self._registry = registry
        self._now = now
        self._note_error = note_error
        self._inherited: dict[Key, float] = {}
        self._changes: dict[Key, tuple[float, float]] = {}
        self._rows: list[Row] = []
        self._process_rows: list[Row] = []
        self._read_at = float("-inf")

    def reset(self) -> None:
        """Drop everything that was read, in a forked child, and remember the counts of its parent.

        The values of prometheus_client survive a fork, and the parent publishes them.
        """
        self._rows, self._process_rows = [], []
        self._read_at = float("-inf")
        self._inherited = {}
        if not is_multiprocess():
            own = [one for one in list(self._registry._collector_to_names) if is_metric(one)]  # noqa: SLF001
            free_locks(self._registry, own)
            for one in own:
                try:
                    self._inherit(one)
                except Exception:  # noqa: BLE001 - the child has to begin
                    self._note_error(_kind(one))

    def rows(self, *, fresh: bool = True) -> list[Row]:
        """Return the families; a collector that raises is left out.

        Args:
            fresh: whether to read them again; a signal handler must not, because the interrupted
                thread may hold the lock of a metric.
        """
        if fresh:
            own, process = published_collectors(self._registry)
            self._rows = [row for one in own for row in self._read(one, self._own_rows)]
            now = self._now()
            if now - self._read_at >= _PROCESS_SECONDS:
                self._read_at = now
                self._process_rows = [
                    row for one in process for row in self._read(one, _process_rows)
                ]
        return [*self._rows, *self._process_rows]

    def _read(self, collector: Collector, rows: Callable[[Collector], Iterable[Row]]) -> list[Row]:
        try:
            return list(rows(collector))
        except Exception:  # noqa: BLE001 - the others are published
            self._note_error(_kind(collector))
            return []

    def _own_rows(self, collector: Collector) -> Iterator[Row]:
        for row in _rows(collector, _rule_of(collector)):
            name, rule, samples = row[0], row[4], row[5]
            for sample in samples:
                key = key_of(*sample[:2])
                if rule == SUM and key in self._inherited:
                    sample[2] = self._added(name, key, sample[2])
                elif rule == LATEST:
                    sample.append(self._changed_at(key, sample[2]))
            yield row

    def _added(self, name: str, key: Key, value: float) -> float:
        inherited = self._inherited[key]
        if value < inherited and key[0] != f"{name}_sum":
            # It was reset, and counts from zero now.
            del self._inherited[key]
            return value
        return value - inherited

    def _changed_at(self, key: Key, value: float) -> float:
        known = self._changes.get(key)
        if known is None or known[0] != value:
            # A value that has always been zero has never been set.
            changed = self._now() if known is not None or value else 0.0
            known = self._changes[key] = (value, changed)
        return known[1]

    def _inherit(self, collector: Collector) -> None:
        rule = _rule_of(collector)
        is_gauge = isinstance(collector, Gauge)
        if is_gauge and (rule != LATEST or has_callback(collector)):
            return
        for row in _rows(collector, rule):
            for name, labels, value in row[5]:
                key = key_of(name, labels)
                if row[4] == SUM and not name.endswith("_created"):
                    self._inherited[key] = value
                elif row[4] == LATEST:
                    known = self._changes.get(key)
                    if known is None or known[0] != value:
                        # The parent's value is never later than another process' value.
                        self._changes[key] = (value, 0.0)

    def has_counts(self) -> bool:
        """Whether the user's counters, histograms and summaries have counted anything."""
        return any(_has_counts(row) for row in self._rows)


def _kind(collector: Collector) -> str:
    return value_text(type(collector).__qualname__)


def _has_counts(row: Row) -> bool:
    return row[4] == SUM and any(
        value and not name.endswith("_created") for name, _, value in row[5]
    )


def _rule_of(collector: Collector) -> str:
    mode = getattr(collector, "_multiprocess_mode", "")
    return _MODES.get(mode, WORKER)


def _rows(collector: Collector, gauge_rule: str) -> Iterator[Row]:
    for metric in collector.collect():
        if metric.type in _SUMMED:
            rule = SUM
        elif metric.type == "info":
            rule = ONCE
        else:
            rule = gauge_rule
        yield _row(metric, rule)


def _process_rows(collector: Collector) -> Iterator[Row]:
    for metric in collector.collect():
        name = metric.name
        if name.startswith("system_") or metric.type == "info" or name == "python_info":
            yield _row(metric, ONCE)
            continue
        yield _row(metric, WORKER)
        if name in _ADDED_UP:
            total = Metric(
                name.replace("process", "workers", 1),
                f"{metric.documentation.rstrip('.')}, of all workers together.",
                metric.type,
            )
            for sample in metric.samples:
                total.add_sample(
                    sample.name.replace("process", "workers", 1), sample.labels, sample.value
                )
            yield _row(total, SUM if metric.type == "counter" else LIVING_SUM)


def _row(metric: Metric, rule: str) -> Row:
    samples = [[one.name, list(one.labels.items()), one.value] for one in metric.samples]
    return [metric.name, metric.type, metric.documentation, metric.unit, rule, samples]
