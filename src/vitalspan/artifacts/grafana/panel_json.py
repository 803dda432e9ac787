"""Panels in Grafana's JSON, made with Grafana's own builders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import (
    heatmap,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from vitalspan.artifacts.grafana.panels import (
    Heatmap,
    Panel,
    Stat,
    StateHistory,
    Table,
    Target,
    TimeSeries,
    targets_by_ref,
)
from vitalspan.artifacts.grafana.styles import UNKNOWN, Mappings, Thresholds

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source that is selected at the top of a dashboard."""

_FILL: Final = 10
_STACKED_FILL: Final = 40
_STATE_FILL: Final = 80
"""The opacity of areas in percent: below a line, below stacked lines, and of states."""

_CELLS: Final = 60
"""The number of cells of a history; Grafana refuses to draw more than fit."""

_ACROSS: Final = 3
"""The number of repeated panels side by side."""

_COLORED: Final = {"custom.cellOptions": {"type": "color-text"}}


def panel_builder(panel: Panel) -> Any:
    """Return the builder of a panel, which only lacks its position."""
    match panel:
        case TimeSeries():
            return _time_series(panel)
        case Stat():
            return _stat(panel)
        case StateHistory():
            return _state_history(panel)
        case Heatmap():
            return _heatmap(panel)
        case Table():
            return _table(panel)


def _time_series(panel: TimeSeries) -> Any:
    builder = _describe(timeseries.Panel(), panel, _targets(panel))
    builder = builder.line_width(1).fill_opacity(_STACKED_FILL if panel.stacked else _FILL)
    builder = builder.show_points(common.VisibilityMode.NEVER)
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    builder = builder.tooltip(tooltip.sort(common.SortOrder.DESCENDING))
    # The most important series are visible without scrolling.
    legend = _legend(common.LegendDisplayMode.TABLE, right=panel.legend_right)
    builder = builder.legend(legend.calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(True))
    maximum = panel.targets[0].maximum if panel.maximum is None else panel.maximum
    limits = ("min", panel.minimum), ("max", maximum), ("axis_soft_max", panel.soft_maximum)
    for option, value in (*limits, ("decimals", panel.decimals)):
        if value is not None:
            builder = getattr(builder, option)(value)
    if panel.band:
        lower, upper = panel.band
        dashed = {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}
        builder = _override(builder, lower, dashed | {"custom.fillOpacity": 0})
        between = {"custom.fillBelowTo": lower, "custom.fillOpacity": _FILL}
        builder = _override(builder, upper, dashed | between)
    if panel.stacked:
        stacking = common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
        builder = builder.stacking(stacking)
    if panel.limits:
        style = common_builders.GraphThresholdsStyleConfig()
        builder = builder.thresholds_style(style.mode(common.GraphThresholdsStyleMode.DASHED))
        builder = builder.thresholds(_thresholds(panel.limits))
    if panel.repeat:
        builder = builder.repeat(panel.repeat).repeat_direction("h").max_per_row(_ACROSS)
    return builder


def _stat(panel: Stat) -> Any:
    targets = _targets(panel)
    names_shown = panel.show != "value"
    if names_shown:
        targets = [target.instant() for target in targets]
    builder = _describe(stat.Panel(), panel, targets)
    latest = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    builder = builder.reduce_options(latest).no_value(panel.no_value)
    builder = builder.thresholds(_thresholds(panel.thresholds))
    color, graph = common.BigValueColorMode, common.BigValueGraphMode
    builder = builder.color_mode(color.BACKGROUND_SOLID if panel.filled else color.VALUE)
    builder = builder.graph_mode(graph.NONE if names_shown or not panel.sparkline else graph.AREA)
    if names_shown:
        builder = builder.text_mode(common.BigValueTextMode(panel.show))
    if panel.mappings:
        builder = builder.mappings([_value_map(panel.mappings)])
    return builder if panel.decimals is None else builder.decimals(panel.decimals)


