"""A monitor as a collector of any prometheus_client registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import Exemplar, Metric
from prometheus_client.registry import Collector

from vitalspan import names
from vitalspan.bridge.state import Block, State, cell_labels
from vitalspan.bridge.text import boundary_text
from vitalspan.names import DURATION_BOUNDARIES, Family
from vitalspan.record.cell import Cell

_BOUNDS = tuple(boundary_text(bound) for bound in (*DURATION_BOUNDARIES, float("inf")))

_FAMILIES = tuple(family for family in vars(names).values() if isinstance(family, Family))


class MonitorCollector(Collector):
    """Hands a monitor's samples to prometheus_client."""

    def __init__(self, state: State) -> None:
        self.state = state

    def describe(self) -> Iterable[Metric]:
        """Return the families that this collector always owns, without samples."""
        return [_metric(self.state.named(family)) for family in _FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has samples."""
        for block in self.state.blocks():
            yield self._filled(block)

    def _filled(self, block: Block) -> Metric:
        metric = _metric(block.family)
        if block.cells is not None and block.values is not None:
            for cell, value in zip(block.cells, block.values, strict=True):
                metric.add_sample(block.family.name, dict(cell_labels(cell)), value)
            return metric
        if block.cells is not None:
            epoch = self.state.recorder.epoch()
            for cell in block.cells:
                _add_histogram(metric, cell, epoch)
            return metric
        for sample in block.samples:
            metric.add_sample(block.family.name + sample.suffix, dict(sample.labels), sample.value)
        return metric


def _metric(family: Family) -> Metric:
    name = family.name.removesuffix("_total") if family.type == "counter" else family.name
    return Metric(name, family.help, family.type, family.unit)


def _add_histogram(metric: Metric, cell: Cell, epoch: float) -> None:
    labels = dict(cell_labels(cell))
    counts = tuple(accumulate(cell.exported))
    exemplars = dict(cell.exemplars)
    for bucket, (bound, count) in enumerate(zip(_BOUNDS, counts, strict=True)):
        exemplar = None
        if bucket in exemplars:
            span, seconds, end = exemplars[bucket]
            ids = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
            exemplar = Exemplar(ids, seconds, round(end + epoch, 3))
        metric.add_sample(
            f"{metric.name}_bucket", {**labels, "le": bound}, count, exemplar=exemplar
        )
    metric.add_sample(f"{metric.name}_count", labels, counts[-1])
    metric.add_sample(f"{metric.name}_sum", labels, cell.total)
