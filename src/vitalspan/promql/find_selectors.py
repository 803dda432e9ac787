"""Finds the selectors in the text of a query.

This is for valid queries only; it is not a parser, and refuses nothing.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<number>\.?[0-9][\w.]*)
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<sign>=~|!~|!=|\S)
    """,
    re.VERBOSE | re.ASCII,
)
_WITH_LABELS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_OPERATORS: Final = ("and", "or", "unless", "atan2", "bool", "offset", "inf", "nan")
_AGGREGATIONS: Final = ("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "topk")
_MORE_AGGREGATIONS: Final = ("count_values", "bottomk", "quantile", "limitk", "limit_ratio")
_WORDS: Final = frozenset((*_OPERATORS, *_AGGREGATIONS, *_MORE_AGGREGATIONS))
"""Words that are not metrics, even without a bracket after them, as in `sum by (job) (...)`."""

_ENDS: Final = {"(": ")", "{": "}", "[": "]"}


class Selector(NamedTuple):
    """A selector in a query.

    Attributes:
        name: the name of the metric; empty if there are only matchers.
        matchers: the labels, each with the rest of its condition, as written in the query.
        ago: the offset, such as ` offset 1d`, or empty.
    """

    name: str
    matchers: tuple[tuple[str, str], ...]
    ago: str = ""

    def only(self, *matchers: tuple[str, str]) -> str:
        """Return a selector of the metric with only some matchers."""
        inside = ",".join(label + rest for label, rest in matchers)
        return f"{self.name}{{{inside}}}" if inside else self.name

    def __str__(self) -> str:
        return self.only(*self.matchers) + self.ago


class _Token(NamedTuple):
    kind: str
    text: str


_END: Final = _Token("end", "")


def selectors(promql: str) -> list[Selector]:
    """Return the distinct selectors of a query, in order."""
    reader = _Reader(promql)
    selectors_in_order: dict[Selector, None] = {}
    while (token := reader.take()) is not _END:
        if token.text == "[":
            reader.skip_to("]")
        elif token.text == "{":
            selectors_in_order[reader.selector("")] = None
        elif token.kind == "name":
            name = token.text
            if reader.next.text == "{":
                reader.take()
                selectors_in_order[reader.selector(name)] = None
            elif name.lower() in _WITH_LABELS:
                reader.skip_brackets()
            elif reader.next.text != "(" and name.lower() not in _WORDS:
                selectors_in_order[reader.bare(name)] = None
    return list(selectors_in_order)


class _Reader:
    def __init__(self, promql: str) -> None:
        self._tokens = [
            _Token(one.lastgroup or "", one[0])
            for one in _TOKEN.finditer(promql)
            if one.lastgroup != "comment"
        ]
        self._place = 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _END

    def take(self) -> _Token:
        token = self.next
        self._place += 1
        return token

    def skip_to(self, end: str) -> None:
        while self.take().text not in (end, ""):
            pass

    def skip_brackets(self) -> None:
        if self.next.text in _ENDS:
            self.skip_to(_ENDS[self.take().text])

    def selector(self, name: str) -> Selector:
        """Read the rest of a selector after the opening brace."""
        matchers = []
        while self.next.text not in ("}", ""):
            label = self.take()
            if label.text == ",":
                continue
            rest = self.take().text + self.take().text
            matchers.append((label.text, rest))
        self.take()
        return self.bare(name)._replace(matchers=tuple(matchers))

    def bare(self, name: str) -> Selector:
        """Read the modifiers after a selector."""
        if self.next.text == "[":
            self.skip_brackets()
        ago = ""
        if self.next.text.lower() == "offset":
            self.take()
            sign = self.take().text if self.next.text in ("-", "+") else ""
            ago = f" offset {sign}{self.take().text}"
        return Selector(name, (), ago)
