"""One process evaluates for all, and another one goes on from where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vitalspan as vs
from support.waiting import wait_until
from support.worker_processes import die, exposition, make_monitor, publish
from vitalspan.notify import Callback
from vitalspan.resource import external_labels
from vitalspan.rules.alert import Alert
from vitalspan.workers import journal as journal_module
from vitalspan.workers.leadership import LEADER, Leadership
from vitalspan.workers.shared_evaluation import SharedEvaluation


class Service:
    """Monitors that stand for the processes of a service, all with the same rules."""

    def __init__(self, directory: Path, count: int) -> None:
        self.clock = vs.ManualClock()
        self.directory = directory
        self.messages: list[tuple[int, str, str]] = []
        self.monitors = [self.start(number) for number in range(count)]

    def start(self, number: int) -> vs.Monitor:
        """Start a process."""
        monitor = make_monitor(self.directory, self.clock)
        monitor.rules.add(
            alert="Failing",
            signal="error_ratio",
            window=60,
            above={"warning": 0.1, "critical": 0.9},
            for_=20,
            min_count=10,
        )
        monitor.rules.add_slo(name="good", objective=0.9, window=3600)

        def note(notification: Any) -> None:
            self.messages += [
                (number, alert.alertname, alert.state) for alert in notification.changed
            ]

        monitor.receivers.add(Callback(note, group_wait=0, group_interval=0))
        return monitor

    def call(self, number: int, calls: int, error: type[Exception] | None = None) -> None:
        """Make calls in one process."""
        monitor = self.monitors[number]
        for _ in range(calls):
            try:
                with monitor.operation("f"):
                    self.clock.advance(0.001)
                    if error is not None:
                        raise error
            except Exception:
                assert error is not None
        publish(monitor)

    def tick(self, *numbers: int, seconds: float = 5.0) -> None:
        """Let time pass, and processes tick."""
        self.clock.advance(seconds)
        for number in numbers or range(len(self.monitors)):
            self.monitors[number].tick()

    def kill(self, number: int) -> None:
        """Kill a process, and start another one in its place."""
        monitor = self.monitors[number]
        die(monitor)
        monitor.stop()
        self.monitors[number] = self.start(number)

    def leaders(self) -> list[int]:
        """Return which processes lead."""
        return [number for number, one in enumerate(self.monitors) if shared(one).leads]


def shared(monitor: vs.Monitor) -> SharedEvaluation:
    found = monitor.evaluation._shared
    assert found is not None
    return found


def active(monitor: vs.Monitor) -> list[Alert]:
    alerts = monitor.alerts.active()
    return [one for one in alerts if one.state != "resolved"]


@pytest.fixture(autouse=True)
def own_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test shares must not be in the labels of another's alerts."""
    monkeypatch.setattr("vitalspan.resource._directories", [])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "shared", 3)
    yield made
    for monitor in made.monitors:
        monitor.close()


def test_a_monitor_that_is_closed_gives_its_instance_back(tmp_path: Path) -> None:
    alone = external_labels()
    monitors = []
    for name in ("one", "another"):
        [monitor] = Service(tmp_path / name, 1).monitors
        monitor.tick()
        assert external_labels()["instance"].endswith(f":{tmp_path / name}")
        monitors.append(monitor)
    for _ in range(2):
        monitors[1].close()
        assert external_labels()["instance"].endswith(f":{tmp_path / 'one'}")
    monitors[0].close()
    assert external_labels() == alone


def test_one_process_evaluates_what_all_have_counted(service: Service) -> None:
    service.tick()
    assert service.leaders() == [0]
    for number in range(3):
        service.call(number, 6, ValueError)
    service.tick(0)
    # None of them has the ten calls that the rule asks for.
    for monitor in service.monitors:
        [alert] = active(monitor)
        assert (alert.alertname, alert.state, alert.severity) == ("Failing", "pending", "critical")
        assert alert.value == 1.0
    service.tick(0)
    service.tick()
    documents = [
        [alert.to_dict() for alert in monitor.alerts.active()] for monitor in service.monitors
    ]
    assert documents[0] == documents[1] == documents[2]
    health = [monitor.health() for monitor in service.monitors]
    assert health[0].score is not None
    assert health[0] == health[1] == health[2]
    shown = [exposition(monitor) for monitor in service.monitors]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0]['slo_bad_events_total{slo="good"}'] == 18
    assert shown[0]['slo_error_budget_remaining_ratio{slo="good"}'] == pytest.approx(-9)


