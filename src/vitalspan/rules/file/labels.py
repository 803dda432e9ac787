"""Reads the fields about labels: `where`, `by`, `labels` and `annotations`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Items, Node, Place, Scalar
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import text_of
from vitalspan.errors import ConfigurationError
from vitalspan.labels import check_name
from vitalspan.promql.matchers import Matcher, parse_matcher
from vitalspan.rules import annotation_templates as templates
from vitalspan.rules.model import Pairs
from vitalspan.signals.signal import Signal
from vitalspan.words import shown

MAX_ANNOTATION: Final = 10_000
"""The maximum length of an annotation in characters."""

_TARGET_LABELS: Final = ("job", "instance")
"""Labels that Prometheus adds to what it scrapes."""

_SOMETIMES_MISSING: Final = {
    "job": "in alerts of a process whose OTEL_SERVICE_NAME is not set: set it",
    "instance": (
        "in rules that are exported without --per-instance: use this option, or leave the label out"
    ),
}
_WITHOUT_LABELS: Final = "in exported rules, since what is absent has no labels: leave it out"

_SET_BY_RULES: Final = ("alertname", "severity")
"""Labels of alerts that the underlying series do not have."""

_TEXTS: Final = {"labels": "a text such as payments", "annotations": "a text in quotes"}
_VALUES: Final = "a value such as checkout, =~check.*, !=checkout or !~check.*"


def read_where(fields: Fields, signal: Signal | None) -> tuple[Matcher, ...]:
    """Return the matchers in `where`.

    Args:
        fields: the fields of a rule or an SLO.
        signal: the signal, which has to have the labels; None if it is unknown.
    """
    matchers = []
    for name, key, node in fields.entries_of("where", "conditions such as {operation: checkout}"):
        is_label = _check_label(key, name, signal, fields.report)
        matcher = _matcher(name, node, fields.report)
        if is_label and matcher is not None:
            matchers.append(matcher)
    return tuple(matchers)


def read_by(fields: Fields, signal: Signal | None) -> tuple[str, ...]:
    """Return the labels that separate alerts."""
    report = fields.report
    labels: list[str] = []
    for node in fields.items_of("by", "labels such as [operation]"):
        name = text_of(node, "a label such as operation", report)
        if name is None or not _check_label(node.place, name, signal, report):
            continue
        if name in _SET_BY_RULES:
            problem = f"{name} is set by the rule itself: leave it out of `by`"
            report.wrong(node.place, problem)
        elif name in labels:
            report.wrong(node.place, f"{shown(name)} is listed twice: keep one of them")
        else:
            labels.append(name)
    if labels and signal is not None and not signal.groups:
        fields.wrong(f"{signal.name} has no labels to group by: leave `by` out", "by")
    return tuple(labels)


def _check_label(place: Place, name: str, signal: Signal | None, report: Report) -> bool:
    problem = bad_name(name)
    if not problem and name in _TARGET_LABELS:
        problem = f"only Prometheus knows the label {name}, not the process: leave it out"
    if not problem and signal is not None:
        problem = signal.labels.refuse(name, signal.name)
    return not report.wrong(place, problem)


def bad_name(name: str, what: str = "label") -> str:
    """Return why a name cannot be that of a label or a measure; empty if it can."""
    try:
        check_name(name, what)
    except ConfigurationError as refused:
        return str(refused)
    return ""


def _matcher(label: str, node: Node, report: Report) -> Matcher | None:
    if isinstance(node, Items):
        report.wrong(
            node.place, "a condition takes one value, not a list: use one such as =~one|other"
        )
        return None
    if isinstance(node, Scalar) and node.content == "":
        return Matcher(label, "=", "")
    text = text_of(node, _VALUES, report)
    if text is None:
        return None
    try:
        matcher = parse_matcher(label, text)
    except (ValueError, OverflowError, RecursionError, FutureWarning) as refused:
        report.wrong(
            node.place,
            f"{shown(text)} is not a regular expression: {refused}: use one like =~check.*",
        )
        return None
    if matcher.value != text and matcher.value[:1] in (" ", "="):
        problem = f"{shown(text)} means a value that begins with {matcher.value[0]!r}"
        report.wrong(node.place, f"{problem}: write =value, =~value, !=value or !~value")
        return None
    return matcher


def read_labels(fields: Fields, reasons: Mapping[str, str], skipped: Collection[str] = ()) -> Pairs:
    """Return the labels to add to alerts.

    Args:
        fields: the fields of a rule or an SLO.
        reasons: labels that cannot be set, with the reasons.
        skipped: labels that are read elsewhere.
    """
    pairs = []
    for name, node, text in _texts(fields, "labels", "labels such as {team: payments}"):
        if name in skipped:
            continue
        if name in reasons:
            fields.report.wrong(node.place, f"the label {name} cannot be set: {reasons[name]}")
        elif "{{" in text:
            problem = f"labels cannot have templates such as {shown(text)}"
            fields.report.wrong(node.place, f"{problem}: use a plain text, or an annotation")
        else:
            pairs.append((name, text))
    return tuple(pairs)


def read_annotations(
    fields: Fields,
    by: tuple[str, ...] | None,
    hint: str = "add it to `by`, or leave it out",
    *,
    grouped: bool = True,
) -> Pairs:
    """Return the annotations.

    Args:
        fields: the fields of a rule or an SLO.
        by: the labels that texts can use; None if they are unknown.
        hint: what to do about other labels.
        grouped: whether the alerts have labels in Prometheus.
    """
    pairs = []
    usable = 'texts such as {summary: "Checkout is slow"}'
    for name, node, text in _texts(fields, "annotations", usable):
        if not fields.report.wrong(node.place, _bad_template(text, by, hint)):
            _note_target_labels(text, node, fields.report, grouped=grouped)
            pairs.append((name, text))
    return tuple(pairs)


def _note_target_labels(text: str, node: Node, report: Report, *, grouped: bool) -> None:
    """Note the use of labels that only some alerts have."""
    for label in templates.labels_of(text):
        if label in _TARGET_LABELS:
            missing = _SOMETIMES_MISSING[label] if grouped else _WITHOUT_LABELS
            report.note(node.place, f"$labels.{label} is empty {missing}")


def _bad_template(text: str, by: tuple[str, ...] | None, hint: str) -> str:
    if len(text) > MAX_ANNOTATION:
        return f"has {len(text)} characters: use at most {MAX_ANNOTATION}"
    try:
        templates.check(text)
    except ValueError as refused:
        return str(refused)
    for label in templates.labels_of(text):
        if by is not None and label not in (*by, *_TARGET_LABELS):
            return f"$labels.{label} would be empty: {hint}"
    return ""


def _texts(fields: Fields, field: str, usable: str) -> Iterator[tuple[str, Node, str]]:
    for name, key, node in fields.entries_of(field, usable):
        if fields.report.wrong(key, bad_name(name, field.removesuffix("s"))):
            continue
        text = text_of(node, _TEXTS[field], fields.report)
        if text is not None:
            yield name, node, text
