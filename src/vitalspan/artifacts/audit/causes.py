"""Why a query returns nothing: the first of its selectors that has no data says it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from vitalspan.artifacts.audit.filling import Span
from vitalspan.artifacts.audit.selectors import Selector, selectors
from vitalspan.artifacts.audit.server import Server

Cause = Literal["metric", "label", "value", "range", "condition"]

_LISTED: Final = 5
_MOST: Final = 60
"""Values of a label, and characters of each, that are told."""

_RECORDED: Final = ":"
"""What names of recorded series have in them, by convention."""


_ORDER: Final[tuple[Cause, ...]] = ("metric", "label", "value", "range")
"""What is missing altogether may be the cause of all else."""


class Nothing(NamedTuple):
    """Why there is nothing.

    Attributes:
        cause: in a word.
        detail: for people.
        metric: that the server does not know.
    """

    cause: Cause
    detail: str
    metric: str = ""


class Causes:
    """Finds causes, and remembers what it has asked a server.

    Args:
        server: that returned nothing.
        span: the time that was looked at.
    """

    def __init__(self, server: Server, span: Span) -> None:
        self._server = server
        self._span = span
        self._known: dict[Selector, Nothing | None] = {}

    def of(self, query: str) -> Nothing:
        """Return why a query returns nothing.

        Raises:
            RefusedError: if the server refuses to be asked.
        """
        told = [cause for one in selectors(query) if (cause := self._cause(one)) is not None]
        if told:
            return min(told, key=lambda nothing: _ORDER.index(nothing.cause))
        return Nothing(
            "condition",
            "there is data of all its metrics, but none that meets its conditions, or only NaN",
        )

    def _cause(self, selector: Selector) -> Nothing | None:
        if selector not in self._known:
            self._known[selector] = self._found(selector)
        return self._known[selector]

    def _found(self, selector: Selector) -> Nothing | None:
        span = self._span
        if self._server.has_values(f"count({selector})", span.start, span.end, span.step):
            return None
        if not self._is_known(selector.only(*selector.matchers)):
            return self._unknown(selector)
        return Nothing("range", f"no data in range of {selector}")

    def _unknown(self, selector: Selector) -> Nothing:
        if selector.name and not self._is_known(selector.only()):
            recorded = _RECORDED in selector.name
            hint = ", which the rules of  vitalspan rules export  record" if recorded else ""
            return Nothing("metric", f"no such metric: {selector.name}{hint}", selector.name)
        of = f" of {selector.name}" if selector.name else ""
        for label, rest in selector.matchers:
            # A server wants to be asked for something, which a condition alone may not be.
            more = () if selector.name else (("__name__", '!=""'),)
            if self._is_known(selector.only((label, rest), *more)):
                continue
            values = self._server.label_values(label, selector.only())
            if not values:
                return Nothing("label", f"no such label{of}: {label}{rest}")
            said = f"no such value{of}: {label}{rest}; there is {_some(values)}"
            return Nothing("value", said)
        together = selector.only(*selector.matchers)
        said = f"no such combination: {together}, though each part of it selects something"
        return Nothing("value", said)

    def _is_known(self, selector: str) -> bool:
        return bool(self._server.label_values("__name__", selector))


def _some(values: list[str]) -> str:
    shown = ", ".join(one if len(one) <= _MOST else f"{one[:_MOST]}..." for one in values[:_LISTED])
    more = len(values) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown
