"""Every signal's value in the process."""

from __future__ import annotations

import asyncio
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Counter, Gauge

import vitalspan as vs
from support.watched import Watched
from vitalspan.recording.buckets import ZERO_THRESHOLD
from vitalspan.signals.catalogue import SIGNALS, find, quantile_of, signal_of, unit_of
from vitalspan.signals.derivations import Past
from vitalspan.signals.query import Derivation, Query


def test_the_rate_is_calls_a_second_over_the_window() -> None:
    watched = Watched()
    watched.call(times=10)
    watched.tick()
    assert watched.read("rate", window="5s") == 2.0
    watched.tick(3)
    assert watched.read("rate", window="20s") == 0.5
    assert watched.read("rate", window="5s") == 0.0
    # As in Prometheus, what is older than the history counts as nothing.
    assert watched.read("rate", window="1h") == 10 / 3600


def test_there_is_no_rate_of_what_there_is_not() -> None:
    watched = Watched()
    watched.tick()
    assert watched.read("rate", where={"operation": "nothing"}) is None


def test_error_ratios_leave_cancelled_calls_out() -> None:
    watched = Watched()
    watched.call(times=6)
    watched.call(times=2, error=ValueError())
    watched.call(times=5, error=asyncio.CancelledError())
    watched.tick()
    reading = watched.monitor.rules.read("error_ratio")
    assert (reading.value, reading.samples) == (0.25, 8)
    watched.tick(100)
    assert watched.read("error_ratio") is None


@given(st.lists(st.floats(1e-6, 90) | st.floats(1e-6, 1e7), min_size=1, max_size=60))
@settings(max_examples=40)
def test_quantiles_are_within_four_and_a_half_percent(durations: list[float]) -> None:
    watched = Watched()
    for seconds in durations:
        watched.call(seconds=seconds)
    watched.tick(1, 100.0)
    ordered = sorted(durations)
    for name, quantile in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p999", 0.999)):
        exact = ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]
        assert watched.read(name) == pytest.approx(exact, rel=0.0443)
    assert watched.read("latency_mean") == pytest.approx(statistics.fmean(durations))
    spread = statistics.pstdev(durations)
    assert watched.read("latency_stddev") == pytest.approx(spread, abs=0.06 * max(durations))


def test_durations_in_the_zero_bucket_have_a_value_too() -> None:
    watched = Watched()
    watched.call(seconds=1e-9)
    watched.tick()
    assert watched.read("latency_p50") == ZERO_THRESHOLD


def test_where_selects_and_by_keeps_apart() -> None:
    watched = Watched()
    watched.call("pay", 0.1, component="payments", labels={"tier": "gold"})
    watched.call("pay", 0.1, component="payments", labels={"tier": "basic"}, times=3)
    watched.call("search", 0.1, times=4)
    watched.tick()
    assert watched.read("rate", where={"component": "payments"}, window="5s") == 0.8
    assert watched.read("rate", where={"tier": "gold"}, window="5s") == 0.2
    assert watched.read("rate", where={"tier": "!=gold"}, window="5s") == 1.4
    assert watched.read("rate", where={"operation": "=~pay|search"}, window="5s") == 1.6
    assert watched.read("rate", where={"operation": "!~pay.*"}, window="5s") == 0.8


def test_series_that_come_later_are_found() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Busy", signal="rate", where={"operation": "=~new.*"}, by=["operation"], above=0
    )
    watched.tick()
    assert watched.states() == {}
    watched.call("new1")
    watched.call("other")
    watched.tick()
    watched.call("new2", times=2)
    watched.tick()
    found = {(one.operation, one.value) for one in watched.monitor.alerts.active()}
    assert {operation for operation, _ in found} == {"new1", "new2"}


def test_calls_in_progress_and_the_oldest_of_them() -> None:
    watched = Watched()
    operation = watched.monitor.operation("stuck")
    watched.tick()
    assert watched.read("in_progress") is None
    with operation:
        watched.tick(4)
        with operation:
            watched.tick(2)
            assert watched.read("in_progress") == 2
            assert watched.read("oldest_in_progress") == 30.0
    watched.tick()
    assert watched.read("in_progress") == 0
    assert watched.read("oldest_in_progress") == 0.0


