"""What a Prometheus returns to the questions of dashboards, and why it returns nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from vitalspan.artifacts.audit.causes import Cause, Causes, Nothing
from vitalspan.artifacts.audit.filling import Filling, Span
from vitalspan.artifacts.audit.questions import Question, questions
from vitalspan.artifacts.audit.server import RefusedError, Server

Status = Literal["data", "on_purpose", "nothing", "error"]

Excuse = Callable[[str, str, str, str], str | None]
"""Says why a query may return nothing, by the dashboard's uid, the title, the query's letter, and
the metric that the server does not know."""

_VARIABLE: Final = re.compile(r"\s*(label_values|label_names|metrics|query_result)\((.*)\)\s*")


class Finding(NamedTuple):
    """What came of a question.

    Attributes:
        question: of a dashboard.
        query: without variables, as it was asked.
        status: whether there is data, or nothing on purpose, or nothing, or an error.
        cause: of nothing.
        detail: for people: the cause, what is wrong, or why nothing is right.
    """

    question: Question
    query: str
    status: Status
    cause: Cause | None = None
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether there should be data."""
        return self.status in ("nothing", "error")


class Audit:
    """Asks a server for all that dashboards show.

    Args:
        server: to ask.
        span: the time to look at.
        chosen: values of variables, by name.
        excuse: says of a query why it may return nothing.
    """

    def __init__(
        self,
        server: Server,
        span: Span,
        chosen: Mapping[str, Sequence[str]],
        excuse: Excuse,
    ) -> None:
        self._server = server
        self._span = span
        self._chosen = chosen
        self._excuse = excuse
        self._causes = Causes(server, span)

    def findings(self, dashboards: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
        """Yield what comes of each question of dashboards, as soon as it is known.

        Raises:
            ServerError: if the server does not answer any more.
        """
        for dashboard in dashboards:
            filling = Filling(dashboard, self._span, self._chosen)
            for question in questions(dashboard):
                yield from self._findings(question, filling)

    def _findings(self, question: Question, filling: Filling) -> Iterator[Finding]:
        if not question.repeat:
            yield self._finding(question, filling, {})
            return
        values = filling.each(question.repeat)
        if not values:
            said = f"the variable {question.repeat} has no values"
            yield self._nothing(question, question.text, Nothing("value", said))
        for this in values:
            yield self._finding(question, filling, this)

    def _finding(self, question: Question, filling: Filling, this: dict[str, str]) -> Finding:
        query, unknown = filling.fill(question.text, this)
        if unknown:
            said = f"the dashboard has no variable {', '.join(unknown)}"
            return Finding(question, query, "error", None, said)
        # What the excuses call it stays, and this is for people.
        shown = question._replace(title=filling.fill(question.title, this)[0])
        try:
            if question.kind == "variable":
                values, about = self._variable(query)
                found = bool(filling.learn(question.title, values))
            else:
                found, about = self._has_values(query, instant=question.instant), query
            if found:
                return Finding(shown, query, "data")
            nothing = self._causes.of(about)
        except RefusedError as refused:
            return Finding(shown, query, "error", None, str(refused))
        return self._nothing(question, query, nothing)._replace(question=shown)

    def _nothing(self, question: Question, query: str, nothing: Nothing) -> Finding:
        excuse = self._excuse(question.uid, question.title, question.ref, nothing.metric)
        if excuse is not None:
            return Finding(question, query, "on_purpose", nothing.cause, excuse)
        return Finding(question, query, "nothing", nothing.cause, nothing.detail)

    def _has_values(self, query: str, *, instant: bool) -> bool:
        span = self._span
        if instant:
            return self._server.has_value(query, span.end)
        return self._server.has_values(query, span.start, span.end, span.step)

    def _variable(self, query: str) -> tuple[list[str], str]:
        """Return the values of a variable, and the query that they are of."""
        found = _VARIABLE.fullmatch(query)
        function, inside = found.groups() if found else ("", query)
        if function == "query_result":
            # Their texts have the values of all labels, which patterns take parts of.
            return self._server.texts(inside, self._span.end), inside
        if function == "metrics":
            names = self._server.label_values("__name__")
            return [one for one in names if re.search(inside, one)], f'{{__name__=~"{inside}"}}'
        if function == "label_names":
            return self._server.label_names(), ""
        if function == "label_values":
            selector, _, label = (part.strip() for part in inside.rpartition(","))
            start, end = self._span.start, self._span.end
            values = self._server.label_values(label, selector, start, end)
            return values, selector or f'{{{label}!=""}}'
        raise RefusedError(
            f"{query} is no query of a variable, such as label_values(metric, label)"
        )
