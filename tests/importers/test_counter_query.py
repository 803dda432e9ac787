"""Queries of SLO files: the counters that they add up, or why they are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.importers.counter_query import CounterQuery, QueryError, read_counters
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.model import CounterSelector

REQUESTS = CounterSelector("requests_total")
FAILED = CounterSelector("requests_total", (Matcher("code", "=~", "(5..|429)"),))


@pytest.mark.parametrize(
    ("text", "counters", "without"),
    [
        ("sum(rate(requests_total[{{.window}}]))", REQUESTS, None),
        (
            'sum(\n  rate(requests_total{code=~"(5..|429)"}[{{ .window }}])\n) # failed',
            FAILED,
            None,
        ),
        ("(sum(increase(requests_total[{{- .window -}}])))", REQUESTS, None),
        ("sum(rate(requests_total[{{.window}}])) or vector(0)", REQUESTS, None),
        ("sum((rate(requests_total[{{.window}}]) OR on() (vector(0))))", REQUESTS, None),
        (
            (
                "( sum(rate(requests_total[{{.window}}])) - (sum(rate("
                'requests_total{code=~"(5..|429)"}[{{.window}}])) or vector(0)) )'
            ),
            REQUESTS,
            FAILED,
        ),
    ],
)
def test_counters(text: str, counters: CounterSelector, without: CounterSelector | None) -> None:
    assert read_counters(text) == CounterQuery(counters, without)


NOT_ADDED = "the query does not add up the rates of a counter: use sum(rate("


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sum(rate(", "the query is not PromQL: "),
        ("", "the query is not PromQL: "),
        ("1", NOT_ADDED),
        ("requests_total", NOT_ADDED),
        ("sum(requests_total)", NOT_ADDED),
        ("rate(requests_total[{{.window}}])", NOT_ADDED),
        ("avg(rate(requests_total[{{.window}}]))", NOT_ADDED),
        ("sum(irate(requests_total[{{.window}}]))", NOT_ADDED),
        ("sum(rate(requests_total[{{.window}}])) * 2", NOT_ADDED),
        ("sum(rate(a_total[{{.window}}])) - on(x) sum(rate(b_total[{{.window}}]))", NOT_ADDED),
        ("sum(rate(requests_total[{{.window}}])) or vector(1)", NOT_ADDED),
        ("sum(rate(requests_total[{{.window}}])) or absent(x)", NOT_ADDED),
        ("sum_over_time((count(x < 0.75))[{{.window}}:]) or on() vector(0)", NOT_ADDED),
        ("sum(rate((x > 1)[{{.window}}:]))", NOT_ADDED),
        ("sum by (path) (rate(requests_total[{{.window}}]))", "the query groups by labels: "),
        ("sum(rate(requests_total[5m]))", "the window of the query is fixed: use {{.window}}"),
        ("sum(rate(requests_total[{{.window}}] offset 1h))", "the query is about another time: "),
        ("sum(rate(requests_total[{{.window}}] @ 10))", "the query is about another time: "),
        ('sum(rate({__name__=~"a|b"}[{{.window}}]))', "the query selects several metrics: "),
        ('sum(rate(a_total{b="c" or d="e"}[{{.window}}]))', "the query selects several metrics: "),
        ('sum(rate(a_total{b=~"[[:alpha:]]"}[{{.window}}]))', "the condition on b: POSIX classes "),
    ],
)
def test_what_is_no_counter_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(QueryError) as refused:
        read_counters(text)
    assert str(refused.value).startswith(reason)


def test_what_a_process_does_not_know_is_left_out_and_known() -> None:
    query = read_counters('sum(rate(a_total{job="shop",code="500",instance!~"x.*"}[{{.window}}]))')
    assert query.counters == CounterSelector("a_total", (Matcher("code", "=", "500"),))
    assert list(map(str, query.dropped)) == ['job="shop"', 'instance!~"x.*"']


def test_counters_themselves_and_other_windows_are_for_those_who_ask() -> None:
    for text in ("sum(requests_total)", "requests_total", "(sum((requests_total)))"):
        assert read_counters(text, as_counter=True).counters == REQUESTS
    assert read_counters("sum(rate(requests_total[5m]))", any_window=True).counters == REQUESTS


matchers = st.builds(
    Matcher,
    st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(
        lambda name: name not in ("job", "instance")
    ),
    st.sampled_from(["=", "!="]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).filter(
        lambda value: "{" not in value
    ),
)


@given(st.from_regex(r"[a-z_:][a-z0-9_:]{0,20}_total", fullmatch=True), st.lists(matchers))
def test_any_selector_is_read_as_it_was_written(name: str, where: list[Matcher]) -> None:
    text = f"sum(rate({name}{{{','.join(map(str, where))}}}[{{{{.window}}}}]))"
    assert read_counters(text).counters == CounterSelector(name, tuple(where))