def test_measures_caches_and_apis() -> None:
    watched = Watched()
    watched.call(add={"items": 30})
    cache, api = watched.monitor.cache("pages"), watched.monitor.api("llm")
    for _ in range(3):
        cache.hit()
    cache.miss()
    api.record(tokens=100, cost=0.5)
    api.record(error="down")
    watched.tick()
    assert watched.read("measure_rate", measure="items", window="5s") == 6.0
    assert watched.read("cache_hit_ratio", where={"cache": "pages"}) == 0.75
    assert watched.read("cache_hit_ratio", where={"cache": "other"}) is None
    assert watched.read("api_rate", window="5s") == 0.4
    assert watched.read("api_error_ratio") == 0.5
    assert watched.read("api_tokens_rate", window="5s") == 20.0
    assert watched.read("api_cost_rate", window="5s") == 0.1
    assert watched.read("api_cost_rate", where={"api": "none"}) is None
    watched.tick(2)
    assert watched.read("cache_hit_ratio", window="5s") is None
    assert watched.read("api_error_ratio", window="5s") is None


def test_absent_is_about_finished_calls() -> None:
    watched = Watched()
    watched.tick()
    assert watched.read("absent", where={"operation": "cron"}) == 1.0
    watched.call("cron")
    watched.tick()
    assert watched.read("absent", where={"operation": "cron"}, window="10s") == 0.0
    watched.tick(2)
    assert watched.read("absent", where={"operation": "cron"}, window="10s") == 1.0


def test_memory_a_call() -> None:
    watched = Watched()
    watched.tick()
    assert watched.read("call_memory_growth") is None
    watched.call(resources=True)
    watched.tick()
    value = watched.read("call_memory_growth")
    assert value is not None
    assert value >= 0


def test_the_process_and_the_machine() -> None:
    watched = Watched()
    clock = watched.clock
    real = vs.Monitor(registry=watched.registry, metric_prefix="b_", clock=clock)
    names = ("memory_rss", "memory_utilization", "disk_utilization", "open_fds", "threads")
    for name in (*names, "gc_rate", "cpu_utilization", "memory_growth"):
        watched.monitor.rules.add(alert=name, signal=name, above=0.9)
    watched.tick(3)
    for name in names:
        value = watched.read(name)
        assert value is None or value > 0
    real.close()


def test_any_gauge_and_any_counter_of_the_registry() -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["queue"], registry=watched.registry)
    counter = Counter("jobs", "Done.", ["queue"], registry=watched.registry)
    rules = watched.monitor.rules
    for how in ("sum", "avg", "min", "max"):
        rules.add(alert=how, series="depth", aggregate=how, above=0)
    rules.add(alert="one", series="depth", where={"queue": "a"}, above=0)
    rules.add(alert="jobs", series="jobs_total", window="10s", above=0)
    rules.add(alert="none", series="unknown", above=0)
    rules.add(alert="each", series="depth", by=["queue"], above=0)
    gauge.labels("a").set(1)
    gauge.labels("b").set(3)
    counter.labels("a").inc(100)
    watched.tick()
    counter.labels("a").inc(20)
    watched.tick()
    values = {one.alertname: one.value for one in watched.monitor.alerts.active()}
    expected = {"sum": 4, "avg": 2, "min": 1, "max": 3, "one": 1, "jobs": 2.0, "each": 3}
    assert values == expected
    assert len(watched.monitor.alerts.active(type="depth")) == 7


def test_names() -> None:
    assert quantile_of("latency_p95") == 0.95
    assert quantile_of("latency_p5") == 0.05
    assert quantile_of("latency_p999") == 0.999
    assert quantile_of("latency_p100") is None
    assert quantile_of("rate") is None
    assert find("latency_p75") is not None
    assert find("latency_pNN") is None
    assert find("nothing") is None
    with pytest.raises(KeyError):
        signal_of(Query("nothing"))


