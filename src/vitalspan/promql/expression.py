"""PromQL expressions as a small tree, which adds parentheses where they are needed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from vitalspan.promql.matchers import Matcher
from vitalspan.promql.operators import COMPARISON, LAYOUTS, LEVELS, OPERAND, SIGN, Layout
from vitalspan.units import duration_text


class Expression:
    """A PromQL expression. Its text is `str(expression)`.

    Python's operators on expressions and numbers create larger expressions; there are methods for
    operators that Python lacks or binds differently.
    """

    __slots__ = ()

    @property
    def level(self) -> int:
        """The precedence of its outermost operator."""
        return OPERAND

    def __add__(self, other: Operand) -> Binary:
        return binary(self, "+", other)

    def __sub__(self, other: Operand) -> Binary:
        return binary(self, "-", other)

    def __rsub__(self, other: float) -> Binary:
        return binary(other, "-", self)

    def __mul__(self, other: Operand) -> Binary:
        return binary(self, "*", other)

    def __rmul__(self, other: float) -> Binary:
        return binary(other, "*", self)

    def __truediv__(self, other: Operand) -> Binary:
        return binary(self, "/", other)

    def __mod__(self, other: Operand) -> Binary:
        return binary(self, "%", other)

    def __pow__(self, other: Operand) -> Binary:
        return binary(self, "^", other)

    def __lt__(self, other: Operand) -> Binary:
        return self.compare("<", other)

    def __le__(self, other: Operand) -> Binary:
        return self.compare("<=", other)

    def __gt__(self, other: Operand) -> Binary:
        return self.compare(">", other)

    def __ge__(self, other: Operand) -> Binary:
        return self.compare(">=", other)

    def __bool__(self) -> bool:
        raise TypeError("an expression is neither true nor false: compare it with None")

    def compare(self, operator: str, other: Operand) -> Binary:
        """Return a comparison; the operator may also be one such as `== bool`."""
        # Prometheus evaluates chained comparisons from the left, which few readers expect.
        left = Parentheses(self) if self.level == COMPARISON else self
        return binary(left, operator, other)

    def or_(self, other: Expression) -> Binary:
        """Return the union of both, in one line."""
        return binary(self, "or", other)

    def unless(self, other: Expression) -> Binary:
        """Return the elements that are not in the other one, in one line."""
        return binary(self, "unless", other)


Operand = Expression | float


def _expression(operand: Operand) -> Expression:
    return operand if isinstance(operand, Expression) else Number(operand)


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A number."""

    value: float

    @property
    def level(self) -> int:
        """The precedence: a negative number binds like a sign, so -2 ^ 2 needs parentheses."""
        return SIGN if math.copysign(1.0, self.value) < 0 else OPERAND

    def __str__(self) -> str:
        return number(self.value)


