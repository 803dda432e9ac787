"""Reads a test file of rules; all mistakes in it at once, each with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, cast

from vitalspan.errors import ConfigurationError, MissingExtraError
from vitalspan.record.labels import check_name
from vitalspan.rules.file import values
from vitalspan.rules.file.fields import Fields
from vitalspan.rules.file.mistakes import Place, Report
from vitalspan.rules.file.nodes import Node
from vitalspan.rules.model import SEVERITIES, Pairs
from vitalspan.scenarios.model import (
    Calls,
    Expectation,
    ExpectedAlert,
    Lookups,
    Requests,
    Samples,
    Scenario,
    Span,
    State,
    Stuck,
    TestFile,
)
from vitalspan.signals.units import DOLLARS, NUMBER, PER_SECOND, RATIO, Unit

DEFAULT_TICK: Final = 5.0
MAX_TICKS: Final = 100_000
MAX_CALLS: Final = 2_000_000

_SPAN: Final = ("from", "to")
_SERIES: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_RUN: Final = re.compile(r"(_|-?[\d.]+(?:[eE][+-]?\d+)?)(?:([+-][\d.]+(?:[eE][+-]?\d+)?)?x(\d+))?")

Traffic = Calls | Stuck | Lookups | Requests
Read = TypeVar("Read", bound=Traffic)


def load(path: str | os.PathLike[str]) -> TestFile:
    """Read a test file.

    Raises:
        RuleFileError: with all mistakes in it, each with its line and column.
        MissingExtraError: if PyYAML is not installed.
    """
    try:
        from vitalspan.rules.file.document import read_document  # noqa: PLC0415 - it needs PyYAML
    except ImportError:
        raise MissingExtraError("the test file", "rules") from None
    report = Report(str(path))
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        report.wrong(Place(report.name), f"cannot be read: {reason}: use the path of a test file")
    report.check()
    document = read_document(text, report)
    report.check()
    # Without a mistake there is a document.
    found = _Reader(report, Path(path).parent).file(cast("Node", document))
    report.check()
    return found


class _Reader:
    def __init__(self, report: Report, folder: Path) -> None:
        self._report = report
        self._folder = folder
        self._end = 0.0

    def file(self, node: Node) -> TestFile:
        fields = self._fields(node, ("rule_files", "tick", "tests"), "rule_files, tick and tests")
        files = [
            values.text_of(one, "a path", self._report)
            for one in fields.items_of("rule_files", "a list of rule files")
        ]
        if not files:
            fields.missing("rule_files", "add the rule files that are tested")
        tick = fields.seconds("tick", DEFAULT_TICK, zero="is no time between two ticks: use 5s")
        tests = fields.items_of("tests", "a list of scenarios")
        if not tests:
            fields.missing("tests", "add a list of scenarios")
        return TestFile(
            tuple(self._folder / name for name in files if name is not None),
            tick,
            tuple(self._scenario(one, tick) for one in tests),
        )

    def _scenario(self, node: Node, tick: float) -> Scenario:
        known = ("name", "calls", "stuck", "caches", "apis", "series", "expect")
        fields = self._fields(node, known, "name, calls and expect")
        name = fields.name("name", "a name for the scenario") or ""
        expect = tuple(
            self._expectation(one, name)
            for one in fields.items_of("expect", "a list with at, alerts")
        )
        if not expect:
            fields.missing("expect", "add what alerts there shall be, and when")
        self._end = max((one.at for one in expect), default=0.0)
        if self._end / tick > MAX_TICKS:
            fields.wrong(f"is too long: use at most {MAX_TICKS} ticks", "expect")
        traffic: tuple[Traffic, ...] = (
            *self._all(fields, "calls", self._calls),
            *self._all(fields, "stuck", self._stuck),
            *self._all(fields, "caches", self._lookups),
            *self._all(fields, "apis", self._requests),
        )
        made = sum(
            one.rate * max(0.0, min(one.span.end, self._end) - one.span.begin)
            for one in traffic
            if not isinstance(one, Stuck)
        )
        if made > MAX_CALLS:
            fields.wrong(f"makes {made:.0f} calls: use at most {MAX_CALLS}", "calls")
        samples = (self._samples(one) for one in fields.items_of("series", "a list of series"))
        return Scenario(name, traffic, tuple(one for one in samples if one is not None), expect)

    def _all(
        self, fields: Fields, name: str, read: Callable[[Node], Read | None]
    ) -> tuple[Read, ...]:
        found = map(read, fields.items_of(name, "a list"))
        return tuple(one for one in found if one is not None)

    def _calls(self, node: Node) -> Calls | None:
        known = ("operation", "component", "labels", "rate", "takes", "errors", "measures", *_SPAN)
        fields = self._fields(node, known, "operation, rate and takes")
        operation = fields.name("operation", "an operation")
        amounts = tuple(
            (name, values.value_of(amount, NUMBER, self._report) or 0.0)
            for name, _, amount in fields.under("measures", "names and amounts")
        )
        calls = Calls(
            operation or "",
            self._span(fields),
            self._text(fields, "component"),
            self._labels(fields),
            self._value(fields, "rate", PER_SECOND, 1.0),
            fields.seconds("takes", 0.0),
            self._share(fields, "errors", 0.0),
            amounts,
        )
        return calls if operation else None

    def _stuck(self, node: Node) -> Stuck | None:
        known = ("operation", "component", "labels", *_SPAN)
        fields = self._fields(node, known, "operation, from and to")
        operation = fields.name("operation", "an operation")
        where = self._text(fields, "component"), self._labels(fields)
        return Stuck(operation, self._span(fields), *where) if operation else None

    def _lookups(self, node: Node) -> Lookups | None:
        known = ("cache", "component", "rate", "hits", *_SPAN)
        fields = self._fields(node, known, "cache, rate and hits")
        cache = fields.name("cache", "a cache")
        component = self._text(fields, "component")
        rate = self._value(fields, "rate", PER_SECOND, 1.0)
        hits = self._share(fields, "hits", 1.0)
        return Lookups(cache, self._span(fields), component, rate, hits) if cache else None

    def _requests(self, node: Node) -> Requests | None:
        known = ("api", "component", "rate", "errors", "tokens", "cost", *_SPAN)
        fields = self._fields(node, known, "api and rate")
        api = fields.name("api", "an API")
        requests = Requests(
            api or "",
            self._span(fields),
            self._text(fields, "component"),
            self._value(fields, "rate", PER_SECOND, 1.0),
            self._share(fields, "errors", 0.0),
            self._value(fields, "tokens", NUMBER, 0.0),
            self._value(fields, "cost", DOLLARS, 0.0),
        )
        return requests if api else None

    def _samples(self, node: Node) -> Samples | None:
        fields = self._fields(node, ("series", "values"), "series and values")
        series, written = fields.get("series"), fields.get("values")
        if series is None or written is None:
            fields.missing("series" if series is None else "values", "add it")
            return None
        text = values.text_of(series, "queue_depth", self._report) or ""
        named = _series(text)
        if named is None:
            self._report.wrong(
                series.place, f'{text!r:.60} is no series: use depth{{queue="mail"}}'
            )
        listed = _values(values.text_of(written, "0x10 5", self._report) or "")
        if listed is None:
            self._report.wrong(
                written.place, "is no list of values: use 0x10 5+1x20, with _ for no value"
            )
        return Samples(*named, listed) if named and listed else None

    def _expectation(self, node: Node, scenario: str) -> Expectation:
        fields = self._fields(node, ("at", "alerts"), "at and alerts")
        if "at" not in fields:
            fields.missing("at", "add a time such as 5m")
        at = fields.seconds("at", 0.0)
        alerts = [self._alert(one) for one in fields.items_of("alerts", "a list of alerts, or []")]
        there = tuple(one for one in alerts if one is not None)
        return Expectation(at, there, f"{fields.place}: {scenario}, {at:g} s")

    def _alert(self, node: Node) -> ExpectedAlert | None:
        fields = self._fields(node, ("alert", "severity", "state", "labels"), "alert and severity")
        name = fields.name("alert", "an alert's name")
        severity = fields.choice("severity", SEVERITIES, "") or None
        pending = fields.choice("state", ("pending", "firing"), "firing") == "pending"
        state: State = "pending" if pending else "firing"
        return ExpectedAlert(name, severity, state, self._labels(fields)) if name else None

    def _span(self, fields: Fields) -> Span:
        begin = fields.seconds("from", 0.0)
        end = fields.seconds("to", values.MAX_SECONDS)
        if end <= begin:
            fields.wrong("is not after from: use a later time", "to")
        return Span(begin, end)

    def _labels(self, fields: Fields) -> Pairs:
        found = []
        for name, place, node in fields.under("labels", "names and values"):
            try:
                check_name(name, "label")
            except ConfigurationError as refused:
                self._report.wrong(place, str(refused))
            found.append((name, values.text_of(node, "a text", self._report) or ""))
        return tuple(found)

    def _text(self, fields: Fields, name: str) -> str | None:
        node = fields.get(name)
        return None if node is None else values.text_of(node, "a name", self._report)

    def _value(self, fields: Fields, name: str, unit: Unit, default: float) -> float:
        node = fields.get(name)
        found = None if node is None else values.value_of(node, unit, self._report)
        if found is not None and found < 0:
            fields.wrong(f"{found:g} is negative: use a value from 0 up", name)
        return default if found is None else found

    def _share(self, fields: Fields, name: str, default: float) -> float:
        found = self._value(fields, name, RATIO, default)
        if found > 1:
            fields.wrong("is more than all: use 0% to 100%", name)
        return found

    def _fields(self, node: Node, known: tuple[str, ...], usable: str) -> Fields:
        return Fields(node, known, self._report, usable=usable)


def _series(text: str) -> tuple[str, Pairs] | None:
    found = _SERIES.fullmatch(text)
    if found is None:
        return None
    rest, labels = found.group(2) or "", []
    while rest.strip():
        label = _LABEL.match(rest)
        if label is None:
            return None
        value = re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], label[2])
        labels.append((label[1], value))
        rest = rest[label.end() :]
    return found.group(1), tuple(labels)


def _values(text: str) -> tuple[float | None, ...] | None:
    """Return the values of Prometheus' notation: `1`, `1x3` (four of them), `1+2x3`, `_`, `_x3`."""
    result: list[float | None] = []
    for part in text.split():
        found = _RUN.fullmatch(part)
        if found is None:
            return None
        first, step, times = found.groups()
        try:
            start = None if first == "_" else float(first)
            grows = float(step or 0)
        except ValueError:
            return None
        count = int(times or 0)
        if count > MAX_TICKS:
            return None
        if start is None:
            result += [None] * max(1, count)
        else:
            result += [start + grows * index for index in range(count + 1)]
    return tuple(result) or None
