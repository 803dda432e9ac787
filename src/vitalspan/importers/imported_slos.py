"""The imported SLOs, and what could not be imported from the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Place
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.configfile.values import text_of
from vitalspan.importers.counter_query import CounterQuery, QueryError, read_counters
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.load import build_slo
from vitalspan.rules.file.slo_events import as_exported
from vitalspan.rules.model import CountedEvents, CounterSelector
from vitalspan.words import shown

Draft = dict[str, Any]
"""The fields of an SLO in a rule file."""

_OF_TARGETS: Final = frozenset(
    {"cluster", "container", "endpoint", "k8s_cluster", "namespace", "node", "pod"}
)
"""Labels that processes rarely give their own metrics, but Prometheus often adds."""


class ImportedSlos:
    """SLOs as they are written in a rule file, with remarks for people.

    Attributes:
        slos: the fields of each SLO.
        left_out: why SLOs could not be imported, each with its place.
        notes: what differs in the imported SLOs, each with its place.
    """

    def __init__(self) -> None:
        self.slos: list[Draft] = []
        self.left_out: list[str] = []
        self.notes: list[str] = []
        self._names: set[str] = set()

    def leave_out(self, place: Place, name: str, reason: str) -> None:
        """Note that an SLO, or something else with a name, could not be imported."""
        self.left_out.append(f"{place}: {name} is left out: {reason}")

    def leave_out_for(self, mistakes: ConfigFileError, name: str) -> None:
        """Note that an SLO could not be imported because of mistakes with their own places."""
        for mistake in mistakes.mistakes:
            self.left_out.append(f"{mistake} ({name} is left out)")

    def part(self) -> ImportedSlos:
        """Return a container for one SLO, whose notes are dropped if the SLO is left out."""
        part = ImportedSlos()
        part._names = self._names
        return part

    def take(self, part: ImportedSlos) -> None:
        """Add the contents of a part."""
        self.slos += part.slos
        self.left_out += part.left_out
        self.notes += part.notes if part.slos else []

    def note(self, place: Place, text: str) -> None:
        """Note a difference between an SLO and its import."""
        self.notes.append(f"{place}: {text}")

    def add(self, place: Place, draft: Draft, counted: CountedEvents) -> None:
        """Add an SLO, unless a rule file cannot express it.

        Args:
            place: where it is defined.
            draft: the fields without the counters.
            counted: the counters.
        """
        name = f"SLO {shown(draft['name'])}"
        if draft["name"] in self._names:
            self.leave_out(place, name, "another SLO has this name: rename one of them")
            return
        judged = "good" if counted.judged_are_good else "bad"
        begin = {field: draft.pop(field) for field in ("name", "objective")}
        try:
            events = {
                "total": _counter_fields(counted.total),
                judged: _counter_fields(counted.judged),
            }
            draft = {**begin, **events, **draft}
            slo = build_slo(draft)
        except QueryError as refused:
            self.leave_out(place, name, str(refused))
            return
        except ConfigFileError as refused:
            for mistake in refused.mistakes:
                self.leave_out(place, name, mistake)
            return
        if slo.counted != _as_exported(counted):
            self.leave_out(place, name, "a rule file cannot express one of its conditions")
        else:
            self._names.add(draft["name"])
            self.slos.append(draft)

    def texts(self, fields: Fields, kind: Literal["labels", "annotations"]) -> dict[str, str]:
        """Return the labels or annotations of an alert that a rule file can also have."""
        texts: dict[str, str] = {}
        for name, place, node in fields.entries_of(kind, f"{kind} such as team: payments"):
            text = text_of(node, "a text", fields.report)
            if text is not None and (kind, name) != ("labels", "severity"):
                texts |= self.text(kind, name, text, place)
        return texts

    def text(
        self, kind: Literal["labels", "annotations"], name: str, text: str, place: Place
    ) -> dict[str, str]:
        """Return a label or an annotation by its name; empty if a rule file cannot have it."""
        try:
            build_slo({"name": "any", "objective": 0.9, kind: {name: text}})
        except ConfigFileError as refused:
            reason = refused.mistakes[0].partition(": ")[2]
            self.note(place, f"the {kind.removesuffix('s')} {name} is left out: {reason}")
            return {}
        return {name: text}

    def description(self, fields: Fields) -> dict[str, str]:
        """Return the annotation that has the description of an SLO; nothing without one."""
        text = fields.text("description", "a text")
        if text is None:
            return {}
        return self.text("annotations", "description", text, fields.key("description"))

    def counters(
        self,
        fields: Fields,
        total: CounterQuery | None,
        judged: CounterQuery | None,
        field: str,
        *,
        judged_are_good: bool,
    ) -> CountedEvents | None:
        """Return the counters of an SLO from its two queries; None if they have a mistake.

        Args:
            fields: the fields with the queries.
            total: the query for all events.
            judged: the query for the good or the bad events; it may be all events minus the others.
            field: the field of `judged`, for messages.
            judged_are_good: whether `judged` is about the good events.
        """
        if total is None or judged is None:
            return None
        self._note_labels(fields.place, (total, judged))
        try:
            return _event_counters(total, judged, judged_are_good=judged_are_good)
        except QueryError as refused:
            fields.wrong(str(refused), field)
            return None

    def _note_labels(self, place: Place, queries: Iterable[CounterQuery]) -> None:
        """Note the conditions on labels that the metrics of a process never or rarely have."""
        dropped: dict[Matcher, None] = {}
        doubtful: dict[str, None] = {}
        for query in queries:
            dropped |= dict.fromkeys(query.dropped)
            for counters in filter(None, (query.counters, query.without)):
                names = (matcher.label for matcher in counters.where)
                doubtful |= dict.fromkeys(name for name in names if name in _OF_TARGETS)
        for matcher in dropped:
            self.note(place, f"{matcher} is left out: a process only has its own series")
        for label in doubtful:
            self.note(
                place,
                f"Prometheus often adds the label {label}: leave it out of the rule file unless "
                "the process itself has it",
            )


def _event_counters(
    total: CounterQuery, judged: CounterQuery, *, judged_are_good: bool
) -> CountedEvents:
    if total.without is not None:
        raise QueryError("the query for all events subtracts something: use one counter")
    if judged.without is None:
        return CountedEvents(total.counters, judged.counters, judged_are_good)
    if not _alike(judged.counters, total.counters):
        raise QueryError(
            "the query subtracts from something else than all events: begin it with the query "
            "for all events"
        )
    return CountedEvents(total.counters, judged.without, not judged_are_good)


def read_query(fields: Fields, name: str, **meant: bool) -> CounterQuery | None:
    """Return the counters of a required query; None if it cannot be used.

    Args:
        fields: the fields with it.
        name: the name of its field.
        **meant: which queries are accepted, as in `read_counters`.
    """
    node = fields.required(name, "add a query such as sum(rate(requests_total[{{.window}}]))")
    text = None if node is None else text_of(node, "a query in PromQL", fields.report)
    try:
        return None if text is None else read_counters(text, **meant)
    except QueryError as refused:
        fields.wrong(str(refused), name)
        return None


def name_of(node: Node, report: Report) -> str | None:
    """Return the name of an object; None if it has no name that is a text."""
    fields = Fields(node, None, report, usable="fields such as name")
    return fields.name("name", "a name such as requests-availability")


def _alike(one: CounterSelector, other: CounterSelector) -> bool:
    return one.series == other.series and set(one.where) == set(other.where)


def _counter_fields(counters: CounterSelector) -> Mapping[str, Any]:
    where: dict[str, str] = {}
    for matcher in counters.where:
        if matcher.label in where:
            raise QueryError(
                f"there are two conditions on {matcher.label}: use one, such as "
                f"{matcher.label}!~one|other"
            )
        where[matcher.label] = _text(matcher)
    return {"series": counters.series, "where": where} if where else {"series": counters.series}


def _text(matcher: Matcher) -> str:
    plain = matcher.operator == "=" and not matcher.value.startswith(("=", "!=", "!~"))
    return matcher.value if plain else f"{matcher.operator}{matcher.value}"


def _as_exported(counted: CountedEvents) -> CountedEvents:
    total, judged = (
        CounterSelector(each.series, tuple(map(as_exported, each.where)))
        for each in (counted.total, counted.judged)
    )
    return CountedEvents(total, judged, counted.judged_are_good)
