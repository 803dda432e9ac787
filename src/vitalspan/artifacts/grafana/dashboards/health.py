"""The dashboard Health: the score, its factors, and the components with their dependencies."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import (
    Column,
    Stat,
    StateHistory,
    Table,
    Target,
    TimeSeries,
    labels,
    legend,
)
from vitalspan.artifacts.grafana.queries import COMPONENTS, TARGETS, Queries, grouped, lowest
from vitalspan.artifacts.grafana.rows.traffic import health_score
from vitalspan.artifacts.grafana.variables import label_variables
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.scoring import NO_DATA

_NO_SCORE_NAME: Final[styles.Mappings] = {styles.NO_SCORE: ("no score", styles.UNKNOWN)}
_WIDE: Final = (14, 10)


def _levels(queries: Queries) -> tuple[str, str, str]:
    """Return the label of levels, the score of each one's worst instance, and those without one."""
    label = queries.name(metrics.HEALTH_STATUS)
    at = f"({queries.series(metrics.HEALTH_STATUS, TARGETS)} == 1)"
    score = queries.series(metrics.HEALTH_SCORE, TARGETS)
    score_of_level = f"min by ({label}) ({at} * on (job, instance) group_left () {score})"
    return label, score_of_level, f"max by ({label}) ({at} * {styles.NO_SCORE})"


@row("Now", height=5, widths=(5, 5, 5, 4, 5))
def _now(queries: Queries) -> Panels:
    label, known, unknown = _levels(queries)
    lost = f"max by (factor) ({queries.series(metrics.HEALTH_POINTS_LOST, TARGETS)})"
    most_lost = queries.otherwise(f"topk(1, {lost} > 0)", "factor", "nothing")
    effective = queries.series(metrics.COMPONENT_EFFECTIVE_SCORE, COMPONENTS)
    below = f"sum(min by (job, component) ({effective}) < bool {styles.HEALTHY})"
    silent = queries.series(metrics.HEALTH_STATUS, TARGETS, Matcher(label, "=", NO_DATA))
    yield health_score(queries)
    yield Stat(
        "Level",
        "The level of the worst instance, in the colour of its score. Grey means that no "
        "instance has a score yet.",
        [Target(f"bottomk(1, {known}) or on () bottomk(1, {unknown})", legend(label))],
        thresholds=styles.SCORE_OR_NONE,
        show="name",
    )
    yield Stat(
        "Most costly factor",
        "The factor that costs the most points in any instance, and how many. Start looking there.",
        [Target(most_lost, "{{factor}}")],
        thresholds=styles.POINTS_LOST,
        show="value_and_name",
        decimals=1,
    )
    yield Stat(
        f"Components below {styles.HEALTHY}",
        "The number of components whose effective score, which includes all that they depend on, "
        f"is below {styles.HEALTHY} in any instance.",
        [Target(below, "components")],
        thresholds=((None, styles.GOOD), (1, styles.POOR)),
    )
    yield Stat(
        "Instances without a score",
        "The number of instances whose health is unknown, because they have just started or "
        "have had no calls.",
        [Target(f"sum({silent})", "instances")],
        thresholds=styles.FEW_EXPECTED,
    )


@row("Score", widths=_WIDE)
def _score(queries: Queries) -> Panels:
    score = f"min by (job, instance) ({queries.series(metrics.HEALTH_SCORE, TARGETS)})"
    label, known, unknown = _levels(queries)
    yield TimeSeries(
        "Health score",
        "The score of each instance. The dashed lines show where the default levels begin. "
        "Gaps mean that the health was unknown.",
        [Target(score, "{{job}} {{instance}}")],
        limits=styles.SCORE,
        maximum=100,
        decimals=0,
    )
    yield StateHistory(
        "Levels",
        "One row for each level that an instance had, in the colour of its score, or of the "
        "worst score if there are several. Grey, shown as a value below 0, means that there "
        "was no score.",
        [Target(f"{known} or {unknown}", legend(label))],
        thresholds=styles.SCORE_OR_NONE,
    )


@row("Factors", height=9)
def _factors(queries: Queries) -> Panels:
    lost = grouped("max", queries.series(metrics.HEALTH_POINTS_LOST, TARGETS), "factor")
    weight = f"max by (factor) ({queries.series(metrics.HEALTH_FACTOR_WEIGHT, TARGETS)})"
    score = f"min by (factor) ({queries.series(metrics.HEALTH_FACTOR_SCORE, TARGETS)})"
    yield TimeSeries(
        "Points lost",
        "The points that each factor costs, in the instance where it costs most. For one instance, "
        "the stacked factors are the difference between its score and 100.",
        [lost],
        stacked=True,
        decimals=1,
        legend_right=True,
    )
    yield Table(
        "Factors now",
        "Each factor in its worst instance: the points that it loses, the points that it can "
        "give, and its score. If a factor is unknown, it is absent, and the others share its "
        "points. Factors that limit the score have no weight.",
        labels("factor"),
        [
            Column("Points lost", lost.expr, "none", styles.POINTS_LOST),
            Column("Weight", weight, "none"),
            Column("Factor score", score, "percentunit", styles.FACTOR_SCORE),
        ],
    )


