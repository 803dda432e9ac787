"""Figures about calls: against a plain list of the calls, over any period, in any split."""

from __future__ import annotations

import asyncio
import json
import math
import statistics as stdlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.errors import ConfigurationError


def make_monitor(clock: vs.ManualClock, **settings: Any) -> vs.Monitor:
    return vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False, **settings)


def call(
    monitor: vs.Monitor,
    clock: vs.ManualClock,
    seconds: float,
    name: str = "work",
    error: BaseException | None = None,
    **options: Any,
) -> None:
    with suppress(ValueError, KeyError, asyncio.CancelledError), monitor.operation(name, **options):
        clock.advance(seconds)
        if error is not None:
            raise error


def quantile_of(durations: list[float], q: float) -> float:
    return sorted(durations)[max(0, math.ceil(q * len(durations)) - 1)]


DURATIONS = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=60)


@settings(max_examples=60)
@given(DURATIONS)
def test_the_figures_are_those_of_the_calls(durations: list[float]) -> None:
    clock = vs.ManualClock()
    monitor = make_monitor(clock)
    for seconds in durations:
        call(monitor, clock, seconds)
    kept = monitor.statistics.operation("work")
    recorded = [one.duration for one in monitor.recent_calls()]
    monitor.close()
    assert kept.count == len(recorded) == len(durations)
    assert kept.min == min(recorded)
    assert kept.max == max(recorded)
    assert kept.total == pytest.approx(math.fsum(recorded))
    assert kept.mean == pytest.approx(stdlib.fmean(recorded))
    deviation = stdlib.pstdev(recorded)
    # What is left of a difference of squares has half of the digits.
    assert kept.stddev == pytest.approx(deviation, rel=1e-6, abs=1e-6 * max(recorded))
    assert kept.seconds == pytest.approx(clock.now() - 1000.0)
    assert kept.throughput == pytest.approx(len(durations) / kept.seconds)
    for value, q in ((kept.p50, 0.5), (kept.p95, 0.95), (kept.p99, 0.99)):
        assert value == pytest.approx(quantile_of(recorded, q), rel=0.0445)
        assert value is not None
        assert min(recorded) <= value <= max(recorded)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([0.001, 0.5, 2.0, 7.0]), st.booleans()), max_size=60),
    st.sampled_from([10.0, 60.0, 300.0]),
    st.sampled_from([0.0, 20.0, 100.0]),
)
def test_a_window_has_the_calls_that_were_noted_in_it(
    calls: list[tuple[float, bool]], window: float, offset: float
) -> None:
    clock = vs.ManualClock()
    monitor = make_monitor(clock)
    monitor.tick()
    noted: list[tuple[float, float, bool]] = []
    waiting: list[tuple[float, bool]] = []
    ticks = [clock.now()]
    for number, (seconds, fails) in enumerate(calls):
        call(monitor, clock, seconds, error=ValueError() if fails else None)
        waiting.append((seconds, fails))
        if number % 3 == 2:
            clock.advance(5)
            monitor.tick()
            ticks.append(clock.now())
            noted += [(clock.now(), *one) for one in waiting]
            waiting.clear()
    found = monitor.statistics.operation("work", window=window, offset=offset)
    # Asking ticks, since no thread does.
    if clock.now() > ticks[-1]:
        ticks.append(clock.now())
        noted += [(clock.now(), *one) for one in waiting]
    monitor.close()
    end = max([at for at in ticks if at <= clock.now() - offset + 1e-6], default=ticks[0])
    start = max(
        [at for at in ticks if at <= clock.now() - offset - window + 1e-6], default=ticks[0]
    )
    inside = [(seconds, fails) for at, seconds, fails in noted if start < at <= end]
    durations = [seconds for seconds, _ in inside]
    assert found.count == len(inside)
    assert found.errors == sum(fails for _, fails in inside)
    assert found.seconds == pytest.approx(end - start)
    assert found.total == pytest.approx(sum(durations), abs=1e-6)
    if durations:
        assert found.min == pytest.approx(min(durations))
        assert found.max == pytest.approx(max(durations))
        assert found.stddev == pytest.approx(stdlib.pstdev(durations), abs=1e-3)
    else:
        assert found.min is found.max is found.stddev is found.p50 is None


