"""Variables of dashboards: job, instance, component, operation, SLO and measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.panels import label_title
from vitalspan.artifacts.grafana.queries import OPERATIONS, TARGETS, Queries, Scope
from vitalspan.promql.matchers import Matcher

MEASURE: Final = "measure"
"""The variable with the names that were passed to `call.add`."""

NO_MEASURE: Final = "no operation counts a measure"


@dataclass(frozen=True)
class Variable:
    """A variable with the values of a label, all of which are selected by default.

    Attributes:
        name: the name that queries use.
        query: the query for its values, in Grafana's notation.
        all_value: the regular expression for all values; without one, all of them are listed.
        pattern: a regular expression whose first group is the relevant part of a value.
        empty: why there may be no value although all is well; leave it out if there always is one.
    """

    name: str
    query: str
    _: KW_ONLY
    all_value: str | None = ".+"
    pattern: str = ""
    empty: str = ""

    @property
    def title(self) -> str:
        """The label next to the variable."""
        return label_title(self.name)


def label_variable(name: str, series: str) -> Variable:
    """Return a variable with the values of a label.

    Args:
        name: the name of the label and of the variable.
        series: a selector of series that have the label.
    """
    return Variable(name, f"label_values({series}, {name})")


def label_variables(labels: Scope) -> list[Callable[[Queries], Variable]]:
    """Return the makers of a variable for each label, each narrowed down by those before it."""
    return [partial(_narrowed, name, labels[:place]) for place, name in enumerate(labels)]


def _narrowed(name: str, scope: Scope, queries: Queries) -> Variable:
    # Every process has build info; other labels only exist once something was called.
    if name in TARGETS:
        return label_variable(name, queries.series(metrics.BUILD_INFO, scope))
    return label_variable(name, queries.seen_calls(scope))


def measure_variable(queries: Queries) -> Variable:
    """Return the variable with the names of the measures that operations counted."""
    begin, end = metrics.measure("|").name.split("|")
    others = "|".join(
        family.name for family in metrics.OPERATION_FAMILIES if family.type == "counter"
    )
    prefix = queries.prefix
    counters = queries.selection(OPERATIONS).recording(
        "",
        Matcher("__name__", "=~", f"{prefix}{begin}.+{end}"),
        Matcher("__name__", "!~", f"{prefix}({others})"),
    )
    return Variable(
        MEASURE,
        f"label_values({counters}, __name__)",
        all_value=None,
        pattern=f"/^{prefix}{begin}(.+){end}$/",
        empty=NO_MEASURE,
    )
