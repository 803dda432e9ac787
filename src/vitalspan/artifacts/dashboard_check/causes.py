"""Causes of empty queries: the selectors without data, and what is missing for them."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal, NamedTuple

from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi
from vitalspan.artifacts.dashboard_check.variable_values import VariableRange
from vitalspan.promql.find_selectors import Selector, selectors

Cause = Literal["metric", "label", "value", "range", "condition"]

_LISTED: Final = 5
_MOST: Final = 60
"""The maximum number of label values in a message, and of characters of each."""

_PARTS: Final = ("_bucket", "_count", "_sum")
"""The suffixes of the samples of a classic histogram; a native one has only its name."""

_RECORDED: Final = ":"
"""The character in the names of recorded series, by convention."""


_ORDER: Final[tuple[Cause, ...]] = ("metric", "label", "value", "range")
"""Causes from the most to the least fundamental."""


class EmptyCause(NamedTuple):
    """The cause of an empty query.

    Attributes:
        cause: its kind.
        detail: a sentence for people.
        metric: the metric that the server does not know, if that is the cause.
    """

    cause: Cause
    detail: str
    metric: str = ""


class Causes:
    """A finder of the causes of empty queries, which remembers the server's responses.

    Args:
        server: the server that returned nothing.
        span: the time range of the queries.
    """

    def __init__(self, server: PrometheusApi, span: VariableRange) -> None:
        self._server = server
        self._span = span
        self._cause = cache(self._cause_of)

    def of(self, query: str) -> EmptyCause:
        """Return the cause of an empty query.

        Raises:
            RefusedError: if the server refuses a request.
        """
        found = {selector: self._cause(selector) for selector in selectors(query)}
        unknown = {one.name for one, cause in found.items() if cause and cause.cause == "metric"}
        names = {selector.name for selector in found}
        candidates = [
            cause
            for selector, cause in found.items()
            if cause is not None
            and not (cause.cause == "metric" and _has_other_form(selector.name, names, unknown))
        ]
        if candidates:
            return min(candidates, key=lambda one: _ORDER.index(one.cause))
        return EmptyCause(
            "condition",
            "all its metrics have data, but none that meets its conditions, or only NaN",
        )

    def _cause_of(self, selector: Selector) -> EmptyCause | None:
        span = self._span
        if self._server.has_values(f"count({selector})", span.start, span.end, span.step):
            return None
        if not self._is_known(selector.only(*selector.matchers)):
            return self._unknown(selector)
        return EmptyCause("range", f"no data in range of {selector}")

    def _unknown(self, selector: Selector) -> EmptyCause:
        if selector.name and not self._is_known(selector.only()):
            recorded = _RECORDED in selector.name
            hint = ", which the rules of  vitalspan rules export  record" if recorded else ""
            return EmptyCause("metric", f"no such metric: {selector.name}{hint}", selector.name)
        of = f" of {selector.name}" if selector.name else ""
        for label, rest in selector.matchers:
            # The server refuses selectors that could match everything.
            more = () if selector.name else (("__name__", '!=""'),)
            if self._is_known(selector.only((label, rest), *more)):
                continue
            values = self._server.label_values(label, selector.only())
            if not values:
                return EmptyCause("label", f"no such label{of}: {label}{rest}")
            detail = f"no such value{of}: {label}{rest}; there is {_some(values)}"
            return EmptyCause("value", detail)
        together = selector.only(*selector.matchers)
        detail = f"no such combination: {together}, though each part of it selects something"
        return EmptyCause("value", detail)

    def _is_known(self, selector: str) -> bool:
        return bool(self._server.label_values("__name__", selector))


def _has_other_form(name: str, names: set[str], unknown: set[str]) -> bool:
    """Return whether a query has the same histogram in the other form, which the server has.

    A server has native histograms, classic ones, or both. If it has neither, the classic form is
    missing.

    Args:
        name: a metric that the server does not know.
        names: all metrics in the query.
        unknown: the metrics in it that the server does not know.
    """
    if any(f"{name}{part}" in names for part in _PARTS):
        return True
    native = next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), name)
    return native in names - unknown


def _some(values: list[str]) -> str:
    texts = ", ".join(one if len(one) <= _MOST else f"{one[:_MOST]}..." for one in values[:_LISTED])
    more = len(values) - _LISTED
    return f"{texts} and {more} more" if more > 0 else texts
