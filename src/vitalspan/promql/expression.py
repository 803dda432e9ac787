"""PromQL expressions as a small tree, written with parentheses where they are needed."""

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

    Python's operators on expressions and numbers make larger expressions; so do the methods, for
    operators that Python has not or binds otherwise.
    """

    __slots__ = ()

    @property
    def level(self) -> int:
        """The binding level of its loosest operator."""
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
        """Return a comparison; `== bool` and the like are operators as well."""
        # Prometheus would take comparisons of comparisons from the left, as few readers would.
        left = Parentheses(self) if self.level == COMPARISON else self
        return binary(left, operator, other)

    def or_(self, other: Expression) -> Binary:
        """Return what either has, in one line."""
        return binary(self, "or", other)

    def unless(self, other: Expression) -> Binary:
        """Return what the other one has not, in one line."""
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
        """The binding level: a negative number binds like a sign, so -2 ^ 2 needs parentheses."""
        return SIGN if math.copysign(1.0, self.value) < 0 else OPERAND

    def __str__(self) -> str:
        return number(self.value)


@dataclass(frozen=True, slots=True)
class VectorSelector(Expression):
    """The series of a metric, or of none in particular, that match all matchers.

    Attributes:
        metric: its name.
        matchers: conditions on labels.
        over: the range of a range vector, as PromQL writes it; empty for an instant vector.
        offset: seconds to go back in time.
        at_end: whether it is that of the evaluation, in a subquery too.
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
    """A call of a function."""

    function: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Aggregation(Expression):
    """A vector aggregated by labels, or without some.

    Attributes:
        function: such as `sum`.
        labels: that stay, or that go.
        vector: that is aggregated.
        without: whether the labels go.
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
    """The values of an expression over a time.

    Attributes:
        expression: which.
        over: the time, as PromQL writes it.
        step: seconds between two values.
        offset: seconds to go back in time.
        at_end: whether the time ends at the evaluation, in a subquery too.
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
        expression: within them.
        layout: `lines` puts them on lines of their own if the expression has several.
    """

    expression: Expression
    layout: Layout = "lines"

    def __str__(self) -> str:
        text = str(self.expression)
        if "\n" not in text or self.layout != "lines":
            return f"({text})"
        # Texts of labels may have what `splitlines` takes for the end of a line.
        lines = (f"  {line}" for line in text.split("\n"))
        return "\n".join(("(", *lines, ")"))


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """An operator and its two sides.

    Attributes:
        left: side.
        operator: such as `+` or `== bool`.
        right: side.
        on: the labels that samples of both sides must share; None for all of them.
        group_left: whether several samples of the left side may match one of the right.
        layout: of the text.
    """

    left: Expression
    operator: str
    right: Expression
    on: tuple[str, ...] | None = None
    group_left: bool = False
    layout: Layout = "one line"

    @property
    def level(self) -> int:
        """The binding level of its operator."""
        return LEVELS[self.operator]

    def __str__(self) -> str:
        words = self.operator
        if self.on is not None:
            words += f" on ({', '.join(self.on)})"
        if self.group_left:
            words += " group_left ()"
        before, after = LAYOUTS[self.layout]
        # Operators of one level are taken from the left, but for powers.
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
    """Return what all conditions hold for, each on lines of its own."""
    return _join("and", conditions)


def any_of(*conditions: Expression) -> Expression:
    """Return what any condition holds for, each on lines of its own."""
    return _join("or", conditions)


def _join(operator: str, conditions: Iterable[Expression]) -> Expression:
    conditions = list(conditions)
    if len(conditions) > 1:
        # That `and` comes before `or` is a rule that few readers are sure of.
        conditions = [_tight(one, COMPARISON) for one in conditions]
    return reduce(lambda left, right: binary(left, operator, right, layout="lines"), conditions)


def number(value: float) -> str:
    """Return a number as PromQL and people read it."""
    if math.isfinite(value):
        return repr(float(value)).removesuffix(".0")
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Inf"
