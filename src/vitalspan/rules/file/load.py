"""Loads rules from files, strings, or mappings in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_document, parse_document
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.python_values import from_python
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.configfile.values import name_of
from vitalspan.rules import presets
from vitalspan.rules.file import query
from vitalspan.rules.file.health_section import COMPONENT_FIELDS, read_component, read_health
from vitalspan.rules.file.paths import RulePath, rule_file_paths
from vitalspan.rules.file.query import QueryContext, read_query
from vitalspan.rules.file.rule_set import read_rule_set
from vitalspan.rules.file.rules import read_rule
from vitalspan.rules.file.slos import read_slo
from vitalspan.rules.model import Rule, RuleSet, Slo
from vitalspan.rules.scoring import Component, Scoring
from vitalspan.rules.short_windows import USUAL_SAMPLING, USUAL_SCRAPE, Sampling
from vitalspan.signals.query import Query

T = TypeVar("T")

_KIND: Final = ("rule file", "rules")
"""The kind of file in messages, and the extra that it needs."""


def load(
    paths: RulePath | Iterable[RulePath],
    notes: list[str] | None = None,
    scrape_interval: float = USUAL_SCRAPE,
) -> RuleSet:
    """Read rule files, directories of them, and patterns such as `rules/*.yml`.

    Several files are read as one: a rule may use an SLO of another file, and no group, SLO or alert
    may be defined twice.

    Args:
        paths: the paths.
        notes: collects hints about rules that may not do what their author wants, with places.
        scrape_interval: the scrape interval of Prometheus in seconds, for the notes.

    Raises:
        ConfigFileError: with all mistakes, each with its file, line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    files = rule_file_paths(paths)
    report = Report(str(files[0]) if len(files) == 1 else "rules")
    documents, unreadable = [], False
    for file in files:
        of_file = Report(str(file))
        try:
            documents.append(load_document(file, of_file, *_KIND, empty="groups: []"))
        except ConfigFileError:
            # The mistakes of the other files should be reported as well.
            unreadable = True
        report.include(of_file)
    if unreadable:
        report.check()
    rules = _rule_set(documents, report, Sampling(scrape_interval))
    if notes is not None:
        notes += report.notes
    return rules


def parse(text: str, name: str = "<string>") -> RuleSet:
    """Return the definitions in the text of a rule file.

    Args:
        text: YAML.
        name: its name in messages.

    Raises:
        ConfigFileError: with all mistakes, each with its line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    report = Report(name)
    return _rule_set([parse_document(text, report, *_KIND)], report)


@lru_cache(maxsize=16)
def load_preset(name: str) -> RuleSet:
    """Return the rules of a preset.

    Raises:
        ConfigurationError: for an unknown preset.
        MissingExtraError: if PyYAML is not installed.
    """
    return parse(presets.text(name), f"{name}{presets.SUFFIX}")


def build(mapping: Mapping[str, Any]) -> RuleSet:
    """Return the definitions in a mapping with the fields of a rule file.

    Values are strings as in a file, or numbers in base units: seconds, bytes, ratios.

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """
    report = Report("rules")
    return _rule_set([from_python(mapping, "rules", report)], report)


def _rule_set(
    documents: Sequence[Node], report: Report, sampling: Sampling = USUAL_SAMPLING
) -> RuleSet:
    rules = read_rule_set(documents, report, load_preset, sampling)
    report.check()
    return rules


def build_rule(fields: Mapping[str, Any]) -> Rule:
    """Return the rule with these fields; see `build`.

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """
    return _built(fields, "rule", lambda node, report: read_rule(node, QueryContext(), report))


def build_slo(fields: Mapping[str, Any]) -> Slo:
    """Return the SLO with these fields; see `build`.

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """
    return _built(fields, "slo", lambda node, report: read_slo(node, report)[1])


def build_health(fields: Mapping[str, Any]) -> Scoring:
    """Return the scoring of health with these fields, which are those of `health`; see `build`.

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """
    return _built(fields, "health", lambda node, report: read_health(node, QueryContext(), report))


def build_component(name: str, fields: Mapping[str, Any]) -> Component:
    """Return the component with these fields; see `build`.

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """

    def read(node: Node, report: Report) -> Component:
        inner = Fields(node, COMPONENT_FIELDS, report, usable="fields such as weight")
        name_node = from_python(name, "name", report)
        checked = name_of(name_node, "a component such as database", report)
        return read_component(checked or "", inner)

    return _built(fields, "component", read)


def build_query(fields: Mapping[str, Any]) -> Query:
    """Return the query with these fields of a rule: `signal`, `where`, `window`, ...

    Raises:
        ConfigFileError: with all mistakes, each with its path.
    """

    def read(node: Node, report: Report) -> Query | None:
        inner = Fields(node, query.FIELDS, report, usable="fields such as signal")
        return read_query(inner, QueryContext())

    return _built(fields, "query", read)


def _built(fields: Mapping[str, Any], kind: str, read: Callable[[Node, Report], T | None]) -> T:
    report = Report(kind)
    built = read(from_python(fields, kind, report), report)
    report.check()
    # It is only None after a mistake, which `check` raises.
    return cast("T", built)
