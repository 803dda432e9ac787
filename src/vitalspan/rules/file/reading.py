"""Reads rules, groups and SLOs."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, cast

from vitalspan.rules.file import levels, query
from vitalspan.rules.file.fields import Fields
from vitalspan.rules.file.labels import read_annotations, read_labels, read_where
from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import Node, shown, shown_text
from vitalspan.rules.file.query import Known, read_query
from vitalspan.rules.file.ranges import range_of
from vitalspan.rules.file.values import value_of
from vitalspan.rules.model import Group, NoData, Rule, Slo
from vitalspan.rules.slos import BURN_WINDOWS
from vitalspan.signals.catalogue import SIGNALS, signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.units import RATIO, duration_text

RULE_FIELDS: Final = (
    "alert",
    *query.FIELDS,
    *levels.FIELDS,
    "min_count",
    "no_data",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
)

GROUP_FIELDS: Final = ("name", "interval", "limit", "rules")
SLO_FIELDS: Final = ("name", "where", "objective", "window", "under", "labels", "annotations")
SLO_PREFIX: Final = "slo:"
"""How the names of the groups begin that SLOs make."""

_HINTS: Final = {
    "expr": "say it with signal, where, window, and above or below",
    "record": "recording rules are made by `vitalspan rules export`",
    "threshold": "use above or below",
    "name": "did you mean alert?",
    "group_by": "did you mean by?",
    "message": "put texts under annotations",
    "summary": "put texts under annotations",
    "description": "put texts under annotations",
    "runbook_url": "put texts under annotations",
}
_NO_DATA: Final = ("ok", "alert", "keep")
_OF_THE_RULE: Final = {"alertname": "it is the name of the rule"}
_OF_THE_SLO: Final = _OF_THE_RULE | {
    "severity": "each of the alerts has one of its own",
    "slo": "it is the name of the SLO",
    "long_window": "it tells the alerts apart",
}
_SLO_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*", re.ASCII)


def read_rule(node: Node, known: Known, report: Report) -> Rule | None:
    """Return a rule, None for one with a mistake in what it compares."""
    fields = Fields(
        node, RULE_FIELDS, report, usable="fields such as alert, signal and above", hints=_HINTS
    )
    alert = fields.name("alert", "a name such as CheckoutSlow")
    asked = read_query(fields, known)
    objective = (known.slos or {}).get(asked.slo or "") if asked else None
    compared = levels.read_thresholds(fields, range_of(asked, objective) if asked else None)
    by = asked.by if asked else ()
    taken = _OF_THE_RULE | dict.fromkeys(by, "the alerts are told apart by it")
    labels = read_labels(fields, taken, skipped=("severity",))
    annotations = read_annotations(fields, by if asked else None)
    min_count = _min_count(fields, asked)
    no_data = fields.choice("no_data", _NO_DATA, "ok")
    for_seconds, keep = fields.seconds("for", 0.0), fields.seconds("keep_firing_for", 0.0)
    if alert is None or asked is None or compared is None:
        return None
    return Rule(
        alert,
        asked,
        compared.above,
        compared.levels,
        for_seconds=for_seconds,
        keep_firing_for=keep,
        labels=labels,
        annotations=annotations,
        min_count=min_count,
        no_data=cast("NoData", no_data),
    )


def _min_count(fields: Fields, asked: Query | None) -> int:
    count = fields.whole("min_count", "a number of samples such as 20")
    if asked and count and not signal_of(asked).counted:
        name = signal_of(asked).name
        fields.wrong(f"the samples of {name} are not counted: leave min_count out", "min_count")
    return count


class _Numbered(NamedTuple):
    """A group, and where each of its rules stands."""

    group: Group
    places: tuple[Place, ...]


def read_group(node: Node, known: Known, report: Report) -> _Numbered | None:
    """Return a group, None for one without a name."""
    fields = Fields(node, GROUP_FIELDS, report, usable="fields such as name and rules")
    name = fields.name("name", "a name such as shop")
    if name and name.startswith(SLO_PREFIX):
        problem = f"{shown_text(name)} begins with {SLO_PREFIX} as the groups of SLOs do"
        fields.wrong(f"{problem}: use another name", "name")
    interval = None
    if "interval" in fields:
        interval = fields.seconds(
            "interval", 0.0, zero="is no interval: leave it out for every tick"
        )
    limit = fields.whole("limit", "a number of alerts such as 10, or 0 for any number")
    if "rules" not in fields:
        fields.missing("rules", "add a list of rules")
    nodes = fields.items_of("rules", "rules, each of which begins with -")
    read = [(each.place, read_rule(each, known, report)) for each in nodes]
    rules = [(place, rule) for place, rule in read if rule is not None]
    if name is None:
        return None
    group = Group(name, tuple(rule for _, rule in rules), interval, limit)
    return _Numbered(group, tuple(place for place, _ in rules))


def read_slo(node: Node, report: Report) -> tuple[str | None, Slo | None]:
    """Return the name of an SLO, and the SLO unless something is wrong with it."""
    fields = Fields(node, SLO_FIELDS, report, usable="fields such as name and objective")
    name = fields.name("name", "a name such as checkout-availability")
    if name is not None and not _SLO_NAME.fullmatch(name):
        problem = f"{shown_text(name)} is not the name of an SLO"
        fields.report.wrong(
            cast("Node", fields.get("name")).place,
            f"{problem}: use letters, digits, - and _, with a letter first",
        )
    objective = _objective(fields)
    where = read_where(fields, SIGNALS["rate"])
    window = fields.seconds("window", Slo.window)
    if window < BURN_WINDOWS[0].long:
        shortest = duration_text(BURN_WINDOWS[0].long)
        fields.wrong(f"window is too short for any alert: use {shortest} or more", "window")
    under = None
    if "under" in fields:
        under = fields.seconds("under", 0.0, zero="is no limit for a call: use one such as 300ms")
    labels = read_labels(fields, _OF_THE_SLO)
    annotations = read_annotations(fields, (), hint="leave it out")
    if name is None or objective is None:
        return name, None
    return name, Slo(name, objective, where, under, window, labels, annotations)


def _objective(fields: Fields) -> float | None:
    node = fields.get("objective")
    if node is None:
        fields.missing("objective", "add the share of good calls, such as 99.9%")
        return None
    objective = value_of(node, RATIO, fields.report)
    if objective is None or 0 < objective < 1:
        return objective
    content = shown(node)
    problem = f"{content} is not between 0% and 100%: use a share such as 99.9%"
    if objective == 1:
        problem = f"{content} leaves no room for any error: use a share such as 99.9%"
    elif 1 < objective < 100 and "%" not in content:
        problem = f"{content} is not between 0% and 100%: did you mean {objective:g}%?"
    fields.report.wrong(node.place, problem)
    return None
