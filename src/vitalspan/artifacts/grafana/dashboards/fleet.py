"""The dashboard Fleet: many instances at once, from recorded series alone.

Its cost for Prometheus does not grow with the number of instances.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.annotations import alerts_of_prometheus
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import (
    Column,
    Stat,
    Table,
    Target,
    TimeSeries,
    labels,
    legend,
)
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope
from vitalspan.artifacts.grafana.rows.traffic import TOP
from vitalspan.artifacts.grafana.variables import Variable, label_variable
from vitalspan.compiler.recorded_names import EFFECTIVE, FLEET_WINDOW, INSTANCE, JOB, Grouping
from vitalspan.units import duration_text

_JOB: Final[Scope] = ("job",)
_COMPONENT: Final = Grouping(component=True)
_OVER: Final = f"over {duration_text(FLEET_WINDOW)}"


# The recorded names contain the prefix.
_RECORDED: Final = Queries()


def _of_job(series: str) -> str:
    return _RECORDED.series(series, _JOB)


def _of_instance(series: str) -> str:
    return _RECORDED.series(series, TARGETS)


def _job(queries: Queries) -> Variable:
    return label_variable("job", _RECORDED.series(queries.recorded.score(JOB), ()))


def _instance(queries: Queries) -> Variable:
    return label_variable("instance", _of_job(queries.recorded.score(INSTANCE)))


@row("Now", height=5)
def _now(queries: Queries) -> Panels:
    score = _of_job(queries.recorded.score(JOB))
    instances = _of_instance(queries.recorded.score(INSTANCE))
    unhealthy = f"count({instances} < {styles.DEGRADED}) or 0 * count({instances})"
    calls = _of_job(queries.recorded.call_rate(JOB))
    yield Stat(
        "Health score",
        "The score of the worst selected job, from 0 to 100. It is computed from the counters "
        "of all its instances together.",
        [Target(f"min({score})", "score")],
        thresholds=styles.SCORE,
        decimals=0,
    )
    yield Stat(
        "Instances",
        "The number of instances with a score. An instance that is down has none.",
        [Target(f"count({instances})", "instances")],
    )
    yield Stat(
        "Unhealthy instances",
        f"The number of instances whose own score is below {styles.DEGRADED}. The table of the "
        "worst instances shows which ones.",
        [Target(unhealthy, "instances")],
        thresholds=styles.NONE_EXPECTED,
    )
    yield Stat(
        "Calls",
        f"Finished calls per second of all selected jobs, {_OVER}.",
        [Target(f"sum({calls})", "calls")],
        "reqps",
    )


@row("Health")
def _health(queries: Queries) -> Panels:
    instances = _of_instance(queries.recorded.score(INSTANCE))
    yield TimeSeries(
        "Health score by job",
        "The score of each job, computed from the sums of the counters of all its instances. "
        "A busy instance therefore counts more than an idle one.",
        [Target(_of_job(queries.recorded.score(JOB)), "{{job}}")],
        limits=styles.SCORE,
        maximum=100,
    )
    yield TimeSeries(
        "Points lost",
        "How many points each factor costs each job. Start with the factor that costs most.",
        [Target(_of_job(queries.recorded.points_lost(JOB)), "{{job}} {{factor}}")],
        stacked=True,
        maximum=100,
    )
    yield TimeSeries(
        "Scores of the instances",
        "The best, the median and the worst score of each job's instances. If they are far apart, "
        "look at the outliers below.",
        [
            Target(f"max by (job) ({instances})", "{{job}} best"),
            Target(f"quantile by (job) (0.5, {instances})", "{{job}} median"),
            Target(f"min by (job) ({instances})", "{{job}} worst"),
        ],
        maximum=100,
    )


def _calls_and_errors(queries: Queries, level: Grouping, label: str, of: str = "") -> Panels:
    calls, errors = queries.recorded.call_rate(level), queries.recorded.error_ratio(level)
    yield TimeSeries(
        f"Calls{of}",
        f"Finished calls per second of all instances of each job, {_OVER}.",
        [Target(_of_job(calls), legend(label))],
        "reqps",
    )
    yield TimeSeries(
        f"Errors{of}",
        f"The share of calls that raised an exception, in all instances together, {_OVER}.",
        [Target(_of_job(errors), legend(label))],
        "percentunit",
        maximum=1,
    )


@row("Rate, errors and duration by job")
def _traffic(queries: Queries) -> Panels:
    mean, quantile = queries.recorded.latency_mean(JOB), queries.recorded.latency_p95(JOB)
    yield from _calls_and_errors(queries, JOB, "job")
    yield TimeSeries(
        "Duration",
        f"The mean duration, and the 95th percentile, of all instances together, {_OVER}.",
        [
            Target(_of_job(mean), "{{job}} mean"),
            Target(_of_job(quantile), "{{job}} 95th percentile"),
        ],
        "s",
    )


@row("Components")
def _components(queries: Queries) -> Panels:
    yield TimeSeries(
        "Effective score by component",
        "The effective score of each component: the lowest score of the component itself and "
        "of everything that it depends on.",
        [Target(_of_job(queries.recorded.score(_COMPONENT, EFFECTIVE)), "{{component}}")],
        limits=styles.SCORE,
        maximum=100,
    )
    yield from _calls_and_errors(queries, _COMPONENT, "component", " by component")


@row("Outliers")
def _outliers(queries: Queries) -> Panels:
    def worst(title: str, description: str, column: Column, *, highest: bool = True) -> Table:
        expr = f"{'topk' if highest else 'bottomk'}({TOP}, {_of_instance(column.expr)})"
        return Table(
            title,
            f"The {TOP} instances {description}.",
            labels("job", "instance"),
            [replace(column, expr=expr)],
            descending=highest,
        )

    errors, mean = queries.recorded.error_ratio(INSTANCE), queries.recorded.latency_mean(INSTANCE)
    yield worst(
        "Worst instances",
        "with the lowest score",
        Column("Score", queries.recorded.score(INSTANCE), "none", styles.SCORE),
        highest=False,
    )
    yield worst(
        "Most failing instances",
        f"whose calls fail most often, {_OVER}",
        Column("Errors", errors, "percentunit", styles.ERROR_RATIO),
    )
    yield worst(
        "Slowest instances",
        f"whose calls take longest on average, {_OVER}",
        Column("Mean", mean, "s"),
    )


FLEET: Final = Dashboard(
    "vitalspan-fleet",
    "vitalspan / Fleet",
    "Jobs and their instances. The panels use the recording rules that `vitalspan rules "
    "export` writes for a rule file with a health section.",
    (_job, _instance),
    (_now, _health, _traffic, _components, _outliers),
    annotations=[alerts_of_prometheus],
)
"""The dashboard of jobs and their instances."""
