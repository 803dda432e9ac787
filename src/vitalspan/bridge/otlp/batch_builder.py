"""Builds the batch of one moment from data points."""

from __future__ import annotations

from vitalspan.bridge.otlp.model import Batch, Description, Point, Scope


class BatchBuilder:
    """Collects data points by scope and metric.

    Args:
        time: the time in nanoseconds of points without their own.

    Attributes:
        time: the same time.
        resource: the labels of `target_info`, which describe the whole resource.
        left_out: the number of metrics or points that OpenTelemetry cannot represent.
    """

    def __init__(self, time: int) -> None:
        self.time = time
        self.resource: dict[str, str] = {}
        self.left_out = 0
        self._metrics: dict[Scope, dict[Description, list[Point]]] = {}

    def points(self, scope: Scope, description: Description) -> list[Point]:
        """Return the list that the points of a metric are added to."""
        return self._metrics.setdefault(scope, {}).setdefault(description, [])

    def batch(self) -> Batch:
        """Return the batch, without metrics that have no points."""
        pairs = (
            (scope, [(description, points) for description, points in metrics.items() if points])
            for scope, metrics in self._metrics.items()
        )
        return {scope: metrics for scope, metrics in pairs if metrics}
