"""PromQL of the figures that views show, to be copied into Prometheus or Grafana."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vitalspan.compiler.condition import expression
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.matchers import Matcher
from vitalspan.signals.query import Query

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_WINDOW: Final = 300.0


@dataclass(frozen=True)
class OperationPromql:
    """The figures of some calls in PromQL, over five minutes.

    Attributes:
        rate: calls per second.
        error_rate: the share of errors.
        p50: the median duration in seconds.
        p95: the duration in seconds that 95 % of the calls do not exceed.
        p99: the duration in seconds that 99 % of the calls do not exceed.
    """

    rate: str
    error_rate: str
    p50: str
    p95: str
    p99: str


def promql_of_operation(
    monitor: Monitor, operation: str | None = None, component: str | None = None
) -> OperationPromql:
    """Return the PromQL of an operation, of a component, or of all calls."""
    conditions = (("component", component), ("operation", operation))
    where = tuple(Matcher(label, "=", value) for label, value in conditions if value is not None)
    context = PromqlContext(prefix=monitor.rules.prefix)

    def text(signal: str, quantile: float | None = None) -> str:
        return str(expression(Query(signal, where, _WINDOW, quantile=quantile), context))

    return OperationPromql(
        rate=text("rate"),
        error_rate=text("error_ratio"),
        p50=text("latency_p50", 0.5),
        p95=text("latency_p95", 0.95),
        p99=text("latency_p99", 0.99),
    )
