"""The samples that expressions ask for are kept from tick to tick, and no others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, samples
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import vitalspan as vs
from vitalspan.exposition.promql_samples import PromqlSampleReader
from vitalspan.history.samples import store as store_module
from vitalspan.history.samples.reading import Reading
from vitalspan.history.samples.resolution import MOST, resolution_of
from vitalspan.history.samples.selections import NameFilter
from vitalspan.history.samples.store import SampleStore
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import NAME, metric_labels
from vitalspan.promql.engine.parse import PromqlError
from vitalspan.promql.engine.query import Query, compile_query
from vitalspan.promql.engine.series import is_stale

EPOCH = 1_000_000.0


class Ticks:
    """A store that reads what a test says, on a clock of its own."""

    def __init__(self, *queries: str) -> None:
        self.store = SampleStore()
        self.queries = {text: compile_query(text) for text in queries}
        self.ask(*queries)
        self.now = 1000.0
        self.epoch = EPOCH

    def ask(self, *queries: str) -> None:
        self.queries = {text: self.queries.get(text) or compile_query(text) for text in queries}
        self.store.ask(one for query in self.queries.values() for one in query.demands)

    def tick(self, samples: dict[str, float], seconds: float = 5.0) -> None:
        self.now += seconds
        reading = Reading()
        for text, value in samples.items():
            name, _, labels = text.partition("/")
            pairs = dict(pair.split("=") for pair in labels.split(",") if pair)
            reading.samples.append((name, pairs, value))
        self.store.observe(self.now, self.epoch, reading)

    def value(self, query: str) -> dict[str, Any]:
        compiled: Query = self.queries[query]
        context = compiled.context(self.store, self.store.now)
        return {
            ",".join(
                f"{k}={v}" for k, v in labels.pairs if k not in (NAME, "instance", "job")
            ): value
            for labels, value in compiled.evaluate(context)
        }


def test_what_nobody_asks_for_is_not_kept() -> None:
    ticks = Ticks('a{x="1"}')
    ticks.tick({"a/x=1": 1, "a/x=2": 2, "b/x=1": 3})
    assert ticks.value('a{x="1"}') == {"x=1": 1}
    assert (len(ticks.store), ticks.store.size) == (1, 1)
    compiled = compile_query("b")
    with pytest.raises(EvaluationError, match="are kept, because no rule needs them"):
        compiled.evaluate(compiled.context(ticks.store, ticks.store.now))


def test_series_carry_the_labels_of_their_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=one")
    ticks = Ticks("a")
    ticks.tick({"a/job=other": 1})
    (series,) = ticks.store.select(ticks.queries["a"].demands[0])
    expected = {NAME: "a", "job": "shop", "instance": "one", "exported_job": "other"}
    assert dict(series.labels.pairs) == expected


def test_a_rate_over_ticks_and_resets() -> None:
    ticks = Ticks("increase(a_total[1m])")
    for value in (0, 10, 20, 5, 15, 25, 35, 45, 55, 65, 75, 85, 95):
        ticks.tick({"a_total": value})
    # 55 s of the 60 hold samples: 12 of them, which have grown by 105 with the one reset.
    assert ticks.value("increase(a_total[1m])")[""] == pytest.approx(105 * 60 / 55)


def test_a_series_that_is_gone_is_stale_at_once_and_may_come_back() -> None:
    ticks = Ticks("a", "count_over_time(a[1m])")
    for _ in range(3):
        ticks.tick({"a/x=1": 1, "a/x=2": 2})
    for _ in range(3):
        ticks.tick({"a/x=2": 2})
    assert ticks.value("a") == {"x=2": 2}
    assert ticks.value("count_over_time(a[1m])") == {"x=1": 3, "x=2": 6}
    ended, _ = ticks.store.select(ticks.queries["a"].demands[0])
    assert [is_stale(value) for value in ended.values] == [False, False, False, True]
    ticks.tick({"a/x=1": 7, "a/x=2": 2})
    assert ticks.value("a") == {"x=1": 7, "x=2": 2}
    assert ticks.value("count_over_time(a[1m])") == {"x=1": 4, "x=2": 7}


def test_samples_are_forgotten_that_no_range_reaches() -> None:
    ticks = Ticks("sum_over_time(a[1m])")
    for _ in range(300):
        ticks.tick({"a": 1})
    # Every 64 ticks, what is older than a minute goes.
    assert ticks.store.size <= 12 + 64 + 1
    assert ticks.value("sum_over_time(a[1m])") == {"": 12}
    for _ in range(150):
        ticks.tick({})
    assert (len(ticks.store), ticks.store.size) == (0, 0)
    ticks.tick({"a": 3})
    assert ticks.value("sum_over_time(a[1m])") == {"": 3}


def test_a_series_comes_back_after_its_shortest_range_alone_has_passed() -> None:
    long, short = "max_over_time(a[1d])", "a"
    ticks = Ticks(long, short)
    for _ in range(20):
        ticks.tick({"a/x=1": 1, "a/x=2": 2})
    for _ in range(300):
        ticks.tick({"a/x=2": 2})
    # Of the day, samples are left; of the last minutes, none is.
    assert ticks.value(long) == {"x=1": 1, "x=2": 2}
    assert len(ticks.store.select(ticks.queries[short].demands[0])) == 1
    # Another expression of the same length does not find it before the others do.
    ticks.ask(long, short, 'a{x="1"}')
    ticks.tick({"a/x=2": 2})
    assert ticks.value('a{x="1"}') == {}
    for _ in range(2):
        ticks.tick({"a/x=1": 7, "a/x=2": 2})
        assert ticks.value(short) == {"x=1": 7, "x=2": 2}
        assert ticks.value('a{x="1"}') == {"x=1": 7}
    for _ in range(130):
        ticks.tick({"a/x=1": 7, "a/x=2": 2})
    assert ticks.value(long) == {"x=1": 7, "x=2": 2}
    assert len(ticks.store) == 2


def test_long_ranges_have_one_sample_a_slot() -> None:
    query = "avg_over_time(a[2h])"
    ticks = Ticks(query, "a")
    for number in range(2 * 720):
        ticks.tick({"a": float(number)})
    long, latest = ticks.queries[query].demands[0], ticks.queries["a"].demands[0]
    (series,) = ticks.store.select(long)
    distances = {after - before for before, after in pairwise(series.times)}
    # The first of them may come late in its slot.
    assert distances <= {series.times[1] - series.times[0], 60_000}
    assert len(series.times) >= 119
    assert ticks.value(query)[""] == pytest.approx(719.5, abs=15)
    assert len(ticks.store.select(latest)[0].times) <= 60 + 64


def test_resets_are_known_between_the_samples_of_a_slot() -> None:
    query = "increase(a_total[1h])"
    ticks = Ticks(query)
    value = 0.0
    for number in range(720):
        value = 0.0 if number % 10 == 9 else value + 1
        ticks.tick({"a_total": value})
    grown = 720 / 10 * 9
    assert ticks.value(query)[""] == pytest.approx(grown, rel=0.02)


def test_a_gauge_that_falls_all_the_time_takes_no_memory_for_it() -> None:
    average, increase = "avg_over_time(a[7d])", "increase(a[7d])"
    ticks = Ticks(average, increase)
    kept = 0
    for number in range(3 * 720):
        ticks.tick({"a": float(number % 2)})
        (series,) = ticks.store.select(ticks.queries[average].demands[0])
        kept = max(kept, len(series.resets or ()))
    assert kept <= 2 * len(series.values) + 64
    assert series.resets is None
    # Ticks of samples an hour apart; only these are compared.
    assert ticks.value(increase)[""] >= 0


def test_samples_follow_a_clock_that_is_set() -> None:
    query = "increase(a_total[1m])"
    ticks = Ticks(query)
    for value in range(6):
        ticks.tick({"a_total": value})
    before = ticks.value(query)
    ticks.epoch += 86_400
    ticks.tick({"a_total": 6})
    assert ticks.store.now == round((ticks.now + ticks.epoch) * 1000)
    assert ticks.value(query)[""] == pytest.approx(before[""] + 1, abs=1)


def test_other_expressions_keep_what_was_asked_before() -> None:
    ticks = Ticks('a{x="1"}', "count_over_time(a[1m])")
    for _ in range(4):
        ticks.tick({"a/x=1": 1, "a/x=2": 2})
    ticks.ask("count_over_time(a[1m])", 'sum_over_time(a{x="2"}[1m])')
    ticks.tick({"a/x=1": 1, "a/x=2": 2})
    assert ticks.value("count_over_time(a[1m])") == {"x=1": 5, "x=2": 5}
    assert ticks.value('sum_over_time(a{x="2"}[1m])') == {"x=2": 10}
    ticks.ask('sum_over_time(a{x="2"}[1m])')
    assert len(ticks.store) == 1
    ticks.tick({"a/x=1": 1, "a/x=2": 2})
    assert ticks.value('sum_over_time(a{x="2"}[1m])') == {"x=2": 12}
    ticks.ask()
    assert (len(ticks.store), ticks.store.size) == (0, 0)
    ticks.tick({"a/x=1": 1})
    assert len(ticks.store) == 0


def test_a_series_that_waits_for_its_first_sample_is_dropped_whole() -> None:
    ticks = Ticks("a")
    ticks.tick({"a": 1})
    # The longer range is new, and no tick comes before it is dropped and asked for again.
    for queries in (("a", "max_over_time(a[1d])"), ("a",), ("a", "max_over_time(a[1d])")):
        ticks.ask(*queries)
    for _ in range(3):
        ticks.tick({"a": 2})
    assert ticks.value("max_over_time(a[1d])") == {"": 2}


def test_series_without_a_name_and_by_expression() -> None:
    ticks = Ticks('{x="1"}', '{__name__=~"b.*"}', 'a{x!="1"}')
    ticks.tick({"a/x=1": 1, "a/x=2": 2, "b/x=1": 3, "c/x=2": 4})
    assert len(ticks.store.select(ticks.queries['{x="1"}'].demands[0])) == 2
    assert ticks.value('{__name__=~"b.*"}') == {"x=1": 3}
    assert ticks.value('a{x!="1"}') == {"x=2": 2}
    assert ticks.store.wants("anything")


def test_recorded_series_end_when_they_are_not_recorded() -> None:
    ticks = Ticks("r", "count_over_time(r[1m])")
    labels = metric_labels({NAME: "r", "x": "1"})
    ticks.tick({})
    ticks.store.record("rule", [(labels, 5.0)])
    assert ticks.value("r") == {"x=1": 5}
    ticks.tick({})
    ticks.store.record("rule", [])
    assert ticks.value("r") == {}
    assert ticks.value("count_over_time(r[1m])") == {"x=1": 1}
    ticks.store.forget_owners([])
    assert ticks.value("count_over_time(r[1m])") == {}


def test_too_many_series_have_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_SERIES", 2)
    ticks = Ticks("a", "b")
    ticks.tick({"b": 1, "a/x=1": 1, "a/x=2": 2, "a/x=3": 3})
    assert ticks.value("b") == {"": 1}
    assert ticks.store.refused == 2
    with pytest.raises(EvaluationError, match="more series of a than can be kept"):
        ticks.value("a")


def test_series_that_were_too_many_are_kept_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "MAX_SERIES", 2)
    ticks = Ticks("a", "b")
    samples: dict[str, float] = {"b": 1, "a/x=1": 1, "a/x=2": 2}
    ticks.tick(samples)
    for _ in range(130):
        ticks.tick(samples)
        with pytest.raises(EvaluationError, match="more series of a"):
            ticks.value("a")
    # One of them ends, and its samples are forgotten.
    del samples["a/x=1"]
    for _ in range(200):
        ticks.tick(samples)
    assert ticks.value("a") == {"x=2": 2}
    samples["a/x=3"] = 3
    ticks.tick(samples)
    with pytest.raises(EvaluationError, match="more series of a"):
        ticks.value("a")
    # Other expressions leave room as well.
    ticks.ask("a")
    ticks.tick(samples)
    assert ticks.value("a") == {"x=2": 2, "x=3": 3}


def test_recorded_series_that_were_too_many_are_kept_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_module, "MAX_SERIES", 1)
    ticks = Ticks("r")
    one, two = (metric_labels({NAME: "r", "x": x}) for x in "12")
    ticks.tick({})
    ticks.store.record("first", [(one, 1.0)])
    ticks.store.record("second", [(two, 2.0)])
    with pytest.raises(EvaluationError, match="more series of r"):
        ticks.value("r")
    ticks.store.forget_owners(["first"])
    assert ticks.value("r") == {"x=1": 1}
    ticks.store.record("second", [(two, 2.0)])
    ticks.store.forget_owners(["second"])
    ticks.tick({})
    ticks.store.record("second", [(two, 2.0)])
    assert ticks.value("r") == {"x=2": 2}


def test_too_many_samples_have_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_SAMPLES", 100)
    ticks = Ticks("sum_over_time(a[5m])")
    ticks.tick({"a/x=1": 1, "a/x=2": 2})
    with pytest.raises(EvaluationError, match="can be kept"):
        ticks.value("sum_over_time(a[5m])")


def test_a_fork_begins_anew() -> None:
    ticks = Ticks("a")
    ticks.tick({"a": 1})
    ticks.store.reset()
    assert (len(ticks.store), ticks.store.size, ticks.value("a")) == (0, 0, {})
    ticks.tick({"a": 2})
    assert ticks.value("a") == {"": 2}


@pytest.mark.parametrize(
    ("query", "slot", "retention"),
    [
        ("a", 0, 300),
        ("rate(a[5m])", 0, 300),
        ("rate(a[15m])", 0, 900),
        ("rate(a[1h])", 60, 3600),
        ("rate(a[1d])", 600, 86400),
        ("rate(a[7d])", 3600, 7 * 86400),
        ("a offset 1d", 60, 86400 + 300),
        ("max_over_time(rate(a[5m])[1h:1m])", 60, 3900),
        ("max_over_time(rate(a[1m])[30m:1m])", 0, 1860),
        ("a offset -5m", 0, 300),
        ("a @ end()", 0, 300),
    ],
)
def test_resolution(query: str, slot: int, retention: int) -> None:
    (demand,) = compile_query(query).demands
    assert resolution_of(demand) == (slot * 1000, retention * 1000)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("a @ 100", "fixed time"),
        ("rate(a[32d])", "looks back 32 days"),
        ("max_over_time(rate(a[5m])[30d:1h])", f"more than {MOST} samples"),
        ("rate(a[1m] offset 2h)", f"more than {MOST} samples"),
    ],
)
def test_what_cannot_be_kept_is_refused(query: str, problem: str) -> None:
    ticks = Ticks("a")
    with pytest.raises(PromqlError, match=problem):
        ticks.store.ask(compile_query(query).demands)
    ticks.tick({"a": 1})
    assert ticks.value("a") == {"": 1}


class Broken(Collector):
    def collect(self) -> list[Metric]:
        raise RuntimeError("broken")

    def describe(self) -> list[Metric]:
        return []


def test_all_kinds_of_metrics_are_read(registry: CollectorRegistry, clock: vs.ManualClock) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    registry.register(Broken())
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels("a").inc(3)
    Gauge("depth", "Depth.", registry=registry).set(4)
    for _ in range(3):
        with monitor.operation("load"):
            clock.advance(0.02)
    monitor.cache("pages").hit()
    queries = [
        "jobs_total",
        "depth",
        "sum(operation_duration_seconds_count)",
        "sum(operation_duration_seconds_bucket)",
        "max(operation_duration_seconds_sum)",
        "operation_in_progress",
        "cache_requests_total",
        "vitalspan_build_info",
        "vitalspan_fold_seconds_count",
        '{__name__=~"depth|jobs.*"}',
    ]
    store = SampleStore(PromqlSampleReader(registry))
    compiled = [compile_query(query) for query in queries[:-1]]
    store.ask([demand for query in compiled for demand in query.demands])
    store.observe(clock.now(), EPOCH, store.read())
    values: list[Any] = []
    for query in compiled:
        vector: Any = query.evaluate(query.context(store, store.now))
        values.append(sum(value for _, value in vector))
    assert values[:3] == [3, 4, 3]
    assert values[3] == 3 * sum(1 for bound in (*DURATION_BOUNDARIES, math.inf) if bound >= 0.02)
    assert values[4] == pytest.approx(0.06)
    assert values[5:8] == [0, 1, 1]
    assert not math.isnan(values[8])
    everything = compile_query(queries[-1])
    store.ask(everything.demands)
    store.observe(clock.now() + 5, EPOCH, store.read())
    assert len(everything.evaluate(everything.context(store, store.now))) == 3
    monitor.close()


def test_native_histograms_count_as_many_samples_and_end_as_others_do() -> None:
    ticks = Ticks("h", "h[1m]", "histogram_count(h)", "rate(h[1m])")
    for count in (1.0, 3.0, 6.0):
        histogram = FloatHistogram(0, count, count, positive={0: count})
        ticks.now += 5
        ticks.store.observe(ticks.now, EPOCH, Reading(histograms=[("h", {"x": "1"}, histogram)]))
    assert ticks.value("histogram_count(h)") == {"x=1": 6}
    assert ticks.value("rate(h[1m])")["x=1"].count > 0
    numbers = Ticks("h[1m]")
    numbers.tick({"h/x=1": 1})
    assert ticks.store.capacity > 50 * numbers.store.capacity
    ticks.tick({})
    assert ticks.value("h") == {}
    # What was a histogram may become a number, and a number has no histograms.
    ticks.tick({"h/x=1": 7})
    assert ticks.value("h") == {"x=1": 7}
    assert ticks.value("histogram_count(h)") == {}
    numbers.now += 5
    numbers.store.observe(
        numbers.now, EPOCH, Reading(histograms=[("h", {"x": "1"}, FloatHistogram())])
    )
    assert numbers.store.size == 2


@pytest.mark.skipif(
    not hasattr(samples, "NativeHistogram"),
    reason="this prometheus_client has no native histograms",
)
def test_native_histograms_of_a_collector_are_read() -> None:
    class Natives(Collector):
        def collect(self) -> Iterator[Metric]:
            family = HistogramMetricFamily("h", "H.", labels=["x"])
            spans = (samples.BucketSpan(1, 1),)
            native = samples.NativeHistogram(3.0, 4.5, 0, 0.001, 1.0, spans, None, (2,), None)
            family.add_sample("h", {"x": "1"}, 0.0, native_histogram=native)
            yield family

    registry = CollectorRegistry()
    registry.register(Natives())
    reading = PromqlSampleReader(registry)(NameFilter([compile_query("h").demands[0].selector]))
    [(name, labels, histogram)] = reading.histograms
    assert (name, labels) == ("h", {"x": "1"})
    assert histogram == FloatHistogram(0, 3.0, 4.5, 0.001, 1.0, {1: 2.0})
