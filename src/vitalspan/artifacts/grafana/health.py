"""How healthy the service is, and why: the score, its factors, components and what they need."""

from __future__ import annotations

from typing import Final

from vitalspan import names
from vitalspan.artifacts.grafana.lights import history, lights, word
from vitalspan.artifacts.grafana.page import Page
from vitalspan.artifacts.grafana.panels import number, time_series
from vitalspan.artifacts.grafana.queries import COMPONENTS, TARGETS, Queries, worst
from vitalspan.artifacts.grafana.styles import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    SCORE,
    UNKNOWN,
    Line,
    Names,
    Panel,
    Steps,
)
from vitalspan.artifacts.grafana.tables import Column, rows
from vitalspan.rules.scoring import NO_DATA

UID: Final = "vitalspan-health"

_NO_SCORE: Final = -1
"""What stands for a score that there is none of."""

_NAMES: Final[Names] = {_NO_SCORE: ("no score", UNKNOWN)}
_SCORE_OR_NONE: Final[Steps] = ((None, UNKNOWN), (0, BAD), *SCORE[1:])
_SHARE: Final[Steps] = ((None, BAD), (0.4, POOR), (0.6, FAIR), (0.8, GOOD))
_LOST: Final[Steps] = ((None, GOOD), (1, FAIR), (10, POOR), (20, BAD))
_DEGRADED: Final = 80
_WIDE: Final = (14, 10)


def health(queries: Queries, datasource: str) -> Page:
    """Return the dashboard of the health score."""
    page = Page(
        UID,
        "vitalspan / Health",
        "How healthy the service is, what costs points, and which component is to blame.",
        COMPONENTS,
        queries,
        datasource,
    )
    _now(page, queries)
    _score(page, queries)
    _factors(page, queries)
    _components(page, queries)
    _room(page, queries)
    return page


def _levels(queries: Queries) -> tuple[str, str, str]:
    """Return the label of levels, the score of each one's worst instance, and those without."""
    label = queries.name(names.HEALTH_STATUS.name)
    at = f"({queries.series(names.HEALTH_STATUS.name, TARGETS)} == 1)"
    score = queries.series(names.HEALTH_SCORE.name, TARGETS)
    known = f"min by ({label}) ({at} * on (job, instance) group_left () {score})"
    return label, known, f"max by ({label}) ({at} * {_NO_SCORE})"


def _now(page: Page, queries: Queries) -> None:
    score = f"min({queries.series(names.HEALTH_SCORE.name, TARGETS)})"
    label, known, unknown = _levels(queries)
    lost = f"max by (factor) ({queries.series(names.HEALTH_POINTS_LOST.name, TARGETS)})"
    effective = queries.series(names.COMPONENT_EFFECTIVE_SCORE.name, COMPONENTS)
    below = f"sum(min by (job, component) ({effective}) < bool {_DEGRADED})"
    status = names.HEALTH_STATUS.name
    silent = queries.series(status, TARGETS, f'{queries.name(status)}="{NO_DATA}"')
    page.row(
        "Now",
        number(
            "Health score",
            "From 0 to 100, of the worst instance chosen. No data: nothing is known yet.",
            "none",
            Line(score, "score"),
            steps=SCORE,
            decimals=0,
        ),
        word(
            "Level",
            "The level that the score of the worst instance is in, in the colour of the score. "
            "Grey: no instance has a score.",
            "none",
            Line(f"bottomk(1, {known}) or on () bottomk(1, {unknown})", f"{{{{{label}}}}}"),
            _SCORE_OR_NONE,
        ),
        word(
            "What costs most",
            "The factor that takes most points off the score, in any instance, and how many. "
            "Look there first.",
            "none",
            Line(queries.otherwise(f"topk(1, {lost} > 0)", "factor", "nothing"), "{{factor}}"),
            _LOST,
            valued=True,
            decimals=1,
        ),
        number(
            f"Components below {_DEGRADED}",
            f"Components whose effective score, with all that they depend on, is below {_DEGRADED} "
            "in any instance.",
            "none",
            Line(below, "components"),
            steps=((None, GOOD), (1, POOR)),
        ),
        number(
            "Instances without a score",
            "Instances that know nothing about themselves: they have just begun, or nobody calls "
            "them.",
            "none",
            Line(f"sum({silent})", "instances"),
            steps=((None, GOOD), (1, FAIR)),
        ),
        height=5,
        widths=(5, 5, 5, 4, 5),
    )


def _score(page: Page, queries: Queries) -> None:
    score = f"min by (job, instance) ({queries.series(names.HEALTH_SCORE.name, TARGETS)})"
    label, known, unknown = _levels(queries)
    page.row(
        "Score",
        time_series(
            "Health score",
            "Of each instance. The dashed lines are where the default levels begin. A gap: nothing "
            "was known.",
            "none",
            [Line(score, "{{job}} {{instance}}")],
            limits=SCORE,
            most=100,
            decimals=0,
        ),
        history(
            "Levels",
            "A row for each level that an instance was in, in the colour of its score; the worst "
            "one where there are several. Grey, below 0: no score.",
            "none",
            Line(f"{known} or {unknown}", f"{{{{{label}}}}}"),
            _SCORE_OR_NONE,
        ),
        widths=_WIDE,
    )


