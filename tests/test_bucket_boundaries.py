"""Bucket boundaries that users set: what is taken, and what is refused how."""

from __future__ import annotations

import math
from typing import Any

import pytest

import vitalspan as vs
from vitalspan.bucket_boundaries import MAX_BOUNDARIES, check_boundaries


@pytest.mark.parametrize("boundaries", [[1], (0.1, 1), range(1, 9), iter([0.5, 1e9]), [5e-324]])
def test_any_increasing_positive_seconds_are_taken(boundaries: Any) -> None:
    checked = check_boundaries(boundaries)
    assert isinstance(checked, tuple)
    assert set(map(type, checked)) == {float}


@pytest.mark.parametrize(
    ("boundaries", "problem"),
    [
        ([], "there are 0 boundaries, use 1 to 100"),
        (range(1, MAX_BOUNDARIES + 2), "there are 101 boundaries, use 1 to 100"),
        ([1, 1], "1 comes after 1, use seconds in increasing order"),
        ([1, 0.5], "0.5 comes after 1, use seconds in increasing order"),
        ([0, 1], "0 is not above 0"),
        ([-1], "-1 is not above 0"),
        ([1e10], "10000000000.0 is not above 0 and at most 1e+09 seconds"),
        ([0.1, math.inf], "leave the infinite boundary out, it is always there"),
        ([math.nan], "nan is not a number of seconds"),
        ([True], "True is not a number of seconds"),
        (["1"], "'1' is not a number of seconds"),
        ("0.1, 1", "use seconds in increasing order"),
        (0.5, "use seconds in increasing order"),
    ],
)
def test_others_are_refused_with_what_to_do(
    monitor: vs.Monitor, boundaries: Any, problem: str
) -> None:
    for refused in (
        lambda: check_boundaries(boundaries),
        lambda: vs.Monitor(buckets=boundaries),
        lambda: vs.configure(buckets=boundaries),
        lambda: monitor.operation("f", buckets=boundaries),
    ):
        with pytest.raises(vs.ConfigurationError, match=r"^buckets") as error:
            refused()
        assert problem in str(error.value)
