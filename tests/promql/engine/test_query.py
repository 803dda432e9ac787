"""Queries are compiled once, and evaluate as Prometheus does."""

from __future__ import annotations

import math

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.promql_series import Source, annotated, evaluate
from vitalspan.errors import MissingExtraError
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import metric_labels
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand

REQUESTS = {
    'a_total{job="web"}': "0+1x60",
    'http_requests_total{job="api", code="200"}': "0+60x60",
    'http_requests_total{job="api", code="500"}': "0+6x60",
    'http_requests_total{job="web", code="200"}': "0+120x60",
}

VALUES = [
    ("1 + 2 * 3", {"{}": 7}),
    ("2 ^ 3 ^ 2", {"{}": 512}),
    ("-2 ^ 2", {"{}": -4}),
    ("1 / 0", {"{}": math.inf}),
    ("-1 / 0", {"{}": -math.inf}),
    ("7 % 4", {"{}": 3}),
    ("1 > bool 2", {"{}": 0}),
    ("vector(3) > 2", {"{}": 3}),
    ("vector(3) < 2", {}),
    ("4 > vector(3)", {"{}": 3}),
    ("4 > bool vector(3)", {"{}": 1}),
    ("4 - vector(3)", {"{}": 1}),
    ("time()", {"{}": 3600}),
    ("vector(time()) - 600", {"{}": 3000}),
    ("scalar(vector(5))", {"{}": 5}),
    ("scalar(up) == bool 1", {"{}": 0}),
    ("pi()", {"{}": math.pi}),
    ("hour()", {"{}": 1}),
    ("year(vector(1e12)) > 0", {}),
    ("abs(vector(-3))", {"{}": 3}),
    ("ln(vector(0))", {"{}": -math.inf}),
    ("exp(vector(1000))", {"{}": math.inf}),
    ("sinh(vector(-1000))", {"{}": -math.inf}),
    ("atanh(vector(1))", {"{}": math.inf}),
    ("ceil(vector(Inf))", {"{}": math.inf}),
    ("floor(vector(-Inf))", {"{}": -math.inf}),
    ("round(vector(2.5))", {"{}": 3}),
    ("round(vector(12), 5)", {"{}": 10}),
    ("clamp(vector(5), 1, 3)", {"{}": 3}),
    ("clamp(vector(5), 3, 1)", {}),
    ("clamp_min(vector(-5), 1)", {"{}": 1}),
    ("(-8) ^ 0.5 == bool 1", {"{}": 0}),
    ("(-10) ^ 1001", {"{}": -math.inf}),
    ("0 ^ -1", {"{}": math.inf}),
    ("min_of(1, 2) + max_of(1, 2)", {"{}": 3}),
    ("start() + end() + range() + step()", {"{}": 7200}),
    ('absent(up{job="api", code=~"5.."})', {'{job="api"}': 1}),
    ('absent(up{job="api", job="web"})', {"{}": 1}),
    ("absent(sum(up))", {"{}": 1}),
    ("absent(http_requests_total)", {}),
    ("absent_over_time(up[5m])", {"{}": 1}),
    ("sum(http_requests_total)", {"{}": 11160}),
    ("sum by (job) (http_requests_total)", {'{job="api"}': 3960, '{job="web"}': 7200}),
    ("sum without (code) (rate(http_requests_total[5m]))", {'{job="api"}': 1.1, '{job="web"}': 2}),
    ("count(http_requests_total > 1000)", {"{}": 2}),
    (
        (
            'sum by (job) (rate(http_requests_total{code="500"}[5m]))'
            " / sum by (job) (rate(http_requests_total[5m]))"
        ),
        {'{job="api"}': 1 / 11},
    ),
    ("increase(http_requests_total{job='web'}[10m])", {'{code="200", job="web"}': 1200}),
    ("max(irate(http_requests_total[5m]))", {"{}": 2}),
    ("avg(delta(http_requests_total[10m]))", {"{}": 620}),
    ("min(deriv(http_requests_total[10m]))", {"{}": 0.1}),
    ("min(predict_linear(http_requests_total[10m], 600))", {"{}": 420}),
    ("max(max_over_time(http_requests_total[10m] offset 10m))", {"{}": 6000}),
    ("max(http_requests_total @ 600)", {"{}": 1200}),
    ("max(http_requests_total @ end())", {"{}": 7200}),
    ("max_over_time(sum(http_requests_total)[10m:1m])", {"{}": 11160}),
    ("count_over_time(sum(http_requests_total)[10m:])", {"{}": 10}),
    (
        "topk(1, http_requests_total)",
        {'{__name__="http_requests_total", code="200", job="web"}': 7200},
    ),
    (
        "bottomk by (job) (1, http_requests_total{job='web'})",
        {'{__name__="http_requests_total", code="200", job="web"}': 7200},
    ),
    ("count(limitk(2, http_requests_total))", {"{}": 2}),
    ("topk(0, http_requests_total)", {}),
    ("quantile(0.5, http_requests_total)", {"{}": 3600}),
    ("group(http_requests_total)", {"{}": 1}),
    ("stddev(vector(3)) + stdvar(vector(3))", {"{}": 0}),
    ("count_values('n', vector(3))", {'{n="3"}': 1}),
    (
        'label_replace(sum by (job) (a_total{job="web"}), "team", "$1!$$", "job", "(.+)")',
        {'{job="web", team="web!$"}': 60},
    ),
    ('label_join(vector(1), "to", "-", "a", "b")', {'{to="-"}': 1}),
    ("http_requests_total and on (job) vector(1)", {}),
    ("sum(http_requests_total or vector(1))", {"{}": 11161}),
    ("http_requests_total unless on (code) http_requests_total", {}),
    ("histogram_count(http_requests_total)", {}),
    (
        (
            "sum(http_requests_total * on (job) group_left (tier) label_replace("
            'group by (job) (http_requests_total), "tier", "gold", "", ""))'
        ),
        {"{}": 11160},
    ),
    ("vector(1) + on () fill_left(0) fill_right(0) vector(2)", {"{}": 3}),
]


