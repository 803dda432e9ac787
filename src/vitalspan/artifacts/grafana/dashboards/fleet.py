"""The dashboard Fleet: many instances at once, from recorded series alone.

What it costs Prometheus does not grow with the number of instances.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.annotations import alerts_of_prometheus
from vitalspan.artifacts.grafana.dashboard import Dashboard, Row
from vitalspan.artifacts.grafana.panels import (
    Column,
    Panel,
    Stat,
    Table,
    Target,
    TimeSeries,
    labels,
    legend,
)
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope
from vitalspan.artifacts.grafana.rows.traffic import TOP
from vitalspan.artifacts.grafana.variables import label_variable
from vitalspan.compiler.recorded_names import (
    EFFECTIVE,
    FLEET_WINDOW,
    INSTANCE,
    JOB,
    Grouping,
    RecordedNames,
)
from vitalspan.units import duration_text

_JOB: Final[Scope] = ("job",)
_COMPONENT: Final = Grouping(component=True)
_OVER: Final = f"over {duration_text(FLEET_WINDOW)}"


class _Recorded:
    """PromQL of recorded series, narrowed down by the variables of the dashboard."""

    def __init__(self, prefix: str) -> None:
        # The prefix is within the recorded names.
        self.plain = Queries()
        self.names = RecordedNames(prefix)

    def of_job(self, name: str) -> str:
        return self.plain.series(name, _JOB)

    def of_instance(self, name: str) -> str:
        return self.plain.series(name, TARGETS)


def fleet(queries: Queries) -> Dashboard:
    """Return the dashboard of jobs and their instances."""
    recorded = _Recorded(queries.prefix)
    return Dashboard(
        "vitalspan-fleet",
        "vitalspan / Fleet",
        "Jobs and their instances, from the recording rules that `vitalspan rules export` writes "
        "for a rule file with a health section.",
        [
            label_variable("job", recorded.plain.series(recorded.names.score(JOB), ())),
            label_variable("instance", recorded.plain.series(recorded.names.score(INSTANCE), _JOB)),
        ],
        [alerts_of_prometheus()],
        [
            _now(recorded),
            _health(recorded),
            _traffic(recorded),
            _components(recorded),
            _outliers(recorded),
        ],
    )


def _now(recorded: _Recorded) -> Row:
    score = recorded.of_job(recorded.names.score(JOB))
    instances = recorded.of_instance(recorded.names.score(INSTANCE))
    unhealthy = f"count({instances} < {styles.DEGRADED}) or 0 * count({instances})"
    calls = recorded.of_job(recorded.names.call_rate(JOB))
    return Row(
        "Now",
        Stat(
            "Health score",
            "The score of the worst selected job, computed from the counters of all its instances "
            "together.",
            [Target(f"min({score})", "score")],
            thresholds=styles.SCORE,
            decimals=0,
        ),
        Stat(
            "Instances",
            "The number of instances with a score. An instance that is down has none.",
            [Target(f"count({instances})", "instances")],
        ),
        Stat(
            "Unhealthy instances",
            f"The number of instances whose own score is below {styles.DEGRADED}.",
            [Target(unhealthy, "instances")],
            thresholds=styles.NONE_EXPECTED,
        ),
        Stat(
            "Calls",
            f"Finished calls a second of all selected jobs, {_OVER}.",
            [Target(f"sum({calls})", "calls")],
            "reqps",
        ),
        height=5,
    )


def _health(recorded: _Recorded) -> Row:
    score = recorded.of_job(recorded.names.score(JOB))
    lost = recorded.of_job(recorded.names.points_lost(JOB))
    instances = recorded.of_instance(recorded.names.score(INSTANCE))
    return Row(
        "Health",
        TimeSeries(
            "Health score by job",
            "The score of each job, computed from the sums of the counters of all instances, so "
            "that a busy instance counts for more than an idle one.",
            [Target(score, "{{job}}")],
            limits=styles.SCORE,
            maximum=100,
        ),
        TimeSeries(
            "Points lost",
            "The points that each factor costs a job.",
            [Target(lost, "{{job}} {{factor}}")],
            stacked=True,
            maximum=100,
        ),
        TimeSeries(
            "Scores of the instances",
            "The best, the median and the worst score of each job's instances. If they are far "
            "apart, look at the outliers below.",
            [
                Target(f"max by (job) ({instances})", "{{job}} best"),
                Target(f"quantile by (job) (0.5, {instances})", "{{job}} median"),
                Target(f"min by (job) ({instances})", "{{job}} worst"),
            ],
            maximum=100,
        ),
    )


def _calls_and_errors(
    recorded: _Recorded, level: Grouping, label: str, of: str = ""
) -> list[Panel]:
    calls, errors = recorded.names.call_rate(level), recorded.names.error_ratio(level)
    return [
        TimeSeries(
            f"Calls{of}",
            f"Finished calls a second of all instances, {_OVER}.",
            [Target(recorded.of_job(calls), legend(label))],
            "reqps",
        ),
        TimeSeries(
            f"Errors{of}",
            f"The share of calls that raised an exception, in all instances together, {_OVER}.",
            [Target(recorded.of_job(errors), legend(label))],
            "percentunit",
            maximum=1,
        ),
    ]


def _traffic(recorded: _Recorded) -> Row:
    mean, quantile = recorded.names.latency_mean(JOB), recorded.names.latency_p95(JOB)
    duration = TimeSeries(
        "Duration",
        f"The mean duration, and the 95th percentile, of all instances together, {_OVER}.",
        [
            Target(recorded.of_job(mean), "{{job}} mean"),
            Target(recorded.of_job(quantile), "{{job}} 95th percentile"),
        ],
        "s",
    )
    calls = _calls_and_errors(recorded, JOB, "job")
    return Row("Rate, errors and duration by job", *calls, duration)


def _components(recorded: _Recorded) -> Row:
    score = TimeSeries(
        "Effective score by component",
        "The lowest of the scores of a component and of all that it depends on.",
        [Target(recorded.of_job(recorded.names.score(_COMPONENT, EFFECTIVE)), "{{component}}")],
        limits=styles.SCORE,
        maximum=100,
    )
    traffic = _calls_and_errors(recorded, _COMPONENT, "component", " by component")
    return Row("Components", score, *traffic)


def _outliers(recorded: _Recorded) -> Row:
    def worst(title: str, description: str, column: Column, *, highest: bool = True) -> Panel:
        expr = f"{'topk' if highest else 'bottomk'}({TOP}, {recorded.of_instance(column.expr)})"
        return Table(
            title,
            f"The {TOP} instances {description}.",
            labels("job", "instance"),
            [replace(column, expr=expr)],
            descending=highest,
        )

    score = recorded.names.score(INSTANCE)
    errors, mean = recorded.names.error_ratio(INSTANCE), recorded.names.latency_mean(INSTANCE)
    return Row(
        "Outliers",
        worst(
            "Worst instances",
            "with the lowest score",
            Column("Score", score, "none", styles.SCORE),
            highest=False,
        ),
        worst(
            "Most failing instances",
            f"whose calls fail most often, {_OVER}",
            Column("Errors", errors, "percentunit", styles.ERROR_RATIO),
        ),
        worst(
            "Slowest instances",
            f"whose calls take longest on average, {_OVER}",
            Column("Mean", mean, "s"),
        ),
    )
