"""What people write in rules, in base units."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.units import (
    BYTES,
    DOLLARS,
    DOLLARS_PER_SECOND,
    NUMBER,
    PER_SECOND,
    RATIO,
    SECONDS,
    Unit,
    duration_text,
    example,
    parse_duration,
    parse_value,
    value_text,
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("500ms", SECONDS, 0.5),
        ("2s", SECONDS, 2.0),
        ("1h30m", SECONDS, 5400.0),
        ("-2s", SECONDS, -2.0),
        ("250us", SECONDS, 0.00025),
        ("250µs", SECONDS, 0.00025),
        ("0.25", SECONDS, 0.25),
        (3, SECONDS, 3.0),
        ("5%", RATIO, 0.05),
        ("99.9 %", RATIO, 0.999),
        ("0.05", RATIO, 0.05),
        ("-10%", RATIO, -0.1),
        ("1.5GiB", BYTES, 1.5 * 2**30),
        ("500MB", BYTES, 5e8),
        ("500 MiB", BYTES, 500 * 2**20),
        ("100/min", PER_SECOND, 100 / 60),
        ("2/s", PER_SECOND, 2.0),
        ("3600/h", PER_SECOND, 1.0),
        ("7", PER_SECOND, 7.0),
        ("1k/s", PER_SECOND, 1000.0),
        ("2.50USD/h", DOLLARS_PER_SECOND, 2.5 / 3600),
        ("2.5$", DOLLARS, 2.5),
        ("1e3", NUMBER, 1000.0),
        ("10MiB/h", Unit("bytes", "h"), 10 * 2**20),
        ("240MiB/d", Unit("bytes", "h"), 10 * 2**20),
        ("5%/h", Unit("ratio", "h"), 0.05),
        ("100ms/h", Unit("seconds", "h"), 0.1),
    ],
)
def test_values(text: object, unit: Unit, value: float) -> None:
    assert parse_value(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "hint"),
    [
        ("5%", SECONDS, "not a time in seconds: use 500ms"),
        ("5s", RATIO, "use 5% or 0.05"),
        ("5 apples", NUMBER, "use 100"),
        ("5MB", NUMBER, "use 100"),
        ("5/min", NUMBER, "use 100"),
        ("5/fortnight", PER_SECOND, "use 100/min"),
        ("5s/min", SECONDS, "use 500ms"),
        ("", SECONDS, "use 500ms"),
        (None, SECONDS, "use 500ms"),
        (True, NUMBER, "use 100"),
        ([1], BYTES, "use 500MB"),
        ("inf", SECONDS, "not a finite number"),
        (10**400, NUMBER, "not a finite number"),
        (math.nan, NUMBER, "not a finite number"),
        ("1.2.3", NUMBER, "use 100"),
    ],
)
def test_values_that_are_none(text: object, unit: Unit, hint: str) -> None:
    with pytest.raises(ValueError, match="not a") as refused:
        parse_value(text, unit)
    assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("1h 30m", 5400), (2.5, 2.5), ("0", 0), ("1w", 604800)]
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5x", "-5m", -1, None, True, "5m6", math.inf, "x5m"]
)
def test_durations_that_are_none(text: object) -> None:
    with pytest.raises(ValueError, match="use 30s, 5m or 1h30m"):
        parse_duration(text)


@given(st.integers(0, 10**10))
def test_durations_are_written_as_they_are_read(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds)


@given(
    st.sampled_from([SECONDS, RATIO, BYTES, DOLLARS, NUMBER, PER_SECOND]),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_plain_numbers_are_base_units(unit: Unit, value: float) -> None:
    assert parse_value(value, unit) == value
    assert parse_value(repr(value), unit) == value


@given(st.text(), st.sampled_from([SECONDS, RATIO, BYTES, DOLLARS, NUMBER, PER_SECOND]))
def test_any_text_is_a_value_or_a_value_error(text: str, unit: Unit) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(parse_value(text, unit))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5124, SECONDS, "512.4 ms"),
        (0.0000005, SECONDS, "5e-07 s"),
        (3e-6, SECONDS, "3 µs"),
        (90, SECONDS, "90 s"),
        (5400, SECONDS, "1h30m"),
        (-5400, SECONDS, "-1h30m"),
        (0.042, RATIO, "4.2 %"),
        (1.5 * 2**30, BYTES, "1.5 GiB"),
        (0.5, BYTES, "0.5 B"),
        (2.5, DOLLARS, "$2.5"),
        (3.1, PER_SECOND, "3.1/s"),
        (2.0**20, Unit("bytes", "h"), "1 MiB/h"),
        (math.inf, NUMBER, "inf"),
    ],
)
def test_values_for_people(value: float, unit: Unit, text: str) -> None:
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    "unit", [SECONDS, RATIO, BYTES, DOLLARS, NUMBER, PER_SECOND, Unit("bytes", "h")]
)
def test_examples_are_values(unit: Unit) -> None:
    for text in example(unit).replace(" or ", ", ").split(", "):
        parse_value(text, unit)


def test_units_say_what_they_are() -> None:
    assert (str(PER_SECOND), str(BYTES)) == ("number/s", "bytes")
