from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.exposition.escaping import ESCAPINGS
from vitalspan.exposition.formats import Format
from vitalspan.exposition.negotiation import (
    FALLBACK,
    accepts_gzip,
    negotiate,
)

TEXT, TEXT_1, OPEN = Format.TEXT_0_0_4, Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0
PROTO, OPEN_2 = Format.PROTOBUF, Format.OPENMETRICS_2_0_0

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
# As captured from a Prometheus 2.42.
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = (
    f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_UNDERSCORES = PROMETHEUS_3.replace("allow-utf-8", "underscores")
# scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4]
PROMETHEUS_3_TEXT = (
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected", "escaping"),
    [
        (PROMETHEUS_2_42, OPEN, "underscores"),
        (PROMETHEUS_2_42_NATIVE, PROTO, "underscores"),
        (PROMETHEUS_3, OPEN, "allow-utf-8"),
        (f"{PROTOBUF};q=0.7,{PROMETHEUS_3}", PROTO, "underscores"),
        (f"{PROTOBUF};q=0.5,{PROMETHEUS_3}", OPEN, "allow-utf-8"),
        (f"{PROTOBUF};escaping=values;q=0.7,{PROMETHEUS_3}", PROTO, "values"),
        (PROMETHEUS_3_UNDERSCORES, OPEN, "underscores"),
        (PROMETHEUS_3_TEXT, TEXT_1, "allow-utf-8"),
        # Prometheus 2.30, which knows no OpenMetrics but the draft, and takes anything last.
        (
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            TEXT,
            "underscores",
        ),
        (FIREFOX, TEXT, "underscores"),
        ("*/*", TEXT, "underscores"),
    ],
)
def test_real_clients(accept: str, expected: Format, escaping: str) -> None:
    assert negotiate(accept) == (expected, escaping)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/plain", TEXT),
        ("TEXT/Plain ; Version=0.0.4", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;version=1.0.0", TEXT_1),
        ('text/plain;version="1.0.0"', TEXT_1),
        ('text/plain;version="1.\\0.0"', TEXT_1),
        ("text/*", TEXT),
        ("application/openmetrics-text", OPEN),
        ("application/openmetrics-text;version=1.0.0", OPEN),
        ("application/openmetrics-text;version=1.0.0;charset=utf-8", OPEN),
        ("application/*", OPEN),
        ("application/openmetrics-text;version=2.0.0", OPEN_2),
        ("application/openmetrics-text;version=2.0.0;q=0.5,text/plain", TEXT),
        (PROTOBUF, PROTO),
        (PROTOBUF.upper(), PROTO),
        (f"{PROTOBUF};q=0.5,application/openmetrics-text;version=1.0.0;q=0.6", OPEN),
        (f"{PROTOBUF};q=0,*/*", TEXT),
        # Quality decides, whatever the order.
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.6", OPEN),
        ("text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2", TEXT_1),
        ("text/plain;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.3", TEXT),
        ("text/plain;q=.2,application/openmetrics-text;q=.3", OPEN),
        ("text/plain;q=0.99999,application/openmetrics-text;q=1.", OPEN),
        # The most specific range gives a format its quality, even a lower one.
        ("text/*;q=0.9,text/plain;q=0.1,application/openmetrics-text;q=0.5", OPEN),
        ("application/*;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5", TEXT),
        ("*/*;q=0.9,text/plain;q=0.1", OPEN),
        (
            "text/plain;version=0.0.4;q=0.1,text/plain;q=0.9,application/openmetrics-text;q=0.5",
            OPEN,
        ),
        # At the same quality the more specific range wins, then plain text.
        ("*/*,application/openmetrics-text", OPEN),
        ("application/*,text/plain", TEXT),
        ("text/*,application/openmetrics-text", OPEN),
        ("application/openmetrics-text,text/plain", TEXT),
        ("application/openmetrics-text;version=1.0.0,text/plain", OPEN),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0", OPEN),
        # Zero excludes, also from what a wildcard lets in.
        ("text/plain;q=0,*/*", OPEN),
        ("application/openmetrics-text;q=0,*/*;q=0.1", TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0.0,application/openmetrics-text", TEXT),
        ("text/plain;version=1.0.0;q=0,text/plain;version=0.0.4;q=0.1", TEXT),
        # Of two ranges that are alike, the better counts.
        ("text/plain;q=0.1,text/plain;q=0.9,application/openmetrics-text;q=0.5", TEXT),
        # A comma or semicolon in quotes separates nothing.
        ('text/html;a="x,application/openmetrics-text;y";q=0.1,text/plain;q=0.5', TEXT),
        ('text/html;a="\\",application/openmetrics-text",text/plain;q=0.5', TEXT),
        ('application/openmetrics-text;a="q=0;q=0"', OPEN),
        ("application/openmetrics-text;;a;q=0.5,text/plain;q=0.4", OPEN),
    ],
)
def test_quality_and_specificity(accept: str, expected: Format) -> None:
    assert negotiate(accept).format is expected


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        " , ,",
        "text/html",
        "image/*;q=0.5",
        "application/vnd.google.protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
        "application/vnd.google.protobuf;proto=io.prometheus.client.Metric;encoding=delimited",
        "application/vnd.google.protobuf;encoding=delimited",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=3.0.0",
        "text/plain;version=0.0.3",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=1.5",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=\u0661",
        "*;q=0.5",
        "*/openmetrics-text",
        "application/",
        "/openmetrics-text",
        "application openmetrics-text",
        "*/*;q=0",
        "\x00\ud800;;;=,=;,",
    ],
)
def test_nothing_acceptable_gives_plain_text(accept: str | None) -> None:
    assert negotiate(accept) == FALLBACK


