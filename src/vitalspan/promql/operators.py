"""PromQL's binary operators: their precedence, and their layout in text."""

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
"""Precedence levels, from loose to tight; an operand binds tighter than all operators."""

LEVELS: Final = {
    "or": _OR,
    **dict.fromkeys(("and", "unless"), _AND),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">", "== bool", ">= bool"), COMPARISON),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
    "^": _POWER,
}

Layout = Literal["one line", "right side below", "lines"]
"""The place of an operator: on the line of both sides, of the right side, or on its own."""

LAYOUTS: Final[dict[Layout, tuple[str, str]]] = {
    "one line": (" ", " "),
    "right side below": ("\n", " "),
    "lines": ("\n", "\n"),
}
