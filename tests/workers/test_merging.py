"""However calls are split over processes, together they show what one process would show."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitalspan as vs
from support.worker_processes import (
    Recorded,
    die,
    exposition,
    make_monitor,
    processes,
    publish,
    record,
)

PROCESSES = 3

# Sums of these are exact, in whatever order they are made.
SECONDS = st.sampled_from([0.0, 2**-12, 2**-7, 0.125, 0.75, 3.0, 2.0**18])
RECORDED = st.builds(
    Recorded,
    kind=st.sampled_from(["call", "call", "call", "cache", "api"]),
    operation=st.sampled_from(["f", "g", 'quo"te\n']),
    seconds=SECONDS,
    region=st.sampled_from(["eu", "us", "ü"]),
    error=st.sampled_from([None, None, ValueError, KeyError, asyncio.CancelledError]),
    amount=st.integers(0, 5),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(0, PROCESSES - 1), RECORDED),
        st.tuples(st.sampled_from(["publish", "die"]), st.integers(0, PROCESSES - 1), st.none()),
        st.tuples(st.sampled_from(["archive", "scrape"]), st.just(0), st.none()),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_any_split_with_any_deaths_shows_what_one_process_shows(
    steps: list[tuple[str, int, Any]],
) -> None:
    clock, one_clock = vs.ManualClock(), vs.ManualClock()
    alone = make_monitor(clock=one_clock)
    with tempfile.TemporaryDirectory() as path, processes(Path(path), PROCESSES, clock) as monitors:
        waiting: list[list[Recorded]] = [[] for _ in monitors]

        def published(index: int) -> None:
            for recorded in waiting[index]:
                record(alone, recorded, one_clock)
            waiting[index].clear()

        for action, index, recorded in steps:
            if action == "record":
                record(monitors[index], recorded, clock)
                waiting[index].append(recorded)
            elif action == "publish":
                publish(monitors[index])
                published(index)
            elif action == "die":
                die(monitors[index])
                waiting[index].clear()
            elif action == "archive":
                workers = monitors[index].workers
                assert workers is not None
                workers.directory.archive_dead(clock.wall())
            else:
                exposition(monitors[0])
                published(0)
        shown = exposition(monitors[0])
        published(0)
    expected = exposition(alone)
    alone.close()
    # Of what was never recorded again after a death, one process shows idle series of zeros.
    assert {name: value for name, value in shown.items() if value} == {
        name: value for name, value in expected.items() if value
    }


@settings(max_examples=60)
@given(steps=STEPS)
def test_no_counter_falls_from_one_scrape_to_the_next(steps: list[tuple[str, int, Any]]) -> None:
    clock = vs.ManualClock()
    with tempfile.TemporaryDirectory() as path, processes(Path(path), PROCESSES, clock) as monitors:
        before: dict[str, float] = {}
        for action, index, recorded in steps:
            if action == "record":
                record(monitors[index], recorded, clock)
            elif action == "die":
                die(monitors[index])
            elif action == "archive":
                workers = monitors[index].workers
                assert workers is not None
                workers.directory.archive_dead(clock.wall())
            else:
                shown = exposition(monitors[index])
                for name, value in before.items():
                    if "in_progress" not in name:
                        assert shown[name] >= value, name
                before = shown


def test_calls_in_progress_are_those_of_living_processes(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 3, clock) as (first, second, third):
        labels = '{component="default",operation="f"}'
        with first.operation("f"), second.operation("f"):
            clock.advance(4.0)
            with third.operation("f"):
                clock.advance(1.0)
                for monitor in (first, second, third):
                    publish(monitor)
                shown = exposition(third)
                assert shown[f"operation_in_progress{labels}"] == 3
                assert shown[f"operation_oldest_in_progress_seconds{labels}"] == 5
                clock.advance(10.0)
                die(first)
                die(second)
                shown = exposition(third)
                assert shown[f"operation_in_progress{labels}"] == 1
                # Nobody has published meanwhile, and yet its age is right.
                assert shown[f"operation_oldest_in_progress_seconds{labels}"] == 11


def test_processes_with_other_buckets_keep_the_boundaries_that_both_have(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 2, clock) as (first, second):
        for monitor, buckets in ((first, (0.1, 1.0, 10.0)), (second, (0.1, 2.0, 10.0))):
            for seconds in (0.05, 1.5, 5.0):
                with monitor.operation("f", buckets=buckets):
                    clock.advance(seconds)
            publish(monitor)
        shown = exposition(first)
    bounds = {name.split('le="')[1][:-2]: value for name, value in shown.items() if "le=" in name}
    assert bounds == {"0.1": 2, "10.0": 6, "+Inf": 6}


def test_the_latest_exemplar_of_each_bucket_is_shown(
    tmp_path: Path, provider: Any, clock: vs.ManualClock
) -> None:
    monitors = [
        vs.Monitor(
            registry=vs.Monitor.__init__.__globals__["CollectorRegistry"](),
            clock=clock,
            tracer_provider=provider,
            system_metrics=False,
            workers=str(tmp_path),
        )
        for _ in range(2)
    ]
    for monitor in monitors:
        with monitor.operation("f"):
            clock.advance(0.125)
        publish(monitor)
    newest = monitors[1].recent_calls()[-1]
    assert newest.worker == 1
    assert [call.worker for call in monitors[0].recent_calls()] == [0, 1]
    for monitor in monitors:
        text = monitor.generate_latest(vs.Format.OPENMETRICS_1_0_0).decode()
        [line] = [one for one in text.splitlines() if 'le="0.25"' in one]
        assert f'trace_id="{newest.trace_id}"' in line
        assert line.endswith(f"{newest.start + 0.125:.3f}")
    for monitor in monitors:
        monitor.close()


def test_slow_calls_of_all_processes_are_kept_up_to_the_limit(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 2, clock) as (first, second):
        for number in range(4):
            for monitor in (first, second):
                with monitor.operation("f", slow=1.0, attributes={"n": number}) as call:
                    call.set_attribute("object", object)
                    clock.advance(2.0)
        publish(second)
        first.configure(slow_calls=3, recent_calls=5)
        assert [(call.worker, call.attributes["n"]) for call in first.slow_calls()] == [
            *((1, 2), (0, 3), (1, 3)),
        ] or [(call.worker, call.attributes["n"]) for call in first.slow_calls()] == [
            *((0, 2), (1, 3), (0, 3)),
        ]
        assert len(first.recent_calls()) == 5


def test_events_of_slos_are_summed_unless_they_are_defined_otherwise(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 3, clock) as monitors:
        for monitor, under in zip(monitors, (0.5, 0.5, 0.25), strict=True):
            monitor.rules.add_slo(name="quick", objective=0.9, under=under)
            for seconds in (0.125, 0.375, 2.0):
                with monitor.operation("f"):
                    clock.advance(seconds)
            publish(monitor)
        shown = exposition(monitors[0])
    assert shown['slo_events_total{slo="quick"}'] == 6
    assert shown['slo_bad_events_total{slo="quick"}'] == 2


def test_what_vitalspan_counts_about_itself_is_summed(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (first, second):
        for monitor in (first, second):
            monitor.api("a").record(tokens=-1)
            publish(monitor)
        text = first.generate_latest().decode()
    assert 'vitalspan_internal_errors_total{where="api"} 2' in text
    assert 'vitalspan_internal_errors_total{where="workers"} 0' in text


def test_a_monitor_cannot_join_a_directory_later(tmp_path: Path) -> None:
    monitor = make_monitor()
    with pytest.raises(vs.errors.ConfigurationError, match="VITALSPAN_WORKERS"):
        monitor.configure(workers=str(tmp_path))
    monitor.close()
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(vs.errors.ConfigurationError, match="this is not a directory"):
        make_monitor(path)


def test_resources_are_summed_with_and_without_errors_beside_them(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 2, clock) as monitors:
        used = 0.0
        for monitor in monitors:
            for error in (None, ValueError):
                with suppress(ValueError), monitor.operation("f", resources=True):
                    sum(range(1000))
                    if error is not None:
                        raise error
                publish(monitor)
            [call] = [one for one in monitor.recent_calls() if one.error_type is None][-1:]
            used += call.cpu_seconds or 0.0
        shown = exposition(monitors[1])
    labels = '{component="default",operation="f"}'
    assert shown[f"operation_cpu_seconds_total{labels}"] >= used > 0
    assert shown[
        'operation_errors_total{component="default",operation="f",error_type="ValueError"}'
    ]
