"""Panels that show by their colour how something does: lights, and what they were over time."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, statushistory
from grafana_foundation_sdk.models import common, dashboard

from vitalspan.artifacts.grafana.styles import (
    Line,
    Names,
    Panel,
    Steps,
    bounded,
    described,
    done,
    latest,
    legend,
    target,
    thresholds,
    titled,
    value_map,
)

_CELLS: Final = 60
"""Cells of a history from left to right; Grafana refuses to draw more than find room."""

_OPACITY: Final = 80


def lights(
    title: str,
    description: str,
    unit: str,
    line: Line,
    steps: Steps,
    *,
    names: Names | None = None,
    no_value: str = "no data",
    decimals: int | None = None,
) -> Panel:
    """Return a field for each series, with its name and its value now, in its colour.

    Args:
        title: of the panel.
        description: how to read it.
        unit: one of Grafana's.
        line: what is shown.
        steps: the colours.
        names: texts and colours in place of values.
        no_value: what stands there without data.
        decimals: that are shown.
    """
    panel = titled(stat.Panel(), title, description, unit).targets([target(line, 0).instant()])
    panel = panel.reduce_options(latest()).no_value(no_value).thresholds(thresholds(steps))
    panel = panel.color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
    panel = panel.graph_mode(common.BigValueGraphMode.NONE)
    panel = panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    if names:
        panel = panel.mappings([value_map(names)])
    return done(bounded(panel, None, None, decimals))


def word(
    title: str,
    description: str,
    unit: str,
    line: Line,
    steps: Steps,
    *,
    valued: bool = False,
    decimals: int | None = None,
) -> Panel:
    """Return the name of the only series, large, in the colour of its value now.

    Args:
        title: of the panel.
        description: how to read it.
        unit: one of Grafana's.
        line: what is shown.
        steps: the colours.
        valued: whether the value is shown as well.
        decimals: that are shown of it.
    """
    panel = titled(stat.Panel(), title, description, unit).targets([target(line, 0).instant()])
    panel = panel.reduce_options(latest()).no_value("no data").thresholds(thresholds(steps))
    panel = panel.color_mode(common.BigValueColorMode.VALUE)
    panel = panel.graph_mode(common.BigValueGraphMode.NONE)
    mode = common.BigValueTextMode
    panel = panel.text_mode(mode.VALUE_AND_NAME if valued else mode.NAME)
    return done(bounded(panel, None, None, decimals))


def history(title: str, description: str, unit: str, line: Line, steps: Steps) -> Panel:
    """Return a row of cells for each series, in the colours that its values had."""
    panel = described(statushistory.Panel(), title, description, unit, [line])
    panel = panel.legend(legend(common.LegendDisplayMode.LIST)).thresholds(thresholds(steps))
    scheme = builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS)
    panel = panel.color_scheme(scheme).show_value(common.VisibilityMode.NEVER)
    panel = panel.fill_opacity(_OPACITY).line_width(0).row_height(0.9).col_width(0.9)
    return done(panel.max_data_points(_CELLS))