def test_operations_components_and_all_agree(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    call(monitor, clock, 1.0, "sell", component="till")
    call(monitor, clock, 3.0, "sell", component="till", labels={"region": "eu"})
    call(monitor, clock, 2.0, "pack", component="depot", error=KeyError("box"))
    call(monitor, clock, 2.5, "pack", component="depot", error=asyncio.CancelledError())
    statistics = monitor.statistics
    assert monitor.statistics is statistics
    sell, pack = statistics.operation("sell"), statistics.operation("pack", component="depot")
    assert [(one.component, one.operation) for one in statistics.operations()] == [
        ("depot", "pack"),
        ("till", "sell"),
    ]
    assert [one.component for one in statistics.components()] == ["depot", "till"]
    assert [one.operation for one in statistics.operations("till")] == ["sell"]
    assert (sell.count, sell.min, sell.max, sell.mean) == (2, 1.0, 3.0, 2.0)
    assert sell.stddev == pytest.approx(1.0)
    assert statistics.operation("sell", labels={"region": "eu"}).count == 1
    assert statistics.operation("sell", component="depot").count == 0
    # What was cancelled is not judged.
    assert (pack.errors, pack.cancellations, pack.error_rate) == (1, 1, 1.0)
    everything = statistics()
    assert everything.count == 4
    assert everything.total == sum(one.total for one in statistics.components())
    assert (everything.min, everything.max, everything.error_rate) == (1.0, 3.0, 1 / 3)
    assert everything.measures == {}


def test_nothing_has_no_figures(monitor: vs.Monitor) -> None:
    nothing = monitor.statistics.operation("never")
    assert (nothing.count, nothing.in_progress, nothing.total) == (0, 0, 0.0)
    for figure in ("error_rate", "throughput", "mean", "min", "max", "stddev", "p50", "p99"):
        assert getattr(nothing, figure) is None
    assert monitor.statistics().count == 0
    assert monitor.statistics.component("nowhere").caches == ()
    assert monitor.statistics.operations() == monitor.statistics.components() == []


def test_measures_and_resources_are_summed(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    for rows in (2, 5):
        with monitor.operation("import", resources=True) as importing:
            importing.add("rows", rows)
    call(monitor, clock, 1.0, "other", resources=False)
    clock.advance(5)
    for window in (None, 60.0):
        imported = monitor.statistics.operation("import", window=window)
        assert imported.measures == {"rows": 7}
        other = monitor.statistics.operation("other", window=window)
        assert other.measures == {}
        assert other.cpu_seconds is other.memory_growth is None
    assert imported.cpu_seconds is not None
    assert imported.cpu_seconds > 0
    assert imported.memory_growth is not None
    clock.advance(100)
    assert monitor.statistics.operation("import", window=5.0).measures == {}


def test_errors_have_the_last_message_time_and_trace(
    traced: vs.Monitor, clock: vs.ManualClock, spans: InMemorySpanExporter
) -> None:
    traced.tick()
    for text in ("first", "last"):
        call(traced, clock, 1.0, error=ValueError(text))
    last_of_two = clock.wall()
    call(traced, clock, 1.0, error=KeyError("k"))
    clock.advance(5)
    for window in (None, 60.0):
        value_error, key_error = traced.statistics.operation("work", window=window).errors_by_type
        assert (value_error.error_type, value_error.count) == ("ValueError", 2)
        assert value_error.last_message == "last"
        assert value_error.last_time == pytest.approx(last_of_two)
        trace_ids = [f"{span.context.trace_id:032x}" for span in spans.get_finished_spans()]
        assert value_error.last_trace_id == trace_ids[1]
        assert (key_error.error_type, key_error.count) == ("KeyError", 1)
    clock.advance(60)
    call(traced, clock, 1.0, error=ValueError("much later"))
    assert traced.statistics(window=10).errors_by_type[0].last_message == "much later"
    (ended,) = [
        one
        for one in traced.statistics(window=30, offset=50).errors_by_type
        if one.error_type == "ValueError"
    ]
    # The last message is of a later time and says nothing about this one.
    assert (ended.count, ended.last_message, ended.last_time) == (2, None, None)


def test_caches_and_apis_are_those_of_the_component(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    monitor.tick()
    monitor.cache("prices", component="till").hit()
    monitor.cache("prices", component="till").miss()
    monitor.cache("maps", component="depot").miss()
    monitor.api("bank", component="till").record(tokens=3, cost=0.5, error="declined")
    monitor.api("bank", component="till").record(tokens=4, cost=0.25)
    clock.advance(5)
    for window in (None, 60.0):
        till = monitor.statistics.component("till", window=window)
        (prices,), (bank,) = till.caches, till.apis
        assert (prices.name, prices.hits, prices.misses, prices.hit_rate) == ("prices", 1, 1, 0.5)
        assert (bank.calls, bank.errors, bank.error_rate) == (2, 1, 0.5)
        assert (bank.tokens, bank.cost) == (7, 0.75)
        assert len(monitor.statistics(window=window).caches) == 2
    clock.advance(100)
    (unused, _) = monitor.statistics(window=5).caches
    assert unused.hit_rate is None
    assert monitor.statistics(window=5).apis[0].error_rate is None


def test_running_calls_have_an_age_and_a_trace(traced: vs.Monitor, clock: vs.ManualClock) -> None:
    @traced.operation("inner")
    def inner() -> list[Any]:
        clock.advance(2)
        return traced.statistics.running()

    @traced.operation("steps")
    def steps() -> Any:
        yield traced.statistics.running()

    @traced.operation("awaited", resources=False)
    async def awaited() -> list[Any]:
        return traced.statistics.running()

    with traced.operation("outer", labels={"region": "eu"}) as block:
        clock.advance(3)
        outer, inside = inner()
        assert (outer.operation, outer.labels, outer.age) == ("outer", {"region": "eu"}, 5.0)
        assert outer.start == clock.wall() - 5.0
        assert outer.trace_id == inside.trace_id == block.trace_id is not None
        assert outer.span_id != inside.span_id
        assert (inside.operation, inside.age) == ("inner", 2.0)
        for running in (asyncio.run(awaited()), next(steps()), inner()):
            assert all(one.trace_id == block.trace_id for one in running)
        figures = traced.statistics.operation("outer")
        assert (figures.count, figures.in_progress, figures.oldest_in_progress) == (0, 1, 7.0)
    assert traced.statistics.running() == []


def test_a_running_call_without_a_span_has_no_trace(monitor: vs.Monitor) -> None:
    @monitor.operation("plain", resources=False)
    def plain() -> list[Any]:
        return monitor.statistics.running()

    (running,) = plain()
    assert running.trace_id is running.span_id is None


def test_recent_and_slow_calls_are_selected(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    call(monitor, clock, 1.0, "sell", component="till", slow=0.5)
    call(monitor, clock, 0.1, "sell", component="till", slow=0.5)
    call(monitor, clock, 1.0, "pack", component="depot")
    statistics = monitor.statistics
    assert [one.duration for one in statistics.recent_calls("sell")] == pytest.approx([1.0, 0.1])
    assert [one.operation for one in statistics.recent_calls(component="depot")] == ["pack"]
    assert [one.duration for one in statistics.slow_calls("sell", component="till")] == [1.0]
    assert statistics.slow_calls("pack") == []


def test_all_of_it_can_be_said_in_json(traced: vs.Monitor, clock: vs.ManualClock) -> None:
    call(traced, clock, 1.0, error=ValueError("text"))
    traced.cache("prices").hit()
    traced.api("bank").record()
    with traced.operation("outer"):
        (running,) = traced.statistics.running()
        document = json.loads(json.dumps([traced.statistics().to_dict(), running.to_dict()]))
    assert document[0]["errors_by_type"][0]["last_message"] == "text"
    assert document[0]["caches"][0]["hit_rate"] == 1.0
    assert document[0]["apis"][0]["error_rate"] == 0.0
    assert document[1]["operation"] == "outer"


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ({"window": 0}, "window=0: use a number of seconds above 0"),
        ({"window": "5m"}, "window='5m': use a number of seconds"),
        ({"window": True}, "window=True: use a number of seconds"),
        ({"window": math.nan}, "window=nan: use a number of seconds"),
        ({"window": 60, "offset": -1}, "offset=-1: use a number of seconds from 0 up"),
        ({"offset": 60}, "needs a window= as well"),
        ({"window": 1e9}, "the history is 2678400 seconds long at most"),
    ],
)
def test_a_period_that_there_cannot_be_is_refused(
    monitor: vs.Monitor, period: dict[str, Any], message: str
) -> None:
    questions: list[Callable[..., Any]] = [
        monitor.statistics,
        monitor.statistics.operations,
        monitor.statistics.components,
    ]
    for question in questions:
        with pytest.raises(ConfigurationError, match=message):
            question(**period)


def test_several_processes_have_exact_figures_together(clock: vs.ManualClock) -> None:
    with tempfile.TemporaryDirectory() as path:
        first, second = (make_monitor(clock, workers=path) for _ in range(2))
        second.statistics(window=60)
        call(first, clock, 0.5, error=ValueError("earlier"))
        call(second, clock, 4.0, error=ValueError("later"))
        call(first, clock, 1.5)
        assert first.workers is not None
        first.workers.publisher.publish()
        clock.advance(5)
        for window in (None, 60.0):
            figures = second.statistics.operation("work", window=window)
            assert (figures.count, figures.min, figures.max, figures.mean) == (3, 0.5, 4.0, 2.0)
            assert figures.stddev == pytest.approx(stdlib.pstdev([0.5, 4.0, 1.5]))
            (error,) = figures.errors_by_type
            assert (error.count, error.last_message) == (2, "later")
        # In between, it is known in which bucket a call was, and of all calls the exact ones.
        call(first, clock, 2.0)
        first.workers.publisher.publish()
        clock.advance(5)
        latest = second.statistics.operation("work", window=5.0)
        assert latest.count == 1
        assert latest.min == latest.max == pytest.approx(2.0, rel=0.0445)
        # Whoever ticks by itself has the history for all.
        first.start()
        first.tick()
        assert first.statistics(window=60).count == 4
        with pytest.raises(vs.VitalspanError, match="another worker evaluates the rules"):
            second.statistics(window=60)
        assert second.statistics().count == 4
        first.close()
        second.close()


def test_a_forked_child_or_a_reset_begins_anew(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    call(monitor, clock, 1.0, error=ValueError())
    monitor.reset()
    assert monitor.statistics().count == 0
    assert monitor.statistics().errors_by_type == ()
    call(monitor, clock, 0.25)
    assert monitor.statistics().max == 0.25
