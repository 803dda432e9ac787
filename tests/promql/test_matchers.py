"""Label matchers."""

from __future__ import annotations

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.promql.matchers import (
    Matcher,
    match_all,
    parse_matcher,
    quoted,
)


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("checkout", "checkout", True),
        ("checkout", "checkouts", False),
        ("=checkout", "checkout", True),
        ("!=checkout", "search", True),
        ("!=checkout", "checkout", False),
        ("=~pay.*", "payments", True),
        ("=~pay", "payments", False),
        ("=~a|b", "b", True),
        ("=~.*", "two\nlines", True),
        ("!~pay.*", "payments", False),
        ("!~pay.*", "search", True),
        ("", "", True),
        ("=~", "", True),
    ],
)
def test_matching(text: str, value: str, matches: bool) -> None:
    assert parse_matcher("operation", text).matches(value) is matches


def test_an_absent_label_is_an_empty_one() -> None:
    assert match_all([parse_matcher("tier", "!=gold")], {})
    assert not match_all([parse_matcher("tier", "=~.+")], {})
    assert match_all([], {})


@pytest.mark.parametrize(
    "expression",
    [
        "(",
        "a(?=b)",
        "(?<!x)a",
        r"(a)\1",
        "(?P=name)",
        "a*+",
        "(?>a)",
        "[z-a]",
        "a{1001}",
        "a{1,2000}",
        r"\u00e9",
        "(?#c)a",
        "(?x)a",
        "(?a)a",
        r"a\Z",
        "[[:alpha:]]",
        "a{99999999999}",
    ],
)
def test_expressions_that_prometheus_has_not(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Matcher("l", "=~", expression)


@pytest.mark.parametrize("expression", [r"a\\1", r"\d+", "(?i)pay.*", "(?:a|b)", r"\(\?=", "a+?"])
def test_expressions_that_both_have(expression: str) -> None:
    matcher = Matcher("l", "=~", expression)
    promql_parser.parse(f"m{{{matcher}}}")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_can_be_quoted(value: str) -> None:
    promql_parser.parse(f"m{{l={quoted(value)}}}")
    assert Matcher("l", "=", value).matches(value)


@pytest.mark.parametrize("expression", ["[[:alpha:]]", "x[^[:digit:]]+", "[a-z[:space:]]"])
def test_posix_classes_are_explained(expression: str) -> None:
    with pytest.raises(ValueError, match="POSIX classes such as"):
        Matcher("operation", "=~", expression)


def test_brackets_that_are_no_posix_class() -> None:
    assert Matcher("operation", "=~", r"[:a]+\[:alpha:\]").matches(":a[:alpha:]")
