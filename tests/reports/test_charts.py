"""Charts: round axes, paths that stay within their drawing, and text that stays text."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.reports.charts.axis import Axis, time_axis, value_axis
from vitalspan.reports.charts.line_chart import (
    HEIGHT,
    WIDTH,
    area_path,
    axis_of,
    line_chart,
    line_path,
    sparkline,
)
from vitalspan.reports.document import Band, Chart, Line

NUMBERS = st.floats(-1e12, 1e12).filter(lambda one: one == 0 or abs(one) > 1e-9)


@given(NUMBERS, NUMBERS)
def test_an_axis_has_few_round_numbers_around_all_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    axis = value_axis(low, high)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= low
    assert high <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 5
    assert list(axis.ticks) == sorted(set(axis.ticks))
    step = axis.ticks[1] - axis.ticks[0]
    digits = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert any(digits == pytest.approx(round_) for round_ in (1, 2, 2.5, 5, 10))


def test_axes_that_people_would_draw() -> None:
    assert value_axis(0.0, 5.1).ticks == (0.0, 2.0, 4.0, 6.0)
    assert value_axis(0.0, 100.0).ticks == (0.0, 25.0, 50.0, 75.0, 100.0)
    assert value_axis(0.0, 0.0).ticks[0] == 0.0
    assert value_axis(3.0, 3.0).place(3.0) == pytest.approx(0.5)
    mebi = 2.0**20
    assert value_axis(0.0, 37 * mebi, is_binary=True).ticks == tuple(
        mebi * one for one in (0, 10, 20, 30, 40)
    )
    assert value_axis(0.0, 800.0, is_binary=True).ticks == (0.0, 200.0, 400.0, 600.0, 800.0)


@given(st.floats(0, 2e9), st.floats(0.5, 4e6))
def test_times_are_labelled_within_the_axis(start: float, seconds: float) -> None:
    axis = time_axis(start, start + seconds)
    assert len(axis.ticks) <= 5
    assert all(axis.low - 1e-6 <= tick <= axis.high + 1e-6 for tick in axis.ticks)


def test_times_are_those_that_clocks_show() -> None:
    assert time_axis(1000.0, 4600.0, 4).ticks == (1800.0, 2700.0, 3600.0, 4500.0)


AXIS = Axis(0.0, 10.0, (0.0, 10.0))


def test_a_path_has_a_gap_where_there_is_no_value() -> None:
    xs = ["0", "100", "200", "300", "400"]
    assert line_path(xs, [0.0, 10.0, None, 5.0], AXIS) == "M50 200L150 0M350 100L350 100"
    assert area_path(xs, [0.0, 10.0, None, None], AXIS) == "M50 200L50 200L150 0L150 200Z"
    assert line_path(xs, [None] * 4, AXIS) == ""


def chart(values: list[float | None], name: str = "calls") -> Chart:
    edges = tuple(60.0 * index for index in range(len(values) + 1))
    bands = [Band(30.0, 90.0, f"alert {name}"), Band(-90.0, -30.0, "before")]
    return Chart("Calls", edges, (Line(name, values),), "{:.1f}/s".format, bands=bands)


@settings(max_examples=20)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1e12)), min_size=1, max_size=40), st.text())
def test_a_drawing_is_xml_and_within_its_bounds(values: list[float | None], name: str) -> None:
    drawn = chart(values, name)
    svg = ET.fromstring(line_chart(drawn, axis_of(drawn)))
    assert svg.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"
    for path in svg.iter("path"):
        for number in re.findall(r"-?[\d.]+", path.attrib["d"]):
            assert 0 <= float(number) <= WIDTH
    pointers = [one for one in svg.iter("rect") if one.attrib["class"] == "pointer"]
    assert len(pointers) == sum(value is not None for value in values)
    assert {one.tag for one in svg.iter()} <= {"svg", "path", "rect", "title"}


def test_a_drawing_says_what_it_shows() -> None:
    drawn = chart([1.0, 3.0, None])
    text = line_chart(drawn, axis_of(drawn))
    assert 'aria-label="Calls: calls from 1.0/s to 3.0/s"' in text
    assert "<title>00:01:00, calls 3.0/s</title>" in text
    assert "<title>alert calls</title>" in text
    assert "before" not in text
    empty = chart([None, None])
    assert 'aria-label="Calls: no data"' in line_chart(empty, axis_of(empty))


def test_a_small_line_begins_at_zero() -> None:
    assert "M250 100L750 0" in sparkline([1.0, 2.0])
    assert 'd=""' in sparkline([None, None])
