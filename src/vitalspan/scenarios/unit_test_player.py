"""Plays unit tests of rules, and reports differences from the expected results."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence

from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.histogram_notation import notation
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import Vector
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import STALE, Demand, Series, Value
from vitalspan.promql.engine.series_notation import NotedValue
from vitalspan.rules.alert_states import TooManyAlertsError, alert_series
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.model import Group, RecordedExpression
from vitalspan.rules.recording_state import RecordingState
from vitalspan.scenarios.unit_test_file import (
    ExpectedAlerts,
    ExpectedSamples,
    UnitTest,
    UnitTestFile,
)
from vitalspan.units import duration_text

_TOLERANCE = 1e-9


class TestSeries:
    """The series of a test, and those that rules record.

    Attributes:
        now: the time of the evaluation in milliseconds since the beginning.
        external_labels: the external labels in templates.
        has_everything: whether there are samples that nobody has requested yet.
    """

    has_everything = True
    # pytest should not collect it as a test.
    __test__ = False

    def __init__(
        self,
        series: Sequence[tuple[MetricLabels, Sequence[NotedValue]]],
        interval: float,
        external_labels: Mapping[str, str],
    ) -> None:
        self.now = 0
        self.external_labels = external_labels
        self._series: dict[MetricLabels, Series] = {}
        self._recorded: dict[Hashable, set[MetricLabels]] = {}
        self._selected: dict[Demand, list[Series]] = {}
        for labels, values in series:
            step = round(interval * 1000)
            samples = [(i * step, value) for i, value in enumerate(values) if value is not None]
            self._series[labels] = Series.of(labels, samples)

    def select(self, demand: Demand) -> list[Series]:
        """Return the series that a demand selects."""
        selected = self._selected.get(demand)
        if selected is None:
            matches = demand.selector.matches
            selected = [series for labels, series in self._series.items() if matches(labels)]
            self._selected[demand] = selected
        return selected

    def record(self, owner: Hashable, vector: Vector) -> None:
        """Keep the result of a rule; a series that is no longer in it has ended."""
        before = self._recorded.get(owner, set())
        present = {labels for labels, _ in vector}
        for labels, value in (*vector, *((labels, STALE) for labels in before - present)):
            series = self._series.get(labels)
            if series is None:
                series = self._series[labels] = Series.of(labels, ())
                self._selected.clear()
            series.append(self.now, value)
        self._recorded[owner] = present


class UnitTestPlayer:
    """A player that evaluates rules as often as a file says.

    Args:
        file: the file with the evaluation interval and the order of groups.
        groups: the rules.
        test: one of the tests in the file.
    """

    def __init__(self, file: UnitTestFile, groups: Sequence[Group], test: UnitTest) -> None:
        self._interval = round(file.interval * 1000)
        self._test = test
        self._series = TestSeries(test.series, test.interval, test.external_labels)
        first = {name: place for place, name in enumerate(file.group_order)}
        ordered = sorted(groups, key=lambda group: first.get(group.name, len(first)))
        self._states: list[ExpressionState | RecordingState] = []
        for group in ordered:
            for number, rule in enumerate(group.expressions):
                if isinstance(rule, RecordedExpression):
                    self._states.append(RecordingState(rule, group, number, self._series))
                else:
                    self._states.append(
                        ExpressionState(rule, group.name, group.limit, self._series)
                    )

    def play(self) -> Iterator[str]:
        """Yield the differences in the order of time."""
        moments = self._test.moments
        end = round(self._test.end * 1000)
        for now in range(0, end + 1, self._interval):
            self._series.now = now
            yield from self._evaluate(now)
            while moments and round(moments[0].at * 1000) < now + self._interval:
                moment = moments.pop(0)
                if isinstance(moment, ExpectedAlerts):
                    yield from self._alerts_differ(moment)
                else:
                    yield from self._samples_differ(moment)

    def _evaluate(self, now: int) -> Iterator[str]:
        for state in self._states:
            try:
                state.evaluate(now / 1000)
                if isinstance(state, ExpressionState):
                    self._series.record(state, alert_series(state))
            except (EvaluationError, TooManyAlertsError) as fault:
                yield f"  {duration_text(now / 1000)}: {state.name} failed: {fault}"

    def _alerts_differ(self, moment: ExpectedAlerts) -> Iterator[str]:
        expected = Counter(
            _shown({"alertname": moment.alert, **labels}, annotations)
            for labels, annotations in moment.alerts
        )
        fired = Counter(
            _shown(state.labels(key, 0), state.texts.get(key, {}))
            for state in self._states
            if isinstance(state, ExpressionState) and state.alert == moment.alert
            for key, instance in state.instances.items()
            if instance.dominant_level() == (0, "firing")
        )
        yield from _differences(moment.at, moment.alert, expected, fired, "fires")

    def _samples_differ(self, moment: ExpectedSamples) -> Iterator[str]:
        query = compile_query(moment.expr)
        try:
            vector = query.evaluate(query.context(self._series, round(moment.at * 1000)))
        except EvaluationError as fault:
            yield f"  {duration_text(moment.at)}: {moment.expr} failed: {fault}"
            return
        rest = list(moment.samples)
        unexpected = []
        for labels, value in vector:
            match = next((one for one in rest if one[0] is labels and _equal(one[1], value)), None)
            if match is None:
                unexpected.append((labels, value))
            else:
                rest.remove(match)
        yield from _differences(
            moment.at,
            moment.expr,
            Counter(f"{labels} {_value_text(value)}" for labels, value in rest),
            Counter(f"{labels} {_value_text(value)}" for labels, value in unexpected),
            "is there",
        )


def _differences(
    at: float, what: str, expected: Counter[str], actual: Counter[str], verb: str
) -> Iterator[str]:
    for text in expected - actual:
        yield f"  {duration_text(at)}: {what}: expected, and not there: {text}"
    for text in actual - expected:
        yield f"  {duration_text(at)}: {what}: {verb}, and is not expected: {text}"


def _shown(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    pairs = (
        f"{{{', '.join(f'{name}={text!r}' for name, text in sorted(mapping.items()) if text)}}}"
        for mapping in (labels, annotations)
    )
    return " ".join(pairs)


def _equal(expected: Value, actual: Value) -> bool:
    if isinstance(expected, FloatHistogram) or isinstance(actual, FloatHistogram):
        return expected == actual
    if math.isnan(expected) or math.isnan(actual):
        return math.isnan(expected) and math.isnan(actual)
    return expected == actual or math.isclose(expected, actual, rel_tol=_TOLERANCE)


def _value_text(value: Value) -> str:
    return f"{{{{{notation(value)}}}}}" if isinstance(value, FloatHistogram) else f"{value:g}"
