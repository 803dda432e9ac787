"""The PromQL of panels: signals and metrics, narrowed down by the variables of a dashboard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from vitalspan import names
from vitalspan.rules.file import build_query
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.matching import Matcher
from vitalspan.signals.promql import Selection

RATE_INTERVAL: Final = "$__rate_interval"
"""Grafana's own variable: at least four scrape intervals, and no less than a pixel stands for."""

Scope = tuple[str, ...]
"""Labels that have a variable of the same name."""

TARGETS: Final[Scope] = ("job", "instance")
COMPONENTS: Final[Scope] = (*TARGETS, "component")
OPERATIONS: Final[Scope] = (*COMPONENTS, "operation")


@dataclass(frozen=True)
class Queries:
    """Makes PromQL.

    Attributes:
        prefix: before the names of vitalspan's own metrics.
    """

    prefix: str = ""

    def signal(
        self,
        name: str,
        scope: Scope = OPERATIONS,
        *,
        by: tuple[str, ...] = (),
        over: str = RATE_INTERVAL,
        ago: float = 0.0,
        apart: bool = False,
        **fields: Any,
    ) -> str:
        """Return a signal, by job and `by`.

        Args:
            name: of the signal.
            scope: the variables that narrow it down.
            by: the labels that stay.
            over: the window, as PromQL has it.
            ago: seconds to go back in time.
            apart: whether instances stay apart.
            **fields: what else a rule would say: `slo`, `measure`, `where`.
        """
        query = build_query({"signal": name, **fields})
        selection = replace(
            self.selection(scope, over),
            where=_where(scope, query.where),
            by=by,
            offset=ago,
            per_instance=apart,
        )
        return signal_of(query).promql(selection, query)

    def selection(self, scope: Scope, over: str = RATE_INTERVAL) -> Selection:
        """Return what the variables of a dashboard select."""
        return Selection(where=_where(scope), prefix=self.prefix, span=over)

    def name(self, metric: str) -> str:
        """Return what a metric is called in Prometheus."""
        return Selection(prefix=self.prefix).name(metric)

    def series(self, metric: str, scope: Scope = OPERATIONS, *conditions: str) -> str:
        """Return a selector of a metric's series."""
        return self.selection(scope).series(metric, *conditions)

    def rate(
        self, metric: str, scope: Scope = OPERATIONS, *conditions: str, over: str = RATE_INTERVAL
    ) -> str:
        """Return the rate of a counter, series by series."""
        return self.selection(scope, over).rate(metric, *conditions)

    def increase(
        self, metric: str, scope: Scope = OPERATIONS, *conditions: str, over: str = RATE_INTERVAL
    ) -> str:
        """Return how much a counter has grown, series by series."""
        return f"increase({self.series(metric, scope, *conditions)}[{over}])"

    def otherwise(self, vector: str, label: str, text: str, value: float = 0) -> str:
        """Return a vector, or where it is empty one value whose label says so.

        Where no process is seen at all there is none: what nobody tells is not known to be well.
        """
        seen = f"max({self.series(names.BUILD_INFO.name, TARGETS)}) * {value:g}"
        return f'{vector} or on () label_replace({seen}, "{label}", "{text}", "", "")'

    def one(self, vector: str) -> str:
        """Return a single value, or 0 where there is none but a process is seen."""
        # Added up: what stands in would be a series of its own beside it.
        return f"sum({self.otherwise(vector, 'instead', 'none')})"


def worst(series: str) -> str:
    """Return the least that series were at since the point before."""
    return f"min_over_time({series}[{RATE_INTERVAL}])"


def _where(scope: Scope, more: tuple[Matcher, ...] = ()) -> tuple[Matcher, ...]:
    # A label that a query asks for itself is not narrowed down any more.
    asked = {one.label for one in more}
    return (*(Matcher(label, "=~", f"${label}") for label in scope if label not in asked), *more)
