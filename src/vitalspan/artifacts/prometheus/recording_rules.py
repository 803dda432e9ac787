"""Recording rules for the rates that alerting rules use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from vitalspan import metrics as names
from vitalspan.compiler.recorded_names import recorded_name
from vitalspan.promql.context import Growth, PromqlContext, RecordingLookup
from vitalspan.promql.expression import Aggregation, Expression, VectorSelector, binary, call
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.model import Pairs
from vitalspan.units import duration_text, range_text

_LEVELS: Final = {
    family.name.removesuffix("_total"): level
    for level, families in {
        "cache": (names.CACHE_REQUESTS,),
        "api": (names.API_CALLS, names.API_TOKENS, names.API_COST),
        "slo": (names.SLO_EVENTS, names.SLO_BAD_EVENTS),
    }.items()
    for family in families
}
"""The labels that distinguish the series of a metric, besides those of jobs and instances."""


class RecordingRule(NamedTuple):
    """A recording rule."""

    record: str
    expr: Expression
    labels: Pairs = ()

    @property
    def order(self) -> tuple[str, str, Pairs]:
        """The sort key of rules that do not depend on each other."""
        return self.record, str(self.expr), self.labels


class RecordingRules(RecordingLookup):
    """A registry of the recorded series that PromQL uses, with their rules.

    Args:
        context: the context of the export.
    """

    def __init__(self, context: PromqlContext) -> None:
        self.asked: dict[RecordingRule, None] = {}
        self._per_instance = context.per_instance
        self._prefix = context.prefix

    def rate(self, metric: str, window: float, growth: Growth = "rate") -> str:
        """Return the series with the rate of a counter, or its increase, over a window."""
        name = self.series(counted(metric), f"{growth}{duration_text(window)}")
        return self._record(RecordingRule(name, self._sum(growth, metric, window)))

    def ratio(self, part: str, whole: str, window: float, slo: str) -> str:
        """Return the series with an SLO's rate of one counter divided by that of another."""
        name = self.series(counted(part), f"ratio_rate{duration_text(window)}")
        this = Matcher("slo", "=", slo)
        above, below = (self._sum("rate", metric, window, this) for metric in (part, whole))
        expr = binary(above, "/", below > 0, layout="lines")
        return self._record(RecordingRule(name, expr, (("slo", slo),)))

    def timestamp(self, metric: str, slo: str) -> str:
        """Return the series with the time of an SLO's latest sample of a counter."""
        name = self.series(counted(metric), "timestamp")
        latest = call("timestamp", VectorSelector(metric, (Matcher("slo", "=", slo),)))
        return self._record(RecordingRule(name, self._by_job("min", latest), (("slo", slo),)))

    def _record(self, recording: RecordingRule) -> str:
        self.asked.setdefault(recording)
        return recording.record

    def _sum(self, growth: Growth, metric: str, window: float, *matchers: Matcher) -> Expression:
        vector = VectorSelector(metric, matchers, range_text(window))
        return self._by_job("sum", call(growth, vector))

    def _by_job(self, function: str, vector: Expression) -> Expression:
        if self._per_instance:
            return vector
        return Aggregation(function, ("instance",), vector, without=True)

    def series(self, metric: str, operation: str, level: str = "") -> str:
        """Return the name of a recorded series.

        Args:
            metric: the metric that it is computed from, with the prefix.
            operation: the operation that computed it.
            level: the labels that distinguish its series, besides those of jobs and instances.
        """
        instance = "instance" if self._per_instance else ""
        return recorded_name(("job", instance, level or self._level(metric)), metric, operation)

    def _level(self, metric: str) -> str:
        # A prefix is part of the metric's name, but does not affect its labels.
        plain = metric.removeprefix(self._prefix)
        operations = "operation" if plain.startswith("operation_") else ""
        return _LEVELS.get(plain, operations)


def shared(recorders: Iterable[RecordingRules]) -> set[RecordingRule]:
    """Return the recording rules that more than one place uses."""
    times = Counter(recording for recorder in recorders for recording in recorder.asked)
    return {recording for recording, count in times.items() if count > 1}


def counted(metric: str) -> str:
    """Return a counter's name without `_total`, because its rate is no longer a total."""
    return metric.removesuffix("_total")


def told_apart_by(metric: str) -> tuple[str, tuple[str, ...]]:
    """Return the labels of a counter that are kept when it is added up over the others.

    Args:
        metric: a counter of vitalspan's own, without a prefix.

    Returns:
        The level in the name of a series after jobs and instances, and the labels that are kept.
    """
    own = _LEVELS.get(counted(metric), "")
    if own == "slo":
        return own, (own,)
    labels = {"cache": ("cache", "result"), "api": ("api", "outcome")}.get(own, ())
    buckets = ("le",) if metric.endswith("_bucket") else ()
    level = "_".join(filter(None, (names.COMPONENT, own)))
    return level, (names.COMPONENT, *labels, *buckets)