@pytest.mark.parametrize("state", ["pending", "firing"])
def test_a_failover_neither_fires_nor_resolves_anything(service: Service, state: str) -> None:
    service.tick()
    service.call(1, 20, ValueError)
    service.tick()
    if state == "firing":
        for _ in range(4):
            service.tick()
    [before] = active(service.monitors[0])
    assert before.state == state
    counters = exposition(service.monitors[1])
    service.kill(0)
    service.tick(1, 2)
    assert service.leaders() == [1]
    [after] = active(service.monitors[1])
    assert (after.id, after.state, after.active_at) == (before.id, state, before.active_at)
    assert after.fired_at == before.fired_at
    assert after.value == before.value
    for name, value in exposition(service.monitors[1]).items():
        if name.split("{")[0].endswith("_total"):
            assert value >= counters[name], name
    if state == "pending":
        assert not service.messages
        for _ in range(3):
            service.tick()
        [fired] = active(service.monitors[2])
        assert (fired.state, fired.active_at) == ("firing", before.active_at)
    wait_until(lambda: service.messages)
    service.call(1, 500)
    service.tick(seconds=61)
    service.tick()
    wait_until(lambda: len(service.messages) >= 2)
    for monitor in service.monitors:
        monitor.receivers.close()
    assert [one[1:] for one in service.messages] == [("Failing", "firing"), ("Failing", "resolved")]
    assert {one[0] for one in service.messages[1:]} == {1}
    [first, last] = service.monitors[0].alerts.history()
    assert (first.state, last.state) == ("firing", "resolved")


def test_windows_go_on_over_many_failovers(service: Service, tmp_path: Path) -> None:
    alone = Service(tmp_path / "alone", 1)
    for step in range(30):
        error = ValueError if step % 3 == 0 else None
        service.call(step % 3, 5, error)
        alone.clock.advance(max(0.0, service.clock.now() - alone.clock.now() - 0.005))
        alone.call(0, 5, error)
        service.tick()
        alone.tick()
        if step % 4 == 3:
            service.kill(service.leaders()[0])
            service.tick()
            alone.tick()
        [leader] = service.leaders()
        [ours] = service.monitors[leader].rules.slos()
        [theirs] = alone.monitors[0].rules.slos()
        assert (ours.events, ours.bad) == (theirs.events, theirs.bad), step
        assert [one.value for one in active(service.monitors[leader])] == [
            one.value for one in active(alone.monitors[0])
        ], step
    alone.monitors[0].close()


def test_native_histograms_go_on_after_a_failover(service: Service, tmp_path: Path) -> None:
    rules = tmp_path / "native.yml"
    rules.write_text(
        "groups: [{name: native, rules: [{alert: Called, "
        "expr: 'histogram_count(increase(operation_duration_seconds[2m])) > 0'}]}]"
    )
    for monitor in service.monitors:
        monitor.rules.load(rules)
    service.tick()
    for _ in range(12):
        service.call(1, 3)
        service.tick()
    service.kill(0)
    service.tick(1, 2, 0)
    service.tick(1, 2, 0)
    assert service.leaders() == [1]
    [alert] = [one for one in active(service.monitors[1]) if one.alertname == "Called"]
    assert alert.value == pytest.approx(36, rel=0.2)


