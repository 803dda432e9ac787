from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.everything import do_everything
from vitalspan import metrics as names
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
)
from vitalspan.exposition.points import Exemplar, LabelSet, SummaryPoint
from vitalspan.exposition.text_format import TextFormat
from vitalspan.metrics import Family


def samples_of(family: MetricFamily) -> int:
    """Return how many samples a family has: a format of a few lines."""
    match family:
        case ScalarFamily():
            return len(family)
        case SummaryFamily():
            return 2 * len(family)
        case HistogramFamily():
            return sum(len(point.histogram.cumulative()) + 2 for point in family.points)


@pytest.fixture
def families(clock: vs.ManualClock, provider: TracerProvider) -> list[MetricFamily]:
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, clock=clock, tracer_provider=provider)
    do_everything(monitor, clock)
    return list(monitor._families.read())


def test_there_are_families_of_every_type(families: list[MetricFamily]) -> None:
    types = {family.metadata.type for family in families}
    assert types == {"counter", "gauge", "histogram", "summary", "info", "stateset"}


def test_formats_write_every_sample(families: list[MetricFamily]) -> None:
    for openmetrics in (False, True):
        text_format = TextFormat(openmetrics=openmetrics)
        for family in families:
            text = b"".join(text_format.write([family])).decode()
            lines = [line for line in text.splitlines() if not line.startswith("# ")]
            assert len(lines) == samples_of(family), text


def test_a_family_without_points_is_false() -> None:
    assert not ScalarFamily(names.API_CALLS, [], [])
    assert not SummaryFamily(names.TICK, [])
    assert not HistogramFamily(names.OPERATION_DURATION, [], lambda _: {})
    assert ScalarFamily.of(names.SERIES, [((), 0)])


def test_a_family_under_another_name_leaves_the_first_as_it_was() -> None:
    gauge = ScalarFamily.of(names.SERIES, [((), 3)])
    renamed = gauge.named("shop_series")
    assert (renamed.metadata.name, list(renamed.values)) == ("shop_series", [3])
    assert gauge.metadata == names.SERIES


def test_the_label_of_states_has_the_name_of_the_set() -> None:
    states = ScalarFamily.by_label(
        names.HEALTH_STATUS, names.HEALTH_STATUS.name, {"healthy": 1, "critical": 0}
    )
    for family in (states, states.named("shop_health_status")):
        assert [labels.all_labels() for labels in family.label_sets] == [
            {family.metadata.name: "healthy"},
            {family.metadata.name: "critical"},
        ]
        assert list(family.values) == [1, 0]


def text_of(family: ScalarFamily) -> list[str]:
    text = b"".join(TextFormat(openmetrics=False).write([family])).decode()
    return text.splitlines()[2:]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0, 0, 0], ["0", "0", "0"]),
        ([0, 2, 0.5], ["0", "2", "0.5"]),
        ([float("nan"), float("inf"), float("-inf")], ["NaN", "+Inf", "-Inf"]),
        ([float("nan"), float("nan"), 1e300], ["NaN", "NaN", "1e+300"]),
    ],
)
def test_values_as_text(values: list[float], written: list[str]) -> None:
    label_sets = [LabelSet((("a", name),)) for name in ("x", 'say "%s"', "{y}")]
    lines = text_of(ScalarFamily(Family("depth", "gauge", "Depth."), label_sets, values))
    labels = ['a="x"', r'a="say \"%s\""', 'a="{y}"']
    expected = zip(labels, written, strict=True)
    assert lines == [f"depth{{{text}}} {value}" for text, value in expected]


def test_points_with_and_without_labels() -> None:
    family = ScalarFamily.of(Family("depth", "gauge", "Depth."), [((), 1), ((("a", "b"),), 2)])
    assert text_of(family) == ["depth 1", 'depth{a="b"} 2']


def test_labels_with_what_templates_are_made_of(
    monitor: vs.Monitor, clock: vs.ManualClock, sample: Callable[..., Any]
) -> None:
    odd = '%d \0 {0} \\ " 100%'
    with monitor.operation(odd):
        clock.advance(0.3)
    assert sample("operation_duration_seconds_sum", operation=odd) == pytest.approx(0.3)
    text = monitor.generate_latest().decode()
    histogram = [line for line in text.split("\n") if line.startswith("operation_duration_")]
    labels = 'component="default",operation="%d \0 {0} \\\\ \\" 100%"'
    assert all(f"{{{labels}" in line for line in histogram)
    assert Counter(line.partition("{")[0] for line in histogram) == {
        "operation_duration_seconds_bucket": len(names.DURATION_BOUNDARIES) + 1,
        "operation_duration_seconds_count": 1,
        "operation_duration_seconds_sum": 1,
    }


class Boundaries:
    def __init__(self, *boundaries: float) -> None:
        self.boundaries = boundaries


class Waiting(LabelSet):
    """A point of a histogram with two buckets."""

    def __init__(self, total: float | None) -> None:
        super().__init__((("queue", "mail"),))
        self.histogram = self
        self.grid = Boundaries(1.0)
        self.total = total

    def cumulative(self) -> tuple[int, ...]:
        return (2, 5)

    def copy(self) -> Waiting:
        return self


WAITING = Family("waiting_seconds", "gaugehistogram", "Waiting.", "seconds")
DURATIONS = WAITING._replace(type="histogram")


