"""PromQL for panels: signals and metrics, narrowed down by the variables of a dashboard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.panels import Target, legend
from vitalspan.compiler.recorded_names import RecordedNames
from vitalspan.metrics import Family
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection
from vitalspan.rules.file.load import build_query
from vitalspan.signals.catalogue import signal_of
from vitalspan.units import BYTES, PER_SECOND, RATIO, SECONDS

RATE_INTERVAL: Final = "$__rate_interval"
"""A variable of Grafana: at least four scrape intervals, and no less than one pixel."""

Scope = tuple[str, ...]
"""The labels that have a variable of the same name."""

TARGETS: Final[Scope] = ("job", "instance")
COMPONENTS: Final[Scope] = (*TARGETS, "component")
OPERATIONS: Final[Scope] = (*COMPONENTS, "operation")

BY_COMPONENT: Final = ("component",)
BY_OPERATION: Final = ("component", "operation")

_UNITS: Final = {PER_SECOND: "reqps", RATIO: "percentunit", SECONDS: "s", BYTES: "bytes"}
"""Grafana's names of the units of signals; the others are numbers."""

PENDING, FIRING = (metrics.ALERT_STATES[state] for state in ("pending", "firing"))


@dataclass(frozen=True)
class Queries:
    """A builder of PromQL.

    Attributes:
        prefix: the prefix of the names of vitalspan's own metrics.
        native_histograms: whether durations come from native histograms if there are any.
            Prometheus has the necessary functions since 2.40; other servers may not have them.
    """

    prefix: str = ""
    native_histograms: bool = True

    @property
    def context(self) -> PromqlContext:
        """The context of all queries."""
        return PromqlContext(self.prefix, native_histograms=self.native_histograms)

    @property
    def recorded(self) -> RecordedNames:
        """The names of recorded series."""
        return RecordedNames(self.prefix)

    def signal(
        self,
        name: str,
        scope: Scope = OPERATIONS,
        *,
        by: tuple[str, ...] = (),
        over: str = RATE_INTERVAL,
        ago: float = 0.0,
        apart: bool = False,
    ) -> str:
        """Return a signal by job and by the labels in `by`.

        Args:
            name: the name of the signal.
            scope: the variables that narrow it down.
            by: the labels to keep.
            over: the window in PromQL.
            ago: the number of seconds to go back in time.
            apart: whether instances are kept apart.
        """
        query = build_query({"signal": name})
        context = replace(self.context, per_instance=apart)
        selection = Selection(_where(scope), by=by, offset=ago, span=over, context=context)
        return str(signal_of(query).promql(selection, query))

    def target(
        self,
        name: str,
        scope: Scope = OPERATIONS,
        title: str = "",
        *,
        how: str = "",
        by: tuple[str, ...] = (),
        apart: bool = False,
        exemplar: bool = False,
    ) -> Target:
        """Return the query of a panel about a signal, with what is known about its values.

        Args:
            name: the name of the signal.
            scope: the variables that narrow it down.
            title: the name of its series; by default, the labels that distinguish them.
            how: the aggregation that combines all series into one.
            by: the labels to keep, besides the job.
            apart: whether instances are kept apart.
            exemplar: whether exemplars are shown.
        """
        expr = self.signal(name, scope, by=by, apart=apart)
        signal = signal_of(build_query({"signal": name}))
        return Target(
            f"{how}({expr})" if how else expr,
            title or legend(*(("instance", *by) if apart else by)),
            exemplar=exemplar,
            unit=_UNITS.get(signal.unit, "none"),
            maximum=1 if signal.highest_value() == 1 else None,
        )

    def selection(self, scope: Scope) -> Selection:
        """Return what the variables of a dashboard select."""
        return Selection(_where(scope), span=RATE_INTERVAL, context=self.context)

    def name(self, metric: Family | str) -> str:
        """Return the name of a metric in Prometheus."""
        return self.context.name(_name(metric))

    def series(self, metric: Family | str, scope: Scope = OPERATIONS, *matchers: Matcher) -> str:
        """Return a selector of a metric's series."""
        return str(self.selection(scope).series(_name(metric), *matchers))

    def rate(self, metric: Family | str, scope: Scope = OPERATIONS, *matchers: Matcher) -> str:
        """Return the rate of a counter, series by series."""
        return str(self.selection(scope).rate(_name(metric), *matchers))

    def heatmap(self, histogram: Family) -> str:
        """Return the number of measurements between two points, by bucket.

        If any series has a native histogram, the buckets are those of the native ones: buckets of
        both kinds cannot be drawn together.
        """
        classic = f"sum by (le) ({self.increase(f'{histogram.name}_bucket')})"
        if not self.native_histograms:
            return classic
        return f"sum({self.increase(histogram)}) or on () {classic}"

    def seen_calls(self, scope: Scope) -> str:
        """Return a selector of series that every operation with calls has."""
        count = metrics.DURATION_COUNT
        if not self.native_histograms:
            return self.series(count, scope)
        histogram, _ = metrics.NATIVE_PARTS[count]
        names = Matcher("__name__", "=~", "|".join(map(self.name, (count, histogram))))
        return str(self.selection(scope).recording("", names))

    def increase(
        self,
        metric: Family | str,
        scope: Scope = OPERATIONS,
        *matchers: Matcher,
        over: str = RATE_INTERVAL,
    ) -> str:
        """Return the growth of a counter, series by series."""
        return f"increase({self.series(metric, scope, *matchers)}[{over}])"

    def otherwise(self, vector: str, label: str, text: str, value: float = 0) -> str:
        """Return a vector, or a single value with an explanatory label if it is empty.

        Without any process, there is no such value: nothing is known to be well then.
        """
        fallback = f"max({self.series(metrics.BUILD_INFO, TARGETS)}) * {value:g}"
        return f'{vector} or on () label_replace({fallback}, "{label}", "{text}", "", "")'

    def value_or_zero(self, vector: str) -> str:
        """Return a single value, or 0 if there is none but there is a process."""
        # It is a sum, since the 0 would otherwise be another series.
        return f"sum({self.otherwise(vector, 'instead', 'none')})"


def grouped(how: str, vector: str, *labels: str, empty: str = "") -> Target:
    """Return a query that aggregates a vector by labels, which name its series.

    Args:
        how: the aggregation.
        vector: the vector to aggregate.
        *labels: the labels; `job` only keeps jobs apart, and is not part of names.
        empty: why it may return nothing although all is well.
    """
    named = [label for label in labels if label != "job"]
    expr = f"{how} by ({', '.join(labels)}) ({vector})"
    return Target(expr, legend(*named), empty=empty)


def lowest(series: str) -> str:
    """Return the lowest value of each series since the previous point."""
    return f"min_over_time({series}[{RATE_INTERVAL}])"


def _name(metric: Family | str) -> str:
    return metric if isinstance(metric, str) else metric.name


def _where(scope: Scope) -> tuple[Matcher, ...]:
    return tuple(Matcher(label, "=~", f"${label}") for label in scope)
