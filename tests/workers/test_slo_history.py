"""SLOs over days, whose past the process that takes over goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import vitalspan as vs
from support.worker_processes import die, make_monitor, publish
from vitalspan.rules.error_budget import SloStatus
from vitalspan.workers import journal as journal_module

STEP = 1800.0
DAY = 86400.0


class Service:
    """Two processes, of which the first leads."""

    def __init__(self, directory: Path) -> None:
        self.clock = vs.ManualClock()
        self.directory = directory
        self.first, self.second = (make_monitor(directory, self.clock) for _ in range(2))
        self.first.rules.add_slo(name="good", objective=0.9, window=3 * DAY)

    def run(self, monitor: vs.Monitor, hours: float, *, failing: bool) -> None:
        """Let a process lead, and make ten calls every half an hour."""
        for _ in range(int(hours * 3600 / STEP)):
            self.clock.advance(STEP)
            for _ in range(10):
                try:
                    with monitor.operation("f"):
                        if failing:
                            raise ValueError
                except ValueError:
                    pass
            publish(monitor)
            monitor.tick()

    def take_over(self, under: float | None = None) -> None:
        """Kill the first process, and let the second one lead."""
        limit = {} if under is None else {"under": under}
        self.second.rules.add_slo(name="good", objective=0.9, window=3 * DAY, **limit)
        die(self.first)
        self.first.stop()
        self.clock.advance(STEP)
        self.second.tick()

    def status(self, monitor: vs.Monitor) -> SloStatus:
        """Return the status of the SLO."""
        [slo] = monitor.rules.slos()
        return slo


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.first.close()
    made.second.close()


def test_error_budgets_go_on_after_a_takeover(service: Service) -> None:
    service.run(service.first, 30, failing=True)
    service.run(service.first, 30, failing=False)
    before = service.status(service.first)
    assert (before.events, before.bad) == (1200, 600)
    service.take_over()
    after = service.status(service.second)
    # A tick of the journal, in which nobody knows what was counted, may be missing.
    assert 1180 <= after.events <= 1200
    assert after.bad == 600
    assert after.covered == before.covered + STEP
    assert after.budget_remaining == pytest.approx(before.budget_remaining, abs=0.05)
    # The bad events leave the window as they would have done.
    service.run(service.second, 36, failing=False)
    later = service.status(service.second)
    assert later.covered == pytest.approx(3 * DAY, abs=STEP)
    assert later.bad == pytest.approx(600 - 24 * 20, abs=20)
    # And so they do when yet another process takes over, from one that has taken over.
    service.first.rules.add_slo(name="good", objective=0.9, window=3 * DAY)
    die(service.second)
    service.second.stop()
    service.clock.advance(STEP)
    service.first.tick()
    assert service.status(service.first).bad == pytest.approx(later.bad, abs=20)


def test_alerts_on_burn_rates_look_back_as_far(service: Service) -> None:
    service.run(service.first, 30, failing=True)
    service.run(service.first, 3, failing=False)
    rates = []
    for monitor in (service.first, service.second):
        if monitor is service.second:
            service.take_over()
        monitor.rules.add(alert="Burning", signal="burn_rate", slo="good", window=DAY, above=1.0)
        service.clock.advance(STEP)
        monitor.tick()
        [alert] = monitor.alerts.active()
        rates.append(alert.value)
    assert rates[1] == pytest.approx(rates[0], rel=0.1)


def test_operations_are_looked_back_on_as_far_as_the_journal_goes(service: Service) -> None:
    service.second.rules.add(alert="Busy", signal="error_ratio", window=DAY, above=0.0)
    service.run(service.first, 30, failing=True)
    service.run(service.first, 30, failing=False)
    service.take_over()
    # Nobody knows when those were that failed, which the window of a day does not have.
    assert service.second.alerts.active() == []
    series = service.second.evaluation.history.operations.all[0]
    assert series.increase("count", float("-inf")) < 100


def test_an_slo_that_is_defined_otherwise_begins_anew(service: Service) -> None:
    service.run(service.first, 30, failing=True)
    service.take_over(under=0.5)
    assert service.status(service.second).events == 0


@pytest.mark.parametrize("content", [b"", b"foreign and longer than a prefix", b"\0" * 8])
def test_a_file_that_cannot_be_read_is_left_out(
    service: Service, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    service.run(service.first, 10, failing=True)
    (service.directory / "slo-history").write_bytes(content)
    service.take_over()
    assert "the history of SLOs could not be read" in caplog.text
    assert 0 < service.status(service.second).events < 100
    service.run(service.second, 1, failing=False)


def test_what_would_be_too_large_is_not_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalspan.workers.slo_history._MAX_ENTRIES", 5)
    service.run(service.first, 10, failing=True)
    service.take_over()
    assert 0 < service.status(service.second).events < 100


def test_another_run_of_the_machine_begins_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.run(service.first, 10, failing=True)
    monkeypatch.setattr(journal_module.Journal, "entries", lambda *_: iter(()))
    service.take_over()
    assert service.status(service.second).events == 0
