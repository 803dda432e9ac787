"""PromQL's binary operators: how tightly they bind, and how they are laid out in text."""

from __future__ import annotations

from typing import Final, Literal

_OR: Final = 1
_AND: Final = 2
COMPARISON: Final = 3
_SUM: Final = 4
_PRODUCT: Final = 5
SIGN: Final = 6
_POWER: Final = 7
OPERAND: Final = 8
"""Binding levels, the loosest first; an operand binds tighter than every operator."""

LEVELS: Final = {
    "or": _OR,
    **dict.fromkeys(("and", "unless"), _AND),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">", "== bool", ">= bool"), COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
    "^": _POWER,
}

Layout = Literal["one line", "right side below", "lines"]
"""The place of an operator: on the line of both sides, on that of the right one, or on its own."""

LAYOUTS: Final[dict[Layout, tuple[str, str]]] = {
    "one line": (" ", " "),
    "right side below": ("\n", " "),
    "lines": ("\n", "\n"),
}
