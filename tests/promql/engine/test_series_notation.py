"""Series as promtool's tests write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.promql.engine.metric_labels import metric_labels
from vitalspan.promql.engine.series import is_stale
from vitalspan.promql.engine.series_notation import parse_series, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2.5 -3", [1, 2.5, -3]),
        ("0+10x3", [0, 10, 20, 30]),
        ("10-5x2", [10, 5, 0]),
        ("7x2", [7, 7, 7]),
        ("_ 1 _x2", [None, 1, None, None]),
        ("+Inf -Inf", [float("inf"), float("-inf")]),
        ("1e3 .5", [1000, 0.5]),
    ],
)
def test_values(text: str, values: list[float | None]) -> None:
    assert parse_values(text) == values


def test_stale() -> None:
    first, second = parse_values("stalex2")
    assert first is not None
    assert second is not None
    assert is_stale(first)
    assert is_stale(second)
    assert not is_stale(float("nan"))


@pytest.mark.parametrize(
    ("text", "labels", "rest"),
    [
        ("up 1", {"__name__": "up"}, "1"),
        ("up{a=\"b\", c='d',} 0+1x5", {"__name__": "up", "a": "b", "c": "d"}, "0+1x5"),
        ("{} 1", {}, "1"),
        ('{"http.requests", "a b"=`x`} 1', {"__name__": "http.requests", "a b": "x"}, "1"),
        (r'a{b="x\"y\\n\n"}', {"__name__": "a", "b": 'x"y\\n\n'}, ""),
    ],
)
def test_series(text: str, labels: dict[str, str], rest: str) -> None:
    assert parse_series(text) == (metric_labels(labels), rest)


@pytest.mark.parametrize("text", ["1 2x", "a", "1+x", "0+1x9999999"])
def test_wrong_values(text: str) -> None:
    with pytest.raises(ValueError, match="value"):
        parse_values(text)


@pytest.mark.parametrize("text", ['{a="b', "{a}", "=", 'up{a=1} "1'])
def test_wrong_series(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_series(text)


@given(st.text())
def test_any_text_is_a_series_or_an_error(text: str) -> None:
    try:
        labels, _ = parse_series(text)
    except ValueError:
        return
    assert all(value for _, value in labels.pairs)
