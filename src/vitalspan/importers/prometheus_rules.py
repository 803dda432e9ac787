"""Decides which rules of Prometheus run in the process, and which need a server, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vitalspan import metrics
from vitalspan.artifacts.prometheus.rule_groups import expression_content
from vitalspan.artifacts.yaml_writer import document as yaml_document
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_documents
from vitalspan.configfile.nodes import Entries, Node, Scalar
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.metrics import Family
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Selector
from vitalspan.rules.alert_states import ALERTS
from vitalspan.rules.file.promql_rules import read_expression
from vitalspan.rules.file.rules import GROUP_FIELDS
from vitalspan.rules.model import ExpressionRule, RecordedExpression
from vitalspan.words import counted, listed

_KIND: Final = ("rule file", "promql")
_GROUPS: Final = "groups"
_OPERATOR_KIND: Final = "PrometheusRule"

_SUFFIXES: Final = ("_bucket", "_count", "_sum")
_OF_COLLECTORS: Final = ("process_", "python_", "system_", "operation_")
_OWN: Final = frozenset(one.name for one in vars(metrics).values() if isinstance(one, Family))
_TARGET_LABELS: Final = ("job", "instance")


@dataclass
class ImportedRules:
    """The result of importing the rules in some files.

    Attributes:
        groups: the groups that run, as a rule file has them.
        lines: a remark on each rule.
        runs: the number of rules that run.
        left_out: the number of rules that need a server.
    """

    groups: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    runs: int = 0
    left_out: int = 0

    @property
    def summary(self) -> str:
        """A text with the numbers of rules that run in the process and that need a server."""
        text = f"{self.runs} of {counted(self.runs + self.left_out, 'rule')} run in the process"
        need = "needs" if self.left_out == 1 else "need"
        return f"{text}, {self.left_out} {need} a server" if self.left_out else text


def is_rule_file(document: Node) -> bool:
    """Return whether a document has rules of Prometheus, or is a PrometheusRule of its operator."""
    return _groups_of(document) is not None


def _groups_of(document: Node) -> Entries | None:
    if not isinstance(document, Entries):
        return None
    spec = document.fields.get("spec")
    kind = document.fields.get("kind")
    if kind is not None and getattr(kind.value, "content", None) == _OPERATOR_KIND:
        return spec.value if spec is not None and isinstance(spec.value, Entries) else None
    return document if _GROUPS in document.fields else None


def import_rules(paths: Iterable[str | Path]) -> ImportedRules:
    """Return which rules in files of Prometheus run in the process.

    Args:
        paths: the files; a rule may use what a rule in another file records.

    Raises:
        ConfigFileError: for a file that cannot be read, or that has no valid groups.
        MissingExtraError: if PyYAML or promql-parser is not installed.
    """
    imported = ImportedRules()
    groups = [(report, node) for path in paths for report, node in _group_nodes(path)]
    recorded = frozenset(name for _, node in groups for name in _recorded_names(node))
    for report, node in groups:
        _import_group(node, report, recorded, imported)
        report.check()
    return imported


def rules_section(imported: ImportedRules, paths: Iterable[str | Path]) -> str:
    """Return a rule file with the rules that run.

    Raises:
        ConfigurationError: for a text that is not valid Unicode.
        MissingExtraError: if PyYAML is not installed.
    """
    names = listed([Path(path).name for path in paths])
    return yaml_document(
        {_GROUPS: imported.groups}, [f"The rules of {names} that run in the process."]
    )


def _group_nodes(path: str | Path) -> Iterator[tuple[Report, Node]]:
    report = Report(str(path))
    for document in load_documents(path, report, *_KIND):
        groups = _groups_of(document)
        if groups is None:
            report.wrong(document.place, "has no rules of Prometheus: give it on its own")
            continue
        fields = Fields(groups, None, report, usable="groups")
        for node in fields.items_of(_GROUPS, "groups, each of which begins with -"):
            yield report, node
    report.check()


def _recorded_names(group: Node) -> Iterator[str]:
    fields = Fields(group, None, Report(""), usable="a group")
    for node in fields.items_of("rules", "rules"):
        name = Fields(node, None, Report(""), usable="a rule").text("record", "a name")
        if name is not None:
            yield name


def _import_group(
    node: Node, report: Report, recorded: frozenset[str], imported: ImportedRules
) -> None:
    fields = Fields(node, None, report, usable="fields such as name and rules")
    name = fields.name("name", "a name such as shop")
    rules = []
    for one in fields.items_of("rules", "rules, each of which begins with -"):
        what = _what(one)
        rule, mistakes = _read(one, report.name)
        if rule is None or mistakes:
            imported.left_out += 1
            imported.lines += [f"{mistake} ({what} needs a server)" for mistake in mistakes]
            continue
        imported.runs += 1
        rules.append(expression_content(rule))
        imported.lines.append(f"{one.place}: {what} {_remark(rule, recorded)}")
    if name is not None and rules:
        imported.groups.append({"name": name, **_plain_fields(node), "rules": rules})


def _read(
    node: Node, file: str
) -> tuple[ExpressionRule | RecordedExpression | None, tuple[str, ...]]:
    """Return a rule with the mistakes in it, apart from those of other rules."""
    report = Report(file)
    rule = read_expression(node, {}, report)
    try:
        report.check()
    except ConfigFileError as mistakes:
        return rule, mistakes.mistakes
    return rule, ()


def _plain_fields(group: Node) -> dict[str, Any]:
    """Return the fields of a group that are single values or labels."""
    entries = group.fields if isinstance(group, Entries) else {}
    fields: dict[str, Any] = {}
    for name in GROUP_FIELDS:
        node = entries[name].value if name in entries else None
        if name in ("name", "rules") or node is None:
            continue
        if isinstance(node, Scalar):
            fields[name] = node.content
        elif isinstance(node, Entries):
            fields[name] = {
                label: entry.value.content
                for label, entry in node.fields.items()
                if isinstance(entry.value, Scalar)
            }
    limit = str(fields.get("limit"))
    return {**fields, "limit": int(limit)} if limit.isdecimal() else fields


def _what(rule: Node) -> str:
    fields = Fields(rule, None, Report(""), usable="a rule")
    name = fields.text("alert", "a name") or fields.text("record", "a name")
    return "a rule without a name" if name is None else name


def _remark(rule: ExpressionRule | RecordedExpression, recorded: frozenset[str]) -> str:
    selectors = [demand.selector for demand in compile_query(rule.expr).demands]
    names = {selector.name for selector in selectors if selector.name}
    unknown = sorted(name for name in names if not _is_known(name, recorded))
    needs = f" if the registry has {listed(unknown)}" if unknown else ""
    return f"runs{needs}{_targets(selectors)}"


def _is_known(name: str, recorded: frozenset[str]) -> bool:
    plain = next((name.removesuffix(one) for one in _SUFFIXES if name.endswith(one)), name)
    is_own = name in _OWN or plain in _OWN or name in recorded or name == ALERTS
    return is_own or name.startswith(_OF_COLLECTORS)


def _targets(selectors: Iterable[Selector]) -> str:
    conditions = dict.fromkeys(
        str(matcher)
        for selector in selectors
        for matcher in selector.matchers
        if matcher.label in _TARGET_LABELS and matcher.operator in ("=", "=~")
    )
    if not conditions:
        return ""
    return f", in the service that has {listed(list(conditions))}"
