"""Variables of dashboards: job, instance, component, operation, SLO and measure."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.panels import label_title
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, Scope
from vitalspan.promql.matchers import Matcher

MEASURE: Final = "measure"
"""The variable with the names that `call.add` was given."""

NO_MEASURE: Final = "no operation counts a measure"


@dataclass(frozen=True)
class Variable:
    """A variable with the values of a label, all of which are chosen at first.

    Attributes:
        name: that queries use.
        query: where its values are from, in Grafana's notation.
        all_value: the regular expression for all values; without one, all of them are listed.
        pattern: a regular expression whose first group is the part of a value that counts.
        empty: why there may be no value while all is well; leave it out if there always is one.
    """

    name: str
    query: str
    _: KW_ONLY
    all_value: str | None = ".+"
    pattern: str = ""
    empty: str = ""

    @property
    def title(self) -> str:
        """The label beside the variable."""
        return label_title(self.name)


def label_variable(name: str, series: str) -> Variable:
    """Return a variable with the values of a label.

    Args:
        name: of the label, and of the variable.
        series: a selector of series that have the label.
    """
    return Variable(name, f"label_values({series}, {name})")


def label_variables(labels: Scope, queries: Queries) -> list[Variable]:
    """Return a variable for each label, each narrowed down by those before it."""

    def series(name: str, scope: Scope) -> str:
        # Every process has build info; the others only where something has been called.
        if name in TARGETS:
            return queries.series(metrics.BUILD_INFO, scope)
        return queries.seen_calls(scope)

    return [label_variable(name, series(name, labels[:place])) for place, name in enumerate(labels)]


def measure_variable(scope: Scope, queries: Queries) -> Variable:
    """Return the variable with the names of the measures that calls counted.

    Args:
        scope: the variables that narrow it down.
        queries: that know what the metrics are called.
    """
    begin, end = metrics.measure("|").name.split("|")
    others = "|".join(
        family.name for family in metrics.OPERATION_FAMILIES if family.type == "counter"
    )
    prefix = queries.prefix
    counters = queries.selection(scope).recording(
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
