"""The thread that ticks: who starts it, and what a fork does to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.subprograms import FORKING, run_program
from support.waiting import wait_until
from vitalspan.runtime.ticker import Ticker

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

WAIT = """
import threading
from support.waiting import wait_until
def ticked(times):
    count = "vitalspan_tick_seconds_count"
    return wait_until(lambda: (monitor.registry.get_sample_value(count) or 0) >= times, 30)
def ticking():
    return [one.name for one in threading.enumerate()].count("vitalspan-tick")
"""


@forks
def test_a_forked_child_ticks_by_itself_and_begins_anew() -> None:
    run_program(
        FORKING
        + WAIT
        + """
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tick_interval=0.1)
monitor.rules.add(alert="Busy", signal="rate", above=0)
monitor.rules.add_slo(name="all", objective=0.9)
with monitor.operation("f"):
    pass
monitor.start()
assert ticked(2)
assert monitor.alerts.active()

def child():
    # Nothing of the parent's: no calls, no alerts, no events of an objective.
    assert ticking() == 1, ticking()
    assert ticked(3)
    assert not monitor.alerts.active()
    assert monitor.rules.slos()[0].events == 0
    with monitor.operation("f"):
        pass
    count = monitor.registry.get_sample_value("vitalspan_tick_seconds_count")
    assert ticked(count + 2)
    assert monitor.rules.slos()[0].events == 1
    assert monitor.alerts.active()

in_child(child)
assert ticking() == 1
monitor.close()
assert ticking() == 0
"""
    )


@forks
def test_a_monitor_that_does_not_tick_does_not_begin_to_in_a_child() -> None:
    run_program(
        FORKING
        + WAIT
        + """
monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
monitor.rules.add(alert="Busy", signal="rate", above=0)

def child():
    assert ticking() == 0, ticking()

in_child(child)
"""
    )


def test_importing_and_recording_start_nothing() -> None:
    run_program(
        """
import threading
with vs.operation("f"):
    pass
vs.generate_latest()
assert threading.active_count() == 1
assert "vitalspan.evaluation" not in sys.modules
assert "yaml" not in sys.modules
"""
    )


def test_configure_and_the_server_start_it() -> None:
    run_program(
        WAIT
        + """
monitor = vs.configure(tick_interval=0.1)
assert ticking() == 1
vs.configure(component="shop")
server = vs.start_http_server(port=0)
assert ticking() == 1
assert ticked(1)
server.close()
monitor.stop()
assert ticking() == 0
other = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
server = vs.start_http_server(port=0, registry=other.registry)
assert ticking() == 1
server.close()
other.close()
assert ticking() == 0
"""
    )


def test_rules_of_the_environment_begin_with_the_default_monitor(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("groups: [{name: g, rules: [{alert: Busy, signal: rate, above: 0}]}]")
    run_program(
        WAIT
        + """
with vs.operation("f"):
    pass
monitor = vs.get_monitor()
assert ticking() == 1
assert ticked(1)
assert [one.alertname for one in monitor.alerts.active()] == ["Busy"]
monitor.close()
""",
        VITALSPAN_RULES=str(file),
        VITALSPAN_TICK_INTERVAL="0.2",
    )


def test_a_tick_that_fails_is_logged_once_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    turns = 0
    enough = threading.Event()

    def tick() -> None:
        nonlocal turns
        turns += 1
        if turns >= 6:
            enough.set()
        if turns != 3:
            raise RuntimeError("broken")

    ticker = Ticker(tick, 0.01)
    ticker.start()
    assert enough.wait(30)
    ticker.stop()
    assert len([one for one in caplog.records if "a tick failed" in one.message]) == 2


def test_rules_need_their_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("groups: []")
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    with pytest.raises(vs.MissingExtraError, match=r"pip install 'vitalspan\[rules\]'"):
        monitor.configure(rules=str(file))


def test_settings_name_the_receivers() -> None:
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        system_metrics=False,
        alertmanager="http://127.0.0.1:1, http://127.0.0.1:2",
        webhook="http://127.0.0.1:3/hook",
    )
    registry = monitor.registry

    def receivers() -> set[str]:
        return {
            sample.labels["receiver"]
            for family in registry.collect()
            if family.name == "vitalspan_receiver_circuit_open"
            for sample in family.samples
        }

    assert len(receivers()) == 3
    monitor.configure(alertmanager="", webhook="http://127.0.0.1:4")
    assert receivers() == {"webhook"}
    with pytest.raises(vs.ConfigurationError, match="Webhook"):
        monitor.configure(webhook="no address")
    assert receivers() == {"webhook"}
    monitor.close()


def in_thread(call: Callable[[], object]) -> list[object]:
    """What a call returns in another thread; a deadlock in it fails the test."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(60)
    assert results, "it hangs"
    return results


def test_the_end_waits_for_a_tick_that_hangs_only_up_to_a_limit() -> None:
    ticking, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def tick() -> None:
        ticking.set()
        go_on.wait(60)

    ticker = Ticker(tick, 0.01)
    ticker.start()
    assert ticking.wait(60)
    assert not ticker.tick_soon(0.01)
    assert not ticker.finish(ended.set, 0.01)
    # A second one does not end what the first one still has to do.
    assert not ticker.finish(ended.set, 0.01)
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(60)
    assert ticker.finish(lambda: None, 60)


def test_a_tick_that_is_asked_for_comes_at_once_in_the_thread_that_ticks() -> None:
    threads: list[threading.Thread] = []
    ticker = Ticker(lambda: threads.append(threading.current_thread()), 1000)
    assert ticker.tick_soon(60)
    assert not threads
    ticker.start()
    assert ticker.tick_soon(60)
    assert ticker.finish(lambda: threads.append(threading.current_thread()), 60)
    assert not ticker.running
    assert [one.name for one in threads] == ["vitalspan-tick"] * 2


def test_a_signal_handler_may_stop_a_ticker_that_is_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticker = Ticker(lambda: None, 1000, name="stopped while it starts")
    start = threading.Thread.start

    def start_and_stop(thread: threading.Thread) -> None:
        """Run a handler in the middle of starting the thread."""
        if thread.name != "stopped while it starts":
            start(thread)
            return
        ticker.stop()
        start(thread)
        ticker.stop()

    monkeypatch.setattr(threading.Thread, "start", start_and_stop)
    in_thread(ticker.start)
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == ticker._name])
    assert not ticker.running


def test_a_signal_handler_that_ends_a_ticker_at_its_end_does_not_wait_for_itself() -> None:
    ticker = Ticker(lambda: None, 1000)
    results: list[bool] = []
    began = time.monotonic()
    in_thread(lambda: ticker.finish(lambda: results.append(ticker.finish(print, 50)), 50))
    assert results == [False]
    assert time.monotonic() - began < 45
