"""What panels have in common: queries, colours, thresholds, names for values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard, prometheus

from vitalspan.artifacts.grafana.variables import DATASOURCE

Panel = Builder[dashboard.Panel]

GOOD: Final = "green"
FAIR: Final = "yellow"
POOR: Final = "orange"
BAD: Final = "red"
NEUTRAL: Final = "blue"
UNKNOWN: Final = "gray"
"""Grafana's own names: it shows them differently in its dark and its light theme."""

Steps = Sequence[tuple[float | None, str]]
"""Values with the colour that begins at each; None is where the first one begins."""

SCORE: Final[Steps] = ((None, BAD), (40, POOR), (60, FAIR), (80, GOOD))
"""Of a health score, by the default levels."""

PLAIN: Final[Steps] = ((None, NEUTRAL),)
"""No thresholds at all."""

Names = Mapping[float, tuple[str, str]]
"""Texts and colours that stand in place of values."""


class Line(NamedTuple):
    """A query of a panel.

    Attributes:
        expr: in PromQL.
        legend: what its series are called, with `{{label}}` for a label.
        exemplar: whether the exemplars of a histogram are shown.
    """

    expr: str
    legend: str
    exemplar: bool = False


def value_map(names: Names) -> dashboard.ValueMap:
    """Return texts and colours for values."""
    return dashboard.ValueMap(
        options={
            f"{value:g}": dashboard.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(names.items())
        }
    )


def done(panel: Any) -> Panel:
    """Return a panel that is complete."""
    finished: Panel = panel
    return finished


def described(panel: Any, title: str, description: str, unit: str, lines: Sequence[Line]) -> Any:
    """Give a panel its title, its text, its unit and its queries."""
    targets = [target(line, place) for place, line in enumerate(lines)]
    return titled(panel, title, description, unit).targets(targets)


def titled(panel: Any, title: str, description: str, unit: str) -> Any:
    """Give a panel its title, its text and its unit."""
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def target(line: Line, place: int) -> prometheus_builders.Dataquery:
    """Return the query of a panel at a place."""
    query = prometheus_builders.Dataquery().expr(line.expr).datasource(DATASOURCE)
    query = query.ref_id(chr(ord("A") + place)).editor_mode(prometheus.QueryEditorMode.CODE)
    query = query.range()
    if line.legend:
        query = query.legend_format(line.legend)
    return query.exemplar(True) if line.exemplar else query


def bounded(panel: Any, least: float | None, most: float | None, decimals: int | None) -> Any:
    """Give a panel the ends of its axis, where they are known, and its decimals."""
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    return panel if decimals is None else panel.decimals(decimals)


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    """Return the colours that begin at some values."""
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=color) for value, color in steps])
    )


def latest() -> Builder[common.ReduceDataOptions]:
    """Return that of all values the latest one is shown."""
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def legend(
    mode: common.LegendDisplayMode, *calcs: str, aside: bool = False
) -> Builder[common.VizLegendOptions]:
    """Return a legend below or beside a chart, with what is computed of each series."""
    place = common.LegendPlacement.RIGHT if aside else common.LegendPlacement.BOTTOM
    options = common_builders.VizLegendOptions().show_legend(True).display_mode(mode)
    if "max" in calcs:
        # Those that matter most need no scrolling.
        options = options.sort_by("Max").sort_desc(True)
    return options.placement(place).calcs(list(calcs))


def override(name: str, value: object) -> dashboard.DynamicConfigValue:
    """Return an option that a part of a panel has for itself."""
    return dashboard.DynamicConfigValue(id_val=name, value=value)
