"""PromQL for the figures in views, to be copied into Prometheus or Grafana.

For lists with many rows there is one query, with `$operation`, `$component` and so on for the
names, like variables in Grafana.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vitalspan import metrics
from vitalspan.compiler.condition import expression
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Expression, call
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.selection import Selection
from vitalspan.signals.query import Query

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_WINDOW: Final = 300.0

Queries = Mapping[str, str]
"""PromQL by the name of the figure."""


@dataclass(frozen=True)
class OperationPromql:
    """The figures of some calls in PromQL, over five minutes.

    Attributes:
        rate: calls per second.
        error_rate: the ratio of errors.
        p50: the median duration in seconds.
        p95: the 95th percentile of the durations in seconds.
        p99: the 99th percentile of the durations in seconds.
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
    queries = _Queries(monitor, _WINDOW, component=component, operation=operation)
    return OperationPromql(
        rate=queries.signal("rate"),
        error_rate=queries.signal("error_ratio"),
        p50=queries.signal("latency_p50", quantile=0.5),
        p95=queries.signal("latency_p95", quantile=0.95),
        p99=queries.signal("latency_p99", quantile=0.99),
    )


def promql_of_figures(
    monitor: Monitor,
    seconds: float,
    operation: str | None = "$operation",
    component: str | None = "$component",
    measures: tuple[str, ...] = (),
) -> Queries:
    """Return the PromQL of the figures of some calls.

    Args:
        monitor: the monitor with the metrics.
        seconds: how far the figures look back.
        operation: the name of an operation; None for all.
        component: the name of a component; None for all.
        measures: the names of measures, whose figures are named `measure:NAME`.
    """
    queries = _Queries(monitor, seconds, component=component, operation=operation)
    by_type = Matcher(metrics.ERROR_TYPE, "=", "$error_type")
    return {
        "count": queries.signal("rate", increase=True),
        "throughput": queries.signal("rate"),
        "errors": queries.growth(metrics.OPERATION_ERRORS.name),
        "errors_of_type": queries.growth(metrics.OPERATION_ERRORS.name, by_type),
        "error_rate": queries.signal("error_ratio"),
        "cancellations": queries.growth(metrics.OPERATION_CANCELLATIONS.name),
        "total": queries.signal("concurrency", increase=True),
        "mean": queries.signal("latency_mean"),
        "p50": queries.signal("latency_p50", quantile=0.5),
        "p95": queries.signal("latency_p95", quantile=0.95),
        "p99": queries.signal("latency_p99", quantile=0.99),
        "durations": str(queries.selection.total(_buckets(queries.selection), "le")),
        "in_progress": queries.signal("in_progress"),
        "oldest_in_progress": queries.signal("oldest_in_progress"),
        "cpu_seconds": queries.growth(metrics.OPERATION_CPU.name),
        "memory_growth": queries.growth(metrics.OPERATION_MEMORY_GROWTH.name),
        **{f"measure:{name}": queries.growth(metrics.measure(name).name) for name in measures},
    }


def promql_of_health(monitor: Monitor) -> Queries:
    """Return the PromQL of the score, of those of components, and of what a factor costs."""
    queries = _Queries(monitor, _WINDOW)
    return {
        "score": queries.signal("health_score"),
        "components": queries.gauge(metrics.COMPONENT_EFFECTIVE_SCORE.name, by=metrics.COMPONENT),
        "factor": queries.gauge(metrics.HEALTH_POINTS_LOST.name, Matcher("factor", "=", "$factor")),
    }


def promql_of_alerts(monitor: Monitor) -> Queries:
    """Return the PromQL of how many alerts are firing, and how many are pending."""
    series = _Queries(monitor, _WINDOW).selection.series(metrics.ALERT_STATE.name)
    # An alert has a series for each of its severities.
    return {
        state: f"count(max without (severity) ({series}) == {metrics.ALERT_STATES[state]})"
        for state in ("firing", "pending")
    }


def promql_of_trends(monitor: Monitor, **labels: str) -> Queries:
    """Return the PromQL of the signals that have trends, of calls with some labels or of all.

    Args:
        monitor: the monitor with these metrics.
        **labels: the labels of the calls.
    """
    queries = _Queries(monitor, _WINDOW, **labels)
    quantiles = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
    signals = ("rate", "error_ratio", *quantiles)
    return {name: queries.signal(name, quantile=quantiles.get(name)) for name in signals}