def _factors(page: Page, queries: Queries) -> None:
    lost = f"max by (factor) ({queries.series(names.HEALTH_POINTS_LOST.name, TARGETS)})"
    weight = f"max by (factor) ({queries.series(names.HEALTH_FACTOR_WEIGHT.name, TARGETS)})"
    score = f"min by (factor) ({queries.series(names.HEALTH_FACTOR_SCORE.name, TARGETS)})"
    over_time = worst(queries.series(names.HEALTH_FACTOR_SCORE.name, TARGETS))
    page.row(
        "Factors: why",
        time_series(
            "Points lost",
            "What each factor takes off the score, where most in any instance. On top of each "
            "other, the factors of one instance are what its score lacks of 100.",
            "none",
            [Line(lost, "{{factor}}")],
            stacked=True,
            decimals=1,
            aside=True,
        ),
        rows(
            "Factors now",
            "Of each factor in its worst instance: the points that it loses, those that it stands "
            "for, and what it is at. One that is not known is absent; the others share its points. "
            "What a critical component takes off has no weight of its own.",
            {"factor": "Factor"},
            [
                Column("Points lost", lost, "none", _LOST),
                Column("Weight", weight, "none"),
                Column("Factor score", score, "percentunit", _SHARE),
            ],
        ),
        height=9,
    )
    page.row(
        "Factors over time",
        history(
            "Factor scores",
            "What each factor was at, at its worst within each cell: 100 % loses nothing, 0 % all "
            "its points. No cell: not known, as too little was called.",
            "percentunit",
            Line(f"min by (factor) ({over_time})", "{{factor}}"),
            _SHARE,
        ),
    )


def _components(page: Page, queries: Queries) -> None:
    own = queries.series(names.COMPONENT_HEALTH_SCORE.name, COMPONENTS)
    effective = queries.series(names.COMPONENT_EFFECTIVE_SCORE.name, COMPONENTS)
    by = "min by (component)"
    unknown = f"0 * {by} (last_over_time({effective}[$__range])) + ({_NO_SCORE})"
    page.row(
        "Components",
        lights(
            "Components now",
            "The effective score of each component: the least of its own and of all that it "
            "depends on, in the worst instance. Green from 80, yellow from 60, orange from 40. "
            "Grey: too little is called to tell.",
            "none",
            Line(f"{by} ({effective}) or {unknown}", "{{component}}"),
            _SCORE_OR_NONE,
            names=_NAMES,
            no_value="no component has a score",
            decimals=0,
        ),
        _dependencies(queries),
        widths=_WIDE,
    )
    page.row(
        "Components over time",
        history(
            "By themselves",
            "The own score of each component, at its worst within each cell. Trouble begins where "
            "this is not green.",
            "none",
            Line(f"{by} ({worst(own)})", "{{component}}"),
            SCORE,
        ),
        history(
            "With what they depend on",
            "The effective score. Not green here, but green by itself: look at what the component "
            "depends on.",
            "none",
            Line(f"{by} ({worst(effective)})", "{{component}}"),
            SCORE,
        ),
    )


def _dependencies(queries: Queries) -> Panel:
    scores = queries.series(names.COMPONENT_EFFECTIVE_SCORE.name, TARGETS)
    needed = f'label_join({scores}, "depends_on", "", "component")'
    edges = queries.series(names.COMPONENT_DEPENDENCY.name, COMPONENTS)
    by = "min by (component, depends_on)"
    known = f"{by} ({edges} * on (job, instance, depends_on) group_left () {needed})"
    nothing = queries.otherwise(
        f"{known} or {by} ({edges} * {_NO_SCORE})", "component", "none is declared", _NO_SCORE
    )
    return rows(
        "Dependencies",
        "What each component depends on, by declaration, and how well that does now; the worst "
        "comes first. No score: nothing of it was called.",
        {"component": "Component", "depends_on": "Depends on"},
        [Column("Effective score of it", nothing, "none", _SCORE_OR_NONE)],
        names=_NAMES,
        descending=False,
    )


def _room(page: Page, queries: Queries) -> None:
    by = "sum by (component)"
    inside = queries.series(names.OPERATION_IN_PROGRESS.name, COMPONENTS)
    room = queries.series(names.COMPONENT_CONCURRENCY.name, COMPONENTS)
    page.row(
        "Room",
        time_series(
            "Calls inside",
            "Calls that are inside each component now, in all instances. Compare with the calls to "
            "have room for.",
            "none",
            [Line(f"{by} ({inside})", "{{component}}")],
            aside=True,
        ),
        time_series(
            "Calls to have room for",
            "How many calls at once each component should take, in all instances: what is inside "
            "on average, by Little's law, with some to spare. Size pools and limits by this.",
            "none",
            [Line(f"{by} ({room})", "{{component}}")],
            aside=True,
        ),
    )