def _state_history(panel: StateHistory) -> Any:
    builder: Any = statetimeline.Panel() if panel.mappings else statushistory.Panel()
    builder = _describe(builder, panel, _targets(panel))
    builder = builder.legend(_legend(common.LegendDisplayMode.LIST).calcs([]))
    builder = (
        builder.show_value(common.VisibilityMode.NEVER).fill_opacity(_STATE_FILL).line_width(0)
    )
    scheme = builders.FieldColor()
    if panel.mappings:
        # By thresholds, Grafana would write the values in the legend instead of the names.
        scheme = scheme.mode(dashboard.FieldColorModeId.FIXED).fixed_color(UNKNOWN)
        return builder.color_scheme(scheme).mappings([_value_map(panel.mappings)]).row_height(0.8)
    scheme = scheme.mode(dashboard.FieldColorModeId.THRESHOLDS)
    builder = builder.color_scheme(scheme).thresholds(_thresholds(panel.thresholds))
    return builder.row_height(0.9).col_width(0.9).max_data_points(_CELLS)


def _heatmap(panel: Heatmap) -> Any:
    targets = [target.format(PromQueryFormat.HEATMAP) for target in _targets(panel)]
    builder = _describe(heatmap.Panel(), panel, targets)
    color = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME)
    axis = heatmap.YAxisConfig().unit(_unit(panel)).axis_placement(common.AxisPlacement.LEFT)
    builder = builder.color(color.scheme("Oranges").steps(64)).y_axis(axis)
    return builder.calculate(False).show_legend()


def _table(panel: Table) -> Any:
    targets = [target.instant().format(PromQueryFormat.TABLE) for target in _targets(panel)]
    builder = _describe(table.Panel(), panel, targets)
    # Joined rows have the time and value of each query, of which the values are kept.
    several = len(panel.columns) > 1
    values = [f"Value #{ref}" if several else "Value" for ref in targets_by_ref(panel)]
    columns = [*panel.labels, *values]
    titles = [*panel.labels.values(), *(column.title for column in panel.columns)]
    organized = {
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": dict(zip(columns, titles, strict=True)),
        "excludeByName": {},
    }
    transformations = {
        "merge": {},
        "filterFieldsByName": {"include": {"names": columns}},
        "organize": organized,
    }
    builder = builder.transformations(
        [
            dashboard.DataTransformerConfig(id_val=name, options=options)
            for name, options in transformations.items()
        ]
    )
    for column in panel.columns:
        own: dict[str, object] = {"unit": column.unit}
        if column.thresholds:
            own |= {"thresholds": _thresholds(column.thresholds).build(), **_COLORED}
        builder = _override(builder, column.title, own)
    first = panel.columns[0].title
    if panel.mappings:
        builder = _override(builder, first, {"mappings": [_value_map(panel.mappings)], **_COLORED})
    for label, url in panel.links.items():
        title = panel.labels[label]
        link = {"title": f"Open {title.lower()}", "url": url}
        builder = _override(builder, title, {"links": [link]})
    for label, width in panel.widths.items():
        builder = _override(builder, panel.labels[label], {"custom.width": width})
    order = common_builders.TableSortByFieldState().display_name(first).desc(panel.descending)
    return builder.sort_by([order])


def _describe(builder: Any, panel: Panel, targets: list[Any]) -> Any:
    builder = builder.title(panel.title).description(panel.description).unit(_unit(panel))
    return builder.datasource(DATASOURCE).targets(targets)


def _unit(panel: Panel) -> str:
    return panel.unit or panel.targets[0].unit


def _targets(panel: Panel) -> list[prometheus.Dataquery]:
    return [_target(ref, target) for ref, target in targets_by_ref(panel).items()]


def _target(ref: str, target: Target) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(target.expr).datasource(DATASOURCE).ref_id(ref)
    query = query.editor_mode(QueryEditorMode.CODE).range()
    if target.legend:
        query = query.legend_format(target.legend)
    return query.exemplar(True) if target.exemplar else query


def _thresholds(thresholds: Thresholds) -> builders.ThresholdsConfig:
    steps = [dashboard.Threshold(value=value, color=color) for value, color in thresholds]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _value_map(mappings: Mappings) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        options={
            f"{value:g}": dashboard.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(mappings.items())
        }
    )


def _legend(mode: common.LegendDisplayMode, *, right: bool = False) -> Any:
    place = common.LegendPlacement.RIGHT if right else common.LegendPlacement.BOTTOM
    legend = common_builders.VizLegendOptions().show_legend(True)
    return legend.display_mode(mode).placement(place)


def _override(builder: Any, field: str, properties: Mapping[str, object]) -> Any:
    return builder.override_by_name(
        field,
        [
            dashboard.DynamicConfigValue(id_val=name, value=value)
            for name, value in properties.items()
        ],
    )
