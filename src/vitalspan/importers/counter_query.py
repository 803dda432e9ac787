"""Reads the counters in the queries of SLO files: `sum(rate(requests_total{code="500"}[5m]))`."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.promql.engine.compile import OPERATORS
from vitalspan.promql.engine.parse import kind_of, parse
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.model import CounterSelector

USABLE: Final = "use sum(rate(requests_total[{{.window}}]))"

_TEMPLATE: Final = re.compile(r"\{\{-?\s*\.window\s*-?\}\}")
_WINDOW: Final = 104_729
"""A window in seconds that nobody uses: it stands for the template."""

_SCRAPED: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds when it scrapes: within a process they distinguish nothing."""


class QueryError(ConfigurationError):
    """A query that is not only about counters; the message says why, and what can be used."""


class CounterQuery(NamedTuple):
    """The counters that a query adds up.

    Attributes:
        counters: the counters that are added.
        without: the counters that are subtracted.
        dropped: conditions that have no meaning within the process.
    """

    counters: CounterSelector
    without: CounterSelector | None
    dropped: tuple[Matcher, ...] = ()


def read_counters(text: str, *, any_window: bool = False, as_counter: bool = False) -> CounterQuery:
    """Return the counters that a query is about.

    Args:
        text: PromQL.
        any_window: whether rates over any window are accepted, not only over `{{.window}}`.
        as_counter: whether counters without a rate are accepted as well, for tools that compute
            their growth themselves.

    Raises:
        QueryError: for a query that is about something else.
        MissingExtraError: if promql-parser is not installed.
    """
    try:
        root = parse(_TEMPLATE.sub(f"{_WINDOW}s", text))
    except ConfigurationError as refused:
        raise QueryError(f"the query {refused}: {USABLE}") from None
    reader = _Reader(any_window=any_window, as_counter=as_counter)
    node = _bare(root)
    if kind_of(node) == "BinaryExpr" and str(node.op) == "-" and node.modifier is None:
        counters, without = reader.total(_bare(node.lhs)), reader.total(_bare(node.rhs))
    else:
        counters, without = reader.total(node), None
    return CounterQuery(counters, without, tuple(reader.dropped))


class _Reader:
    def __init__(self, *, any_window: bool, as_counter: bool) -> None:
        self.dropped: dict[Matcher, None] = {}
        self._any_window = any_window
        self._as_counter = as_counter

    def total(self, node: Any) -> CounterSelector:
        """Return the counters of `sum(rate(...))`."""
        if self._as_counter and kind_of(node) == "VectorSelector":
            return self._selector(node)
        if kind_of(node) != "AggregateExpr" or str(node.op) != "sum":
            raise QueryError(f"the query does not add up the rates of a counter: {USABLE}")
        if node.modifier is not None:
            raise QueryError(
                "the query groups by labels: leave `by` or `without` out, and add `by` to the "
                "SLO in the "
                "rule file"
            )
        inner = _bare(node.expr)
        if self._as_counter and kind_of(inner) == "VectorSelector":
            return self._selector(inner)
        return self._rate(inner)

    def _rate(self, node: Any) -> CounterSelector:
        is_rate = kind_of(node) == "Call" and node.func.name in ("rate", "increase")
        ranges = [_bare(one) for one in node.args] if is_rate else []
        if not ranges or kind_of(ranges[0]) != "MatrixSelector":
            raise QueryError(f"the query does not add up the rates of a counter: {USABLE}")
        if not self._any_window and ranges[0].range.total_seconds() != _WINDOW:
            raise QueryError("the window of the query is fixed: use {{.window}} instead")
        return self._selector(ranges[0].vector_selector)

    def _selector(self, node: Any) -> CounterSelector:
        if node.offset is not None or node.at is not None:
            raise QueryError("the query is about another time: leave offset and @ out")
        if node.name is None or node.matchers.or_matchers:
            raise QueryError("the query selects several metrics: name one before the braces")
        matchers = []
        for one in node.matchers.matchers:
            try:
                matcher = Matcher(one.name, OPERATORS[str(one.op)], one.value)
            except ValueError as refused:
                raise QueryError(f"the condition on {one.name}: {refused}") from None
            if one.name in _SCRAPED:
                self.dropped[matcher] = None
            else:
                matchers.append(matcher)
        return CounterSelector(node.name, tuple(matchers))


def _bare(node: Any) -> Any:
    """Return the node without parentheses and without `or vector(0)`."""
    while True:
        if kind_of(node) == "ParenExpr":
            node = node.expr
        elif kind_of(node) == "BinaryExpr" and str(node.op) == "or" and _is_zero(node.rhs):
            node = node.lhs
        else:
            return node


def _is_zero(node: Any) -> bool:
    if kind_of(node) == "ParenExpr":
        return _is_zero(node.expr)
    if kind_of(node) != "Call" or node.func.name != "vector":
        return False
    [value] = node.args
    return kind_of(value) == "NumberLiteral" and value.val == 0
