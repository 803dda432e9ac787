"""Imports the SLOs of OpenSLO, version 1: ratios of counters in Prometheus, by occurrences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.importers.imported_slos import Draft, ImportedSlos
from vitalspan.importers.openslo_indicator import IndicatorReader, Objects
from vitalspan.words import shown

VERSION: Final = "openslo/v1"

_OBJECT: Final = ("apiVersion", "kind", "metadata", "spec")
_METADATA: Final = ("name", "displayName", "labels", "annotations")
_SLO: Final = (
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
)
_OBJECTIVE: Final = ("displayName", "op", "value", "target", "targetPercent")
_NO_DAYS: Final = ("M", "Q", "Y")


def import_openslo(
    document: Node, objects: Objects, imported: ImportedSlos, report: Report
) -> None:
    """Import an object, if it is an SLO.

    Args:
        document: a document with `apiVersion` and `kind`.
        objects: the objects that it may refer to.
        imported: receives the SLO.
        report: the report of the file.
    """
    kind = Fields(document, None, report, usable="an object").text("kind", "SLO")
    if kind == "SLO":
        part = imported.part()
        _Slo(objects, part, report.name).read(document)
        imported.take(part)


class _Slo:
    """The import of one SLO.

    Args:
        objects: the objects that it may refer to.
        imported: receives the SLO.
        file: the name of the file.
    """

    def __init__(self, objects: Objects, imported: ImportedSlos, file: str) -> None:
        self._objects = objects
        self._imported = imported
        self._report = Report(file)

    def read(self, document: Node) -> None:
        report = self._report
        fields = Fields(document, _OBJECT, report, usable="metadata and spec")
        metadata = fields.mapping("metadata", _METADATA, "a name")
        name = None if metadata is None else metadata.name("name", "a name such as web")
        spec = fields.mapping("spec", _SLO, "an indicator and objectives")
        for field_name, missing in (("metadata", metadata), ("spec", spec)):
            if missing is None:
                fields.missing(field_name, "add it")
        if metadata is None or spec is None:
            return self._leave_out(name)
        draft = self._draft(metadata, spec)
        counted = IndicatorReader(self._objects, self._imported, report).read(spec)
        objectives = list(self._objectives(spec))
        try:
            report.check()
        except ConfigFileError:
            return self._leave_out(name)
        for number, (place, percent) in enumerate(objectives, 1):
            own = name if len(objectives) == 1 else f"{name}-{number}"
            if counted is not None:
                self._imported.add(
                    place.place, {"name": own, "objective": percent, **draft}, counted
                )
        return None

    def _leave_out(self, name: str | None) -> None:
        try:
            self._report.check()
        except ConfigFileError as mistakes:
            self._imported.leave_out_for(mistakes, f"SLO {shown(name or '')}")

    def _draft(self, metadata: Fields, spec: Fields) -> Draft:
        draft: Draft = {"window": self._window(spec)}
        labels = self._labels(metadata)
        service = spec.text("service", "a name such as web")
        if service is not None:
            labels = {"service": service, **labels}
        draft |= {"labels": labels} if labels else {}
        annotations = self._imported.description(spec)
        draft |= {"annotations": annotations} if annotations else {}
        method = spec.text("budgetingMethod", "Occurrences")
        if method != "Occurrences":
            spec.wrong(
                f"{method or 'an empty method'} is not supported: use Occurrences",
                "budgetingMethod",
            )
        if spec.items_of("alertPolicies", "policies, each of which begins with -"):
            self._imported.note(
                spec.key("alertPolicies"),
                "alertPolicies are left out: its alerts are those of the SRE workbook",
            )
        else:
            draft["alerts"] = False
            self._imported.note(
                metadata.place, "it has no alertPolicies, so its alerts are off in the rule file"
            )
        return draft

    def _labels(self, metadata: Fields) -> dict[str, str]:
        single: dict[str, str] = {}
        labels = metadata.mapping("labels", None, "labels such as team: payments")
        for name, place, node in labels or ():
            if isinstance(node, Scalar):
                text = labels and labels.text(name, "a text")
                single |= self._imported.text("labels", name, text, place) if text else {}
            else:
                self._imported.note(place, f"the label {name} is left out: it has several values")
        return single

    def _window(self, spec: Fields) -> str:
        windows = spec.items_of("timeWindow", "one window")
        if not windows:
            self._imported.note(spec.place, "it has no timeWindow, so its window is 30d")
            return "30d"
        window = Fields(
            windows[0],
            ("duration", "isRolling", "calendar"),
            self._report,
            usable="a duration such as 28d",
        )
        if len(windows) > 1:
            spec.wrong("there are several windows: keep one of them", "timeWindow")
        if "calendar" in window or not window.flag("isRolling", default=False):
            window.wrong("only rolling windows are supported: use isRolling: true without calendar")
        duration = window.text("duration", "a duration such as 28d")
        if duration is None:
            window.missing("duration", "add one such as 28d")
        elif duration.endswith(_NO_DAYS):
            window.wrong(f"{duration} has no fixed length: use days, such as 30d", "duration")
        return duration or "30d"

    def _objectives(self, spec: Fields) -> Iterator[tuple[Fields, str]]:
        nodes = spec.items_of("objectives", "objectives, each of which begins with -")
        if not nodes:
            spec.missing("objectives", "add one with a target such as 0.999")
        for node in nodes:
            objective = Fields(node, _OBJECTIVE, self._report, usable="a target such as 0.999")
            targets = [name for name in ("target", "targetPercent") if name in objective]
            if len(targets) != 1:
                objective.wrong("give either target or targetPercent, such as target: 0.999")
                continue
            [name] = targets
            most, example = (1, "0.999") if name == "target" else (100, "99.9")
            target = objective.number(name, f"a number such as {example}", 0, most)
            if target is not None:
                yield objective, f"{target * 100 / most:.12g}%"
