"""The variables of dashboards: data source, job, instance, component, operation."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from vitalspan import names
from vitalspan.artifacts.grafana.queries import Queries, Scope

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source that is chosen at the top of a dashboard."""

MEASURE: Final = "measure"
"""The variable with the names that `call.add` was given."""

_EVERYTHING: Final = ".+"
_ALL: Final = VariableOption(selected=True, text="All", value="$__all")
_TITLES: Final = {"slo": "SLO"}


def datasource(chosen: str) -> DatasourceVariable:
    """Return the variable that chooses among the Prometheus data sources.

    Args:
        chosen: the uid of the one that is chosen at first.
    """
    option = VariableOption(selected=True, text=chosen, value=chosen)
    return DatasourceVariable("datasource").label("Data source").type("prometheus").current(option)


def label(name: str, scope: Scope, metric: str, queries: Queries) -> QueryVariable:
    """Return a variable with the values of a label, all of them chosen at first.

    Args:
        name: of the label, and of the variable.
        scope: the variables that narrow it down.
        metric: that has the label.
        queries: that know what the metric is called.
    """
    return (
        QueryVariable(name)
        .label(_TITLES.get(name, name.capitalize()))
        .datasource(DATASOURCE)
        .query({"query": f"label_values({queries.series(metric, scope)}, {name})", "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(_EVERYTHING)
        .current(_ALL)
    )


def chain(labels: Scope, queries: Queries) -> list[QueryVariable]:
    """Return a variable for each label, each narrowed down by those before it."""
    found = []
    for place, name in enumerate(labels):
        # Every process has build info; the others only where something has been called.
        every = name in ("job", "instance")
        metric = names.BUILD_INFO.name if every else f"{names.OPERATION_DURATION.name}_count"
        found.append(label(name, labels[:place], metric, queries))
    return found


def measure(scope: Scope, queries: Queries) -> QueryVariable:
    """Return the variable with the names of the measures that calls counted.

    Args:
        scope: the variables that narrow it down.
        queries: that know what the metrics are called.
    """
    begin, end = names.measure("|").name.split("|")
    others = "|".join(
        family.name for family in names.OPERATION_FAMILIES if family.type == "counter"
    )
    prefix = queries.prefix
    counters = queries.series(
        "", scope, f'__name__=~"{prefix}{begin}.+{end}"', f'__name__!~"{prefix}({others})"'
    ).removeprefix(prefix)
    return (
        QueryVariable(MEASURE)
        .label("Measure")
        .datasource(DATASOURCE)
        .query({"query": f"label_values({counters}, __name__)", "refId": MEASURE})
        .regex(f"/^{prefix}{begin}(.+){end}$/")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(_ALL)
    )
