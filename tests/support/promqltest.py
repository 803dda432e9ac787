"""Runs the test scripts of Prometheus' own engine, whose language its promqltest package describes.

Annotations are compared without the position that Prometheus adds, since no parser of Python's
says where an expression stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.float_histogram import CUSTOM_BUCKETS, FloatHistogram, ResetHint
from vitalspan.promql.engine.histogram_arithmetic import began_anew
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.plan import MatrixNode, TextNode
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand, Series, Value, is_stale
from vitalspan.promql.engine.series_notation import (
    NotedValue,
    parse_series,
    parse_values,
    unquoted,
)

VARIABLE = "VITALSPAN_PROMQLTEST"
"""The environment variable with the folder of the scripts."""

_EVAL = re.compile(
    r"eval(?:_(?P<mode>fail|warn|ordered|info))?\s+(?:instant\s+(?:at\s+(?P<at>\S+))?|"
    r"range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)\s+step\s+(?P<step>\S+))\s+(?P<query>.+)"
)
_EXPECT = re.compile(
    r"expect\s+(?P<what>ordered|fail|warn|no_warn|info|no_info)"
    r"(?:\s+(?P<how>regex|msg):\s*(?P<text>.+))?"
)
_RANGE = re.compile(r"expect range vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_UNIT = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT["y"] = 365 * _UNIT["d"]

Outcome = Literal["passed", "failed"]


def milliseconds(text: str) -> int:
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if "".join(number + unit for number, unit in parts) == text.lstrip("-"):
        total = sum(int(number) * _UNIT[unit] for number, unit in parts)
        return -total if text.startswith("-") else total
    return round(float(text) * 1000)


class Storage:
    """The series that `load` has loaded."""

    def __init__(self) -> None:
        self._samples: dict[MetricLabels, dict[int, Value]] = {}
        self._series: list[Series] = []

    def load(self, interval: int, lines: Sequence[str], *, with_native: bool) -> None:
        loaded: dict[MetricLabels, dict[int, Value]] = {}
        for line in lines:
            if re.match(r"[^\s{]+(?:\{[^}]*\})?@st\s", line):
                # The start times of counters, which only an experimental feature of Prometheus
                # uses.
                continue
            labels, text = parse_series(line)
            loaded[labels] = {
                index * interval: value
                for index, value in enumerate(parse_values(text))
                if value is not None
            }
        if with_native:
            loaded |= custom_histograms(loaded)
        for labels, samples in loaded.items():
            self._samples.setdefault(labels, {}).update(samples)
        self._series = [
            _series(labels, sorted(samples.items())) for labels, samples in self._samples.items()
        ]

    def select(self, demand: Demand) -> list[Series]:
        return [series for series in self._series if demand.selector.matches(series.labels)]


def _series(labels: MetricLabels, samples: Sequence[tuple[int, Value]]) -> Series:
    hinted = _with_hints([value for _, value in samples])
    return Series.of(labels, zip((time for time, _ in samples), hinted, strict=True))


def _with_hints(values: Sequence[Value]) -> list[Value]:
    """Set whether the counter in each histogram continues, as the storage of Prometheus does.

    A reset is not set there: it is detected when it matters.
    """
    hinted: list[Value] = []
    before: FloatHistogram | None = None
    for value in values:
        if not isinstance(value, FloatHistogram):
            hinted.append(value)
            before = None
            continue
        if value.reset_hint == "gauge" or before is None:
            hinted.append(value)
        else:
            hint: ResetHint = "unknown" if began_anew(value, before) else "not_reset"
            hinted.append(replace(value, reset_hint=hint))
        before = None if value.reset_hint == "gauge" else replace(value, reset_hint="unknown")
    return hinted


def custom_histograms(
    loaded: Mapping[MetricLabels, Mapping[int, Value]],
) -> dict[MetricLabels, dict[int, Value]]:
    """Return classic histograms as native ones with custom buckets."""
    parts: dict[MetricLabels, dict[int, dict[str | float, float]]] = {}
    for labels, samples in loaded.items():
        match = re.fullmatch("(.+)_(bucket|count|sum)", labels.get(NAME))
        if match is None:
            continue
        base = labels.without(["le"]).updated({NAME: match[1]})
        part = float(labels.get("le")) if match[2] == "bucket" else match[2]
        for time, value in samples.items():
            if isinstance(value, float) and not is_stale(value):
                parts.setdefault(base, {}).setdefault(time, {})[part] = value
    return {
        labels: {time: _custom_histogram(one) for time, one in by_time.items()}
        for labels, by_time in parts.items()
    }


def _custom_histogram(parts: Mapping[str | float, float]) -> FloatHistogram:
    bounds = sorted(part for part in parts if isinstance(part, float))
    total = parts.get("count", parts[bounds[-1]] if bounds else 0.0)
    bounds = [bound for bound in bounds if bound != math.inf]
    upto = [*(parts[bound] for bound in bounds), total]
    counts = [upto[0], *(after - before for before, after in pairwise(upto))]
    return FloatHistogram(
        CUSTOM_BUCKETS,
        total,
        parts.get("sum", 0.0),
        positive={index: count for index, count in enumerate(counts) if count},
        bounds=tuple(bounds),
    )


@dataclass
class Case:
    """One `eval` with its expected result."""

    file: str
    line: int
    query: str
    times: tuple[int, int, int | None]
    expected: list[tuple[MetricLabels, list[NotedValue]]] = field(default_factory=list)
    with_hints: bool = False
    scalar: float | None = None
    text: str | None = None
    range_vector: tuple[int, int, int] | None = None
    notes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.file}:{self.line}"


def run_file(path: Path, *, delayed_names: bool = True) -> Iterator[tuple[Case, Outcome, str]]:
    """Yield every case of a script with its outcome and error.

    Args:
        path: the script.
        delayed_names: whether names are dropped at the end, as Prometheus does in its tests.
    """
    storage = Storage()
    for line, block in _blocks(path.read_text()):
        first, *rest = block
        if first == "clear":
            storage = Storage()
        elif first.startswith("load"):
            command, interval = first.split()
            storage.load(milliseconds(interval), rest, with_native="nhcb" in command)
        else:
            case = _case(path.name, line, first, rest)
            outcome, problem = _run(case, storage, delayed_names)
            yield case, outcome, problem


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield commands with their lines, and the number of their first line."""
    block: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            continue
        is_command = re.match(r"(load(_with_nhcb)?\s|clear$|eval(_\w+)?\s)", line) is not None
        if block and (not line or is_command):
            yield start, block
            block = []
        if line:
            if not block:
                start = number
            block.append(line)
    if block:
        yield start, block


def _case(file: str, line: int, command: str, rest: Sequence[str]) -> Case:
    match = _EVAL.fullmatch(command)
    assert match, f"{file}:{line}: {command}"
    if match["start"]:
        times = (
            milliseconds(match["start"]),
            milliseconds(match["end"]),
            milliseconds(match["step"]),
        )
    else:
        at = milliseconds(match["at"] or "0s")
        times = (at, at, None)
    case = Case(file, line, match["query"], times)
    if match["mode"]:
        case.notes.setdefault(match["mode"], []).append(("", ""))
    for text in rest:
        _expect(case, text)
    return case


def _expect(case: Case, text: str) -> None:
    expect = _EXPECT.fullmatch(text)
    ranged = _RANGE.fullmatch(text)
    if ranged:
        start, end, step = (milliseconds(part) for part in ranged.groups())
        case.range_vector = (start, end, step)
    elif text.startswith("expect string"):
        case.text = unquoted(text.removeprefix("expect string").strip())
    elif expect:
        note = (expect["how"] or "", _without_position(expect["text"] or ""))
        case.notes.setdefault(expect["what"], []).append(note)
    else:
        try:
            case.scalar = float(text)
        except ValueError:
            labels, values = parse_series(text)
            case.expected.append((labels, parse_values(values)))
            case.with_hints |= "counter_reset_hint" in values