@pytest.mark.parametrize(("query", "expected"), VALUES)
def test_value(query: str, expected: dict[str, float]) -> None:
    values = evaluate(query, REQUESTS, at=3600)
    assert values.keys() == expected.keys()
    for labels, value in expected.items():
        assert values[labels] == pytest.approx(value)


REFUSED = [
    ("sum(", "is not PromQL"),
    ("rate(up)", "expected type matrix"),
    ("up[5m] smoothed", "smoothed is experimental"),
    ("rate(up[1m+1m])", "arithmetic in durations"),
    ("up offset (1m)", "arithmetic in durations"),
    ("up @ -5", "before 1970"),
    ("up </ 5", "cut native histograms"),
    ("info(up)", "the function info is not supported"),
    ("limit_ratio(0.1, up)", "limit_ratio is experimental"),
    ('{a="1" or b="2"}', "or between label matchers"),
    ('up{a=~"(?=x)"}', "is not PromQL|RE2"),
    ('label_replace(up, "a", "$1", "b", "[[:alpha:]]")', "POSIX classes"),
    ('label_replace(up, "", "$1", "b", "c")', "invalid destination label name"),
    ('label_join(up, "a", "-", "")', "invalid source label name"),
    ("sum(sum_over_time(up[0s]))", "longer than nothing|is not PromQL|duration"),
    ("-" * 200 + "up", "nested too deeply|is not PromQL"),
    ("x" * 30000, "too long"),
]


@pytest.mark.parametrize(("query", "problem"), REFUSED)
def test_refused(query: str, problem: str) -> None:
    with pytest.raises(PromqlError, match=problem):
        compile_query(query)


IMPOSSIBLE = [
    ("http_requests_total / on (job) http_requests_total", "duplicate series for the match group"),
    ("http_requests_total / on (job) group by (job) (http_requests_total)", "multiple matches"),
    ("ceil({job='api'})", None),
    ("label_replace(http_requests_total, 'code', '', '', '')", "same labelset"),
    ("topk(NaN, http_requests_total)", "NaN"),
    ("topk(1e30, http_requests_total)", "overflows"),
    ("limitk(-1e30, http_requests_total)", "underflows"),
    ("double_exponential_smoothing(http_requests_total[5m], 2, 0.5)", "smoothing factor"),
    ("count_over_time(vector(1)[30d:1s])", "more than 11000 steps"),
    (
        "group by (job) (http_requests_total) * on () group_right () http_requests_total",
        "duplicate|unique",
    ),
]


