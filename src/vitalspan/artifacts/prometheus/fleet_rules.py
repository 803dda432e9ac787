"""Recording rules of the fleet's dashboard: calls, errors and durations of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vitalspan import metrics as names
from vitalspan.artifacts.prometheus.recording_rules import RecordingRule
from vitalspan.compiler.recorded_names import (
    FLEET_WINDOW,
    INSTANCE,
    JOB,
    Grouping,
    RecordedNames,
)
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Aggregation, Expression, VectorSelector, binary, call
from vitalspan.units import duration_text

_LEVELS: Final = (JOB, Grouping(component=True), INSTANCE)
_QUANTILE: Final = 0.95


def fleet_rules(
    context: PromqlContext, pooled: Callable[[str, float], str]
) -> Iterator[RecordingRule]:
    """Yield the recording rules.

    Args:
        context: the context of the export.
        pooled: returns the series with the rate of a counter by instance and component.
    """
    series = RecordedNames(context.prefix)
    count, total, errors, cancelled = (
        VectorSelector(pooled(context.name(metric), FLEET_WINDOW))
        for metric in (
            names.DURATION_COUNT,
            names.DURATION_SUM,
            names.OPERATION_ERRORS.name,
            names.OPERATION_CANCELLATIONS.name,
        )
    )
    for level in _LEVELS:

        def summed(vector: Expression, labels: tuple[str, ...] = level.labels) -> Expression:
            return Aggregation("sum", labels, vector)

        calls = VectorSelector(series.call_rate(level))
        yield RecordingRule(calls.metric, summed(count))
        # A counter of errors does not exist before the first error.
        raised = summed(errors).or_(0 * calls)
        ratio = binary(raised, "/", calls - summed(cancelled) > 0, layout="lines")
        yield RecordingRule(series.error_ratio(level), ratio)
        mean = binary(summed(total), "/", calls > 0, layout="lines")
        yield RecordingRule(series.latency_mean(level), mean)
    # Recording them by instance would need a series for each bucket of each instance.
    buckets = VectorSelector(context.name(names.DURATION_BUCKET), over=duration_text(FLEET_WINDOW))
    by_bucket = Aggregation("sum", ("job", "le"), call("rate", buckets))
    quantile = call("histogram_quantile", _QUANTILE, by_bucket) >= 0
    yield RecordingRule(series.latency_p95(JOB), quantile)