def promql_of_dependencies(monitor: Monitor, seconds: float) -> Queries:
    """Return the PromQL of the figures of a cache, an API and a model, and the cost of all APIs."""
    cache = _Queries(monitor, seconds, component="$component", cache="$cache")
    api = _Queries(monitor, seconds, component="$component", api="$api")
    model = _Queries(monitor, seconds, component="$component", api="$api", model="$model")
    calls = model.growth(metrics.API_MODEL_CALLS.name)
    failed = model.growth(metrics.API_MODEL_CALLS.name, Matcher("outcome", "=", "error"))
    return {
        "lookups": cache.growth(metrics.CACHE_REQUESTS.name),
        "hit_rate": cache.signal("cache_hit_ratio"),
        "calls": api.signal("api_rate", increase=True),
        "error_rate": api.signal("api_error_ratio"),
        "tokens": api.signal("api_tokens_rate", increase=True),
        "cost": api.signal("api_cost_rate", increase=True),
        "total_cost": _Queries(monitor, seconds).signal("api_cost_rate", increase=True),
        "model_calls": calls,
        "model_error_rate": f"{failed} / {calls}",
        "model_retries": model.growth(metrics.API_RETRIES.name),
        **{
            f"model_{kind}_tokens": model.growth(
                metrics.API_MODEL_TOKENS.name, Matcher("token_type", "=", kind)
            )
            for kind in metrics.TOKEN_TYPES
        },
        "model_cost": model.growth(metrics.API_MODEL_COST.name),
        "model_p95": model.classic_quantile(0.95, metrics.API_DURATION.name),
        "model_first_token_p95": model.classic_quantile(0.95, metrics.API_FIRST_TOKEN.name),
    }


def promql_of_resources(monitor: Monitor) -> Queries:
    """Return the PromQL of the resources of the process and the machine."""
    queries = _Queries(monitor, _WINDOW)
    signals = ("cpu_utilization", "memory_utilization", "memory_rss", "threads", "open_fds")
    return {
        **{name: queries.signal(name) for name in signals},
        "cpu_seconds": queries.gauge("process_cpu_seconds_total", how="sum"),
        "gc_collections": queries.gauge("python_gc_collections_total", how="sum"),
    }


def promql_of_budget(monitor: Monitor, slo: str) -> str:
    """Return the PromQL of the remaining error budget of an SLO."""
    return _Queries(monitor, _WINDOW, slo=slo).gauge(metrics.SLO_BUDGET.name, how="min")


class _Queries:
    """Builds PromQL for some series.

    Args:
        monitor: the monitor with the metrics.
        window: seconds to look back.
        **labels: labels of the series; None for any value.
    """

    def __init__(self, monitor: Monitor, window: float, **labels: str | None) -> None:
        self._where = tuple(
            Matcher(name, "=", value) for name, value in labels.items() if value is not None
        )
        self._window = float(window)
        self._context = PromqlContext(prefix=monitor.rules.prefix)
        self.selection = Selection(
            self._where, self._window, growth="increase", context=self._context
        )

    def signal(self, name: str, *, quantile: float | None = None, increase: bool = False) -> str:
        query = Query(name, self._where, self._window, quantile=quantile, increase=increase)
        return str(expression(query, self._context))

    def growth(self, metric: str, *matchers: Matcher) -> str:
        return str(self.selection.sum_rate(metric, *matchers))

    def classic_quantile(self, quantile: float, metric: str) -> str:
        buckets = self.selection.total(self.selection.rate(f"{metric}_bucket"), "le")
        return str(call("histogram_quantile", quantile, buckets))

    def gauge(
        self, metric: str, *matchers: Matcher, how: str = "max", by: str | None = None
    ) -> str:
        labels = () if by is None else (by,)
        series = self.selection.series(metric, *matchers)
        return str(self.selection.total(series, *labels, how=how))


def _buckets(selection: Selection) -> Expression:
    return selection.rate(f"{metrics.OPERATION_DURATION.name}_bucket")