def test_every_signal_says_what_it_is() -> None:
    for name, signal in SIGNALS.items():
        assert signal.name == name
        assert signal.summary
        assert signal.inputs is not None
        assert unit_of(Query(name)) == signal.unit if name != "latency_pNN" else True


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("change", "ratio"), ("slope", "bytes/h"), ("forecast", "bytes"), ("until", "seconds")],
)
def test_derived_units(kind: str, unit: str) -> None:
    derivation = Derivation(kind, 60.0)  # type: ignore[arg-type]
    assert str(unit_of(Query("memory_rss", derive=derivation))) == unit


def fed(
    derivation: Derivation, values: list[float | None], step: float = 5.0
) -> list[float | None]:
    past = Past(derivation)
    return [past.derive(value, 1e6 + index * step) for index, value in enumerate(values)]


def test_change_is_against_the_value_before() -> None:
    found = fed(Derivation("change", 10.0), [100.0, 100.0, 110.0, 150.0, 55.0, None, 10.0])
    assert found == [
        None,
        None,
        pytest.approx(0.1),
        pytest.approx(0.5),
        -0.5,
        None,
        pytest.approx(-9 / 11),
    ]
    assert fed(Derivation("change", 5.0), [0.0, 5.0])[-1] is None


def test_slope_forecast_and_time_until() -> None:
    line = [100.0 + 2.0 * index for index in range(50)]
    slope = fed(Derivation("slope", 60.0), list(line))
    assert slope[0] is None
    assert slope[-1] == pytest.approx(2.0 / 5 * 3600)
    assert fed(Derivation("forecast", 60.0, horizon=500.0), list(line))[-1] == pytest.approx(398.0)
    until = fed(Derivation("until", 60.0, limit=298.0), list(line))
    assert until[-1] == pytest.approx(250.0)
    falling = fed(Derivation("until", 60.0, limit=298.0), line[::-1])
    assert falling[-1] is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=100), st.floats(10.0, 300.0))
@settings(max_examples=60)
def test_the_slope_is_the_least_squares_line(values: list[float], over: float) -> None:
    found = fed(Derivation("slope", over), list(values))[-1]
    times = [5.0 * index for index in range(len(values))]
    window = [
        (when, value)
        for when, value, after in zip(times, values, [*times[1:], math.inf], strict=True)
        if after > times[-1] - over + 1e-6
    ]
    line = statistics.linear_regression(*zip(*window, strict=True)) if len(window) > 1 else None
    assert line is not None
    assert found == pytest.approx(line.slope * 3600, rel=1e-6, abs=1e-3)


def test_long_runs_do_not_drift() -> None:
    values: list[float | None] = [1e9 + (index % 7) for index in range(5000)]
    found = fed(Derivation("slope", 100.0), values)[-1]
    window = values[-21:]
    line = statistics.linear_regression([5.0 * index for index in range(21)], window)  # type: ignore[arg-type]
    assert found == pytest.approx(line.slope * 3600, rel=1e-3, abs=1.0)


def test_anomalies_are_silent_until_trained() -> None:
    values: list[float | None] = [10.0 + index % 3 for index in range(40)]
    found = fed(Derivation("anomaly", 200.0), [*values, 31.0])
    assert found[20] is None
    assert found[39] == pytest.approx(0.0, abs=1.5)
    assert found[40] == pytest.approx(20 / 1.4826)
    assert fed(Derivation("anomaly", 200.0), [5.0] * 40)[-1] == 0.0
    assert fed(Derivation("anomaly", 200.0), [*[5.0] * 40, 6.0])[-1] is None


def test_long_training_looks_at_the_same_time_of_day() -> None:
    hour = 3600.0
    past = Past(Derivation("anomaly", 4 * 86400.0))
    found: list[float | None] = []
    # Busy by day, idle by night, a little of both by chance.
    for step in range(6 * 24 * 6):
        busy = (step // 6) % 24 in range(8, 18)
        found.append(past.derive((100.0 if busy else 10.0) + step % 5, 1e6 + step * hour / 6))
    usual = [one for one in found[-144:] if one is not None]
    assert usual
    assert statistics.median(usual) < 3
    night = 1e6 + 6 * 86400.0
    score = past.derive(100.0, night)
    assert score is not None
    assert score > 10
