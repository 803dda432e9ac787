"""Panels. Each has a title, a text that says how to read it, a unit and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    heatmap,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common, dashboard, prometheus
from grafana_foundation_sdk.models import heatmap as heatmap_models

from vitalspan.artifacts.grafana.styles import (
    PLAIN,
    UNKNOWN,
    Line,
    Names,
    Panel,
    Steps,
    bounded,
    described,
    done,
    latest,
    legend,
    override,
    target,
    thresholds,
    titled,
    value_map,
)

_FILL: Final = 10
"""Percent of opacity below a line."""


def time_series(
    title: str,
    description: str,
    unit: str,
    lines: Sequence[Line],
    *,
    limits: Steps = (),
    stacked: bool = False,
    least: float | None = 0.0,
    most: float | None = None,
    decimals: int | None = None,
    band: tuple[str, str] | None = None,
    aside: bool = False,
    reach: float | None = None,
) -> Panel:
    """Return values over time.

    Args:
        title: of the panel.
        description: how to read it.
        unit: one of Grafana's.
        lines: what is drawn.
        limits: values that are drawn as lines, with their colours.
        stacked: whether areas are drawn on top of each other.
        least: where the axis begins; None where Grafana chooses.
        most: where it ends.
        decimals: that are shown.
        band: the lower and the upper of two series between which the area is filled.
        aside: whether the legend is on the right, where many series find room.
        reach: where the axis ends at least.
    """
    panel = described(timeseries.Panel(), title, description, unit, lines)
    panel = panel.line_width(1).fill_opacity(4 * _FILL if stacked else _FILL)
    panel = panel.show_points(common.VisibilityMode.NEVER)
    tooltip = common_builders.VizTooltipOptions()
    tooltip = tooltip.mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
    shown = legend(common.LegendDisplayMode.TABLE, "lastNotNull", "max", aside=aside)
    panel = panel.legend(shown).tooltip(tooltip)
    if reach is not None:
        panel = panel.axis_soft_max(reach)
    if band:
        panel = _filled(panel, *band)
    if stacked:
        panel = panel.stacking(
            common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
        )
    if limits:
        style = common_builders.GraphThresholdsStyleConfig()
        style = style.mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style).thresholds(thresholds(limits))
    return done(bounded(panel, least, most, decimals))


def _filled(panel: Any, lower: str, upper: str) -> Any:
    dashed = override("custom.lineStyle", {"fill": "dash", "dash": [6, 6]})
    bare = override("custom.fillOpacity", 0)
    panel = panel.override_by_name(lower, [dashed, bare])
    between = [override("custom.fillBelowTo", lower), override("custom.fillOpacity", _FILL)]
    return panel.override_by_name(upper, [dashed, *between])


def repeated(panel: Any, variable: str, across: int) -> Panel:
    """Return a panel that stands there once for each value of a variable.

    Args:
        panel: whose title and queries name the variable.
        variable: its name.
        across: how many stand side by side at most.
    """
    return done(panel.repeat(variable).repeat_direction("h").max_per_row(across))


def number(
    title: str,
    description: str,
    unit: str,
    line: Line,
    *,
    steps: Steps = PLAIN,
    names: Names | None = None,
    no_value: str = "no data",
    decimals: int | None = None,
    sparkline: bool = True,
) -> Panel:
    """Return the latest value, large.

    Args:
        title: of the panel.
        description: how to read it.
        unit: one of Grafana's.
        line: what is shown.
        steps: its colours.
        names: texts and colours in place of values.
        no_value: what stands there without data.
        decimals: that are shown.
        sparkline: whether the past is drawn behind it.
    """
    panel = described(stat.Panel(), title, description, unit, [line])
    panel = panel.reduce_options(latest())
    panel = panel.color_mode(common.BigValueColorMode.VALUE)
    graph = common.BigValueGraphMode.AREA if sparkline else common.BigValueGraphMode.NONE
    panel = panel.graph_mode(graph).no_value(no_value).thresholds(thresholds(steps))
    if names:
        panel = panel.mappings([value_map(names)])
    return done(bounded(panel, None, None, decimals))


def bars(
    title: str,
    description: str,
    unit: str,
    lines: Sequence[Line],
    *,
    steps: Steps = PLAIN,
    least: float | None = 0.0,
    most: float | None = None,
) -> Panel:
    """Return the latest value of each series as a bar."""
    instant = [target(line, place).instant() for place, line in enumerate(lines)]
    panel = titled(bargauge.Panel(), title, description, unit).targets(instant)
    panel = panel.orientation(common.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(common.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(latest())
    return done(bounded(panel.thresholds(thresholds(steps)), least, most, None))


def states(
    title: str,
    description: str,
    lines: Sequence[Line],
    names: Names,
) -> Panel:
    """Return which state each series is in over time.

    Args:
        title: of the panel.
        description: how to read it.
        lines: what is drawn.
        names: the text and the colour of each value.
    """
    panel = described(statetimeline.Panel(), title, description, "short", lines)
    panel = panel.legend(legend(common.LegendDisplayMode.LIST))
    panel = panel.mappings([value_map(names)]).show_value(common.VisibilityMode.NEVER)
    # By thresholds, Grafana would write their values in the legend, and not the names.
    scheme = builders.FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(UNKNOWN)
    return done(panel.color_scheme(scheme).fill_opacity(80).row_height(0.8).line_width(0))


def heat(title: str, description: str, unit: str, expr: str) -> Panel:
    """Return how many observations fell into which bucket over time, by `le`."""
    line = target(Line(expr, "{{le}}", exemplar=True), 0)
    panel = titled(heatmap.Panel(), title, description, unit)
    panel = panel.targets([line.format(prometheus.PromQueryFormat.HEATMAP)])
    color = _heat_color("Oranges")
    return done(panel.calculate(False).color(color).y_axis(_y_axis(unit)).show_legend())


def _heat_color(scheme: str) -> Any:
    mode = heatmap_models.HeatmapColorMode.SCHEME
    return heatmap.HeatmapColorOptions().mode(mode).scheme(scheme).steps(64)


def _y_axis(unit: str) -> Any:
    return heatmap.YAxisConfig().unit(unit).axis_placement(common.AxisPlacement.LEFT)
