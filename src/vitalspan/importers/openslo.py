"""Imports the SLOs of OpenSLO, version 1: ratios of counters in Prometheus, by occurrences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.report import ConfigFileError, Report
from vitalspan.configfile.values import number_of
from vitalspan.importers.counter_query import CounterQuery, QueryError, read_counters
from vitalspan.importers.imported_slos import (
    Draft,
    ImportedSlos,
    event_counters,
    name_of,
    query_text,
)
from vitalspan.rules.model import CountedEvents
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
_RATIO: Final = ("counter", "good", "bad", "total", "raw", "rawType")
_OBJECTIVE: Final = ("displayName", "op", "value", "target", "targetPercent")
_NO_DAYS: Final = ("M", "Q", "Y")


@dataclass
class Objects:
    """The objects of all files, by name, that SLOs refer to.

    Attributes:
        indicators: the `spec` of each SLI.
        sources: the type of each data source.
    """

    indicators: dict[str, Node] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, document: Node) -> None:
        """Take an SLI or a DataSource; anything else is not referred to."""
        report = Report("")
        fields = Fields(document, None, report, usable="an object")
        metadata, spec = fields.get("metadata"), fields.get("spec")
        name = None if metadata is None else name_of(metadata, report)
        kind = fields.text("kind", "an object")
        if name is None or spec is None:
            return
        if kind == "SLI":
            self.indicators[name] = spec
        elif kind == "DataSource":
            source = Fields(spec, None, report, usable="a type").text("type", "Prometheus")
            self.sources[name] = source or ""


def import_openslo(
    document: Node, objects: Objects, imported: ImportedSlos, report: Report
) -> None:
    """Import an object, if it is an SLO.

    Args:
        document: with `apiVersion` and `kind`.
        objects: that it may refer to.
        imported: takes the SLO.
        report: of the file.
    """
    kind = Fields(document, None, report, usable="an object").text("kind", "SLO")
    if kind == "SLO":
        part = imported.part()
        _Slo(objects, part, report.name).read(document)
        imported.take(part)


class _Slo:
    """Imports one SLO.

    Args:
        objects: that it may refer to.
        imported: takes it.
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
        counted = self._counted(spec)
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
        description = spec.text("description", "a text")
        if description is not None:
            place = spec.key("description")
            text = self._imported.text("annotations", "description", description, place)
            draft |= {"annotations": text} if text else {}
        method = spec.text("budgetingMethod", "Occurrences")
        if method != "Occurrences":
            spec.wrong(
                f"{method or 'no method'} is not possible here: use Occurrences", "budgetingMethod"
            )
        if spec.items_of("alertPolicies", "policies, each of which begins with -"):
            self._imported.note(
                spec.key("alertPolicies"),
                "alertPolicies are left out: its alerts are those of the SRE workbook",
            )
        else:
            draft["alerts"] = False
            self._imported.note(
                metadata.place, "it has no alertPolicies: its alerts are off in the rule file"
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
            self._imported.note(spec.place, "it has no timeWindow: it is over 30d, as by default")
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
            window.wrong(
                "error budgets are over rolling windows here: use isRolling: true without calendar"
            )
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
            given = [name for name in ("target", "targetPercent") if name in objective]
            if len(given) != 1:
                objective.wrong("give target or targetPercent, one of them, such as target: 0.999")
                continue
            [name] = given
            most, example = (1, "0.999") if name == "target" else (100, "99.9")
            value = objective.get(name)
            if value is not None:
                usable = f"a number such as {example}"
                target = number_of(value, usable, self._report, 0, most)
                if target is not None:
                    yield objective, f"{target * 100 / most:.12g}%"

    def _counted(self, spec: Fields) -> CountedEvents | None:
        ratio = self._ratio(spec)
        given = [name for name in ("good", "bad") if ratio is not None and name in ratio]
        if ratio is None or len(given) != 1:
            if ratio is not None:
                ratio.wrong("give good or bad, one of them, beside total")
            return None
        [judged] = given
        total, part = self._query(ratio, "total"), self._query(ratio, judged)
        if total is None or part is None:
            return None
        self._imported.note_labels(ratio.place, (total, part))
        try:
            return event_counters(total, part, judged_are_good=judged == "good")
        except QueryError as refused:
            ratio.wrong(str(refused), judged)
            return None

    def _ratio(self, spec: Fields) -> Fields | None:
        """Return the ratio of the indicator, unless it is another one than of counters."""
        indicator = self._indicator(spec)
        if indicator is None:
            return None
        ratio = indicator.mapping("ratioMetric", _RATIO, "good or bad, and total")
        if ratio is None:
            indicator.wrong(
                "it is not a ratio of counters: use ratioMetric with good or bad and total"
            )
        elif "raw" in ratio:
            ratio.wrong("raw is a ratio without its counters: use good or bad and total", "raw")
            return None
        return ratio

    def _indicator(self, spec: Fields) -> Fields | None:
        """Return the `spec` of the indicator."""
        usable = "ratioMetric"
        reference = spec.text("indicatorRef", "the name of an SLI")
        if reference is not None:
            node = self._objects.indicators.get(reference)
            if node is None:
                spec.wrong(
                    f"no SLI is called {shown(reference)}: import the file that has it as well",
                    "indicatorRef",
                )
                return None
            # Its places are of the file that it is in.
            return Fields(node, None, self._report, usable=usable)
        inline = spec.mapping("indicator", None, "a ratioMetric")
        if inline is None:
            spec.missing(("indicator", "indicatorRef"), "add one of them")
            return None
        return inline.mapping("spec", None, usable) or inline

    def _query(self, ratio: Fields, name: str) -> CounterQuery | None:
        metric = ratio.mapping(name, ("metricSource",), "a metricSource")
        source = (
            None
            if metric is None
            else metric.mapping(
                "metricSource", ("metricSourceRef", "type", "spec"), "type and spec"
            )
        )
        if source is None:
            ratio.missing(name, "add its metricSource")
            return None
        kind = source.text("type", "Prometheus")
        reference = source.text("metricSourceRef", "the name of a DataSource")
        if kind is None and reference is not None:
            kind = self._objects.sources.get(reference)
        if (kind or "").lower() != "prometheus":
            source.wrong(
                f"{kind or 'its source'} is not Prometheus, whose queries can be imported: use it"
            )
            return None
        spec = source.mapping("spec", None, "a query")
        if spec is None:
            source.missing("spec", "add a query")
        text = None if spec is None else query_text(spec, "query")
        if spec is None or text is None:
            return None
        try:
            return read_counters(text, any_window=True, as_counter=ratio.flag("counter"))
        except QueryError as refused:
            spec.wrong(str(refused), "query")
            return None
