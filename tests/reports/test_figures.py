"""Figures: as many digits as say something, in units that people read."""

from __future__ import annotations

import pytest

from vitalspan.reports.figures import (
    count_text,
    date_text,
    rate_text,
    ratio_text,
    seconds_text,
    sentence,
    time_text,
    unit_text,
)
from vitalspan.units import BYTES, DOLLARS, NUMBER, PER_SECOND, RATIO, SECONDS, Unit


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (count_text(12345), "12,345"),
        (count_text(2.5), "2.5"),
        (rate_text(1234.6), "1,235/s"),
        (rate_text(0.01234), "0.0123/s"),
        (ratio_text(0.04321), "4.32 %"),
        (seconds_text(9.96e-7), "996 ns"),
        (seconds_text(0.000123456), "123 µs"),
        (seconds_text(0.51234), "512 ms"),
        (seconds_text(5400.4), "1h30m"),
        (seconds_text(0.0), "0 s"),
        (unit_text(10 * 2**20, BYTES), "10 MiB"),
        (unit_text(-0.5, SECONDS), "-500 ms"),
        (unit_text(0.25, DOLLARS), "$0.25"),
        (unit_text(0.5, RATIO), "50 %"),
        (unit_text(84.77, NUMBER), "84.8"),
        (unit_text(-1234.5, PER_SECOND), "-1,234/s"),
        (unit_text(2.0**20, Unit("bytes", "h")), "1 MiB/h"),
        (date_text(1_700_000_000), "2023-11-14 22:13:20 UTC"),
        (sentence("cpu utilization is high."), "CPU utilization is high."),
        (sentence("calls fail"), "Calls fail."),
        (sentence("error_ratio of pay is 9 %"), "error_ratio of pay is 9 %."),
        (seconds_text(99.6), "99.6 s"),
        (seconds_text(754.3), "12m34s"),
        (seconds_text(12345.0), "3h26m"),
        (seconds_text(50_000_000.0), "578d17h"),
        (time_text(1_700_000_000, 60), "22:13:20"),
        (time_text(1_700_000_000, 3600), "22:13"),
        (time_text(1_700_000_000, 1e6), "Nov 14 22:13"),
    ],
)
def test_figures_are_short_and_clear(written: str, text: str) -> None:
    assert written == text


def test_nothing_is_written_as_such() -> None:
    for write in (rate_text, ratio_text, seconds_text, date_text):
        assert write(None) == "-"
    assert unit_text(None, RATIO) == "-"