def test_what_a_follower_is_told_reaches_the_leader(service: Service) -> None:
    service.tick()
    service.call(2, 20, ValueError)
    for _ in range(6):
        service.tick()
    leader, follower, third = service.monitors
    [alert] = active(follower)
    assert not follower.alerts.acknowledge("no such alert")
    assert follower.alerts.acknowledge(alert.id)
    assert active(follower)[0].acknowledged
    silence = follower.alerts.silence({"alertname": "Failing"}, 600, "known")
    own = leader.alerts.silence({"alertname": "Other"}, 600)
    service.tick()
    for monitor in service.monitors:
        assert active(monitor)[0].acknowledged
        assert active(monitor)[0].silenced_until == pytest.approx(silence.until)
        assert {one.id for one in monitor.alerts.silences()} == {silence.id, own.id}
        assert {one.comment for one in monitor.alerts.silences()} == {"known", ""}
    assert third.alerts.unsilence(silence.id)
    assert not third.alerts.unsilence(7)
    service.tick()
    for monitor in service.monitors:
        assert [one.id for one in monitor.alerts.silences()] == [own.id]
    third.alerts.clear()
    service.tick()
    [begun] = [one for one in active(leader) if one.alertname == "Failing"]
    assert (begun.state, begun.acknowledged) == ("pending", False)
    assert not list(service.directory.glob("*.request"))


def test_a_damaged_request_is_dropped(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.tick()
    for number, text in enumerate((b"", b"[]", b'{"kind": 1}', b'{"kind": "silence"}', b"\xff")):
        (service.directory / f"{number}.request").write_bytes(text)
    service.tick()
    assert not list(service.directory.glob("*.request"))
    assert "could not be read and is left out" in caplog.text


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 99}', b"\xff"]
)
def test_a_damaged_state_is_left_out(service: Service, content: bytes) -> None:
    service.tick()
    service.call(1, 20, ValueError)
    service.tick()
    assert active(service.monitors[1])
    (service.directory / "evaluation").write_bytes(content)
    assert active(service.monitors[1])
    service.kill(0)
    service.tick(1, 2, 0)
    assert service.leaders() == [1]
    assert active(service.monitors[1])
    service.tick()
    assert active(service.monitors[2])


