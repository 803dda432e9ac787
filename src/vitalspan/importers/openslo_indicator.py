"""Reads the indicator of an SLO of OpenSLO: a ratio of counters in Prometheus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.importers.counter_query import CounterQuery
from vitalspan.importers.imported_slos import (
    ImportedSlos,
    name_of,
    read_query,
)
from vitalspan.rules.model import CountedEvents
from vitalspan.words import shown

_SOURCE: Final = ("metricSourceRef", "type", "spec")
_RATIO: Final = ("counter", "good", "bad", "total", "raw", "rawType")


@dataclass
class Objects:
    """The objects of all files that SLOs refer to, by name.

    Attributes:
        indicators: the `spec` of each SLI.
        sources: the type of each data source.
    """

    indicators: dict[str, Node] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, document: Node) -> None:
        """Add an SLI or a DataSource; nothing refers to other objects."""
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


class IndicatorReader:
    """A reader of indicators.

    Args:
        objects: the objects that SLOs may refer to.
        imported: receives notes.
        report: receives mistakes.
    """

    def __init__(self, objects: Objects, imported: ImportedSlos, report: Report) -> None:
        self._objects = objects
        self._imported = imported
        self._report = report

    def read(self, spec: Fields) -> CountedEvents | None:
        """Return the counters of the indicator that the `spec` of an SLO contains or refers to."""
        ratio = self._ratio(spec)
        names = [name for name in ("good", "bad") if ratio is not None and name in ratio]
        if ratio is None or len(names) != 1:
            if ratio is not None:
                ratio.wrong("give either good or bad beside total")
            return None
        [judged] = names
        total, part = self._query(ratio, "total"), self._query(ratio, judged)
        return self._imported.counters(ratio, total, part, judged, judged_are_good=judged == "good")

    def _ratio(self, spec: Fields) -> Fields | None:
        """Return the ratio of the indicator; None if it is not a ratio of counters."""
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
            # Its places belong to the file that contains it.
            return Fields(node, None, self._report, usable=usable)
        inline = spec.mapping("indicator", None, "a ratioMetric")
        if inline is None:
            spec.missing(("indicator", "indicatorRef"), "add one of them")
            return None
        return inline.mapping("spec", None, usable) or inline

    def _query(self, ratio: Fields, name: str) -> CounterQuery | None:
        metric = ratio.mapping(name, ("metricSource",), "a metricSource")
        source = metric and metric.mapping("metricSource", _SOURCE, "type and spec")
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
            return None
        return read_query(spec, "query", any_window=True, as_counter=ratio.flag("counter"))
