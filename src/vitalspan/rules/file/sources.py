"""Where rules come from: a file, a text, or mappings in Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from vitalspan.errors import MissingExtraError
from vitalspan.rules.file import query
from vitalspan.rules.file.fields import Fields
from vitalspan.rules.file.health import COMPONENT_FIELDS, read_component, read_health
from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import from_python
from vitalspan.rules.file.query import Known, read_query
from vitalspan.rules.file.reading import read_rule, read_slo
from vitalspan.rules.file.ruleset import read_rule_set
from vitalspan.rules.file.values import name_of
from vitalspan.rules.model import Rule, RuleSet, Slo
from vitalspan.rules.scoring import Component, Scoring
from vitalspan.signals.query import Query

# What is read is None only after a mistake, which `check` raises; hence the casts below.

MAX_BYTES: Final = 1024 * 1024
"""Size of the largest rule file: some ten thousand rules."""


def load(path: str | os.PathLike[str]) -> RuleSet:
    """Read a rule file.

    Raises:
        RuleFileError: with all mistakes in it, each with its line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    report = Report(str(path))
    return parse(_read(Path(path), report), report.name)


def parse(text: str, name: str = "<string>") -> RuleSet:
    """Return what the text of a rule file defines.

    Args:
        text: YAML.
        name: what messages call it.

    Raises:
        RuleFileError: with all mistakes in it, each with its line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    try:
        import yaml  # noqa: F401, PLC0415 - what is imported next needs it
    except ImportError:
        raise MissingExtraError("the rule file", "rules") from None
    from vitalspan.rules.file.document import read_document  # noqa: PLC0415

    report = Report(name)
    rules = read_rule_set(read_document(text, report), report)
    report.check()
    return rules


def build(mapping: Mapping[str, Any]) -> RuleSet:
    """Return what a mapping defines that has the fields of a rule file.

    Values are texts as in a file, or numbers in base units: seconds, bytes, ratios.

    Raises:
        RuleFileError: with all mistakes in it, each with its path.
    """
    report = Report("rules")
    rules = read_rule_set(from_python(mapping, "rules", report), report)
    report.check()
    return rules


def build_rule(fields: Mapping[str, Any]) -> Rule:
    """Return the rule that has these fields, as `build` reads them.

    Raises:
        RuleFileError: with all mistakes in them, each with its path.
    """
    report = Report("rule")
    rule = read_rule(from_python(fields, "rule", report), Known(), report)
    report.check()
    return cast("Rule", rule)


def build_slo(fields: Mapping[str, Any]) -> Slo:
    """Return the SLO that has these fields, as `build` reads them.

    Raises:
        RuleFileError: with all mistakes in them, each with its path.
    """
    report = Report("slo")
    _, slo = read_slo(from_python(fields, "slo", report), report)
    report.check()
    return cast("Slo", slo)


def build_health(fields: Mapping[str, Any]) -> Scoring:
    """Return how health is scored by these fields, as `build` reads those under `health`.

    Raises:
        RuleFileError: with all mistakes in them, each with its path.
    """
    report = Report("health")
    scoring = read_health(from_python(fields, "health", report), Known(), report)
    report.check()
    return scoring


def build_component(name: str, fields: Mapping[str, Any]) -> Component:
    """Return the component that has these fields, as `build` reads those of one.

    Raises:
        RuleFileError: with all mistakes in them, each with its path.
    """
    report = Report("component")
    node = from_python(fields, "component", report)
    known = Fields(node, COMPONENT_FIELDS, report, usable="fields such as weight")
    checked = name_of(from_python(name, "name", report), "a component such as database", report)
    component = read_component(checked or "", known)
    report.check()
    return component


def build_query(fields: Mapping[str, Any]) -> Query:
    """Return the question that a rule with these fields asks: `signal`, `where`, `window`, ...

    Raises:
        RuleFileError: with all mistakes in them, each with its path.
    """
    report = Report("query")
    node = from_python(fields, "query", report)
    asked = read_query(Fields(node, query.FIELDS, report, usable="fields such as signal"), Known())
    report.check()
    return cast("Query", asked)


def _read(path: Path, report: Report) -> str:
    place = Place(report.name)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        report.fail(place, f"cannot be read: {reason}: use the path of a rule file")
    if len(content) > MAX_BYTES:
        report.fail(place, f"is too large: use at most {MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        place = report.at(before.count("\n") + 1, len(before) - before.rfind("\n"))
        byte = content[error.start]
        report.fail(place, f"the byte 0x{byte:02X} is not UTF-8: save the file as UTF-8")
