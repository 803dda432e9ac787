"""Why a query returns nothing: the first of its selectors that has no data says it."""

from __future__ import annotations

from typing import Final, Literal

from vitalspan.artifacts.audit.filling import Span
from vitalspan.artifacts.audit.selectors import Selector, selectors
from vitalspan.artifacts.audit.server import Server

Cause = Literal["metric", "label", "value", "range", "condition"]

_LISTED: Final = 5
_MOST: Final = 60
"""Values of a label, and characters of each, that are told."""

_RECORDED: Final = ":"
"""What names of recorded series have in them, by convention."""


class Causes:
    """Finds causes, and remembers what it has asked a server.

    Args:
        server: that returned nothing.
        span: the time that was looked at.
    """

    def __init__(self, server: Server, span: Span) -> None:
        self._server = server
        self._span = span
        self._known: dict[Selector, tuple[Cause, str] | None] = {}

    def of(self, query: str) -> tuple[Cause, str]:
        """Return why a query returns nothing, in a word and for people.

        Raises:
            RefusedError: if the server refuses to be asked.
        """
        told = [cause for one in selectors(query) if (cause := self._cause(one)) is not None]
        if told:
            # What is missing altogether may be the cause of all else.
            order: list[Cause] = ["metric", "label", "value", "range"]
            return min(told, key=lambda cause: order.index(cause[0]))
        return "condition", (
            "there is data of all its metrics, but none that meets its conditions, or only NaN"
        )

    def _cause(self, selector: Selector) -> tuple[Cause, str] | None:
        if selector not in self._known:
            self._known[selector] = self._found(selector)
        return self._known[selector]

    def _found(self, selector: Selector) -> tuple[Cause, str] | None:
        span = self._span
        if self._server.has_values(f"count({selector})", span.start, span.end, span.step):
            return None
        if not self._is_known(selector.only(*selector.matchers)):
            return self._unknown(selector)
        return "range", f"no data in range of {selector}"

    def _unknown(self, selector: Selector) -> tuple[Cause, str]:
        if selector.name and not self._is_known(selector.only()):
            recorded = _RECORDED in selector.name
            hint = ", which the rules of  vitalspan rules export  record" if recorded else ""
            return "metric", f"no such metric: {selector.name}{hint}"
        of = f" of {selector.name}" if selector.name else ""
        for label, rest in selector.matchers:
            if self._is_known(selector.only((label, rest))):
                continue
            values = self._server.label_values(label, selector.only())
            if not values:
                return "label", f"no such label{of}: {label}{rest}"
            return "value", f"no such value{of}: {label}{rest}; there is {_some(values)}"
        together = selector.only(*selector.matchers)
        return "value", f"no such combination: {together}, though each part of it selects something"

    def _is_known(self, selector: str) -> bool:
        return bool(self._server.label_values("__name__", selector))


def _some(values: list[str]) -> str:
    shown = ", ".join(one if len(one) <= _MOST else f"{one[:_MOST]}..." for one in values[:_LISTED])
    more = len(values) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown
