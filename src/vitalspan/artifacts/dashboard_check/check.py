"""The check of dashboards: whether a Prometheus has data for each query, and why not."""

from __future__ import annotations

import itertools
import re
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from vitalspan.artifacts.dashboard_check.causes import Cause, Causes, EmptyCause
from vitalspan.artifacts.dashboard_check.datasources import Datasources
from vitalspan.artifacts.dashboard_check.panel_queries import (
    PanelQuery,
    queries_of,
    variables_by_name,
)
from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi
from vitalspan.artifacts.dashboard_check.variable_values import VariableRange, VariableValues
from vitalspan.http_client.prometheus_api import RefusedError

Status = Literal["data", "on_purpose", "nothing", "error"]

Excuse = Callable[[PanelQuery, str], str | None]
"""A function that returns why a query may return nothing, or None if it must not. Its second
argument is the metric in the query that the server does not know, if there is one."""

_VARIABLE: Final = re.compile(r"\s*(label_values|label_names|metrics|query_result)\((.*)\)\s*")


class Finding(NamedTuple):
    """The result of a query.

    Attributes:
        query: the query of a dashboard.
        text: the query as it was sent, with values instead of variables.
        status: whether it returned data, nothing on purpose, nothing, or an error.
        cause: the cause of an empty result.
        detail: a text for people: the cause, the error, or why an empty result is fine.
    """

    query: PanelQuery
    text: str
    status: Status
    cause: Cause | None = None
    detail: str = ""

    @property
    def bad(self) -> bool:
        """True if the query fails, or returns nothing and should not."""
        return self.status in ("nothing", "error")


@dataclass
class DashboardCheck:
    """A check of everything that dashboards show.

    Attributes:
        server: the server to ask.
        span: the time range to query.
        chosen: the values of variables, by name.
        excuse: returns why a query may return nothing.
        datasources: the names and uids that the server has in Grafana; without any, every data
            source that a dashboard names is assumed to exist.
    """

    server: PrometheusApi
    span: VariableRange
    chosen: Mapping[str, Sequence[str]]
    excuse: Excuse
    datasources: Collection[str] = ()

    def __post_init__(self) -> None:
        self._causes = Causes(self.server, self.span)

    def findings(self, dashboards: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
        """Yield the result of each query of dashboards, as soon as it is known.

        Raises:
            ServerError: if the server stops responding.
        """
        for dashboard in dashboards:
            variables = variables_by_name(dashboard)
            values = VariableValues(variables, self.span, self.chosen)
            datasources = Datasources(variables, self.datasources, self.chosen)
            for query in queries_of(dashboard, datasources):
                yield from self._findings(query, values)

    def _findings(self, query: PanelQuery, values: VariableValues) -> Iterator[Finding]:
        if query.problem:
            yield Finding(query, query.text, "error", None, query.problem)
            return
        for name in query.repeat:
            if not values.each(name):
                reason = f"the variable {name} has no values"
                yield self._nothing(query, query.text, EmptyCause("value", reason))
                return
        for combination in itertools.product(*map(values.each, query.repeat)):
            yield self._finding(query, values, dict(ChainMap(*combination)))

    def _finding(self, query: PanelQuery, values: VariableValues, own: dict[str, str]) -> Finding:
        text, unknown = values.fill(query.text, own)
        if unknown:
            reason = f"the dashboard has no variable {', '.join(unknown)}"
            return Finding(query, text, "error", None, reason)
        # The title without variables is for people; excuses know the title with variables.
        titled_query = query._replace(title=values.fill(query.title, own)[0])
        try:
            if query.kind == "variable":
                options, question = self._variable(text)
                has_values = bool(values.learn(query.title, options))
            else:
                has_values, question = self._has_values(text, instant=query.instant), text
            if has_values:
                return Finding(titled_query, text, "data")
            nothing = self._causes.of(question)
        except RefusedError as refused:
            return Finding(titled_query, text, "error", None, str(refused))
        return self._nothing(query, text, nothing)._replace(query=titled_query)

    def _nothing(self, query: PanelQuery, text: str, nothing: EmptyCause) -> Finding:
        excuse = self.excuse(query, nothing.metric)
        if excuse is not None:
            return Finding(query, text, "on_purpose", nothing.cause, excuse)
        return Finding(query, text, "nothing", nothing.cause, nothing.detail)

    def _has_values(self, query: str, *, instant: bool) -> bool:
        span = self.span
        if instant:
            return self.server.has_value(query, span.end)
        return self.server.has_values(query, span.start, span.end, span.step)

    def _variable(self, query: str) -> tuple[list[str], str]:
        """Return the values of a variable, and the query that they come from."""
        match = _VARIABLE.fullmatch(query)
        function, inside = match.groups() if match else ("", query)
        if function == "query_result":
            # Their texts have the values of all labels, of which patterns take parts.
            return self.server.texts(inside, self.span.end), inside
        if function == "metrics":
            names = self.server.label_values("__name__")
            return [one for one in names if re.search(inside, one)], f'{{__name__=~"{inside}"}}'
        if function == "label_names":
            return self.server.label_names(), ""
        if function == "label_values":
            selector, _, label = (part.strip() for part in inside.rpartition(","))
            start, end = self.span.start, self.span.end
            values = self.server.label_values(label, selector, start, end)
            return values, selector or f'{{{label}!=""}}'
        raise RefusedError(
            f"{query} is not the query of a variable, such as label_values(metric, label)"
        )
