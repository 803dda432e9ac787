"""Panels of a dashboard, described as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, Final, Literal

from vitalspan.artifacts.grafana.styles import PLAIN, Mappings, Thresholds

_LABEL_TITLES: Final = {
    "alertname": "Alert",
    "depends_on": "Depends on",
    "long_window": "Window",
    "slo": "SLO",
}


@dataclass(frozen=True)
class Target:
    """A query of a panel.

    Attributes:
        expr: the query, in PromQL.
        legend: the name of each of its series, with `{{label}}` for the value of a label.
        exemplar: whether the exemplars of a histogram are shown.
        unit: the unit of its values in Grafana; `none` is a number.
        maximum: the greatest possible value; None if there is none.
        empty: why it may return nothing although all is well; leave it out if it never should.
    """

    expr: str
    legend: str
    _: KW_ONLY
    exemplar: bool = False
    unit: str = "none"
    maximum: float | None = None
    empty: str = ""


@dataclass(frozen=True)
class _Panel:
    """The fields that all panels except tables have.

    Attributes:
        title: the title of the panel.
        description: how to read it.
        targets: its queries.
        unit: a unit of Grafana; by default that of the first query.
    """

    title: str
    description: str
    targets: Sequence[Target]
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class TimeSeries(_Panel):
    """Values over time.

    Attributes:
        limits: values that are drawn as dashed lines, with their colors.
        stacked: whether areas are drawn on top of each other.
        minimum: the start of the axis; None leaves it to Grafana.
        maximum: the end of the axis; None for the greatest value of the first query.
        soft_maximum: the end of the axis unless values are greater.
        decimals: the number of decimals.
        band: the lower and the upper of two series, between which the area is filled.
        legend_right: whether the legend is on the right, where many series fit.
        repeat: the variable for each of whose values the panel is repeated.
    """

    limits: Thresholds = ()
    stacked: bool = False
    minimum: float | None = 0.0
    maximum: float | None = None
    soft_maximum: float | None = None
    decimals: int | None = None
    band: tuple[str, str] | None = None
    legend_right: bool = False
    repeat: str = ""


@dataclass(frozen=True, kw_only=True)
class Stat(_Panel):
    """The latest value of each series, large.

    Attributes:
        thresholds: its colors.
        mappings: texts and colors instead of values.
        no_value: what is shown without data.
        decimals: the number of decimals.
        show: whether the value, the name of the series, or both are shown.
        sparkline: whether the history of a value is drawn behind it.
        filled: whether the background is colored instead of the text.
    """

    thresholds: Thresholds = PLAIN
    mappings: Mappings = field(default_factory=dict)
    no_value: str = "no data"
    decimals: int | None = None
    show: Literal["value", "name", "value_and_name"] = "value"
    sparkline: bool = True
    filled: bool = False


@dataclass(frozen=True, kw_only=True)
class StateHistory(_Panel):
    """The state of each series over time.

    With mappings, a state lasts until the next one begins. With thresholds, time is divided into
    cells, each in the color of its value.

    Attributes:
        mappings: the text and color of each state.
        thresholds: the colors of values.
    """

    mappings: Mappings = field(default_factory=dict)
    thresholds: Thresholds = ()


@dataclass(frozen=True)
class Heatmap(_Panel):
    """A heatmap of the observations in each bucket of a histogram over time."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: the title above it.
        expr: the query, in PromQL, whose latest value is shown.
        unit: a unit of Grafana.
        thresholds: its colors; without any, the text is not colored.
        empty: why it may return nothing although all is well; leave it out if it never should.
    """

    title: str
    expr: str
    unit: str
    thresholds: Thresholds = ()
    _: KW_ONLY
    empty: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a row for each combination of labels, sorted by the first column.

    Each column has its own unit, and the panel has that of the first column.

    Attributes:
        title: the title of the panel.
        description: how to read it.
        labels: each label that has a column, with the title of the column.
        columns: the values.
        mappings: texts and colors instead of the values of the first column.
        links: the targets of the links of a label's values, by label.
        widths: by label, the width of its column in pixels; the other columns share the rest.
        descending: whether the greatest value comes first.
    """

    unit: ClassVar[str] = ""
    title: str
    description: str
    labels: Mapping[str, str]
    columns: Sequence[Column]
    _: KW_ONLY
    mappings: Mappings = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    descending: bool = True

    @property
    def targets(self) -> Sequence[Target]:
        """The queries of the columns."""
        return [Target(one.expr, "", unit=one.unit, empty=one.empty) for one in self.columns]


Panel = TimeSeries | Stat | StateHistory | Heatmap | Table


def targets_by_ref(panel: Panel) -> dict[str, Target]:
    """Return the queries of a panel by the letters that identify them in Grafana."""
    return {chr(ord("A") + place): target for place, target in enumerate(panel.targets)}


def legend(*labels: str) -> str:
    """Return a legend with the values of labels."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def label_title(label: str) -> str:
    """Return the title of a label in dashboards."""
    return _LABEL_TITLES.get(label, label.capitalize())


def labels(*names: str, **titled: str) -> dict[str, str]:
    """Return the labels of a table, each with the title of its column.

    Args:
        *names: labels whose columns have the usual titles.
        **titled: further labels with their titles.
    """
    return {name: label_title(name) for name in names} | titled
