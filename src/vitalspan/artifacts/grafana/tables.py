"""Tables: a row for each combination of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard, prometheus

from vitalspan.artifacts.grafana.styles import (
    Line,
    Names,
    Panel,
    Steps,
    done,
    override,
    target,
    thresholds,
    titled,
    value_map,
)

_COLORED: Final = override("custom.cellOptions", {"type": "color-text"})


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: above it.
        expr: whose latest value stands there, in PromQL.
        unit: one of Grafana's.
        steps: its colours; none where the text has that of all others.
    """

    title: str
    expr: str
    unit: str
    steps: Steps = ()


def rows(
    title: str,
    description: str,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    *,
    names: Names | None = None,
    links: Mapping[str, str] | None = None,
    widths: Mapping[str, int] | None = None,
    descending: bool = True,
) -> Panel:
    """Return a table: a row for each combination of labels, sorted by the first value.

    Args:
        title: of the panel.
        description: how to read it.
        labels: with the title of each one's column, in their order.
        columns: the values.
        names: texts and colours in place of the values of the first column.
        links: by label, where its values lead to.
        widths: by label, those of its column in pixels; the others share what is left.
        descending: whether the greatest value comes first.
    """
    panel = titled(table.Panel(), title, description, columns[0].unit)
    panel = panel.targets(
        [
            target(Line(one.expr, ""), place).instant().format(prometheus.PromQueryFormat.TABLE)
            for place, one in enumerate(columns)
        ]
    )
    # Joined rows have a column of each query's time and value, of which the values are kept.
    order = {name: place for place, name in enumerate(labels)}
    several = len(columns) > 1
    values = [
        f"Value #{chr(ord('A') + place)}" if several else "Value" for place in range(len(columns))
    ]
    order |= {name: len(order) + place for place, name in enumerate(values)}
    renamed = dict(labels) | {
        name: column.title for name, column in zip(values, columns, strict=True)
    }
    shown = [*labels, *values]
    panel = panel.transformations(
        [
            dashboard.DataTransformerConfig(id_val="merge", options={}),
            dashboard.DataTransformerConfig(
                id_val="filterFieldsByName", options={"include": {"names": shown}}
            ),
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={"indexByName": order, "renameByName": renamed, "excludeByName": {}},
            ),
        ]
    )
    for column in columns:
        panel = panel.override_by_name(column.title, _column(column))
    if names:
        panel = panel.override_by_name(columns[0].title, _named(names))
    for name, url in (links or {}).items():
        link = {"title": f"Open {labels[name].lower()}", "url": url}
        panel = panel.override_by_name(labels[name], [override("links", [link])])
    for name, width in (widths or {}).items():
        panel = panel.override_by_name(labels[name], [override("custom.width", width)])
    sort = common_builders.TableSortByFieldState().display_name(columns[0].title).desc(descending)
    return done(panel.sort_by([sort]))


def _column(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties = [override("unit", column.unit)]
    if column.steps:
        properties.append(override("thresholds", thresholds(column.steps).build()))
        properties.append(_COLORED)
    return properties


def _named(names: Names) -> list[dashboard.DynamicConfigValue]:
    return [override("mappings", [value_map(names)]), _COLORED]
