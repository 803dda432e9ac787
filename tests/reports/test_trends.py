"""Trends: the slope of a line, where it leads, and what is unusual."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.reports.trends import anomalies_of, trend_of
from vitalspan.units import NUMBER, RATIO, SECONDS


def every_minute(values: list[float | None]) -> list[tuple[float, float | None]]:
    return [(60.0 * (index + 1), value) for index, value in enumerate(values)]


def test_a_line_is_found_and_prolonged() -> None:
    points = every_minute([10.0 + 2 * index for index in range(31)])
    trend = trend_of("rate", "calls", NUMBER, points)
    assert trend.slope == pytest.approx(120.0)
    assert trend.direction == "rising"
    assert (trend.latest, trend.lowest, trend.highest, trend.mean) == (70.0, 10.0, 70.0, 40.0)
    # It never looks further ahead than it looks back.
    assert trend.forecast_seconds == 1800.0
    assert trend.forecast == pytest.approx(130.0)
    long = trend_of("rate", "calls", NUMBER, every_minute([100.0 - index for index in range(91)]))
    assert (long.direction, long.forecast_seconds) == ("falling", 3600.0)
    # What cannot be below zero is not forecast there.
    assert long.forecast == 0.0
    share = trend_of("s", "", RATIO, every_minute([0.01 * i for i in range(90)]), highest=1.0)
    assert share.forecast == 1.0


def test_what_rises_reaches_its_limit() -> None:
    points = every_minute([0.5 + 0.005 * index for index in range(61)])
    trend = trend_of("memory_utilization", "", RATIO, points, highest=1.0, limit=1.0)
    assert (trend.limit, trend.limit_in) == (1.0, pytest.approx(0.2 / 0.005 * 60))
    falling = every_minute([0.9 - 0.005 * index for index in range(61)])
    assert trend_of("memory_utilization", "", RATIO, falling, limit=1.0).limit_in is None
    assert trend_of("memory_utilization", "", RATIO, [], limit=1.0).limit == 1.0


def test_noise_and_little_changes_are_steady() -> None:
    noise = [5.0 + (1 if index % 2 else -1) for index in range(40)]
    assert trend_of("rate", "", NUMBER, every_minute(noise)).direction == "steady"
    little = [100.0 + 0.1 * index for index in range(40)]
    assert trend_of("rate", "", NUMBER, every_minute(little)).direction == "steady"
    constant = trend_of("rate", "", NUMBER, every_minute([3.0] * 40))
    assert (constant.direction, constant.slope, constant.anomalies) == ("steady", 0.0, ())


def test_few_values_have_no_trend_and_none_have_nothing() -> None:
    few = trend_of("rate", "", NUMBER, every_minute([1.0, None, 2.0]))
    assert few.shortfall == (
        "Not enough data for a trend yet: 2 values over 2 minutes, and it takes at least "
        "6 values over 15 minutes."
    )
    assert (few.slope, few.direction, few.forecast, few.latest) == (None, None, None, 2.0)
    nothing = trend_of("rate", "", NUMBER, every_minute([None, None]))
    assert (nothing.latest, nothing.mean, nothing.values) == (None, None, (None, None))


def test_many_values_of_a_short_time_have_no_trend() -> None:
    second = [(float(index), 10.0 + index) for index in range(60)]
    trend = trend_of("rate", "", NUMBER, second)
    assert (trend.slope, trend.direction, trend.forecast) == (None, None, None)
    assert (trend.latest, trend.lowest, trend.highest) == (69.0, 10.0, 69.0)
    assert trend.shortfall is not None
    assert "60 values over 59 seconds" in trend.shortfall
    assert trend.to_dict()["shortfall"] == trend.shortfall
    long = trend_of("rate", "", NUMBER, [(15.3 * when, value) for when, value in second])
    assert (long.shortfall, long.direction) == (None, "rising")
    one = trend_of("rate", "", NUMBER, second[:1])
    assert one.shortfall is not None
    assert "yet: 1 value, and" in one.shortfall


def test_a_stretch_of_unusual_values_is_one_anomaly() -> None:
    values: list[float | None] = [1.0 + 0.05 * (index % 3) for index in range(60)]
    values[20:23] = [4.0, 9.0, 5.0]
    values[40] = 0.0
    first, second = anomalies_of(every_minute(values), SECONDS)
    assert (first.start, first.end, first.value) == (60.0 * 20, 60.0 * 23, 9.0)
    assert first.usual == pytest.approx(1.05)
    # The deviation is a tenth of the median at least.
    assert first.deviations == pytest.approx((9.0 - first.usual) / (0.1 * first.usual))
    assert (second.start, second.end, second.value) == (60.0 * 40, 60.0 * 41, 0.0)


def test_few_calls_make_nothing_unusual() -> None:
    values: list[float | None] = [1.0] * 60
    values[30] = 50.0
    weights = [100] * 60
    assert len(anomalies_of(every_minute(values), SECONDS, weights)) == 1
    weights[30] = 3
    assert anomalies_of(every_minute(values), SECONDS, weights) == ()
    assert anomalies_of(every_minute(values[:29]), SECONDS) == ()


def test_chance_makes_nothing_unusual() -> None:
    values: list[float | None] = [1.0] * 60
    values[0], values[30] = 2.0, 9.0
    (first, second) = anomalies_of(every_minute(values), NUMBER, None, 0.1)
    # The first one begins as long before as the second one ends after it.
    assert (first.start, first.end, second.value) == (0.0, 60.0, 9.0)
    (only,) = anomalies_of(every_minute(values), NUMBER, None, 1.0)
    assert only.deviations == 8.0


def test_errors_where_there_are_none_usually_are_unusual() -> None:
    values: list[float | None] = [0.0] * 60
    values[10], values[50] = 0.03, 0.5
    (anomaly,) = anomalies_of(every_minute(values), RATIO)
    assert (anomaly.value, anomaly.usual) == (0.5, 0.0)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e12)), max_size=80),
)
def test_any_values_have_a_trend_that_is_within_bounds(values: list[float | None]) -> None:
    trend = trend_of("rate", "", NUMBER, every_minute(values))
    known = [one for one in values if one is not None]
    if known:
        assert trend.lowest == min(known)
        assert trend.forecast is None or trend.forecast >= 0.0
    assert len(trend.anomalies) <= 5
    for anomaly in trend.anomalies:
        assert anomaly.start <= anomaly.end
        assert anomaly.value in known
