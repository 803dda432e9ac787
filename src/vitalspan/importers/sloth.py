"""Imports the SLOs of sloth: files of `prometheus/v1`, and its resources for Kubernetes."""

from __future__ import annotations

from typing import Any, Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Entries, Entry, Items, Node
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.importers.imported_slos import (
    Draft,
    ImportedSlos,
    name_of,
    read_query,
)
from vitalspan.rules.model import CountedEvents
from vitalspan.rules.severities import severity_named
from vitalspan.words import shown

VERSION: Final = "prometheus/v1"
KUBERNETES_VERSION: Final = "sloth.slok.dev/v1"

_FILE: Final = ("version", "service", "labels", "slos", "slo_plugins")
_SLO: Final = ("name", "description", "objective", "labels", "sli", "alerting", "plugins")
_ALERTING: Final = ("name", "labels", "annotations", "page_alert", "ticket_alert")
_ALERT: Final = ("disable", "labels", "annotations", "for")
_SNAKE: Final = {
    "errorQuery": "error_query",
    "totalQuery": "total_query",
    "errorRatioQuery": "error_ratio_query",
    "pageAlert": "page_alert",
    "ticketAlert": "ticket_alert",
    "sloPlugins": "slo_plugins",
}
"""The fields that are spelled differently in the resource for Kubernetes."""


def import_sloth(document: Node, imported: ImportedSlos, report: Report) -> None:
    """Import a document of `prometheus/v1`, or a PrometheusServiceLevel.

    Args:
        document: a document with `version`, or with `apiVersion` and `spec`.
        imported: receives the SLOs.
        report: receives the mistakes that make the whole document useless.
    """
    fields = Fields(document, None, report, usable="fields such as service and slos")
    spec = fields.get("spec") if "apiVersion" in fields else document
    if spec is None:
        fields.missing("spec", "add service and slos below it")
        return
    service = Fields(_in_snake_case(spec), _FILE, report, usable="service and slos")
    name = service.text("service", "a name such as myservice")
    if name is None:
        service.missing("service", "add a name such as myservice")
    if "slo_plugins" in service:
        imported.note(service.key("slo_plugins"), "slo_plugins are left out")
    labels = imported.texts(service, "labels")
    for node in service.items_of("slos", "SLOs, each of which begins with -"):
        part = imported.part()
        _Slo(name or "", labels, part, report.name).read(node)
        imported.take(part)


class _Slo:
    """The import of one SLO.

    Args:
        service: the name of its service.
        labels: the labels of all SLOs of the service.
        imported: receives the SLO.
        file: the name of the file.
    """

    def __init__(
        self, service: str, labels: dict[str, str], imported: ImportedSlos, file: str
    ) -> None:
        self._service = service
        self._labels = labels
        self._imported = imported
        # A mistake in one SLO does not affect the others.
        self._report = Report(file)

    def read(self, node: Node) -> None:
        name = name_of(node, self._report)
        full = f"{self._service}-{name or ''}"
        fields = Fields(node, _SLO, self._report, usable="fields such as name and sli")
        draft, counted = self._draft(fields, full), self._counters(fields)
        try:
            self._report.check()
        except ConfigFileError as mistakes:
            self._imported.leave_out_for(mistakes, f"SLO {shown(full)}")
            return
        if counted is not None:
            self._imported.add(node.place, draft, counted)

    def _draft(self, fields: Fields, name: str) -> Draft:
        fields.required("objective", "add a percentage such as 99.9")
        percent = fields.number("objective", "a percentage such as 99.9", 0, 100)
        draft: Draft = {"name": name, "objective": f"{percent or 0.0:.12g}%"}
        labels = self._labels | self._imported.texts(fields, "labels")
        if "plugins" in fields:
            self._imported.note(fields.key("plugins"), "plugins are left out")
        annotations = self._imported.description(fields)
        alerting = fields.mapping("alerting", _ALERTING, "fields such as name and page_alert")
        if alerting is not None:
            alert = alerting.get("name") and alerting.text("name", "a name such as ManyErrors")
            draft |= {"alert": alert} if alert else {}
            labels |= self._imported.texts(alerting, "labels")
            annotations |= self._imported.texts(alerting, "annotations")
            self._severity(alerting)
            alerts = {
                kind: each
                for kind in ("page", "ticket")
                if (each := self._alert(alerting, kind)) is not None
            }
            if alerts:
                off = list(alerts.values()) == [False, False]
                draft["alerts"] = False if off else alerts
        draft |= {"labels": labels} if labels else {}
        draft |= {"annotations": annotations} if annotations else {}
        return draft

    def _alert(self, alerting: Fields, kind: str) -> dict[str, Any] | bool | None:
        fields = alerting.mapping(f"{kind}_alert", _ALERT, "fields such as disable and labels")
        if fields is None:
            return None
        if fields.flag("disable"):
            return False
        if "for" in fields:
            self._imported.note(
                fields.key("for"),
                "`for` is left out: the short window of a burn-rate alert does the same",
            )
        raised: dict[str, Any] = {}
        severity = self._severity(fields, kind)
        raised |= {"severity": severity} if severity else {}
        for texts in ("labels", "annotations"):
            own = self._imported.texts(fields, texts)
            raised |= {texts: own} if own else {}
        return raised or None

    def _severity(self, fields: Fields, kind: str = "") -> str | None:
        """Return the severity that a label asks for; note one that is not possible.

        Args:
            fields: the mapping that contains `labels`.
            kind: `page` or `ticket`; empty for the labels of both, whose severities always differ
                here.
        """
        labels = fields.mapping("labels", None, "labels such as team: payments")
        name = None if labels is None else labels.text("severity", "critical or warning")
        if labels is None or name is None:
            return None
        severity = severity_named(name) if kind else None
        if severity is None:
            instead = (
                f"its {kind} alerts get the severity {severity_named(kind)}"
                if kind
                else "its alerts keep their usual severities"
            )
            self._imported.note(
                labels.key("severity"),
                f"the severity {name} is left out, and {instead}: use another label to route by",
            )
        return severity

    def _counters(self, fields: Fields) -> CountedEvents | None:
        sli = fields.mapping("sli", ("events", "raw", "plugin"), "events with their queries")
        if sli is None:
            fields.missing("sli", "add events with their queries")
            return None
        for other in ("raw", "plugin"):
            if other in sli:
                sli.wrong(f"{other} is not about counters of events: use events", other)
                return None
        events = sli.mapping(
            "events", ("error_query", "total_query"), "error_query and total_query"
        )
        if events is None:
            sli.missing("events", "add error_query and total_query")
            return None
        total, errors = (read_query(events, name) for name in ("total_query", "error_query"))
        return self._imported.counters(events, total, errors, "error_query", judged_are_good=False)


def _in_snake_case(node: Node) -> Node:
    """Return a node with the field names of sloth's files instead of those for Kubernetes."""
    if isinstance(node, Items):
        return Items(node.place, tuple(map(_in_snake_case, node.items)))
    if not isinstance(node, Entries):
        return node
    fields = {}
    for name, (key, value) in node.fields.items():
        is_literal = name in ("labels", "annotations")
        fields[_SNAKE.get(name, name)] = Entry(key, value if is_literal else _in_snake_case(value))
    return Entries(node.place, fields)
