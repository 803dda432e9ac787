"""The default model says what the person on call would say: its statements, one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import Gauge

from support.watched import Watched
from vitalspan.health.result import Health

MINUTES = 60.0


class Service(Watched):
    """A service with some operations, scored by the default model."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(health_model="service", **settings)

    def live(self, minutes: float, calls: int = 10, seconds: float = 0.1) -> None:
        """Let time pass with good calls of several operations, a tick every half minute."""
        for _ in range(round(minutes * 2)):
            for name in ("browse", "search", "checkout", "import"):
                self.call(name, seconds, times=calls)
            self.tick(seconds=30)

    def fail(self, share: float, calls: int = 1000) -> None:
        """Make calls of which a share fails, and tick."""
        self.call("pay", 0.1, times=round(calls * share), error=ValueError())
        self.call("pay", 0.1, times=round(calls * (1 - share)))
        self.tick()

    @property
    def health(self) -> Health:
        return self.monitor.health.latest

    @property
    def status(self) -> str:
        return self.health.status


@pytest.mark.parametrize(
    ("share", "status", "least", "most"),
    [
        (0.0, "healthy", 100, 100),
        (0.01, "healthy", 80, 99),
        (0.05, "degraded", 60, 79.99),
        (0.15, "unhealthy", 40, 59.99),
        (0.5, "critical", 0, 39.99),
        (1.0, "critical", 0, 0),
    ],
)
def test_the_share_of_calls_that_fail(share: float, status: str, least: float, most: float) -> None:
    service = Service()
    service.tick()
    service.fail(share)
    assert service.status == status
    assert service.health.score is not None
    assert least <= service.health.score <= most


def test_ten_times_slower_than_an_hour_ago() -> None:
    service = Service()
    service.live(70)
    assert service.status == "healthy"
    service.live(6, seconds=1.0)
    assert service.status == "degraded"


def test_ten_times_slower_and_beyond_an_slo() -> None:
    service = Service()
    service.monitor.rules.add_slo(name="fast", objective="99%", under="500ms")
    service.live(70)
    assert service.status == "healthy"
    service.live(40, seconds=1.0)
    assert service.status == "unhealthy"
    assert "slo:fast" in {one.factor for one in service.health.factors if one.points_lost}


@pytest.mark.parametrize(
    ("severity", "statuses"),
    [
        ("info", {"healthy"}),
        ("warning", {"healthy"}),
        ("error", {"degraded"}),
        ("critical", {"degraded", "unhealthy", "critical"}),
    ],
)
def test_an_alert_that_fires(severity: str, statuses: set[str]) -> None:
    service = Service()
    gauge = Gauge("depth", "Waiting.", registry=service.registry)
    service.monitor.rules.add(alert="Deep", series="depth", above={severity: 10})
    service.live(2)
    assert service.health.score == 100
    gauge.set(11)
    service.live(1)
    assert service.status in statuses
    gauge.set(0)
    service.live(1)
    assert service.health.score == 100


def test_one_operation_of_many_that_fails_altogether() -> None:
    service = Service()
    service.live(5, calls=50)
    assert service.health.score == 100
    service.call("report", times=30, error=ValueError())
    service.live(0.5, calls=50)
    # The share of all calls that fail hardly shows it.
    [errors] = [one for one in service.health.factors if one.factor == "errors"]
    assert errors.value is not None
    assert errors.value < 0.02
    assert service.status == "degraded"
    assert "report, 30 of 30 calls failed" in " ".join(service.health.reasons)


@pytest.mark.parametrize(
    ("available", "size"),
    [
        ("system_memory_available_bytes", "system_memory_size_bytes"),
        ("system_filesystem_available_bytes", "system_filesystem_size_bytes"),
    ],
)
def test_almost_full(available: str, size: str) -> None:
    service = Service()
    free = Gauge(available, "Free.", registry=service.registry)
    Gauge(size, "All.", registry=service.registry).set(100)
    for left, status in ((50, "healthy"), (11, "healthy"), (3, "degraded"), (0, "degraded")):
        free.set(left)
        service.live(1)
        assert service.status == status, left


def test_a_call_that_is_stuck() -> None:
    service = Service()
    service.live(5)
    with service.monitor.operation("browse"):
        service.live(0.5)
        assert service.health.score == 100
        service.live(12)
        assert service.status == "degraded"
        assert "a call of browse has been running for 12m" in " ".join(service.health.reasons)
    service.live(0.5)
    assert service.health.score == 100


def test_calls_that_have_always_been_long_are_not_stuck() -> None:
    service = Service()
    with service.monitor.operation("main"):
        service.call("batch", 600)
        service.live(5)
        with service.monitor.operation("batch"):
            service.live(50)
            assert service.status == "healthy"


def test_few_calls_say_little_and_never_jump() -> None:
    service = Service()
    service.tick()
    scores = []
    for _ in range(30):
        service.call("pay", error=ValueError())
        service.tick(seconds=1)
        scores.append(service.health.score)
    assert scores[0] >= 90
    assert scores[-1] == 0
    steps = [before - after for before, after in pairwise(scores)]
    assert all(0 <= step <= 10 for step in steps)


def test_nothing_known_is_no_data() -> None:
    service = Service()
    service.tick()
    assert (service.health.score, service.status) == (None, "no_data")


def test_what_is_lost_is_told_factor_by_factor() -> None:
    service = Service()
    service.tick()
    service.fail(0.15)
    lost = {one.factor: one.points_lost for one in service.health.factors if one.points_lost}
    assert lost == {"errors": pytest.approx(30), "many_errors": pytest.approx(20)}
    assert service.health.score == pytest.approx(50)
    assert service.health.explain().startswith("health 50.0 of 100: unhealthy (model service)")