def _without_position(text: str) -> str:
    text = re.sub(r"\s*\\\((?:\[0-9\]\+|\d+):(?:\[0-9\]\+|\d+)\\\)$", "", text.strip())
    text = re.sub(r"\s*\(\d+:\d+\)$", "", text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text


def _run(case: Case, storage: Storage, delayed_names: bool) -> tuple[Outcome, str]:
    start, end, step = case.times
    context = EvaluationContext(storage, start, end, step=step or 0)
    try:
        problem = _compare(case, context, delayed_names)
    except (PromqlError, EvaluationError) as refused:
        return _refused(case, refused)
    problem = problem or _notes_problem(case, context)
    return ("failed", problem) if problem else ("passed", "")


def _refused(case: Case, refused: Exception) -> tuple[Outcome, str]:
    wanted = case.notes.get("fail")
    if wanted is None:
        return "failed", str(refused)
    if isinstance(refused, PromqlError) and "not supported" in str(refused):
        return "failed", str(refused)
    for how, text in wanted:
        if how == "msg" and text not in str(refused):
            return "failed", f"says {refused}"
        if how == "regex" and not re.search(text, str(refused)):
            return "failed", f"says {refused}"
    return "passed", ""


def _compare(case: Case, context: EvaluationContext, delayed_names: bool) -> str:
    query = compile_query(case.query, delayed_names=delayed_names)
    start, end, step = case.times
    if isinstance(query.plan, TextNode):
        return "" if query.plan.text == case.text else f"is {query.plan.text!r}"
    if isinstance(query.plan, MatrixNode):
        actual = {
            window.labels.final: dict(window.samples()) for window in query.plan.evaluate(context)
        }
        first, _, step = case.range_vector or (start, end, 1)
        return _series_problem(case, actual, first, step)
    if step is not None:
        actual = query.evaluate_range(context)
        problem = _series_problem(case, actual, start, step)
    else:
        vector = query.evaluate(context)
        if case.scalar is not None:
            value = vector[0][1]
            return "" if almost_equal(value, case.scalar) else f"is {value}"
        if "ordered" in case.notes:
            order = [labels for labels, _ in vector]
            if order != [labels for labels, _ in case.expected]:
                return f"the order is {order}"
        problem = _series_problem(
            case, {labels: {start: value} for labels, value in vector}, start, 1
        )
    if "fail" in case.notes:
        return "does not fail"
    return problem


def _series_problem(
    case: Case, actual: dict[MetricLabels, dict[int, Value]], start: int, step: int
) -> str:
    wanted: dict[MetricLabels, dict[int, Value]] = {}
    for labels, values in case.expected:
        present = {
            start + index * step: value for index, value in enumerate(values) if value is not None
        }
        if present:
            wanted[labels] = present
    if "fail" in case.notes:
        return "does not fail"
    for labels in wanted.keys() | actual.keys():
        ours, theirs = actual.get(labels, {}), wanted.get(labels, {})
        for time in sorted(ours.keys() | theirs.keys()):
            if time not in ours or time not in theirs or not _same(ours[time], theirs[time], case):
                return f"{labels} at {time} is {ours.get(time)} and not {theirs.get(time)}"
    return ""


def _same(ours: Value, theirs: Value, case: Case) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return almost_equal(ours, theirs)
    if not (isinstance(ours, FloatHistogram) and isinstance(theirs, FloatHistogram)):
        return False
    left, right = ours.compacted(), theirs.compacted()
    shapes = [
        (one.schema, one.zero_threshold, one.bounds, sorted(one.positive), sorted(one.negative))
        for one in (left, right)
    ]
    if shapes[0] != shapes[1]:
        return False
    # The hint is only compared if the script has one.
    if case.with_hints and right.reset_hint != "unknown" and left.reset_hint != right.reset_hint:
        return False
    pairs = [
        (left.count, right.count),
        (left.total, right.total),
        (left.zero_count, right.zero_count),
        *((left.positive[index], right.positive[index]) for index in left.positive),
        *((left.negative[index], right.negative[index]) for index in left.negative),
    ]
    return all(almost_equal(*pair) for pair in pairs)


def almost_equal(left: float, right: float) -> bool:
    """Whether two numbers are as close as the tests of Prometheus require."""
    if is_stale(left) or is_stale(right):
        return is_stale(left) and is_stale(right)
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    smallest = 2.2250738585072014e-308
    total, difference = abs(left) + abs(right), abs(left - right)
    if left == 0 or right == 0 or total < smallest:
        return difference < 1e-6 * smallest
    return difference / min(total, 1.7976931348623157e308) < 1e-6


def _notes_problem(case: Case, context: EvaluationContext) -> str:
    for kind, severity in (("warn", "warning"), ("info", "info")):
        notes = context.annotations.of(severity)  # type: ignore[arg-type]
        wanted = case.notes.get(kind)
        if f"no_{kind}" in case.notes and notes:
            return f"says {notes}"
        if wanted is None:
            continue
        if not notes:
            return f"has no {severity}"
        texts = [note for note in wanted if note[0]]
        for how, text in texts:
            if not any(_fits(how, text, note) for note in notes):
                return f"says {notes}"
        for note in notes:
            if texts and not any(_fits(how, text, note) for how, text in texts):
                return f"says {note}"
    return ""


def _fits(how: str, text: str, note: str) -> bool:
    return text == note if how == "msg" else re.search(text, note) is not None
