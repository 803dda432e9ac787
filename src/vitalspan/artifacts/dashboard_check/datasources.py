"""The data sources of a dashboard's queries: which are Prometheus, and which do not resolve."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from vitalspan.artifacts.dashboard_check.variable_values import used_variables

_PROMETHEUS: Final = (
    "prometheus",
    "grafana-amazonprometheus-datasource",
    "grafana-azureprometheus-datasource",
)
"""The types of data sources that have the API of a Prometheus."""

_MIXED: Final = "-- Mixed --"
_OTHERS: Final = ("-- Grafana --", "grafana", "-- Dashboard --", "__expr__")
_DEFAULT: Final = (None, "", "default")


class Datasource(NamedTuple):
    """The data source of a query.

    Attributes:
        is_prometheus: whether it is a Prometheus.
        problem: why it does not resolve; empty if it does.
    """

    is_prometheus: bool = True
    problem: str = ""


@dataclass(frozen=True)
class Datasources:
    """A resolver of the data sources that a dashboard refers to.

    Attributes:
        variables: the variables of the dashboard, by name.
        known: the names and uids that the Prometheus has in Grafana; without any, every data source
            is assumed to exist.
        given: names that have a value although they are not variables of the dashboard.
    """

    variables: Mapping[str, Mapping[str, Any]]
    known: Collection[str] = ()
    given: Collection[str] = ()

    def of(self, part: Mapping[str, Any], panel: Mapping[str, Any] | None = None) -> Datasource:
        """Return the data source of a variable, an annotation, or a query of a panel.

        The data source of the panel precedes that of its query, unless it is a mixed one.
        """
        if panel is not None:
            kind, name = _type_and_name(panel.get("datasource"))
            if name != _MIXED and (kind or name not in _DEFAULT):
                part = panel
        kind, name = _type_and_name(part.get("datasource"))
        if name in (*_OTHERS, _MIXED):
            return Datasource(is_prometheus=False)
        for variable in used_variables(name or ""):
            return self._of_variable(variable, kind)
        if kind and kind not in _PROMETHEUS:
            return Datasource(is_prometheus=False)
        if name in _DEFAULT or not self.known or name in self.known:
            return Datasource()
        names = ", ".join(sorted(self.known))
        return Datasource(problem=f"no such data source: {name}; --datasource gives {names}")

    def _of_variable(self, name: str, kind: str | None) -> Datasource:
        variable = self.variables.get(name, {})
        if variable.get("type") == "datasource":
            kind = str(variable.get("query") or "")
        if kind and kind not in _PROMETHEUS:
            return Datasource(is_prometheus=False)
        if variable or name in self.given:
            return Datasource()
        problem = f"no such data source: ${{{name}}}, which is not a variable of the dashboard"
        return Datasource(problem=problem)


def _type_and_name(source: Any) -> tuple[str | None, str | None]:
    """Return the type of a data source, if known, and its uid or name."""
    if isinstance(source, Mapping):
        kind, uid = source.get("type"), source.get("uid")
        return (str(kind) if kind else None), (str(uid) if uid else None)
    # Until schema 33, it is only a name.
    return None, source if isinstance(source, str) else None
