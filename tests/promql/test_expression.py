"""Expressions write the parentheses that Prometheus needs, and those that people want."""

from __future__ import annotations

import math
from typing import Any

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.promql.expression import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Number,
    Operand,
    Parentheses,
    Subquery,
    VectorSelector,
    all_of,
    any_of,
    binary,
    call,
    number,
)
from vitalspan.promql.matchers import Matcher

A, B, C = (VectorSelector(name) for name in "abc")

SERIES = st.sampled_from([A, B, C])
NUMBERS = st.sampled_from([-2.0, 0.5, 3.0])
LAYOUTS = st.sampled_from(["one line", "right side below", "lines"])


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions of expressions; every one has samples, so that Prometheus takes it."""
    arithmetic = st.sampled_from(["+", "-", "*", "/", "%", "^"])
    comparison = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "== bool", ">= bool"])
    logic = st.sampled_from(["and", "or", "unless"])
    either = st.one_of(arithmetic, comparison)
    return st.one_of(
        st.builds(binary, inner, arithmetic, st.one_of(inner, NUMBERS), layout=LAYOUTS),
        st.builds(binary, NUMBERS, arithmetic, inner, layout=LAYOUTS),
        st.builds(binary, inner, comparison, st.one_of(inner, NUMBERS), layout=LAYOUTS),
        st.builds(binary, inner, logic, inner, layout=LAYOUTS, on=st.sampled_from([None, ("x",)])),
        st.builds(
            lambda left, operator, right: left.compare(operator, right), inner, either, inner
        ),
        st.builds(lambda one: call("abs", one), inner),
        st.builds(lambda one: Aggregation("sum", ("x",), one), inner),
        st.builds(Parentheses, inner),
        st.builds(lambda one: call("deriv", Subquery(one, "5m", 15.0, 60.0)), inner),
    )


def shape(expression: Expression) -> Any:
    """An expression as nested tuples, without parentheses."""
    match expression:
        case Parentheses(inner):
            return shape(inner)
        case Binary(left, operator, right):
            return operator.split()[0], shape(left), shape(right)
        case Number(value):
            return value
        case VectorSelector(metric):
            return metric
        case Call(function, arguments):
            return function, *map(shape, arguments)
        case Aggregation(function, _, vector):
            return function, shape(vector)
        case Subquery(inner):
            return shape(inner)
    raise AssertionError(expression)


def shape_of_text(parsed: Any) -> Any:
    """What another parser makes of a text, in the same form."""
    match type(parsed).__name__:
        case "ParenExpr" | "SubqueryExpr":
            return shape_of_text(parsed.expr)
        case "BinaryExpr":
            return str(parsed.op), shape_of_text(parsed.lhs), shape_of_text(parsed.rhs)
        case "NumberLiteral":
            return parsed.val
        case "UnaryExpr":
            return -shape_of_text(parsed.expr)
        case "VectorSelector":
            return parsed.name
        case "Call":
            return parsed.func.name, *map(shape_of_text, parsed.args)
        case "AggregateExpr":
            return str(parsed.op), shape_of_text(parsed.expr)
    raise AssertionError(parsed)


@given(st.recursive(SERIES, larger, max_leaves=12))
@settings(max_examples=300, deadline=None)
def test_the_text_means_what_the_tree_means(expression: Expression) -> None:
    parsed = promql_parser.parse(str(expression))
    assert shape_of_text(parsed) == shape(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (A + B - C, "a + b - c"),
        (A - (B + C), "a - (b + c)"),
        (A * B - C, "a * b - c"),
        ((A - B) * C, "(a - b) * c"),
        (A / (B * C), "a / (b * c)"),
        (2 * A**2 % B, "2 * a ^ 2 % b"),
        (A ** (B**C), "a ^ b ^ c"),
        ((A**B) ** C, "(a ^ b) ^ c"),
        (binary(-2, "^", A), "(-2) ^ a"),
        (A - binary(-2, "*", B), "a - -2 * b"),
        ((A > 1) * B, "(a > 1) * b"),
        ((A > 1) > 0, "(a > 1) > 0"),
        (binary(A > 1, "<", 2), "a > 1 < 2"),
        (A.compare("== bool", 2) / 3, "(a == bool 2) / 3"),
        (A.or_(B).or_(C), "a or b or c"),
        (A.unless(B).or_(C), "a unless b or c"),
        (A.unless(B.or_(C)), "a unless (b or c)"),
        (binary(A, "and", B, on=()), "a and on () b"),
        (binary(A, "*", B, on=("x", "y"), group_left=True), "a * on (x, y) group_left () b"),
        (all_of(A > 1), "a > 1"),
        (all_of(A > 1, B > 1, C), "a > 1\nand\nb > 1\nand\nc"),
        (any_of(all_of(A, B), C), "(\n  a\n  and\n  b\n)\nor\nc"),
        (call("absent", any_of(A, B)), "absent(a\nor\nb)"),
        (Aggregation("max", ("x",), any_of(A, B)), "max by (x) (\n  a\n  or\n  b\n)"),
        (Aggregation("sum", ("x",), A, without=True), "sum without (x) (a)"),
        (Parentheses(any_of(A, B), "one line"), "(a\nor\nb)"),
        (VectorSelector("a", (Matcher("x", "=~", 'b"|c'),)), 'a{x=~"b\\"|c"}'),
        (VectorSelector("a", over="5m", offset=3600.0), "a[5m] offset 1h"),
        (VectorSelector("a", at_end=True), "a @ end()"),
        (Subquery(A, "1h", 15.0, offset=60.0), "a[1h:15s] offset 1m"),
        (Subquery(A > 1, "1h", 15.0, at_end=True), "(a > 1)[1h:15s] @ end()"),
    ],
)
def test_parentheses_and_lines(expression: Expression, text: str) -> None:
    assert str(expression) == text
    promql_parser.parse(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (2, "2"),
        (-3.0, "-3"),
        (1610612736.0, "1610612736"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-7, "1e-07"),
        (1e22, "1e+22"),
        (math.inf, "Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
    promql_parser.parse(f"vector({text})")


def test_expressions_are_equal_by_what_they_are_and_never_true() -> None:
    def made(operand: Operand) -> Expression:
        return A * operand + B

    assert made(2) == made(2)
    assert hash(made(2)) == hash(made(2))
    assert made(2) != made(3)
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(made(2) > made(3))