@dataclass(frozen=True, slots=True)
class VectorSelector(Expression):
    """The series that match all matchers, of one metric or of any.

    Attributes:
        metric: the name of the metric.
        matchers: the matchers.
        over: the range of a range vector in PromQL's syntax; empty for an instant vector.
        offset: the offset in seconds.
        at_end: whether to use the time of the evaluation, even in a subquery.
    """

    metric: str
    matchers: tuple[Matcher, ...] = ()
    over: str = ""
    offset: float = 0.0
    at_end: bool = False

    def __str__(self) -> str:
        matchers = ",".join(map(str, self.matchers))
        selector = f"{self.metric}{{{matchers}}}" if matchers else self.metric
        over = f"[{self.over}]" if self.over else ""
        return f"{selector}{over}{_offset_text(self.offset, at_end=self.at_end)}"


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function call."""

    function: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Aggregation(Expression):
    """A vector aggregated by labels, or without labels.

    Attributes:
        function: the function, such as `sum`.
        labels: the labels to keep or to remove.
        vector: the vector to aggregate.
        without: whether the labels are removed.
    """

    function: str
    labels: tuple[str, ...]
    vector: Expression
    without: bool = False

    def __str__(self) -> str:
        keep = "without" if self.without else "by"
        return f"{self.function} {keep} ({', '.join(self.labels)}) {Parentheses(self.vector)}"


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """The values of an expression over a period.

    Attributes:
        expression: the expression.
        over: the period in PromQL's syntax.
        step: the step in seconds.
        offset: the offset in seconds.
        at_end: whether the period ends at the evaluation, even in a subquery.
    """

    expression: Expression
    over: str
    step: float
    offset: float = 0.0
    at_end: bool = False

    def __str__(self) -> str:
        inner = self.expression
        plain = inner if isinstance(inner, VectorSelector | Call) else Parentheses(inner)
        over = f"[{self.over}:{duration_text(self.step)}]"
        return f"{plain}{over}{_offset_text(self.offset, at_end=self.at_end)}"


@dataclass(frozen=True, slots=True)
class Parentheses(Expression):
    """An expression in parentheses.

    Attributes:
        expression: the expression within them.
        layout: `lines` puts the parentheses on their own lines if the expression has several lines.
    """

    expression: Expression
    layout: Layout = "lines"

    def __str__(self) -> str:
        text = str(self.expression)
        if "\n" not in text or self.layout != "lines":
            return f"({text})"
        # Label values may contain characters that `splitlines` treats as line ends.
        lines = (f"  {line}" for line in text.split("\n"))
        return "\n".join(("(", *lines, ")"))


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """An operator and its two sides.

    Attributes:
        left: the left side.
        operator: the operator, such as `+` or `== bool`.
        right: the right side.
        on: the labels by which samples of both sides are matched; None for all labels.
        group_left: whether several samples on the left may match one on the right.
        layout: the layout of the text.
    """

    left: Expression
    operator: str
    right: Expression
    on: tuple[str, ...] | None = None
    group_left: bool = False
    layout: Layout = "one line"

    @property
    def level(self) -> int:
        """The precedence of its operator."""
        return LEVELS[self.operator]

    def __str__(self) -> str:
        words = self.operator
        if self.on is not None:
            words += f" on ({', '.join(self.on)})"
        if self.group_left:
            words += " group_left ()"
        before, after = LAYOUTS[self.layout]
        # Operators with equal precedence are left-associative, except for powers.
        from_right = self.operator == "^"
        left = _tight(self.left, self.level + from_right)
        right = _tight(self.right, self.level + (not from_right))
        return f"{left}{before}{words}{after}{right}"


def _tight(side: Expression, level: int) -> Expression:
    return side if side.level >= level else Parentheses(side)


def _offset_text(offset: float, *, at_end: bool) -> str:
    at = " @ end()" if at_end else ""
    return f"{at} offset {duration_text(offset)}" if offset else at


def binary(
    left: Operand,
    operator: str,
    right: Operand,
    *,
    on: tuple[str, ...] | None = None,
    group_left: bool = False,
    layout: Layout = "one line",
) -> Binary:
    """Return an operator with two sides, each an expression or a number."""
    return Binary(_expression(left), operator, _expression(right), on, group_left, layout)


def call(function: str, *arguments: Operand) -> Call:
    """Return a call of a function."""
    return Call(function, tuple(map(_expression, arguments)))


def all_of(*conditions: Expression) -> Expression:
    """Return the conjunction of conditions, each on its own lines."""
    return _join("and", conditions)


def any_of(*conditions: Expression) -> Expression:
    """Return the disjunction of conditions, each on its own lines."""
    return _join("or", conditions)


def _join(operator: str, conditions: Iterable[Expression]) -> Expression:
    conditions = list(conditions)
    if len(conditions) > 1:
        # Few readers are sure that `and` binds tighter than `or`.
        conditions = [_tight(one, COMPARISON) for one in conditions]
    return reduce(lambda left, right: binary(left, operator, right, layout="lines"), conditions)


def number(value: float) -> str:
    """Return a number in a form that both PromQL and people can read."""
    if math.isfinite(value):
        return repr(float(value)).removesuffix(".0")
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Inf"
