"""Reads whole files: groups, SLOs, presets, health, and conflicts between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Entries, Node, Place
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import text_of
from vitalspan.rules import presets
from vitalspan.rules.file.health_section import read_health
from vitalspan.rules.file.query import QueryContext
from vitalspan.rules.file.rules import read_group
from vitalspan.rules.file.slos import read_slo
from vitalspan.rules.model import Group, Rule, RuleSet, Slo
from vitalspan.rules.short_windows import Sampling
from vitalspan.words import shown, suggestion

FIELDS: Final = ("groups", "slos", "presets", "health")

_ONE: Final = "put all of it into one file"

EXTENSION: Final = "x-"
"""The prefix of ignored fields, which are a place for YAML anchors."""


class _Definitions:
    """Finds names that are defined twice."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._places: dict[object, Place] = {}

    def define(self, key: object, place: Place, what: str, hint: str) -> bool:
        """Return whether this is the first definition; report a second one."""
        first = self._places.get(key)
        if first is None:
            self._places[key] = place
            return True
        self._report.wrong(place, f"{what} already, at {first}: {hint}")
        return False

    def define_group(self, group: Group, place: Place, places: Iterable[Place]) -> None:
        """Report a group whose name or alerts have been defined already."""
        name = shown(group.name)
        self.define(("group", group.name), place, f"group {name} is defined", "rename one of them")
        for rule, where in zip(group.rules, places, strict=True):
            self._define_rule(rule, where)

    def _define_rule(self, rule: Rule, place: Place) -> None:
        for level in rule.levels:
            alert = ("alert", rule.alert, frozenset(rule.labels), level.severity)
            what = f"{shown(rule.alert)} with severity {level.severity} and these labels is defined"
            if not self.define(alert, place, what, "rename one, or give it another label"):
                return


def read_rule_set(
    documents: Sequence[Node],
    report: Report,
    load_preset: Callable[[str], RuleSet],
    sampling: Sampling,
) -> RuleSet:
    """Return the combined definitions of files; parts with mistakes are reported and left out.

    Args:
        documents: the documents of the files.
        report: collects the mistakes.
        load_preset: returns the rules of a preset, which is a rule file itself.
        sampling: how often there are samples and evaluations.
    """
    files = [_fields(document, report) for document in documents]
    definitions = _Definitions(report)
    objectives: dict[str, float | None] = {}
    # Rules may use the SLOs of any file.
    slos = [slo for fields in files for slo in _slos(fields, objectives, definitions)]
    context = QueryContext(objectives, sampling)
    groups, presets_used, scorings = [], [], []
    for fields in files:
        presets_used += _presets(fields, definitions, load_preset)
        groups += _groups(fields, context, definitions)
        health = fields.get("health")
        if health is not None and definitions.define(
            "health", health.place, "health is defined", _ONE
        ):
            scorings.append(read_health(health, context, report))
    for place, preset in presets_used:
        groups += preset.groups
        for group in preset.groups:
            definitions.define_group(group, place, [place] * len(group.rules))
    return RuleSet(tuple(groups), tuple(slos), scorings[0] if scorings else None)


def _fields(document: Node, report: Report) -> Fields:
    extensions = document.fields if isinstance(document, Entries) else {}
    names = (*FIELDS, *(name for name in extensions if name.startswith(EXTENSION)))
    return Fields(document, names, report, usable="groups, slos, presets and health")


def _slos(
    fields: Fields, objectives: dict[str, float | None], definitions: _Definitions
) -> list[Slo]:
    slos = []
    for node in fields.items_of("slos", "SLOs, each of which begins with -"):
        name, slo = read_slo(node, fields.report)
        if name is None:
            continue
        objectives.setdefault(name, slo.objective if slo else None)
        definitions.define(
            ("slo", name), node.place, f"SLO {shown(name)} is defined", "rename one of them"
        )
        if slo is not None:
            slos.append(slo)
    return slos


def _presets(
    fields: Fields, definitions: _Definitions, load_preset: Callable[[str], RuleSet]
) -> list[tuple[Place, RuleSet]]:
    """Return the presets that are used, each with its place; presets have no SLOs."""
    loaded = []
    for node in fields.items_of("presets", "names such as [studio]"):
        name = text_of(node, "a preset such as studio", fields.report)
        if name is None:
            continue
        if name not in presets.names():
            problem = f"there is no preset {shown(name)}"
            fields.report.wrong(node.place, f"{problem}: {suggestion(name, presets.names())}")
        elif definitions.define(
            ("preset", name), node.place, f"preset {name} is defined", "keep one of them"
        ):
            loaded.append((node.place, load_preset(name)))
    return loaded


def _groups(fields: Fields, context: QueryContext, definitions: _Definitions) -> list[Group]:
    groups = []
    for node in fields.items_of("groups", "groups, each of which begins with -"):
        numbered = read_group(node, context, fields.report)
        if numbered is None:
            continue
        groups.append(numbered.group)
        definitions.define_group(numbered.group, node.place, numbered.places)
    return groups
