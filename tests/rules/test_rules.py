"""Rules in the process: what fires, as which severity, and when it ends."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import vitalspan as vs
from support.waiting import wait_until
from support.watched import TICK, Watched
from vitalspan.rules.alert_state import AlertState, next_state


class Depth(Collector):
    """A gauge that may have no value at all."""

    def __init__(self) -> None:
        self.value: float | None = 0

    def set(self, value: float | None) -> None:
        self.value = value

    def collect(self) -> list[GaugeMetricFamily]:
        return [] if self.value is None else [self.family()]

    def family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("depth", "Waiting.", value=self.value)


def gauged(**fields: object) -> tuple[Watched, Depth]:
    """A rule on a gauge: what is set is what is compared."""
    watched = Watched()
    depth = Depth()
    watched.registry.register(depth)
    watched.monitor.rules.add(alert="Deep", series="depth", **fields)
    return watched, depth


def test_an_alert_is_pending_then_firing_then_resolved() -> None:
    watched, gauge = gauged(above=10, for_="10s", labels={"team": "ops"})
    gauge.set(11)
    watched.tick()
    assert watched.states() == {"Deep": ("warning", "pending")}
    assert watched.sample("alert_state", alertname="Deep", severity="warning", team="ops") == 1
    watched.tick()
    assert watched.states() == {"Deep": ("warning", "pending")}
    watched.tick()
    [alert] = watched.monitor.alerts.active()
    assert (alert.severity, alert.state, alert.value, alert.threshold) == (
        "warning",
        "firing",
        11,
        10,
    )
    assert alert.labels == {"alertname": "Deep", "severity": "warning", "team": "ops"}
    assert alert.message == "depth is 11, above 10"
    assert alert.active_at == pytest.approx(watched.clock.wall() - 10)
    assert alert.fired_at == pytest.approx(watched.clock.wall())
    assert watched.sample("alert_state", alertname="Deep", severity="warning", team="ops") == 2
    gauge.set(10)
    watched.tick()
    [ended] = watched.monitor.alerts.active()
    assert (ended.state, ended.id) == ("resolved", alert.id)
    assert ended.resolved_at == pytest.approx(watched.clock.wall())
    assert watched.sample("alert_state", alertname="Deep", severity="warning", team="ops") == 0
    watched.tick(200)
    assert watched.monitor.alerts.active() == []
    assert [one.state for one in watched.monitor.alerts.history()] == ["firing", "resolved"]
    for state in ("pending", "firing", "resolved"):
        labels = {"alertname": "Deep", "severity": "warning", "state": state}
        assert watched.sample("alert_transitions_total", **labels) == 1


def test_dates_stay_when_the_clock_is_set() -> None:
    watched, gauge = gauged(above=10)
    gauge.set(11)
    watched.tick()
    [before] = watched.monitor.alerts.active()
    watched.clock.step_wall(-3600)
    watched.tick()
    [after] = watched.monitor.alerts.active()
    assert (after.active_at, after.fired_at) == (before.active_at, before.fired_at)


def test_every_rule_has_a_state_before_anything_happens() -> None:
    watched, _ = gauged(above={"warning": 10, "critical": 20})
    for severity in ("warning", "critical"):
        assert watched.sample("alert_state", alertname="Deep", severity=severity) == 0


def test_a_pending_alert_that_misses_is_gone() -> None:
    watched, gauge = gauged(above=10, for_="1m")
    gauge.set(11)
    watched.tick(3)
    gauge.set(9)
    watched.tick()
    assert watched.monitor.alerts.active() == []
    labels = {"alertname": "Deep", "severity": "warning", "state": "inactive"}
    assert watched.sample("alert_transitions_total", **labels) == 1
    assert watched.monitor.alerts.history() == []


def test_one_alert_whose_severity_rises_and_falls() -> None:
    watched, gauge = gauged(above={"warning": 10, "error": 20, "critical": 30})
    seen = []
    for value in (5, 15, 25, 35, 25, 15, 5):
        gauge.set(value)
        watched.tick()
        seen.append(
            [(one.severity, one.state, one.threshold) for one in watched.monitor.alerts.active()]
        )
    assert seen == [
        [],
        [("warning", "firing", 10)],
        [("error", "firing", 20)],
        [("critical", "firing", 30)],
        [("error", "firing", 20)],
        [("warning", "firing", 10)],
        [("warning", "resolved", 10)],
    ]
    past = watched.monitor.alerts.history()
    assert [one.severity for one in past] == [
        "warning",
        "error",
        "critical",
        "error",
        "warning",
        "warning",
    ]
    assert len({one.id for one in past}) == 1
    # Of the levels of one alert only the one that counts is up.
    gauge.set(35)
    watched.tick()
    states = [
        watched.sample("alert_state", alertname="Deep", severity=severity)
        for severity in ("warning", "error", "critical")
    ]
    assert states == [0, 0, 2]


def test_below() -> None:
    watched, gauge = gauged(below={"warning": 70, "critical": 50}, clear={"warning": 80})
    seen = []
    for value in (75, 69, 75, 40, 60, 79, 80, 81):
        gauge.set(value)
        watched.tick()
        seen.append([one.severity for one in watched.monitor.alerts.active(state="firing")])
    assert seen == [[], ["warning"], ["warning"], ["critical"], ["warning"], ["warning"], [], []]


def test_a_firing_alert_clears_at_clear() -> None:
    watched, gauge = gauged(above=10, clear=5)
    seen = []
    for value in (7, 11, 7, 6, 5, 7):
        gauge.set(value)
        watched.tick()
        seen.append(len(watched.monitor.alerts.active(state="firing")))
    assert seen == [0, 1, 1, 1, 0, 0]


def test_it_fires_on_for_a_while() -> None:
    watched, gauge = gauged(above=10, keep_firing_for="10s")
    gauge.set(11)
    watched.tick()
    gauge.set(1)
    states = []
    for _ in range(4):
        watched.tick()
        states.append(watched.states()["Deep"][1])
    assert states == ["firing", "firing", "resolved", "resolved"]


def test_one_alert_for_each_combination_of_labels() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Slow", signal="latency_p95", by=["operation"], above="1s", window="10s"
    )
    watched.call("a", 2.0)
    watched.call("b", 0.1)
    watched.call("c", 3.0)
    watched.tick()
    assert {one.operation for one in watched.monitor.alerts.active()} == {"a", "c"}
    [alert] = watched.monitor.alerts.active(operation="a")
    assert alert.message.startswith("latency_p95 of a is 1.9")
    labels = {"alertname": "Slow", "severity": "warning"}
    assert watched.sample("alert_state", operation="a", **labels) == 2
    assert watched.sample("alert_state", operation="b", **labels) == 0
    assert watched.monitor.alerts.active(severity="critical", type="rate") == []


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"severity": "urgent"}, "'info', 'warning', 'error' or 'critical'"),
        ({"severity": ""}, "'info', 'warning', 'error' or 'critical'"),
        ({"state": "inactive"}, "'pending', 'firing' or 'resolved'"),
    ],
)
def test_alerts_of_an_unknown_severity_or_state_are_a_mistake(
    condition: dict[str, str], words: str
) -> None:
    [(name, value)] = condition.items()
    with pytest.raises(vs.ConfigurationError, match=f"^{name}={value!r}: use {words}$"):
        Watched().monitor.alerts.active(**condition)


def test_too_few_samples_are_no_data() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Failing", signal="error_ratio", above="50%", min_count=5)
    watched.call(error=ValueError(), times=4)
    watched.tick()
    assert watched.monitor.alerts.active() == []
    watched.call(error=ValueError())
    watched.tick()
    assert watched.states() == {"Failing": ("warning", "firing")}


@pytest.mark.parametrize(
    ("no_data", "without", "after_firing"),
    [("ok", "none", "resolved"), ("alert", "firing", "firing"), ("keep", "none", "firing")],
)
def test_what_no_data_does(no_data: str, without: str, after_firing: str) -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Slow", signal="latency_p95", above="1s", window="10s", no_data=no_data
    )

    def state() -> str:
        return watched.states().get("Slow", ("", "none"))[1]

    watched.tick()
    assert state() == without
    watched.call(seconds=2.0)
    watched.tick()
    assert state() == "firing"
    watched.tick(4)
    assert state() == after_firing
    if no_data == "alert":
        assert watched.monitor.alerts.active()[0].value is not None
        watched.call(seconds=0.1)
        watched.tick()
        assert state() == "resolved"


def test_the_message_of_missing_data() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Gone",
        signal="latency_p95",
        above="1s",
        no_data="alert",
        annotations={"summary": "value {{ $value }}"},
    )
    watched.tick()
    [alert] = watched.monitor.alerts.active()
    assert alert.message == "latency_p95 has no data"
    assert alert.value is None


def test_a_series_that_goes_ends_its_alert() -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["queue"], registry=watched.registry)
    watched.monitor.rules.add(alert="Deep", series="depth", by=["queue"], above=1)
    gauge.labels("a").set(2)
    watched.tick()
    assert watched.states() == {"Deep": ("warning", "firing")}
    gauge.clear()
    watched.tick()
    assert watched.states() == {"Deep": ("warning", "resolved")}


def test_groups_have_their_interval_and_their_limit(tmp_path: Path) -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["queue"], registry=watched.registry)
    for name in "abc":
        gauge.labels(name).set(5)
    path = tmp_path / "rules.yml"
    path.write_text(
        """
