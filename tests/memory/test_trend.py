"""The Mann-Kendall test and Sen's slope."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.memory.trend import trend

SERIES = st.lists(st.integers(-(10**6), 10**6), min_size=10, max_size=30)


def test_an_example_that_is_worked_out_by_hand() -> None:
    # 45 pairs, 43 of them rising: S = 41, the variance is 10*9*25/18 = 125.
    found = trend([1, 2, 3, 5, 4, 6, 8, 7, 9, 10], 0.95)
    assert found.slope == pytest.approx(1.0)
    assert found.p_value == pytest.approx(0.000173, rel=0.02)
    assert found.low <= 1.0 <= found.high


def test_equal_values_have_no_trend() -> None:
    found = trend([7] * 10, 0.99)
    assert (found.slope, found.low, found.high, found.p_value) == (0, 0, 0, 1)


@given(SERIES)
def test_the_slope_is_within_its_interval_and_turns_with_the_values(values: list[int]) -> None:
    found, turned = trend(values, 0.95), trend([-value for value in values], 0.95)
    assert found.low <= found.slope <= found.high
    assert turned.slope == pytest.approx(-found.slope)
    assert 0 <= found.p_value <= 1
    assert min(found.p_value, turned.p_value) <= 0.5 or found.p_value == 1


@given(SERIES, st.integers(1, 1000))
def test_a_line_that_is_added_is_added_to_the_slope(values: list[int], step: int) -> None:
    steeper = [value + step * index for index, value in enumerate(values)]
    assert trend(steeper, 0.95).slope == pytest.approx(trend(values, 0.95).slope + step, abs=1e-6)


@given(st.lists(st.integers(0, 100), min_size=10, max_size=30), st.floats(0.5, 0.98))
def test_more_confidence_makes_the_interval_wider(values: list[int], confidence: float) -> None:
    narrow, wide = trend(values, confidence), trend(values, 0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high