@pytest.mark.parametrize(("query", "problem"), IMPOSSIBLE)
def test_no_value(query: str, problem: str | None) -> None:
    if problem is None:
        assert evaluate(query, REQUESTS, at=3600)
        return
    with pytest.raises(EvaluationError, match=problem):
        evaluate(query, REQUESTS, at=3600)


def test_two_names_cannot_become_one() -> None:
    series = {"a_total": "1", "b_total": "2"}
    with pytest.raises(EvaluationError, match="same labelset"):
        evaluate('-{__name__=~"[ab]_total"}', series)


def test_ranges_are_open_on_the_left() -> None:
    assert evaluate("count_over_time(a[2m])", {"a": "1x10"}, at=300) == {"{}": 2}


def test_a_stale_series_ends_at_once_and_another_after_five_minutes() -> None:
    series = {"a": "1 stale", "b": "1"}
    assert evaluate("a", series, at=60) == {}
    assert evaluate("b", series, at=299) == {'{__name__="b"}': 1}
    assert evaluate("b", series, at=300) == {}
    assert evaluate("count_over_time(a[2m])", series, at=60) == {"{}": 1}


def test_annotations() -> None:
    _, notes = annotated("rate(a[5m])", {"a": "0+1x10"}, at=300)
    assert notes.of("info") == [
        (
            "PromQL info: metric might not be a counter, name does not end in "
            '_total/_sum/_count/_bucket: "a"'
        )
    ]
    _, notes = annotated("quantile_over_time(2, a[5m])", {"a": "0+1x10"}, at=300)
    assert notes.of("warning") == [
        "PromQL warning: quantile value should be between 0 and 1, got 2"
    ]
    _, notes = annotated("histogram_quantile(0.5, a)", {'a{le="x"}': "1"})
    assert "malformed" in notes.of("warning")[0]


def test_demands_say_how_far_a_query_looks_back() -> None:
    query = compile_query("max_over_time(rate(a[5m] offset 1m)[1h:1m] offset 10m) + b @ 100")
    (rate, fixed) = query.demands
    assert (str(rate.selector), rate.range, rate.back) == ("a", 300_000, 4_260_000)
    assert isinstance(fixed, Demand)
    assert (str(fixed.selector), fixed.range, fixed.back) == ("b", 0, None)
    assert query.is_vector
    assert not compile_query("a[5m]").is_vector


def test_a_missing_parser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "promql_parser", None)
    with pytest.raises(MissingExtraError, match=r"vitalspan\[promql\]"):
        compile_query("up")


def test_a_parser_that_panics_is_a_mistake_in_the_expression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class PanicException(BaseException):
        pass

    def panic(_: str) -> None:
        raise PanicException

    monkeypatch.setattr(promql_parser, "parse", panic)
    with pytest.raises(PromqlError, match="is not PromQL: it cannot be parsed"):
        compile_query("up")


def test_labels_are_one_object() -> None:
    assert metric_labels({"b": "2", "a": "1", "c": ""}) is metric_labels([("a", "1"), ("b", "2")])
    assert str(metric_labels({"a": '"x"'})) == '{a="\\"x\\""}'
    assert repr(metric_labels({})) == "{}"


COUNTS = st.lists(st.integers(0, 1000) | st.none(), min_size=2, max_size=30)


@given(COUNTS, st.integers(60, 1800), st.integers(0, 1800))
def test_a_rate_is_that_of_the_samples_whatever_resets_are_known(
    counts: list[int | None], range_: int, at: int
) -> None:
    notation = " ".join("_" if count is None else str(count) for count in counts)
    source = Source({"a_total": notation})
    query = compile_query(f"increase(a_total[{range_}s])")
    unknown = query.evaluate(query.context(source, at * 1000))
    (series,) = source._series
    pairs = zip(series.values, series.values[1:], series.times[1:], strict=False)
    series.resets = [(time, before) for before, after, time in pairs if after < before]
    series.has_stale = False
    assert query.evaluate(query.context(source, at * 1000)) == unknown
