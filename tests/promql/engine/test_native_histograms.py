"""Native histograms: their arithmetic, and what expressions make of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from support.promql_series import annotated, evaluate
from support.promtool import promtool
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import CUSTOM_BUCKETS, FloatHistogram, bound
from vitalspan.promql.engine.functions.native_buckets import native_fraction, native_quantile
from vitalspan.promql.engine.histogram_arithmetic import (
    IncompatibleHistogramsError,
    added,
    averaged,
    began_anew,
    divided,
    scaled,
    subtracted,
)
from vitalspan.promql.engine.histogram_notation import notation, parse_histogram
from vitalspan.promql.engine.metric_labels import EMPTY
from vitalspan.promql.engine.packed_counts import packed, unpacked
from vitalspan.promql.engine.series_notation import parse_values

SERIES = {
    'h{c="a"}': "{{schema:3 sum:1 count:4 z_bucket:1 z_bucket_w:0.001 buckets:[1 2] offset:4}}"
    "+{{schema:3 sum:0.5 count:3 buckets:[1 1 1] offset:3}}x20",
    'h{c="b"}': "{{schema:1 sum:3 count:3 buckets:[1 0 2] n_buckets:[1]}}"
    "+{{schema:1 sum:2 count:2 buckets:[1 1]}}x9 "
    "{{schema:1 sum:2 count:2 buckets:[1 1]}}+{{schema:1 sum:2 count:2 buckets:[1 1]}}x9",
    'n{c="a"}': "{{schema:-53 sum:9 count:4 custom_values:[1 2 5] buckets:[1 2 0 1]}}"
    "+{{schema:-53 sum:9 count:4 custom_values:[1 2 5] buckets:[1 2 0 1]}}x20",
    'n{c="b"}': "{{schema:-53 sum:9 count:4 custom_values:[1 2 5] buckets:[1 2 0 1]}}x20",
    'g{c="a"}': "1+1x20",
    'mixed{c="a"}': "1x10 {{schema:0 sum:1 count:1 buckets:[1]}}x9",
}
AT = 1140

EXPRESSIONS = (
    "h",
    "sum(h)",
    "avg(h)",
    "avg(n)",
    "count(h) + group(n)",
    "sum by (c) (rate(h[5m]))",
    "increase(h[15m])",
    "rate(n[5m])",
    "h * 2",
    "3 * h / 4",
    "-h",
    'h{c="a"} - ignoring (c) h{c="b"}',
    'h{c="a"} + on () h{c="b"}',
    "h == h",
    "h != bool h",
    "n unless h",
    "histogram_count(h)",
    "histogram_sum(rate(h[5m]))",
    "histogram_avg(h)",
    "histogram_stddev(h)",
    "histogram_stdvar(n)",
    "histogram_quantile(0.5, h)",
    "histogram_quantile(0.99, sum(rate(h[10m])))",
    "histogram_quantile(0.01, h)",
    "histogram_quantile(0.7, n)",
    "histogram_fraction(0.5, 2, h)",
    "histogram_fraction(-Inf, 1.5, n)",
    "avg_over_time(h[5m])",
    "sum_over_time(h[5m])",
    "last_over_time(h[5m])",
    "count_over_time(mixed[15m])",
    "changes(h[10m])",
    "resets(h[20m])",
    "irate(h[5m])",
    "present_over_time(mixed[15m])",
    "sum_over_time(h[10m:2m])",
    'count_values("v", histogram_count(h))',
    "abs(h) or g",
    "scalar(h) > bool 1",
    "max(mixed) or g",
    'label_replace(h, "d", "$1", "c", "(.*)")',
    "timestamp(h)",
)


def test_promtool_finds_what_the_evaluator_gives(tmp_path: Path) -> None:
    tests = []
    for expression in EXPRESSIONS:
        samples = [
            {"labels": labels, "histogram": f"{{{{{notation(value)}}}}}"}
            if isinstance(value, FloatHistogram)
            else {"labels": labels, "value": value}
            for labels, value in evaluate(expression, SERIES, at=AT).items()
        ]
        tests.append({"expr": expression, "eval_time": f"{AT}s", "exp_samples": samples})
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    document = {"rule_files": [], "evaluation_interval": "1m", "tests": [test]}
    # Sums are not rounded alike in the last digit.
    document["fuzzy_compare"] = True
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(document))
    # Prometheus notes with each sample whether a counter went on; here that is found out when it
    # matters.
    found = re.sub(" counter_reset_hint:[a-z_]+", "", promtool("test", "rules", file))
    lines = [line.strip() for line in found.splitlines() if line.strip()]
    expected = [line.removeprefix("exp:") for line in lines if line.startswith("exp:")]
    assert expected == [line.removeprefix("got:") for line in lines if line.startswith("got:")]
    assert not [line for line in lines if "err:" in line]
    assert len(expected) > 10, found


NOTED = [
    ("sum(mixed or n)", 660, "mix of histograms with exponential and custom"),
    ("sum({__name__=~'h|g'})", AT, "encountered a mix of histograms and floats for aggregation"),
    ("rate(mixed[15m])", 900, 'mix of histograms and floats for metric name "mixed"'),
    ("max(h)", AT, "ignored histogram in max aggregation"),
    ("topk(1, h)", AT, "ignored histogram in topk aggregation"),
    ("quantile(0.5, h)", AT, "ignored histogram in quantile aggregation"),
    ("h + 1", AT, 'incompatible sample types encountered for binary operator "+"'),
    ("2 / h", AT, "float / histogram"),
    ("h > h", AT, "histogram > histogram"),
    ("h > 1", AT, "histogram > float"),
    ("h + on (c) n", AT, "incompatible bucket layout encountered for binary operator +"),
    ("max_over_time(mixed[15m])", 900, "ignored histograms in a range"),
    ("deriv(mixed[15m])", 900, "ignored histograms in a range"),
    ("quantile_over_time(0.5, mixed[15m])", 900, "ignored histograms in a range"),
    ("delta(h[5m])", AT, "this native histogram metric is not a gauge"),
    ("avg_over_time(mixed[15m])", 900, "mix of histograms and floats"),
    ("idelta(mixed[2m])", 660, "mix of histograms and floats"),
]


@pytest.mark.parametrize(("query", "at", "note"), NOTED)
def test_what_makes_no_sense_is_said(query: str, at: float, note: str) -> None:
    _, annotations = annotated(query, SERIES, at)
    assert any(note in one for one in annotations), annotations


counts = st.dictionaries(st.integers(-40, 40), st.integers(1, 1000).map(float), max_size=8)


@st.composite
def histograms(draw: st.DrawFn) -> FloatHistogram:
    """An exponential histogram of observations that are above 0 and below, and some near 0."""
    schema = draw(st.integers(-2, 5))
    positive, negative = draw(counts), draw(counts)
    threshold = draw(st.sampled_from([0.0, 2.0**-40, 2.0**-20]))
    sides = [
        {index: count for index, count in side.items() if bound(index - 1, schema) >= threshold}
        for side in (positive, negative)
    ]
    zero = float(draw(st.integers(0, 100)))
    count = zero + sum(sum(side.values()) for side in sides)
    total = draw(st.integers(-(10**6), 10**6)) / 8
    return FloatHistogram(schema, count, total, threshold, zero, *sides)


def observations(histogram: FloatHistogram) -> float:
    return sum(one.observations for one in histogram.buckets())


@given(histograms(), histograms())
def test_a_sum_has_all_observations(one: FloatHistogram, other: FloatHistogram) -> None:
    total = added([one, other]).histogram
    assert total.count == observations(total) == one.count + other.count
    assert total == added([other, one]).histogram
    assert total.schema <= min(one.schema, other.schema)


@given(histograms(), histograms())
def test_a_difference_takes_back_what_was_added(one: FloatHistogram, other: FloatHistogram) -> None:
    total = added([one, other]).histogram
    rest = subtracted(total, other).histogram
    assert rest.count == one.count
    assert observations(rest) == one.count
    assert not subtracted(total, total).histogram.positive


@given(histograms(), histograms())
def test_a_counter_that_grows_did_not_begin_anew(
    one: FloatHistogram, other: FloatHistogram
) -> None:
    total = added([one, other]).histogram
    assert not began_anew(total, one)
    if other.count:
        assert began_anew(one, total)


@given(histograms(), st.integers(-4, 0))
def test_wider_buckets_keep_the_observations(histogram: FloatHistogram, lower: int) -> None:
    wide = histogram.with_schema(histogram.schema + lower)
    assert observations(wide) == histogram.count


@given(histograms(), st.floats(1e-12, 1e6))
def test_a_wider_zero_bucket_keeps_the_observations(
    histogram: FloatHistogram, threshold: float
) -> None:
    wide = histogram.with_zero_threshold(threshold)
    assert observations(wide) == histogram.count
    assert wide.zero_threshold >= histogram.zero_threshold
    assert all(one.lower >= wide.zero_threshold for one in wide.buckets() if one.lower > 0)


@given(histograms(), st.floats(0.01, 0.99))
def test_a_fraction_is_what_a_quantile_was_asked_for(histogram: FloatHistogram, q: float) -> None:
    context = EvaluationContext(None, 0, 0)  # type: ignore[arg-type]
    value = native_quantile(q, histogram, context, EMPTY)
    if not histogram.count:
        assert math.isnan(value)
        return
    # A zero bucket without a width has no place in which a quantile could be.
    assume(histogram.zero_threshold or not histogram.zero_count)
    share = native_fraction(-math.inf, value, histogram, context, EMPTY)
    # Where the rank is between two buckets, any value between them is as good.
    assert share == pytest.approx(q, abs=1e-6)
    assert not context.annotations


@given(histograms(), st.sampled_from([0.25, 2.0, 8.0]))
def test_scaling(histogram: FloatHistogram, factor: float) -> None:
    larger = scaled(histogram, factor)
    assert divided(larger, factor) == histogram
    assert averaged([histogram, histogram]).histogram.count == histogram.count
    assert scaled(histogram, -1.0).reset_hint == "gauge"
    assert not divided(histogram, 0.0).positive


@given(histograms())
def test_a_notation_is_read_as_it_was_written(histogram: FloatHistogram) -> None:
    assert parse_histogram(notation(histogram)).compacted() == histogram
    [value] = parse_values(f"{{{{{notation(histogram)}}}}}")
    assert isinstance(value, FloatHistogram)
    assert value.compacted() == histogram


@given(histograms())
def test_packed_histograms_are_equal(histogram: FloatHistogram) -> None:
    small = packed(histogram)
    assert small == histogram
    assert unpacked(small) == histogram
    assert list(small.buckets()) == list(histogram.buckets())
    assert not began_anew(small, histogram)
    assert added([small, small]) == added([histogram, histogram])


def test_custom_and_exponential_buckets_do_not_go_together() -> None:
    custom = FloatHistogram(CUSTOM_BUCKETS, 1.0, 1.0, positive={0: 1.0}, bounds=(1.0,))
    with pytest.raises(IncompatibleHistogramsError):
        added([custom, FloatHistogram()])
    assert began_anew(custom, replace(custom, count=1.0, positive={0: 2.0}))
    wider = replace(custom, bounds=(1.0, 3.0), positive={1: 1.0})
    both = added([custom, wider])
    assert both.bounds_differ
    assert both.histogram.bounds == (1.0,)
    assert both.histogram.positive == {0: 1.0, 1: 1.0}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("schema:9", "schema:9 is not supported"),
        ("schema:x", "is not a whole number"),
        ("sum:x", "sum:x is not a number"),
        ("buckets:3", "is not a list"),
        ("buckets:[a]", "not a number"),
        ("counter_reset_hint:maybe", "is not supported: use unknown"),
        ("width:3", "has no width"),
        ("buckets:[1 2", "is not expected|is not a list"),
    ],
)
def test_a_wrong_notation(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_histogram(text)


def test_repeated_notations() -> None:
    values = parse_values("{{count:1}}x2 {{count:4 buckets:[4]}}-{{count:1 buckets:[1]}}x2 _")
    assert [getattr(value, "count", None) for value in values] == [1, 1, 1, 4, 3, 2, None]
