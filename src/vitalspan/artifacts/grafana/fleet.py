"""Many instances at once, from recorded series alone: what it costs does not grow with them."""

from __future__ import annotations

from typing import Final

from vitalspan.artifacts.fleet import FleetSeries
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope
from vitalspan.artifacts.grafana.styles import BAD, FAIR, GOOD, POOR, SCORE, Line
from vitalspan.artifacts.grafana.tables import Column, rows
from vitalspan.artifacts.grafana.variables import label
from vitalspan.health.recorded import EFFECTIVE, INSTANCE, JOB, Level, Recorded

UID: Final = "vitalspan-fleet"

_JOB: Final[Scope] = ("job",)
_COMPONENT: Final = Level(component=True)
_TOP: Final = 10
_ERRORS: Final = ((None, GOOD), (0.01, FAIR), (0.05, POOR), (0.1, BAD))


class _Recorded:
    """PromQL of recorded series, narrowed down by the variables of the dashboard."""

    def __init__(self, prefix: str) -> None:
        # The prefix is within the recorded names.
        self.plain = Queries()
        self.health = Recorded(prefix)
        self.traffic = FleetSeries(prefix)

    def of_job(self, name: str) -> str:
        return self.plain.series(name, _JOB)

    def of_instance(self, name: str) -> str:
        return self.plain.series(name, TARGETS)


def fleet(queries: Queries, datasource: str) -> Page:
    """Return the dashboard of jobs and their instances."""
    recorded = _Recorded(queries.prefix)
    page = Page(
        UID,
        "vitalspan / Fleet",
        "Jobs and their instances, from the recording rules that `vitalspan rules export` writes "
        "for a rule file with a health section.",
        (),
        queries,
        datasource,
        more=[
            label("job", (), recorded.health.score(JOB), recorded.plain),
            label("instance", _JOB, recorded.health.score(INSTANCE), recorded.plain),
        ],
        recorded=True,
    )
    _jobs(page, recorded)
    _health(page, recorded)
    _traffic(page, recorded)
    _components(page, recorded)
    _outliers(page, recorded)
    return page


def _jobs(page: Page, recorded: _Recorded) -> None:
    instances = recorded.of_instance(recorded.health.score(INSTANCE))
    page.row(
        "Now",
        number(
            "Health score",
            "Of the worst job chosen, made of the counters of all its instances together.",
            "none",
            Line(f"min({recorded.of_job(recorded.health.score(JOB))})", "score"),
            steps=SCORE,
            decimals=0,
        ),
        number(
            "Instances",
            "Instances that have a score. One that is down has none.",
            "none",
            Line(f"count({instances})", "instances"),
        ),
        number(
            "Unhealthy instances",
            "Instances whose own score is below 60.",
            "none",
            Line(f"count({instances} < 60) or 0 * count({instances})", "instances"),
            steps=((None, GOOD), (1, BAD)),
        ),
        number(
            "Calls",
            "Finished calls a second of all jobs chosen, over 5m.",
            "reqps",
            Line(f"sum({recorded.of_job(recorded.traffic.calls(JOB))})", "calls"),
        ),
        height=5,
    )


def _health(page: Page, recorded: _Recorded) -> None:
    score = recorded.of_job(recorded.health.score(JOB))
    lost = recorded.of_job(recorded.health.points_lost(JOB))
    instances = recorded.of_instance(recorded.health.score(INSTANCE))
    page.row(
        "Health",
        time_series(
            "Health score by job",
            "Counters of all instances are added up first, and scored then: a busy instance counts "
            "for more than an idle one.",
            "none",
            [Line(score, "{{job}}")],
            limits=SCORE,
            most=100,
        ),
        time_series(
            "Points lost",
            "What each factor takes off the score of a job.",
            "none",
            [Line(lost, "{{job}} {{factor}}")],
            stacked=True,
            most=100,
        ),
        time_series(
            "Scores of the instances",
            "How far they lie apart: the best, the median, and the worst of each job. Far apart: "
            "look at the outliers below.",
            "none",
            [
                Line(f"max by (job) ({instances})", "{{job}} best"),
                Line(f"quantile by (job) (0.5, {instances})", "{{job}} median"),
                Line(f"min by (job) ({instances})", "{{job}} worst"),
            ],
            most=100,
        ),
    )


def _traffic(page: Page, recorded: _Recorded) -> None:
    series = recorded.traffic
    page.row(
        "Rate, errors and duration by job",
        time_series(
            "Calls",
            "Finished calls a second of all instances, over 5m.",
            "reqps",
            [Line(recorded.of_job(series.calls(JOB)), "{{job}}")],
        ),
        time_series(
            "Errors",
            "The share of calls that raised, of all instances together, over 5m.",
            "percentunit",
            [Line(recorded.of_job(series.errors(JOB)), "{{job}}")],
            most=1,
        ),
        time_series(
            "Duration",
            "The mean, and what 19 of 20 calls do not exceed, of all instances together, over 5m.",
            "s",
            [
                Line(recorded.of_job(series.mean(JOB)), "{{job}} mean"),
                Line(recorded.of_job(series.quantile(JOB)), "{{job}} 95th percentile"),
            ],
        ),
    )


def _components(page: Page, recorded: _Recorded) -> None:
    score = recorded.of_job(recorded.health.score(_COMPONENT, EFFECTIVE))
    series = recorded.traffic
    page.row(
        "Components",
        time_series(
            "Effective score by component",
            "The least of the scores of a component and of all that it depends on.",
            "none",
            [Line(score, "{{component}}")],
            limits=SCORE,
            most=100,
        ),
        time_series(
            "Calls by component",
            "Finished calls a second of all instances, over 5m.",
            "reqps",
            [Line(recorded.of_job(series.calls(_COMPONENT)), "{{component}}")],
        ),
        time_series(
            "Errors by component",
            "The share of calls that raised, of all instances together, over 5m.",
            "percentunit",
            [Line(recorded.of_job(series.errors(_COMPONENT)), "{{component}}")],
            most=1,
        ),
    )


def _outliers(page: Page, recorded: _Recorded) -> None:
    series = recorded.traffic
    score = recorded.of_instance(recorded.health.score(INSTANCE))
    errors = recorded.of_instance(series.errors(INSTANCE))
    mean = recorded.of_instance(series.mean(INSTANCE))
    who = {"job": "Job", "instance": "Instance"}
    page.row(
        "Outliers",
        rows(
            "Worst instances",
            f"The {_TOP} with the lowest score.",
            who,
            [Column("Score", f"bottomk({_TOP}, {score})", "none", SCORE)],
            descending=False,
        ),
        rows(
            "Most failing instances",
            f"The {_TOP} whose calls fail most often, over 5m.",
            who,
            [Column("Errors", f"topk({_TOP}, {errors})", "percentunit", _ERRORS)],
        ),
        rows(
            "Slowest instances",
            f"The {_TOP} whose calls take longest on average, over 5m.",
            who,
            [Column("Mean", f"topk({_TOP}, {mean})", "s")],
        ),
    )