def written(family: MetricFamily, **options: bool) -> str:
    return b"".join(TextFormat(**options).write([family])).decode()


def test_a_gauge_histogram_as_text() -> None:
    exemplar = Exemplar({"trace_id": "a"}, 0.5, None)
    family = HistogramFamily(WAITING, [Waiting(7.5)], lambda _: {0: exemplar}, timestamps=[1000.5])
    assert (
        written(family, openmetrics=True)
        == """\
# HELP waiting_seconds Waiting.
# TYPE waiting_seconds gaugehistogram
# UNIT waiting_seconds seconds
waiting_seconds_bucket{queue="mail",le="1.0"} 2 1000.5 # {trace_id="a"} 0.5
waiting_seconds_bucket{queue="mail",le="+Inf"} 5 1000.5
waiting_seconds_gcount{queue="mail"} 5 1000.5
waiting_seconds_gsum{queue="mail"} 7.5 1000.5
"""
    )
    assert (
        written(family, openmetrics=False)
        == """\
# HELP waiting_seconds Waiting.
# TYPE waiting_seconds histogram
waiting_seconds_bucket{queue="mail",le="1.0"} 2 1000500
waiting_seconds_bucket{queue="mail",le="+Inf"} 5 1000500
# HELP waiting_seconds_gcount Waiting.
# TYPE waiting_seconds_gcount gauge
waiting_seconds_gcount{queue="mail"} 5 1000500
# HELP waiting_seconds_gsum Waiting.
# TYPE waiting_seconds_gsum gauge
waiting_seconds_gsum{queue="mail"} 7.5 1000500
"""
    )


def test_an_unknown_sum_is_left_out() -> None:
    for openmetrics in (False, True):
        gauge_histogram = HistogramFamily(WAITING, [Waiting(None)], lambda _: {})
        text = written(gauge_histogram, openmetrics=openmetrics)
        assert "_gcount{" in text
        assert "_gsum{" not in text
        histogram = HistogramFamily(DURATIONS, [Waiting(None)], lambda _: {})
        assert "_sum" not in written(histogram, openmetrics=openmetrics)


def test_values_of_unknown_type_as_text() -> None:
    family = ScalarFamily.of(Family("depth", "unknown", "Depth."), [((), 3)])
    assert "# TYPE depth unknown\ndepth 3\n" in written(family, openmetrics=True)
    assert "# TYPE depth untyped\ndepth 3\n" in written(family, openmetrics=False)


CALLS = Family("calls_total", "counter", "Calls.")


def test_when_counters_began_as_text() -> None:
    family = ScalarFamily.of(CALLS, [((("a", "b"),), 3), ((), 1)], created=1000.25)
    assert (
        written(family, openmetrics=True, created=True)
        == """\
# HELP calls Calls.
# TYPE calls counter
calls_total{a="b"} 3
calls_created{a="b"} 1000.25
calls_total 1
calls_created 1000.25
"""
    )
    assert (
        written(family, openmetrics=False, created=True)
        == """\
# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{a="b"} 3
calls_total 1
# HELP calls_created Calls.
# TYPE calls_created gauge
calls_created{a="b"} 1000.25
calls_created 1000.25
"""
    )
    assert "_created" not in written(family, openmetrics=True)


def test_when_summaries_and_histograms_began_as_text() -> None:
    point = SummaryPoint(LabelSet(), 3, None, ((0.5, 0.25),))
    summary = SummaryFamily(Family("s", "summary", "S."), [point], created=[5.0], timestamps=[7])
    text = written(summary, openmetrics=True, created=True)
    assert text.endswith('s{quantile="0.5"} 0.25 7\ns_count 3 7\ns_created 5.0\n')
    histogram = HistogramFamily(
        Family("h", "histogram", "H."), [Waiting(1.0)], lambda _: {}, created=[None]
    )
    assert "_created" not in written(histogram, openmetrics=True, created=True)
    histogram.created = [6.0]
    assert written(histogram, openmetrics=True, created=True).endswith(
        'h_sum{queue="mail"} 1.0\nh_created{queue="mail"} 6.0\n'
    )
    assert written(histogram, openmetrics=False, created=True).endswith(
        '# TYPE h_created gauge\nh_created{queue="mail"} 6.0\n'
    )


def test_exemplars_and_times_of_counters_as_text() -> None:
    exemplar = Exemplar({"trace_id": "a", "b": "c"}, 2, 900.0)
    family = ScalarFamily(
        CALLS, [LabelSet(), LabelSet()], [3, 4], timestamps=[None, 8.5], exemplars=[exemplar, None]
    )
    assert written(family, openmetrics=True).endswith(
        'calls_total 3 # {b="c",trace_id="a"} 2 900.000\ncalls_total 4 8.5\n'
    )
    assert written(family, openmetrics=False).endswith("calls_total 3\ncalls_total 4 8500\n")


def test_durations_have_native_histograms(families: list[MetricFamily]) -> None:
    histograms = [family for family in families if isinstance(family, HistogramFamily)]
    assert len(histograms) == 2
    for durations, point in ((one, point) for one in histograms for point in one.points):
        histogram = point.histogram
        native = durations.native(histogram)
        assert native is not None
        assert (native.schema, native.count) == (3, histogram.cumulative()[-1])
        assert native.total == histogram.total
        assert native.zero_count + sum(native.positive.counts().values()) == native.count