@row("Factors over time")
def _factors_over_time(queries: Queries) -> Panels:
    yield StateHistory(
        "Factor scores",
        "The worst score of each factor within each cell. At 100 % a factor loses no points, "
        "and at 0 % it loses all of them. Empty cells mean that there were too few calls.",
        [grouped("min", lowest(queries.series(metrics.HEALTH_FACTOR_SCORE, TARGETS)), "factor")],
        "percentunit",
        thresholds=styles.FACTOR_SCORE,
    )


@row("Components", widths=_WIDE)
def _components(queries: Queries) -> Panels:
    by = "min by (component)"
    effective = queries.series(metrics.COMPONENT_EFFECTIVE_SCORE, COMPONENTS)
    unknown = f"0 * {by} (last_over_time({effective}[$__range])) + ({styles.NO_SCORE})"
    yield Stat(
        "Components now",
        "The effective score of each component in its worst instance: the lowest of its own score "
        f"and those of all that it depends on. It is green from {styles.HEALTHY}, yellow from "
        f"{styles.DEGRADED}, and orange from {styles.UNHEALTHY}. Grey means that there are too few "
        "calls.",
        [Target(f"{by} ({effective}) or {unknown}", "{{component}}")],
        thresholds=styles.SCORE_OR_NONE,
        mappings=_NO_SCORE_NAME,
        no_value="no component has a score",
        decimals=0,
        show="value_and_name",
        filled=True,
    )
    yield _dependencies(queries)


def _dependencies(queries: Queries) -> Table:
    scores = queries.series(metrics.COMPONENT_EFFECTIVE_SCORE, TARGETS)
    needed = f'label_join({scores}, "depends_on", "", "component")'
    edges = queries.series(metrics.COMPONENT_DEPENDENCY, COMPONENTS)
    by = "min by (component, depends_on)"
    known = f"{by} ({edges} * on (job, instance, depends_on) group_left () {needed})"
    unknown = f"{by} ({edges} * {styles.NO_SCORE})"
    scores_or_none = queries.otherwise(
        f"{known} or {unknown}", "component", "none is declared", styles.NO_SCORE
    )
    return Table(
        "Dependencies",
        "The declared dependencies of each component, with the score of what it depends on. "
        "The worst is first. A dependency without a score had no calls.",
        labels("component", "depends_on"),
        [Column("Its effective score", scores_or_none, "none", styles.SCORE_OR_NONE)],
        mappings=_NO_SCORE_NAME,
        descending=False,
    )


@row("Components over time")
def _components_over_time(queries: Queries) -> Panels:
    def history(title: str, description: str, metric: metrics.Family) -> StateHistory:
        target = grouped("min", lowest(queries.series(metric, COMPONENTS)), "component")
        return StateHistory(title, description, [target], thresholds=styles.SCORE)

    yield history(
        "Own scores",
        "The worst score of each component itself within each cell. The component where this "
        "is not green is the cause.",
        metrics.COMPONENT_HEALTH_SCORE,
    )
    yield history(
        "Effective scores",
        "The worst effective score of each component within each cell. If this is not green "
        "while the own score is, the cause is a component that it depends on.",
        metrics.COMPONENT_EFFECTIVE_SCORE,
    )


@row("Concurrency")
def _concurrency(queries: Queries) -> Panels:
    def calls(title: str, description: str, metric: metrics.Family) -> TimeSeries:
        target = grouped("sum", queries.series(metric, COMPONENTS), "component")
        return TimeSeries(title, description, [target], legend_right=True)

    yield calls(
        "Running calls",
        "The running calls of each component, in all instances. If they stay above the "
        "recommended concurrency, calls have to wait.",
        metrics.OPERATION_IN_PROGRESS,
    )
    yield calls(
        "Recommended concurrency",
        "The number of calls that each component should be able to run at once, in all "
        "instances: the average number of running calls, by Little's law, with some to spare. "
        "Use it to size pools and limits.",
        metrics.COMPONENT_CONCURRENCY,
    )


HEALTH: Final = Dashboard(
    "vitalspan-health",
    "vitalspan / Health",
    "How healthy the service is, what costs points, and which component is the cause.",
    label_variables(COMPONENTS),
    (_now, _score, _factors, _factors_over_time, _components, _components_over_time, _concurrency),
)
"""The dashboard of the health score."""