groups:
  - name: slow
    interval: 20s
    rules:
      - {alert: Slowly, series: depth, above: 1}
  - name: few
    limit: 2
    rules:
      - {alert: Many, series: depth, by: [queue], above: 1}
"""
    )
    watched.monitor.rules.load(path)
    watched.tick()
    assert watched.states() == {"Slowly": ("warning", "firing")}
    assert watched.sample("vitalspan_rule_failures_total", alertname="Many") == 1
    gauge.clear()
    watched.tick(3)
    assert watched.states() == {"Slowly": ("warning", "firing")}
    watched.tick()
    assert watched.states() == {"Slowly": ("warning", "resolved")}


def test_rules_come_and_go_at_run_time() -> None:
    watched, gauge = gauged(above=10)
    rules = watched.monitor.rules
    gauge.set(11)
    watched.tick()
    [before] = watched.monitor.alerts.active()
    rules.add(alert="Other", series="depth", above=100)
    watched.tick()
    assert [one.id for one in watched.monitor.alerts.active()] == [before.id]
    # A rule may change as long as its alerts are the same; with other labels they are not.
    rules.add(alert="Deep", series="depth", above=10)
    assert [one.id for one in watched.monitor.alerts.active()] == [before.id]
    rules.add(alert="Deep", series="depth", above=10, for_="1m")
    watched.tick()
    assert [(one.id, one.state) for one in watched.monitor.alerts.active()] == [
        (before.id, "firing")
    ]
    rules.add(alert="Deep", series="depth", above=10, labels={"team": "ops"}, for_="1m")
    watched.tick()
    assert sorted(one.state for one in watched.monitor.alerts.active()) == ["pending", "resolved"]
    assert rules.remove("Deep")
    assert not rules.remove("Deep")
    assert watched.sample("alert_state", alertname="Deep", severity="warning") is None
    assert [one.state for one in watched.monitor.alerts.active()] == ["resolved"]
    watched.tick(200)
    assert watched.monitor.alerts.active() == []
    assert [rule.alert for group in rules.in_force.groups for rule in group.rules] == ["Other"]


def test_a_mistake_in_python_names_the_field() -> None:
    watched = Watched()
    with pytest.raises(vs.ConfigurationError, match="above"):
        watched.monitor.rules.add(alert="Deep", signal="latency_p95", above="5%")
    assert watched.monitor.rules.in_force.groups == ()


def test_a_changed_file_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", registry=watched.registry)
    gauge.set(5)
    path = tmp_path / "rules.yml"

    def write(text: str) -> None:
        path.write_text("groups: [{name: g, rules: [" + text + "]}]")

    write("{alert: A, series: depth, above: 1}")
    watched.monitor.configure(rules=str(path))
    watched.tick()
    assert watched.states() == {"A": ("warning", "firing")}
    write("{alert: A, series: depth, above: 1}, {alert: BB, series: depth, above: 1}")
    # It is read when nobody has written to it for a tick.
    watched.tick()
    assert set(watched.states()) == {"A"}
    watched.tick()
    assert set(watched.states()) == {"A", "BB"}
    write("{alert: A, series: depth, abov: 1}")
    watched.tick(2)
    assert {name for name, (_, state) in watched.states().items() if state == "firing"} == {
        "A",
        "BB",
    }
    assert watched.sample("vitalspan_rules_reload_failed") == 1
    assert len([one for one in caplog.records if "stay in force" in one.message]) == 1
    assert not watched.monitor.rules.reload()
    write("{alert: CCC, series: depth, above: 1}")
    assert watched.monitor.rules.reload()
    watched.tick()
    assert watched.states()["CCC"] == ("warning", "firing")
    assert watched.sample("vitalspan_rules_reload_failed") == 0
    watched.monitor.configure(rules="")
    assert watched.monitor.rules.in_force.groups == ()
    assert watched.monitor.rules.reload()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_signal_asks_for_the_file_to_be_read_again(tmp_path: Path) -> None:
    watched = Watched()
    path = tmp_path / "rules.yml"
    path.write_text("groups: []")
    rules = watched.monitor.rules
    rules.load(path)
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))
    try:
        rules.reload_on_signal()
        stamp = path.stat()
        path.write_text("groups: {}")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        watched.tick()
        assert watched.sample("vitalspan_rules_reload_failed") == 0
        signal.raise_signal(signal.SIGHUP)
        watched.tick()
        assert watched.sample("vitalspan_rules_reload_failed") == 1
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_rules_can_be_changed_from_many_threads() -> None:
    watched = Watched()
    rules = watched.monitor.rules

    def change(number: int) -> None:
        for turn in range(20):
            rules.add(alert=f"A{number}", signal="rate", above=turn)
            rules.add_slo(name=f"s{number}", objective=0.9)
        rules.remove(f"s{number}")

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        watched.tick()
    for thread in threads:
        thread.join()
    found = {rule.alert for group in rules.in_force.groups for rule in group.rules}
    assert found == {f"A{number}" for number in range(6)}
    assert watched.monitor.rules.slos() == []


def test_alerts_can_be_acknowledged_silenced_and_cleared() -> None:
    watched, gauge = gauged(above=10)
    gauge.set(11)
    monitor = watched.monitor
    watched.tick()
    [alert] = monitor.alerts.active()
    assert monitor.alerts.acknowledge(alert.id)
    assert not monitor.alerts.acknowledge("nothing")
    silence = monitor.alerts.silence({"alertname": "=~De.*"}, 60.0, "known")
    [alert] = monitor.alerts.active()
    assert alert.acknowledged
    assert alert.silenced_until == silence.until == watched.clock.wall() + 60
    assert monitor.alerts.silences() == [silence]
    watched.tick(12)
    assert monitor.alerts.silences() == []
    assert monitor.alerts.active()[0].silenced_until == 0
    again = monitor.alerts.silence({"severity": "critical"}, 60.0)
    assert monitor.alerts.active()[0].silenced_until == 0
    assert monitor.alerts.unsilence(again.id)
    assert not monitor.alerts.unsilence(again.id)
    monitor.alerts.clear()
    assert (monitor.alerts.active(), monitor.alerts.history()) == ([], [])
    watched.tick()
    assert monitor.alerts.active()[0].id != alert.id


def test_a_monitor_without_rules_has_no_alerts() -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    assert (monitor.alerts.active(), monitor.alerts.history(), monitor.rules.slos()) == ([], [], [])
    monitor.alerts.clear()
    monitor.stop()
    monitor.close()


def test_a_monitor_that_is_not_asked_about_alerts_evaluates_nothing() -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    monitor.stop()
    monitor.close()
    assert monitor.evaluation_if_made is None


def test_one_failing_rule_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    watched, gauge = gauged(above=10)
    gauge.set(11)
    watched.monitor.rules.add(alert="Broken", series="depth", above=1)
    broken = watched.monitor.evaluation.engine.rule_states()[1]
    broken.reader = None  # type: ignore[attr-defined]
    watched.tick(3)
    assert watched.states() == {"Deep": ("warning", "firing")}
    assert watched.sample("vitalspan_rule_failures_total", alertname="Broken") == 3
    assert len([one for one in caplog.records if "Broken" in one.message]) == 1


def test_a_tick_that_is_not_later_is_left_out() -> None:
    watched, gauge = gauged(above=10)
    gauge.set(11)
    watched.monitor.tick(watched.clock.now())
    assert watched.sample("vitalspan_tick_seconds_count") == 0
    watched.monitor.tick(watched.clock.now() + 1)
    watched.monitor.tick(watched.clock.now() + 1)
    assert watched.sample("vitalspan_tick_seconds_count") == 1


def tick_threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "vitalspan-tick"}


def test_one_thread_ticks() -> None:
    # Default monitors of other tests may tick.
    others = tick_threads()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tick_interval=0.1)
    registry = monitor.registry
    try:
        monitor.start()
        monitor.start()
        assert len(tick_threads() - others) == 1
        wait_until(lambda: (registry.get_sample_value("vitalspan_tick_seconds_count") or 0) >= 2)
    finally:
        monitor.close()
    assert tick_threads() <= others
    monitor.configure(tick_interval=0)
    monitor.start()
    assert tick_threads() <= others


values = st.lists(st.sampled_from([0, 6, 11, 16, 21, None]), min_size=5, max_size=40)


@settings(max_examples=80)
@given(values, st.sampled_from([0, 5, 15]), st.sampled_from([0, 10]), st.booleans())
def test_each_level_is_a_machine_of_its_own(
    sequence: list[int | None], for_seconds: int, keep: int, hysteresis: bool
) -> None:
    """What is shown is the worst level that fires, or else the worst that is pending."""
    thresholds = {"warning": 5, "error": 10, "critical": 20}
    watched, gauge = gauged(
        above=thresholds,
        for_=for_seconds,
        keep_firing_for=keep,
        **({"clear": 4} if hysteresis else {}),
    )
    machines: dict[str, AlertState | None] = dict.fromkeys(thresholds)
    for index, value in enumerate(sequence):
        gauge.set(value)
        watched.tick()
        for name, threshold in thresholds.items():
            state = machines[name]
            firing = state is not None and state.phase == "firing"
            limit = 4 if hysteresis and firing else threshold
            machines[name] = next_state(
                state,
                holds=value is not None and value > limit,
                now=index * TICK,
                for_seconds=for_seconds,
                keep_firing_for=keep,
            )
        phases = {name: state.phase for name, state in machines.items() if state is not None}
        expected = None
        for phase in ("firing", "pending"):
            worst = [name for name in thresholds if phases.get(name) == phase]
            if worst:
                expected = (worst[-1], phase)
                break
        shown = watched.states().get("Deep")
        assert (shown if shown is None or shown[1] != "resolved" else None) == expected


def test_a_refused_file_leaves_nothing_in_the_registry(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    with pytest.raises(vs.ConfigurationError, match=r"none\.yml"):
        vs.Monitor(registry=registry, system_metrics=False, rules=str(tmp_path / "none.yml"))
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    with pytest.raises(vs.ConfigurationError, match="close the monitor that they belong to"):
        vs.Monitor(registry=registry, system_metrics=False, webhook="http://127.0.0.1:1")
    monitor.close()


def test_the_interval_can_be_changed_while_it_ticks() -> None:
    others = tick_threads()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, tick_interval=3600)
    registry = monitor.registry

    def ticked() -> float:
        return registry.get_sample_value("vitalspan_tick_seconds_count") or 0

    try:
        monitor.start()
        monitor.configure(tick_interval=0.1)
        wait_until(lambda: ticked() >= 2)
        monitor.reset()
        assert len(tick_threads() - others) == 1
        wait_until(lambda: ticked() >= 1)
        monitor.configure(tick_interval=0)
        wait_until(lambda: tick_threads() <= others)
        monitor.configure(tick_interval=0.1)
        wait_until(lambda: ticked() >= 1)
    finally:
        monitor.close()


def test_a_window_that_is_asked_for_late_covers_what_is_known() -> None:
    watched = Watched()
    for _ in range(600):
        watched.call()
        watched.tick(seconds=60.0)
    reading = watched.monitor.rules.read("rate", window="9h")
    assert reading.value is not None
    assert reading.value == pytest.approx(reading.samples / (9 * 3600))
    assert reading.samples < 540


def test_what_was_long_before_anybody_looked_is_in_no_window() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
    for _ in range(50):
        with contextlib.suppress(ValueError), monitor.operation("f"):
            raise ValueError
    clock.advance(3 * 3600)
    monitor.rules.add(alert="Failing", signal="error_ratio", above="5%")
    with monitor.operation("f"):
        pass
    clock.advance(5)
    monitor.tick()
    assert monitor.alerts.active() == []
    assert monitor.rules.read("error_ratio").samples == 1


def test_what_is_derived_begins_anew_with_everything() -> None:
    watched = Watched()
    watched.monitor.rules.add(
        alert="Drop", signal="rate", window="30s", derive={"change": "1m"}, below="-50%"
    )
    for _ in range(30):
        watched.call(times=50)
        watched.tick()
    watched.monitor.reset()
    watched.call()
    watched.tick(5)
    assert watched.monitor.alerts.active() == []


def test_receivers_that_stay_know_what_they_were_told() -> None:
    watched = Watched(webhook="http://127.0.0.1:1/")
    [before] = watched.monitor.evaluation.receivers.snapshot()
    configured = watched.monitor.evaluation._configured_receivers
    [receiver] = configured._receivers
    watched.monitor.configure(recent_calls=50)
    assert configured._receivers == [receiver]
    assert [one.name for one in watched.monitor.evaluation.receivers.snapshot()] == [before.name]
    watched.monitor.close()


def test_combinations_that_go_are_forgotten() -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["pod"], registry=watched.registry)
    watched.monitor.rules.add(alert="Deep", series="depth", by=["pod"], above=10)
    for pod in range(20):
        gauge.clear()
        gauge.labels(str(pod)).set(11 if pod == 0 else 1)
        watched.tick()
    watched.tick(200)
    shown = [
        sample
        for family in watched.registry.collect()
        if family.name == "alert_state"
        for sample in family.samples
    ]
    assert [sample.labels["pod"] for sample in shown] == ["19"]


def test_an_alert_of_a_rule_about_one_operation_is_found_by_it() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Busy", signal="rate", where={"operation": "f"}, above=0)
    watched.call()
    watched.tick()
    assert [one.alertname for one in watched.monitor.alerts.active(operation="f")] == ["Busy"]
    assert "operation" not in watched.monitor.alerts.active()[0].labels


def test_actions_are_recorded() -> None:
    watched, depth = gauged(above=10)
    assert vs.Monitor(registry=CollectorRegistry(), system_metrics=False).alerts.actions() == []
    seen: list[vs.Alert] = []
    watched.monitor.alerts.on("Deep", seen.append)
    depth.set(11)
    watched.tick()
    wait_until(watched.monitor.alerts.actions)
    [done] = watched.monitor.alerts.actions()
    assert (done.alertname, done.outcome, done.alert_id) == ("Deep", "ok", seen[0].id)
    watched.monitor.close()


def test_what_is_derived_can_be_asked_for() -> None:
    watched = Watched()
    values = []
    for turn in range(20):
        watched.call(times=turn)
        watched.tick()
        values.append(watched.read("rate", window="5s", derive={"slope": "1m"}))
    assert values[0] is None
    assert values[-1] == pytest.approx(0.2 / 5 * 3600)


def test_a_value_from_long_ago_is_no_comparison() -> None:
    watched, depth = gauged(derive={"change": "1m"}, above="100%")
    depth.set(1)
    watched.tick()
    depth.set(None)
    watched.tick(200)
    depth.set(100)
    watched.tick(2)
    assert watched.monitor.alerts.active() == []


def test_a_value_that_is_no_number_is_no_data() -> None:
    watched, depth = gauged(derive={"slope": "1m"}, above=0)
    depth.set(float("nan"))
    watched.tick()
    for value in range(20):
        depth.set(value)
        watched.tick()
    assert watched.states() == {"Deep": ("warning", "firing")}


def test_the_limit_counts_alerts_that_fire_on(tmp_path: Path) -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["pod"], registry=watched.registry)
    path = tmp_path / "rules.yml"
    path.write_text(
        "groups: [{name: g, limit: 2, rules: "
        "[{alert: Deep, series: depth, by: [pod], above: 10, keep_firing_for: 1h}]}]"
    )
    watched.monitor.rules.load(path)
    for turn in range(4):
        for pod in range(4):
            gauge.labels(str(pod)).set(11 if pod == turn else 1)
        watched.tick()
        assert len(watched.monitor.alerts.active(state="firing")) <= 2
    assert watched.sample("vitalspan_rule_failures_total", alertname="Deep") == 1


def test_a_disabled_monitor_evaluates_nothing() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Gone", signal="absent", window="10s", above=0)
    watched.call()
    watched.tick()
    watched.monitor.disable()
    watched.tick(10)
    assert watched.monitor.alerts.active() == []
    watched.monitor.enable()
    watched.tick()
    assert watched.states() == {"Gone": ("warning", "firing")}


def test_a_collector_may_ask_the_monitor() -> None:
    """It runs while a tick is under way, or while a registry waits for it."""
    watched = Watched()

    class Asking(Collector):
        def collect(self) -> list[GaugeMetricFamily]:
            firing = len(watched.monitor.alerts.active())
            return [GaugeMetricFamily("asked", "Alerts.", value=firing)]

    watched.registry.register(Asking())
    watched.monitor.rules.add(alert="Asked", series="asked", above=-1)
    watched.tick()
    assert watched.states() == {"Asked": ("warning", "firing")}


@pytest.mark.parametrize(
    ("aggregate", "state"), [("sum", None), ("avg", None), ("min", "firing"), ("max", "firing")]
)
def test_a_gauge_that_is_no_number_is_no_data(aggregate: str, state: str | None) -> None:
    watched = Watched()
    gauge = Gauge("depth", "Waiting.", ["pod"], registry=watched.registry)
    gauge.labels("a").set(math.nan)
    gauge.labels("b").set(50)
    watched.monitor.rules.add(alert="Deep", series="depth", aggregate=aggregate, above=10)
    watched.tick(2)
    assert watched.states().get("Deep", ("", None))[1] == state
    gauge.labels("b").set(math.nan)
    watched.tick(2)
    assert watched.states().get("Deep", ("", "resolved"))[1] == "resolved"


def test_annotations_show_which_process_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels that alerts get when they leave the process, as Prometheus has them."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=web-1")
    watched = Watched()
    watched.monitor.rules.add(
        alert="Busy",
        signal="rate",
        above=0,
        annotations={"summary": "{{ $labels.instance }} of {{ $labels.job }}", "plain": "a"},
    )
    watched.call()
    watched.tick()
    [alert] = watched.monitor.alerts.active()
    assert alert.annotations == {"summary": "web-1 of shop", "plain": "a"}
    assert "instance" not in alert.labels
