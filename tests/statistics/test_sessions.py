"""Sessions: which calls belong to them, in tasks and threads, and how two of them compare."""

from __future__ import annotations

import asyncio
import contextvars
import json
import math
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.forked_child import holds_in_child
from vitalspan.errors import ConfigurationError
from vitalspan.recording.enclosing_sessions import OUTSIDE, enclosing
from vitalspan.recording.spans import slot
from vitalspan.sessions.session import MAX_COUNTS, Session
from vitalspan.sessions.session_calls import MAX_OPERATIONS
from vitalspan.sessions.session_table import MAX_HISTORY
from vitalspan.sessions.significance import fisher, mann_whitney


def spend(monitor: vs.Monitor, clock: vs.ManualClock, name: str, seconds: float) -> None:
    with monitor.operation(name):
        clock.advance(seconds)


def test_a_session_has_its_own_figures(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    spend(monitor, clock, "before", 1.0)
    opened = clock.wall()
    with monitor.session("import") as session:
        assert session.is_open
        for seconds in (1.0, 2.0, 3.0, 0.5, 0.25, 4.0):
            spend(monitor, clock, "parse", seconds)
        with suppress(ValueError), monitor.operation("save", labels={"to": "disk"}) as saving:
            clock.advance(1.0)
            saving.add("rows", 7)
            raise ValueError("full")
        clock.advance(5)
        session.count("scenes")
        session.count("scenes", 2)
    spend(monitor, clock, "after", 1.0)
    assert not session.is_open
    (figures,) = monitor.sessions.history("import")
    assert session.statistics() is figures
    assert (figures.name, figures.start, figures.duration) == ("import", opened, 16.75)
    assert (figures.calls.count, figures.calls.errors, figures.calls.max) == (7, 1, 4.0)
    parse, save = figures.operations
    assert (parse.operation, parse.count, parse.min, parse.total) == ("parse", 6, 0.25, 10.75)
    assert save.measures == {"rows": 7}
    assert save.errors_by_type[0].last_message == "full"
    assert [one.duration for one in figures.slowest] == [4.0, 3.0, 2.0, 1.0, 1.0]
    assert figures.slowest[-1].labels in ({}, {"to": "disk"})
    (bottleneck,) = figures.bottlenecks
    assert (bottleneck.operation, bottleneck.share) == ("parse", 10.75 / 11.75)
    assert figures.counts == {"scenes": 3}
    assert json.loads(json.dumps(figures.to_dict()))["calls"]["count"] == 7
    # The monitor has counted every call once.
    assert monitor.statistics().count == 9


def test_a_call_belongs_to_every_session_around_it(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    with monitor.session("outer") as outer:
        spend(monitor, clock, "a", 1.0)
        with monitor.session("inner") as inner:
            assert monitor.sessions.current() is inner
            assert monitor.sessions.open() == [outer, inner]
            spend(monitor, clock, "b", 2.0)
            inner.count("files")
            # Before the inner one is closed as well.
            assert outer.statistics().calls.count == 2
        assert monitor.sessions.current() is outer
    assert monitor.sessions.current() is None
    closed_inner, closed_outer = monitor.sessions.history()
    assert (closed_inner.calls.count, closed_inner.parent) == (1, "outer")
    assert (closed_outer.calls.count, closed_outer.parent) == (2, None)
    assert closed_outer.counts == {"files": 1}
    assert monitor.sessions.history("inner") == [closed_inner]


def test_calls_in_progress_are_seen_and_counted_when_they_end(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    with monitor.session("s") as session, monitor.operation("long"):
        clock.advance(3)
        now = session.statistics().calls
        assert (now.count, now.in_progress, now.oldest_in_progress) == (0, 1, 3.0)
    assert (session.statistics().calls.count, session.statistics().calls.in_progress) == (1, 0)


def test_every_kind_of_call_is_counted(
    monitor: vs.Monitor, clock: vs.ManualClock, run: Any
) -> None:
    @monitor.operation("f")
    def function(fails: bool = False) -> None:
        clock.advance(1)
        if fails:
            raise KeyError

    @monitor.operation("g", resources=False)
    def generator() -> Iterator[int]:
        yield 1

    @monitor.operation("c", resources=False)
    async def coroutine() -> None:
        await asyncio.sleep(0)

    @monitor.operation("a")
    async def async_generator() -> Any:
        yield 1

    async def everything() -> None:
        async with monitor.session("async") as session:
            await coroutine()
            async for _ in async_generator():
                pass
            async with monitor.operation("block"):
                pass
        assert session.statistics().calls.count == 3

    with monitor.session("sync") as session:
        function()
        with suppress(KeyError):
            function(fails=True)
        list(generator())
        with monitor.operation("renamed", resources=False) as call:
            call.set_label("status", 200)
    run(everything())
    counts = {one.operation: (one.count, one.errors) for one in session.statistics().operations}
    assert counts == {"f": (2, 1), "g": (1, 0), "renamed": (1, 0)}
    function()
    assert session.statistics().calls.count == 4


def test_a_traced_call_has_its_trace_in_the_session(
    traced: vs.Monitor, clock: vs.ManualClock, spans: InMemorySpanExporter
) -> None:
    with traced.session("s") as session:
        spend(traced, clock, "work", 1.0)
    (slowest,) = session.statistics().slowest
    (span,) = spans.get_finished_spans()
    assert slowest.trace_id == f"{span.context.trace_id:032x}"


def test_a_thousand_concurrent_tasks_are_told_apart_exactly(run: Any) -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)

    @monitor.operation("step", resources=False)
    async def step() -> None:
        await asyncio.sleep(0)

    async def task(number: int) -> None:
        async with monitor.session(f"task {number}") as session:
            for _ in range(number % 7):
                await step()
            await asyncio.gather(step(), step())
        assert session.statistics().calls.count == number % 7 + 2

    async def everything() -> int:
        async with monitor.session("whole") as whole:
            await asyncio.gather(*map(task, range(1000)))
        return whole.statistics().calls.count

    expected = sum(number % 7 + 2 for number in range(1000))
    assert run(everything()) == expected == monitor.statistics().count
    assert len(monitor.sessions.history()) == MAX_HISTORY
    assert monitor.sessions.open() == []
    monitor.close()


def test_threads_belong_to_a_session_by_their_context(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    def work() -> None:
        for _ in range(500):
            spend(monitor, clock, "work", 0.0)

    with monitor.session("s") as session:
        outside = threading.Thread(target=contextvars.Context().run, args=(work,))
        inside = [
            threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(4)
        ]
        for thread in (outside, *inside):
            thread.start()
        for thread in (outside, *inside):
            thread.join()
    assert session.statistics().calls.count == 2000
    assert monitor.statistics().count == 2500


def test_a_session_of_the_application_has_what_no_other_has(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    def elsewhere(name: str) -> None:
        context = contextvars.Context()
        context.run(spend, monitor, clock, name, 1.0)

    def session_of_its_own() -> None:
        with monitor.sessions.session("own", application=True) as own:
            assert not own.is_of_application
            spend(monitor, clock, "c", 1.0)

    with monitor.sessions.session("application", application=True) as application:
        assert monitor.sessions.application() is application
        spend(monitor, clock, "a", 1.0)
        with monitor.session("inner"):
            spend(monitor, clock, "b", 1.0)
        elsewhere("a")
        contextvars.Context().run(session_of_its_own)
        assert application.statistics().calls.count == 3
        elsewhere("a")
    elsewhere("a")
    assert monitor.sessions.application() is None
    counts = {one.name: one.calls.count for one in monitor.sessions.history()}
    assert counts == {"inner": 1, "own": 1, "application": 4}


def test_a_task_that_outlives_its_session_is_counted_no_more(
    monitor: vs.Monitor, clock: vs.ManualClock, run: Any
) -> None:
    async def late(closed: asyncio.Event) -> None:
        await closed.wait()
        spend(monitor, clock, "late", 1.0)

    async def everything() -> None:
        closed = asyncio.Event()
        with monitor.session("outer"):
            with monitor.session("inner"):
                task = asyncio.create_task(late(closed))
            closed.set()
            await task

    run(everything())
    inner, outer = monitor.sessions.history()
    assert (inner.calls.count, outer.calls.count) == (0, 1)


def test_calls_of_another_monitor_are_not_counted(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    other = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    with monitor.session("one") as one, other.session("other") as another:
        spend(monitor, clock, "f", 1.0)
        spend(other, clock, "g", 1.0)
        spend(other, clock, "g", 1.0)
        assert monitor.sessions.current() is one
    assert one.statistics().calls.count == 1
    assert another.statistics().calls.count == 2
    assert another.statistics().parent is None
    other.close()


def test_a_session_opened_in_one_context_may_be_closed_in_another(monitor: vs.Monitor) -> None:
    session = monitor.session("s")
    contextvars.copy_context().run(session.__enter__)
    session.__exit__(None, None, None)
    assert not session.is_open
    assert monitor.sessions.open() == []


def test_a_session_may_be_closed_before_those_within_it(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    first, second = monitor.session("first"), monitor.session("second")
    first.__enter__()
    second.__enter__()
    spend(monitor, clock, "early", 1.0)
    first.__exit__(None, None, None)
    spend(monitor, clock, "late", 1.0)
    assert monitor.sessions.current() is second
    second.__exit__(None, None, None)
    assert [first.statistics().calls.count, second.statistics().calls.count] == [1, 2]
    assert enclosing.get() is OUTSIDE


def test_sessions_that_always_overlap_leave_nothing_behind(monitor: vs.Monitor) -> None:
    before = monitor.session("before")
    before.__enter__()
    for _ in range(10):
        after = monitor.session("after")
        after.__enter__()
        before.__exit__(None, None, None)
        before = after
    assert enclosing.get().outer is OUTSIDE
    before.__exit__(None, None, None)


def test_a_session_is_opened_once(monitor: vs.Monitor) -> None:
    with monitor.session("s") as session, pytest.raises(RuntimeError, match="'s' was opened"):
        session.__enter__()
    with pytest.raises(RuntimeError, match="create a new one"):
        session.__enter__()


def test_the_short_way_is_taken_again_when_no_session_is_open(monitor: vs.Monitor) -> None:
    work = monitor.operation("work", resources=False)
    decorated = work(lambda: None)
    decorated()
    (site,) = [one for one in monitor._recorder.sites if one.series.operation == "work"]
    short = site.gate
    with monitor.session("outer"):
        with monitor.session("inner"):
            assert site.gate is not short
        assert site.gate is not short
    assert site.gate is short


def test_a_provider_that_comes_within_a_session_has_spans(
    monitor: vs.Monitor, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    @monitor.operation("work", resources=False)
    def work() -> None:
        clock.advance(1)

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with monitor.session("s") as session:
        work()
        monkeypatch.setattr(slot, "_TRACER_PROVIDER", provider)
        work()
    assert [span.name for span in exporter.get_finished_spans()] == ["work"]
    assert session.statistics().calls.count == 2


def test_what_a_session_keeps_is_bounded(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    wide = vs.Monitor(registry=CollectorRegistry(), max_series=5000, system_metrics=False)
    with wide.session("wide") as session:
        for number in range(MAX_OPERATIONS + 5):
            with wide.operation(f"op {number}"):
                pass
        for number in range(MAX_COUNTS + 5):
            session.count(f"thing {number}")
        session.count("thing 0", -1)
        session.count("thing 1", math.nan)
    figures = session.statistics()
    assert figures.calls.count == MAX_OPERATIONS + 5
    assert len(figures.operations) == MAX_OPERATIONS
    assert len(figures.counts) == MAX_COUNTS
    assert figures.counts["thing 0"] == 1
    assert wide._recorder.internal_errors.counts["session"] == 7
    wide.close()


def test_a_reset_begins_open_sessions_anew(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    with monitor.session("gone"):
        pass
    with monitor.session("s") as session:
        spend(monitor, clock, "f", 1.0)
        monitor.reset()
        spend(monitor, clock, "f", 2.0)
    assert session.statistics().calls.total == 2.0
    assert [one.name for one in monitor.sessions.history()] == ["s"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_counts_its_own_calls(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    with monitor.session("s") as session:
        spend(monitor, clock, "f", 1.0)

        def counts_its_own() -> bool:
            spend(monitor, clock, "f", 2.0)
            return session.statistics().calls.total == 2.0

        assert holds_in_child(counts_its_own)
    assert session.statistics().calls.total == 1.0


def test_a_fault_in_a_session_does_not_fail_the_call(
    monitor: vs.Monitor, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    with monitor.session("s") as session:
        monkeypatch.setattr(type(session), "add", broken)
        spend(monitor, clock, "f", 1.0)
        monitor.fold()
        monkeypatch.setattr(type(session), "statistics", broken)
    assert monitor._recorder.internal_errors.counts["session"] == 2
    assert monitor.sessions.open() == []


def test_a_signal_handler_in_a_count_sees_what_was_before(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    recorder = monitor._recorder
    with monitor.session("s") as session:
        spend(monitor, clock, "f", 1.0)
        monitor.fold()
        with recorder.aggregator.flushed(recorder.series_table.all):
            spend(monitor, clock, "f", 1.0)
            assert session.statistics().calls.count == 1
    assert session.statistics().calls.count == 2


def test_sessions_that_close_while_others_count_are_exact() -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    counts = []

    @monitor.operation("work", resources=False)
    def work(number: int) -> None:
        if number % 5 == 0:
            vs.current_call().set_label("kind", number % 2)
        if number % 7 == 0:
            raise ValueError

    def inner() -> Session:
        with monitor.session("inner") as session:
            for number in range(70):
                with suppress(ValueError):
                    work(number)
        return session

    def client() -> None:
        for _ in range(20):
            with monitor.session("outer") as outer:
                counts.extend((inner(), 70) for _ in range(3))
            counts.append((outer, 210))

    threads = [threading.Thread(target=contextvars.Context().run, args=(client,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures = [(session.statistics().calls, expected) for session, expected in counts]
    assert all((calls.count, calls.errors) == (n, n // 7) for calls, n in figures)
    assert monitor.statistics().count == 4 * 20 * 210
    monitor.close()


def test_what_another_thread_is_counting_is_seen_once(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    aggregator = monitor._recorder.aggregator
    with monitor.session("outer") as outer:
        with monitor.session("inner") as inner:
            spend(monitor, clock, "f", 1.0)
            (series,) = [one for one in monitor._recorder.series_table.all() if one.records]
            # As a thread that has taken its batch and is interrupted there.
            batch = aggregator._take_batch(series)
            assert inner.statistics().calls.count == outer.statistics().calls.count == 1
        aggregator._count_batch(series, batch)
    assert inner.statistics().calls.count == outer.statistics().calls.count == 1


def compared(
    monitor: vs.Monitor, clock: vs.ManualClock, *sessions: list[tuple[float, bool]]
) -> Any:
    for calls in sessions:
        with monitor.session("work") as session:
            for seconds, fails in calls:
                with suppress(ValueError), monitor.operation("f"):
                    clock.advance(seconds)
                    if fails:
                        raise ValueError
            session.count("items", len(calls))
    before, after = monitor.sessions.history("work")[-2:]
    return monitor.sessions.compare(before, after)


def test_sessions_themselves_can_be_compared(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    sessions = []
    for seconds in (1.0, 3.0):
        with monitor.session("work") as session:
            spend(monitor, clock, "f", seconds)
        sessions.append(session)
    before, after = sessions
    change = monitor.sessions.compare(before, after).operation("f")
    assert change.changes["mean"].ratio == pytest.approx(3.0)
    assert monitor.reports.session(after, before=before).text().count("+200 %") == 4
    for wrong in ("work", None):
        with pytest.raises(ConfigurationError, match=f"after={wrong!r}: give a session"):
            monitor.sessions.compare(before, wrong)  # type: ignore[arg-type]


def test_a_real_change_is_told_from_noise(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    noise = [0.1 + 0.01 * (number % 9) for number in range(60)]
    same = compared(
        monitor, clock, [(one, False) for one in noise], [(one, False) for one in noise]
    )
    durations = same.operation("f").durations
    assert durations.test == "Mann-Whitney U"
    assert not durations.significant
    assert not same.operation("f").errors.significant
    slower = compared(
        monitor,
        clock,
        [(one, False) for one in noise],
        [(one * 1.3, number % 4 == 0) for number, one in enumerate(noise)],
    ).operation("f", "default")
    assert slower.durations.significant
    assert slower.durations.confidence > 0.999
    assert slower.errors.test == "Fisher's exact"
    assert slower.errors.significant
    mean = slower.changes["mean"]
    assert mean.ratio == pytest.approx(1.3)
    assert mean.difference == pytest.approx(0.3 * mean.before)
    assert slower.changes["error_rate"].ratio is None
    assert slower.changes["errors"].difference == 15


def test_few_calls_say_nothing(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    few = compared(monitor, clock, [(0.1, False)] * 5, [(9.0, False)] * 5)
    assert few.operation("f").durations.confidence is None
    assert not few.operation("f").durations.significant
    assert few.counts["items"].difference == 0
    assert json.loads(json.dumps(few.to_dict()))["operations"][0]["changes"]["max"]["ratio"] > 89
    gone = compared(monitor, clock, [(0.1, False)] * 5, [])
    assert gone.operation("f").after is None
    assert gone.operation("f").errors.p_value is None
    assert gone.operation("f").changes["mean"].difference is None
    with pytest.raises(KeyError):
        gone.operation("never")
    with pytest.raises(ConfigurationError, match="confidence=95: give a number between 0 and 1"):
        monitor.sessions.compare(few.before, few.after, confidence=95)


def test_the_tests_are_those_of_the_textbooks() -> None:
    # Fisher's tea tasting, three of four cups right: 34 / 70.
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(0, 10, 0, 10) == 1.0
    assert fisher(8, 8, 0, 8) == pytest.approx(2 / math.comb(16, 8))
    for errors, size, other_errors, other_size in product(range(6), (5, 9), range(6), (6, 40)):
        ways = {
            first: math.comb(size, first) * math.comb(other_size, errors + other_errors - first)
            for first in range(min(size, errors + other_errors) + 1)
        }
        rarest = sum(count for count in ways.values() if count <= ways[errors])
        exact = rarest / sum(ways.values())
        assert fisher(errors, size, other_errors, other_size) == pytest.approx(exact)
    # Of very many calls, it is the normal distribution: these differ by 1.41 standard deviations.
    assert fisher(50_000_000, 10**8, 50_010_000, 10**8) == pytest.approx(0.157, abs=0.001)
    # The exact distribution of U, of 8 and 8 values without ties.
    first = [(float(value), 1) for value in (1, 2, 3, 4, 6, 7, 9, 12)]
    second = [(float(value), 1) for value in (5, 8, 10, 11, 13, 14, 15, 16)]
    u = sum(one > other for (one, _), (other, _) in product(first, second))
    approximate = mann_whitney(first, second)
    assert approximate == pytest.approx(exact_u(u, 8, 8), abs=0.005)
    assert mann_whitney(second, first) == pytest.approx(approximate)
    assert mann_whitney([(1.0, 20)], [(1.0, 30)]) == 1.0
    assert mann_whitney(first[:7], second) is None


def exact_u(u: int, size: int, other: int) -> float:
    """Return the two-sided p-value by counting every order of the values."""
    ways = {0: {0: 1}}
    for rank in range(size + other):
        following: dict[int, dict[int, int]] = {}
        for taken, sums in ways.items():
            for total, count in sums.items():
                for more in (0, 1):
                    if taken + more <= size and rank + 1 - taken - more <= other:
                        # Each of the others that is below counts.
                        added = total + more * (rank - taken)
                        row = following.setdefault(taken + more, {})
                        row[added] = row.get(added, 0) + count
        ways = following
    low = min(u, size * other - u)
    below = sum(count for total, count in ways[size].items() if total <= low)
    return min(1.0, 2 * below / math.comb(size + other, size))


@given(
    st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=8, max_size=30),
    st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=8, max_size=30),
)
def test_p_values_are_probabilities(first: list[float], second: list[float]) -> None:
    p_value = mann_whitney([(one, 1) for one in first], [(one, 1) for one in second])
    assert p_value is not None
    assert 0 <= p_value <= 1
    ones = first.count(1.0), len(first), second.count(1.0), len(second)
    assert 0 < fisher(*ones) <= 1


def test_calls_judged_by_hand_and_late_labels_show_everywhere(monitor: vs.Monitor) -> None:
    with monitor.session("night") as session:
        with monitor.operation("pay", component="till", slow=0.0) as call:
            call.fail("card refused")
            call.set_label("tier", "gold")
        with suppress(ValueError), monitor.operation("pay", component="till") as call:
            call.set_label("tier", "silver")
            call.ok()
            raise ValueError("known, and fine")
    figures = monitor.statistics.operation("pay")
    assert (figures.count, figures.errors) == (2, 1)
    assert figures.errors_by_type[0].last_message == "card refused"
    assert monitor.statistics.operation("pay", labels={"tier": "gold"}).errors == 1
    assert monitor.statistics.operation("pay", labels={"tier": "silver"}).errors == 0
    closed = session.statistics()
    assert (closed.calls.count, closed.calls.errors) == (2, 1)
    assert {one.labels["tier"] for one in closed.slowest} == {"gold", "silver"}
    for report in (monitor.report(), monitor.report(session=closed)):
        assert "card refused" in report.text()
        assert "known, and fine" not in report.text()
    assert "tier=gold" in monitor.report(session=closed).text()
