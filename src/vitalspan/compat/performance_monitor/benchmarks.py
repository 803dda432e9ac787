"""Metrics that are recorded as values, and the benchmarks that judge them."""

from __future__ import annotations

import statistics
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from vitalspan.labels import value_text
from vitalspan.recording.lock_free_counter import amount_of

MAX_POINTS: Final = 10_000
"""The number of values to keep per metric."""

MAX_METRICS: Final = 200
"""The maximum number of metrics; values of further ones are ignored."""


class Benchmark(NamedTuple):
    """The target of a value, and its limits.

    Attributes:
        target: values up to this are good.
        warning: values above this are a warning.
        critical: values above this are critical.
        unit: the unit of all three.
    """

    target: float
    warning: float
    critical: float
    unit: str

    def level(self, value: float) -> str:
        """Return good, acceptable, warning or critical."""
        if value > self.critical:
            return "critical"
        if value > self.warning:
            return "warning"
        return "acceptable" if value > self.target else "good"


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "api_response_time": Benchmark(200, 500, 1000, "ms"),
    "task_execution_time": Benchmark(60, 300, 600, "s"),
    "memory_usage": Benchmark(70, 80, 90, "%"),
    "cpu_usage": Benchmark(70, 80, 90, "%"),
    "error_rate": Benchmark(1, 5, 10, "%"),
    "agent_spawn_time": Benchmark(10, 15, 30, "s"),
    "context_retrieval_time": Benchmark(50, 100, 500, "ms"),
}
"""The seven benchmarks of the unified monitor, whose values are in these units."""


class MetricValues:
    """The latest values of metrics that are recorded as values."""

    def __init__(self) -> None:
        self._values: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def record(self, metric: str, value: float) -> float:
        """Store a value, and return it.

        Raises:
            ValueError: for a value that is not a finite number of at least 0.
        """
        checked, name = amount_of(value), value_text(metric)
        with self._lock:
            values = self._values.get(name)
            if values is None and len(self._values) < MAX_METRICS:
                values = self._values[name] = deque(maxlen=MAX_POINTS)
            if values is not None:
                values.append(checked)
        return checked

    def names(self) -> list[str]:
        """Return the metrics that have values."""
        with self._lock:
            return list(self._values)

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric, the latest last."""
        with self._lock:
            return list(self._values.get(value_text(metric), ()))

    def statistics(self, metric: str) -> dict[str, Any]:
        """Return count, mean, median, p95, p99, standard deviation, minimum and maximum."""
        values = sorted(self.values(metric))
        if not values:
            return {"count": 0}
        return {
            "count": len(values),
            "mean": statistics.fmean(values),
            "median": statistics.median(values),
            "p95": _quantile(values, 0.95),
            "p99": _quantile(values, 0.99),
            "std_dev": statistics.stdev(values) if len(values) > 1 else 0.0,
            "min": values[0],
            "max": values[-1],
        }


def _quantile(ordered: Sequence[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
