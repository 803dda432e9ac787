"""Line charts over time, as SVG that stretches to any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from vitalspan.reports.charts.axis import Axis, value_axis
from vitalspan.reports.document import Chart, Values
from vitalspan.reports.figures import time_text
from vitalspan.words import one_line

WIDTH: Final = 1000
HEIGHT: Final = 200
"""The height of a drawing, which is stretched; the width of lines is not affected."""


_OPENING: Final = (
    f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
    'aria-label="{label}">'
)


def axis_of(chart: Chart) -> Axis:
    """Return the axis for a chart's values."""
    known = [value for line in chart.lines for value in line.values if value is not None]
    low = min(known, default=0.0) if chart.lowest is None else chart.lowest
    high = max(known, default=1.0)
    if chart.highest is not None:
        high = max(high, chart.highest)
    return value_axis(low, high, is_binary=chart.is_binary)


def line_chart(chart: Chart, axis: Axis) -> str:
    """Return a chart without labels: bands, a grid, an area below the first line, and lines.

    Hovering over a time slot shows its values.

    Args:
        chart: the chart to draw.
        axis: the axis of its values.
    """
    start, end = chart.edges[0], chart.edges[-1]
    xs = [_x(edge, start, end) for edge in chart.edges]
    parts = [
        _OPENING.format(label=_text(_summary(chart))),
        *_bands(chart),
        *(f'<path class="grid" d="M0 {_y(tick, axis)}H{WIDTH}"/>' for tick in axis.ticks),
    ]
    for number, line in enumerate(chart.lines, 1):
        if len(chart.lines) == 1:
            parts.append(f'<path class="area" d="{area_path(xs, line.values, axis)}"/>')
        parts.append(f'<path class="line line-{number}" d="{line_path(xs, line.values, axis)}"/>')
    parts += [*_pointers(chart, xs), "</svg>"]
    return "".join(parts)


def sparkline(values: Values) -> str:
    """Return a small line of values, from zero to their maximum."""
    axis = value_axis(0.0, max((one for one in values if one is not None), default=1.0))
    xs = [_number(WIDTH * index / max(1, len(values))) for index in range(len(values) + 1)]
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true"><path class="line line-1" d="{line_path(xs, values, axis)}"/></svg>'
    )


def line_path(xs: Sequence[str], values: Values, axis: Axis) -> str:
    """Return a path through the middle of each slot, with gaps for missing values.

    Args:
        xs: the boundaries of slots, one more than there are values.
        values: the values of the slots.
        axis: the axis of the values.
    """
    parts = []
    for stretch in _stretches(xs, values, axis):
        points = [f"{x} {y}" for x, y in stretch]
        # A single value is a dot: a line without length and with round ends.
        parts.append("M" + "L".join(points if len(points) > 1 else points * 2))
    return "".join(parts)


def area_path(xs: Sequence[str], values: Values, axis: Axis) -> str:
    """Return a closed path below a line; the arguments are those of `line_path`."""
    foot = _y(max(0.0, axis.low), axis)
    parts = []
    for stretch in _stretches(xs, values, axis):
        points = "L".join(f"{x} {y}" for x, y in stretch)
        parts.append(f"M{stretch[0][0]} {foot}L{points}L{stretch[-1][0]} {foot}Z")
    return "".join(parts)


def _stretches(xs: Sequence[str], values: Values, axis: Axis) -> Iterator[list[tuple[str, str]]]:
    """Yield the points of each run of known values."""
    stretch: list[tuple[str, str]] = []
    for (left, right), value in zip(pairwise(xs), values, strict=True):
        if value is None:
            if stretch:
                yield stretch
            stretch = []
        else:
            stretch.append((_number((float(left) + float(right)) / 2), _y(value, axis)))
    if stretch:
        yield stretch


def _bands(chart: Chart) -> Iterator[str]:
    start, end = chart.edges[0], chart.edges[-1]
    for band in chart.bands:
        if band.end < start or band.start > end:
            continue
        left, right = float(_x(band.start, start, end)), float(_x(band.end, start, end))
        yield (
            f'<rect class="band {band.tone}" x="{_number(left)}" y="0" '
            f'width="{_number(max(2.0, right - left))}" height="{HEIGHT}">'
            f"<title>{_text(band.label)}</title></rect>"
        )


def _pointers(chart: Chart, xs: Sequence[str]) -> Iterator[str]:
    span = chart.edges[-1] - chart.edges[0]
    for index, (left, right) in enumerate(pairwise(xs)):
        values = [(line.name, line.values[index]) for line in chart.lines]
        known = [f"{name} {chart.text(value)}" for name, value in values if value is not None]
        if known:
            when = time_text(chart.edges[index], span)
            width = _number(float(right) - float(left))
            yield (
                f'<rect class="pointer" x="{left}" y="0" width="{width}" height="{HEIGHT}">'
                f"<title>{_text(', '.join([when, *known]))}</title></rect>"
            )


def _summary(chart: Chart) -> str:
    parts = []
    for line in chart.lines:
        known = [value for value in line.values if value is not None]
        if known:
            low, high = chart.text(min(known)), chart.text(max(known))
            parts.append(f"{line.name} from {low} to {high}")
    return f"{chart.title}: {', '.join(parts) or 'no data'}"


def _x(when: float, start: float, end: float) -> str:
    share = (when - start) / (end - start) if end > start else 0.0
    return _number(WIDTH * min(1.0, max(0.0, share)))


def _y(value: float, axis: Axis) -> str:
    return _number(HEIGHT * (1.0 - axis.place(value)))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(one_line(text))