def test_an_unfinished_quote_runs_to_the_end() -> None:
    accept = 'application/openmetrics-text;q=0.5;a="b,text/plain;version=1.0.0'
    assert negotiate(accept).format is OPEN


@pytest.mark.parametrize("escaping", sorted(ESCAPINGS))
@pytest.mark.parametrize("kind", ["text/plain", "application/openmetrics-text"])
def test_escaping_is_honoured_and_stated(kind: str, escaping: str) -> None:
    choice = negotiate(f"{kind};version=1.0.0;escaping={escaping}")
    assert choice.escaping == escaping
    assert choice.content_type == f"{kind}; version=1.0.0; charset=utf-8; escaping={escaping}"


@pytest.mark.parametrize("parameter", ["", ";escaping=allow-utf8", ";escaping=x\r\nSet-Cookie: a"])
def test_unknown_escaping_is_underscores(parameter: str) -> None:
    choice = negotiate(f"application/openmetrics-text;version=1.0.0{parameter}")
    assert choice == (OPEN, "underscores")
    assert choice.content_type.endswith("; escaping=underscores")


def test_escaping_belongs_to_the_range_that_decides() -> None:
    choice = negotiate(
        "application/openmetrics-text;version=1.0.0;escaping=dots;q=0.4,"
        "application/openmetrics-text;version=1.0.0;escaping=values;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.1"
    )
    assert choice == (OPEN, "values")


def test_plain_text_0_0_4_has_no_escaping() -> None:
    choice = negotiate("text/plain;version=0.0.4;escaping=allow-utf-8")
    assert choice == (TEXT, "underscores")
    assert choice.content_type == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("GZip ; Q=0.1", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("*", True),
        ("*;q=0.5, identity;q=0.5", True),
        ("gzip;q=0, x-gzip;q=0.2", True),
        (None, False),
        ("", False),
        ("identity", False),
        ("deflate, br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=x", False),
        ("xgzip", False),
    ],
)
def test_gzip(header: str | None, expected: bool) -> None:
    assert accepts_gzip(header) is expected


FRAGMENTS = (
    *("text/plain", "application/openmetrics-text", "*/*", "text/*", "gzip", "*", "identity"),
    *(";version=1.0.0", ";version=0.0.4", ";q=0", ";q=0.5", ";escaping=dots", ";q=", "q"),
    *(",", ";", "=", '"', "\\", " ", "\t", "é"),
)
header_like = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)


@given(st.text() | header_like)
def test_no_header_raises_or_gets_into_the_answer(header: str) -> None:
    choice = negotiate(header)
    assert choice.escaping in ESCAPINGS
    assert choice.content_type.removesuffix(f"; escaping={choice.escaping}") == choice.format.value
    assert accepts_gzip(header) in {True, False}


@given(st.floats(0.001, 1), st.floats(0.001, 1))
def test_the_higher_quality_wins(text: float, openmetrics: float) -> None:
    text, openmetrics = round(text, 3), round(openmetrics, 3)
    accept = f"application/openmetrics-text;q={openmetrics:.3f}, text/plain;q={text:.3f}"
    assert negotiate(accept).format is (OPEN if openmetrics > text else TEXT)