def test_a_state_whose_parts_are_missing_is_left_out(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    import json

    service.tick()
    document = json.loads((service.directory / "evaluation").read_bytes())
    for name in ("engine", "health", "slos", "wall"):
        broken = {key: value for key, value in document.items() if key != name}
        (service.directory / "evaluation").write_bytes(json.dumps(broken).encode())
        assert service.monitors[1].alerts.active() == []
    assert "could not be read and is left out" in caplog.text


def test_a_damaged_journal_ends_where_the_damage_begins(service: Service) -> None:
    for _ in range(5):
        service.call(1, 10)
        service.tick()
    [segment] = service.directory.glob("journal-*")
    content = bytearray(segment.read_bytes())
    content[-10] ^= 0xFF
    segment.write_bytes(content + b"\x01\x02")
    (service.directory / "journal-x").write_bytes(b"foreign")
    (service.directory / "journal-7").write_bytes(b"foreign and long enough for a prefix")
    service.kill(0)
    service.tick()
    [leader] = service.leaders()
    [slo] = service.monitors[leader].rules.slos()
    assert slo.events == 50


def test_a_journal_of_another_run_of_the_machine_is_not_read(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.call(1, 10)
    service.tick()
    service.call(1, 10)
    service.tick()
    [one] = service.monitors[0].rules.slos()
    assert one.events == 20
    monkeypatch.setattr("vitalspan.workers.shared_evaluation._boot_id", lambda: "another")
    service.kill(0)
    service.kill(1)
    service.kill(2)
    service.tick()
    service.call(1, 3)
    service.tick()
    [one] = service.monitors[0].rules.slos()
    # Nobody knows when the older ones were counted.
    assert one.events == 3
    assert exposition(service.monitors[0])['slo_events_total{slo="good"}'] == 23


def test_old_segments_of_the_journal_are_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_SEGMENT_SECONDS", 600.0)
    for _ in range(20):
        service.call(1, 10)
        service.tick(seconds=300)
    segments = list(service.directory.glob("journal-*"))
    assert 3 < len(segments) < 9
    service.kill(0)
    service.tick()
    [leader] = service.leaders()
    [slo] = service.monitors[leader].rules.slos()
    assert slo.covered >= 3000
    monkeypatch.setattr(journal_module, "_MAX_BYTES", 1000)
    service.tick(seconds=700)
    assert len(list(service.directory.glob("journal-*"))) <= 3


def test_the_journal_has_a_limit_between_segments_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segments() -> set[str]:
        return {path.name for path in service.directory.glob("journal-*")}

    for _ in range(3):
        service.call(1, 10)
        service.tick()
    assert segments() == {"journal-1"}
    size = (service.directory / "journal-1").stat().st_size
    # A segment has two full entries at least, or all of them would be full.
    monkeypatch.setattr(journal_module, "_MAX_BYTES", 5 * size)
    totals = []
    for _ in range(40):
        service.call(1, 10)
        service.tick()
        totals.append(sum(path.stat().st_size for path in service.directory.glob("journal-*")))
    assert max(totals) < 10 * size
    assert "journal-1" not in segments()
    assert len(segments()) >= 2
    service.kill(0)
    service.tick()
    [leader] = service.leaders()
    [slo] = service.monitors[leader].rules.slos()
    assert slo.covered > 0


def test_a_full_disk_keeps_nobody_from_evaluating(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service.tick()

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    service.call(0, 20, ValueError)
    with monkeypatch.context() as patched:
        for module in ("published_evaluation", "leader_requests"):
            patched.setattr(f"vitalspan.workers.{module}.replace_file", refuse)
        service.tick()
        service.tick()
        assert active(service.monitors[0])
        service.monitors[1].alerts.silence({"alertname": "x"}, 5)
    assert caplog.text.count("publishing alerts and health failed") == 1
    service.tick()
    assert active(service.monitors[1])


def test_where_nothing_can_be_written_each_process_leads(tmp_path: Path) -> None:
    monitor = make_monitor("/proc/vitalspan")
    monitor.rules.add(alert="Any", signal="rate", window=60, above={"warning": 0.0})
    monitor.tick()
    with monitor.operation("f"):
        pass
    monitor.clock.advance(5)  # type: ignore[attr-defined]
    monitor.tick()
    assert [one.alertname for one in active(monitor)] == ["Any"]
    assert [one.operation for one in monitor.recent_calls()] == ["f"]
    assert monitor.slow_calls() == []
    monitor.close()


def test_a_lock_that_was_removed_is_taken_anew(tmp_path: Path) -> None:
    first, second = Leadership(tmp_path), Leadership(tmp_path)
    assert first.acquire()
    assert first.held
    assert not second.acquire()
    (tmp_path / LEADER).unlink()
    assert second.acquire()
    assert not first.acquire()
    second.release()
    assert first.acquire()
    first.release()


def test_asking_for_health_does_not_keep_others_from_leading(service: Service) -> None:
    service.call(1, 10)
    service.clock.advance(5)
    assert service.monitors[0].health().at is not None
    assert service.leaders() == []
    service.tick(1)
    assert service.leaders() == [1]
    service.clock.advance(5)
    assert service.monitors[0].health() == service.monitors[1].health.latest


def test_mistakes_in_a_rule_file_are_logged_by_the_process_that_evaluates(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rules.yml"

    def write(text: str) -> None:
        file.write_text(text)
        # The second tick that sees a change reads it.
        service.tick()
        service.tick()

    file.write_text("groups: []")
    for monitor in service.monitors:
        monitor.rules.load(file)
    write("groups: [{name: a, rules: 7}]")
    [logged] = caplog.messages
    assert logged.startswith("the new rules have mistakes, so the previous ones stay in force: ")
    assert f"{file}:1:" in logged
    assert all(monitor.rules.reload_failed for monitor in service.monitors)
    # Another one evaluates the previous rules from now on, and says so.
    service.kill(0)
    service.tick(1, 2)
    service.tick(1, 2)
    assert caplog.messages == [logged, logged]
    write("groups: [{name: b, rules: []}]")
    # What has been corrected is not told by the next one.
    service.kill(1)
    service.tick(2)
    assert caplog.messages == [logged, logged]


def test_mistakes_that_a_process_finds_when_it_is_asked_are_logged_there(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text("groups: []")
    service.tick()
    follower = next(one for one in service.monitors if not shared(one).leads)
    follower.rules.load(file)
    file.write_text("groups: 7")
    assert not follower.rules.reload()
    [logged] = caplog.messages
    assert f"{file}:1:" in logged
