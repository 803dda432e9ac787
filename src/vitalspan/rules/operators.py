"""PromQL put together from parts: numbers, parentheses where they are needed, lines."""

from __future__ import annotations

import re
from typing import Final

_LEVELS: Final = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
    "^": 6,
}
"""How tightly each operator binds."""

LOGIC: Final = 2
COMPARISON: Final = 3
SUM: Final = 4
PRODUCT: Final = 5
CALL: Final = 7
"""What binds tighter than any operator."""

_OPERATORS: Final = "|".join(map(re.escape, _LEVELS))
_PIECE: Final = re.compile(rf'"(?:\\.|[^"\\])*"|[({{\[]|[)}}\]]|\s({_OPERATORS})(?=\s)', re.DOTALL)


def tightness(text: str) -> int:
    """Return how tightly the loosest operator of an expression binds.

    Operators have spaces around them.
    """
    depth, loosest = 0, CALL
    for piece in _PIECE.finditer(text):
        opened = piece.group()[0]
        if opened in "({[":
            depth += 1
        elif opened in ")}]":
            depth -= 1
        elif piece.group(1) is not None and not depth:
            loosest = min(loosest, _LEVELS[piece.group(1)])
    return loosest


def part(text: str, level: int) -> str:
    """Return an expression as a part of another, in parentheses if it binds less than a level."""
    return text if tightness(text) >= level else enclosed(text)


def enclosed(text: str) -> str:
    """Return an expression in parentheses, on lines of its own if it has several."""
    if "\n" not in text:
        return f"({text})"
    # Texts of labels may have what `splitlines` takes for the end of a line.
    lines = (f"  {line}" for line in text.split("\n"))
    return "\n".join(("(", *lines, ")"))


def all_of(*conditions: str) -> str:
    """Return what all conditions hold for, each on lines of its own."""
    return _joined("and", conditions)


def any_of(*conditions: str) -> str:
    """Return what any condition holds for, each on lines of its own."""
    return _joined("or", conditions)


def _joined(operator: str, conditions: tuple[str, ...]) -> str:
    if len(conditions) == 1:
        return conditions[0]
    # That `and` comes before `or` is a rule that few readers are sure of.
    return f"\n{operator}\n".join(part(one, COMPARISON) for one in conditions)


def compared(expression: str, operator: str, threshold: float) -> str:
    """Return a comparison with a number."""
    return f"{part(expression, SUM)} {operator} {number(threshold)}"


def number(value: float) -> str:
    """Return a number as PromQL and people read it."""
    text = repr(float(value))
    return text.removesuffix(".0")
