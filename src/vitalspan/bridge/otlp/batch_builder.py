"""Puts data points together into the batch of one moment, metric by metric."""

from __future__ import annotations

from vitalspan.bridge.otlp.model import Batch, Description, Point, Scope


class BatchBuilder:
    """Collects data points by scope and metric.

    Args:
        time: nanoseconds, of points that have no time of their own.

    Attributes:
        time: the same.
        resource: labels of `target_info`, which describe the whole resource.
        left_out: how many metrics or points have no counterpart in OpenTelemetry.
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
        """Return what was collected; metrics without points are left out."""
        pairs = (
            (scope, [(description, points) for description, points in metrics.items() if points])
            for scope, metrics in self._metrics.items()
        )
        return {scope: metrics for scope, metrics in pairs if metrics}
