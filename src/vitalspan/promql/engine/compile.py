"""Compiles the syntax tree of an expression to a plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, cast

from vitalspan.promql.engine.aggregation import (
    AGGREGATES,
    Aggregation,
    Count,
    CountValues,
    QuantileAggregation,
)
from vitalspan.promql.engine.arithmetic import COMPARISONS
from vitalspan.promql.engine.binary import (
    ScalarOperation,
    SetOperation,
    VectorScalarFilter,
    VectorScalarOperation,
)
from vitalspan.promql.engine.compile_call import ArgumentCompiler, compile_call
from vitalspan.promql.engine.functions.sum_of_rates import sum_of
from vitalspan.promql.engine.grouping import Grouping
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.parse import PromqlError, kind_of
from vitalspan.promql.engine.plan import (
    InstantSelector,
    NameDropping,
    Negation,
    Node,
    NumberLiteral,
    RangeSelector,
    ScalarNegation,
    ScalarNode,
    TextNode,
    TimeShift,
    VectorNode,
)
from vitalspan.promql.engine.ranking import LargestOrSmallest, Limit
from vitalspan.promql.engine.series import Demand, Selector
from vitalspan.promql.engine.subquery import Subquery
from vitalspan.promql.engine.sums import Average
from vitalspan.promql.engine.vector_matching import Matching, VectorOperation
from vitalspan.promql.matchers import Matcher, Operator

MAX_DEPTH: Final = 100
"""The maximum nesting depth of an expression."""

_SET_OPERATORS: Final = ("and", "or", "unless")

OPERATORS: Final[dict[str, Operator]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
"""The operators of label matchers, by what the parser calls them."""


class Compiler(ArgumentCompiler):
    """Creates the nodes of a plan, and collects the series that the plan needs.

    Args:
        names: how operations drop metric names.

    Attributes:
        demands: what each selector needs from a source.
    """

    def __init__(self, names: NameDropping) -> None:
        super().__init__(names)
        self.demands: list[Demand] = []
        self._depth = 0
        self._back: int | None = 0

    def compile(self, node: Any) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PromqlError(f"is nested too deeply: use at most {MAX_DEPTH} levels")
        try:
            return cast("Node", getattr(self, f"_compile_{kind_of(node)}")(node))
        finally:
            self._depth -= 1

    def _compile_NumberLiteral(self, node: Any) -> Node:  # noqa: N802 - by the parser's names
        return NumberLiteral(float(node.val))

    def _compile_StringLiteral(self, node: Any) -> Node:  # noqa: N802
        return TextNode(node.val)

    def _compile_ParenExpr(self, node: Any) -> Node:  # noqa: N802
        return self.compile(node.expr)

    def _compile_UnaryExpr(self, node: Any) -> Node:  # noqa: N802
        inner = self.compile(node.expr)
        if isinstance(inner, ScalarNode):
            return ScalarNegation(inner)
        return Negation(cast("VectorNode", inner), self.names)

    def _compile_VectorSelector(self, node: Any) -> Node:  # noqa: N802
        shift = _shift(node)
        return InstantSelector(self._demand(_selector(node), 0, shift), shift)

    def _compile_MatrixSelector(self, node: Any) -> Node:  # noqa: N802
        inner, range_ = node.vector_selector, _milliseconds(node.range)
        shift = _shift(inner)
        if range_ <= 0:
            raise PromqlError("a range must be longer than zero")
        return RangeSelector(self._demand(_selector(inner), range_, shift), shift)

    def _compile_SubqueryExpr(self, node: Any) -> Node:  # noqa: N802
        shift, range_ = _shift(node), _milliseconds(node.range)
        step = None if node.step is None else _milliseconds(node.step)
        if range_ <= 0 or (step is not None and step <= 0):
            raise PromqlError("the range and the step of a subquery must be longer than zero")
        outer = self._back
        begins = self._reach(shift)
        self._back = None if begins is None else begins + range_
        try:
            return Subquery(self.vector(node.expr), shift, range_, step)
        finally:
            self._back = outer

    def _reach(self, shift: TimeShift) -> int | None:
        """Return the maximum distance from the evaluation back to the time that is read."""
        if isinstance(shift.at, int):
            return None
        if shift.at is not None:
            # `@ start()` and `@ end()` are fixed, whatever subquery this is in.
            return shift.offset
        return None if self._back is None else self._back + shift.offset

    def _demand(self, selector: Selector, range_: int, shift: TimeShift) -> Demand:
        demand = Demand(selector, range_, self._reach(shift))
        self.demands.append(demand)
        return demand

    def _compile_AggregateExpr(self, node: Any) -> Node:  # noqa: N802
        operator, modifier = str(node.op), node.modifier
        grouping = Grouping()
        if modifier is not None:
            without = str(modifier.type).endswith("Without")
            grouping = Grouping(modifier.labels, without=without)
        if operator == "count_values":
            return CountValues(self.text(node.param), self.vector(node.expr), grouping)
        vector = self.vector(node.expr)
        if operator == "limit_ratio":
            raise PromqlError("limit_ratio is experimental in Prometheus, and not supported")
        if node.param is None:
            return self._aggregation(operator, vector, grouping)
        parameter = self.scalar(node.param)
        if operator == "quantile":
            return QuantileAggregation(parameter, vector, grouping)
        if operator == "limitk":
            return Limit(parameter, vector, grouping)
        return LargestOrSmallest(parameter, vector, grouping, largest=operator == "topk")

    def _aggregation(self, operator: str, vector: VectorNode, grouping: Grouping) -> VectorNode:
        """Return the plan of an aggregation without a parameter."""
        if operator == "sum":
            return sum_of(vector, grouping, delayed_names=self.names.delayed)
        if operator == "avg":
            return Average(vector, grouping)
        if operator in AGGREGATES:
            return Aggregation(operator, AGGREGATES[operator], vector, grouping)
        return Count(vector, grouping, always_one=operator == "group")

    def _compile_BinaryExpr(self, node: Any) -> Node:  # noqa: N802
        operator, modifier = str(node.op), node.modifier
        left, right = self.compile(node.lhs), self.compile(node.rhs)
        return_bool = modifier is not None and modifier.return_bool
        if isinstance(left, ScalarNode) and isinstance(right, ScalarNode):
            return ScalarOperation(operator, left, right)
        if isinstance(left, VectorNode) and isinstance(right, VectorNode):
            matching = _matching(modifier)
            if operator in _SET_OPERATORS:
                return SetOperation(operator, left, right, matching.signature())
            return VectorOperation(
                operator, left, right, matching, return_bool=return_bool, names=self.names
            )
        swapped = isinstance(left, ScalarNode)
        vector, scalar = (right, left) if swapped else (left, right)
        filters = operator in COMPARISONS and not return_bool
        operation = VectorScalarFilter if filters else VectorScalarOperation
        return operation(
            operator,
            cast("VectorNode", vector),
            cast("ScalarNode", scalar),
            swapped=swapped,
            names=self.names,
        )

    def _compile_Call(self, node: Any) -> Node:  # noqa: N802
        return compile_call(self, node)


def _selector(node: Any) -> Selector:
    """Return the selector of a vector selector's syntax tree."""
    if node.matchers.or_matchers:
        raise PromqlError("or between label matchers is not PromQL: use =~ with alternatives")
    matchers = []
    if node.name:
        matchers.append(Matcher(NAME, "=", node.name))
    for one in node.matchers.matchers:
        try:
            matchers.append(Matcher(one.name, OPERATORS[str(one.op)], one.value))
        except ValueError as mistake:
            raise PromqlError(f"{one.name}: {one.value!r:.80} cannot be used: {mistake}") from None
    return Selector(tuple(matchers))


def _milliseconds(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))


def _shift(node: Any) -> TimeShift:
    offset = 0 if node.offset is None else _milliseconds(node.offset)
    if node.at is None:
        return TimeShift(offset)
    kind = str(node.at.type)
    if kind.endswith("Start"):
        return TimeShift(offset, "start")
    if kind.endswith("End"):
        return TimeShift(offset, "end")
    return TimeShift(offset, round(node.at.at.timestamp() * 1000))


def _matching(modifier: Any) -> Matching:
    if modifier is None:
        return Matching()
    labels, on = (), False
    if modifier.matching is not None:
        labels, on = (
            tuple(modifier.matching.labels),
            str(modifier.matching.type).endswith("Include"),
        )
    card, fill = str(modifier.card), modifier.fill_values
    return Matching(
        labels,
        on=on,
        many="left"
        if card.endswith("ManyToOne")
        else "right"
        if card.endswith("OneToMany")
        else None,
        include=tuple(modifier.group_labels or ()),
        fill_left=None if fill is None else _number_or_none(fill.lhs),
        fill_right=None if fill is None else _number_or_none(fill.rhs),
    )


def _number_or_none(value: float | None) -> float | None:
    return None if value is None else float(value)
