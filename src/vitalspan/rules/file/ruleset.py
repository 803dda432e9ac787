"""Reads a whole file: groups, SLOs, presets, health, and what collides among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from vitalspan.rules.file.fields import Fields
from vitalspan.rules.file.health import read_health
from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import Entries, Node, shown_text
from vitalspan.rules.file.query import Known
from vitalspan.rules.file.reading import read_group, read_slo
from vitalspan.rules.file.values import nearest, text_of
from vitalspan.rules.model import Group, Rule, RuleSet, Slo

FIELDS: Final = ("groups", "slos", "presets", "health")

EXTENSION: Final = "x-"
"""Fields of a file that begin with it are not looked at: a place for what anchors name."""


class _Alert(NamedTuple):
    """What tells the alerts of two rules apart."""

    name: str
    labels: frozenset[tuple[str, str]]
    severity: str


class _Preset(NamedTuple):
    """Where a preset is asked for, and what is in it. Presets have no SLOs."""

    place: Place
    rules: RuleSet


class _Taken:
    """Finds what is there twice."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._places: dict[object, Place] = {}

    def take(self, key: object, place: Place, what: str, hint: str) -> bool:
        """Return whether this is the first one; report a second."""
        first = self._places.get(key)
        if first is None:
            self._places[key] = place
            return True
        self._report.wrong(place, f"{what} already, at {first}: {hint}")
        return False

    def take_group(self, group: Group, place: Place, places: Iterable[Place]) -> None:
        """Report a group whose name or alerts there are already."""
        name = shown_text(group.name)
        self.take(("group", group.name), place, f"group {name} is there", "rename one of them")
        for rule, where in zip(group.rules, places, strict=True):
            self._take_rule(rule, where)

    def _take_rule(self, rule: Rule, place: Place) -> None:
        for level in rule.levels:
            alert = _Alert(rule.alert, frozenset(rule.labels), level.severity)
            what = (
                f"{shown_text(rule.alert)} with severity {level.severity} and these labels is there"
            )
            if not self.take(alert, place, what, "rename one, or give it another label"):
                return


def read_rule_set(node: Node | None, report: Report) -> RuleSet:
    """Return what a file defines; without what is wrong in it, which is reported."""
    if node is None:
        return RuleSet()
    extensions = node.fields if isinstance(node, Entries) else {}
    known = (*FIELDS, *(name for name in extensions if name.startswith(EXTENSION)))
    fields = Fields(node, known, report, usable="groups, slos, presets and health")
    taken = _Taken(report)
    objectives: dict[str, float | None] = {}
    slos = _slos(fields, objectives, taken)
    presets = _presets(fields, taken)
    groups = _groups(fields, Known(objectives), taken)
    for place, preset in presets:
        groups += preset.groups
        for group in preset.groups:
            taken.take_group(group, place, [place] * len(group.rules))
    health = fields.get("health")
    return RuleSet(
        tuple(groups),
        tuple(slos),
        None if health is None else read_health(health, Known(objectives), report),
    )


def _slos(fields: Fields, objectives: dict[str, float | None], taken: _Taken) -> list[Slo]:
    slos = []
    for node in fields.items_of("slos", "SLOs, each of which begins with -"):
        name, slo = read_slo(node, fields.report)
        if name is None:
            continue
        objectives.setdefault(name, slo.objective if slo else None)
        taken.take(
            ("slo", name), node.place, f"SLO {shown_text(name)} is there", "rename one of them"
        )
        if slo is not None:
            slos.append(slo)
    return slos


def _presets(fields: Fields, taken: _Taken) -> list[_Preset]:
    # Presets are rule files themselves.
    from vitalspan.rules import presets  # noqa: PLC0415

    found = []
    for node in fields.items_of("presets", "names such as [studio]"):
        name = text_of(node, "a preset such as studio", fields.report)
        if name is None:
            continue
        if name not in presets.names():
            problem = f"there is no preset {shown_text(name)}"
            fields.report.wrong(node.place, f"{problem}: {nearest(name, presets.names())}")
        elif taken.take(
            ("preset", name), node.place, f"preset {name} is there", "keep one of them"
        ):
            found.append(_Preset(node.place, presets.load(name)))
    return found


def _groups(fields: Fields, known: Known, taken: _Taken) -> list[Group]:
    groups = []
    for node in fields.items_of("groups", "groups, each of which begins with -"):
        read = read_group(node, known, fields.report)
        if read is None:
            continue
        groups.append(read.group)
        taken.take_group(read.group, node.place, read.places)
    return groups
