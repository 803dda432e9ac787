"""What is recommended: found where it is the matter, with figures, and silent where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from support.watched import TICK, Watched
from vitalspan.health.recommendations.recommendation import Recommendation


def of_kind(watched: Watched, kind: str) -> list[Recommendation]:
    return [one for one in watched.monitor.health.recommendations() if one.kind == kind]


def only(watched: Watched, kind: str) -> Recommendation:
    [found] = of_kind(watched, kind)
    return found


def test_nothing_is_recommended_to_a_service_that_does_nothing() -> None:
    watched = Watched()
    watched.tick()
    assert watched.monitor.health.recommendations() == []


def test_an_operation_that_takes_most_of_the_time() -> None:
    watched = Watched()
    watched.call("search", 0.4, times=9, component="web")
    watched.call("browse", 0.1, times=4, component="web")
    watched.tick()
    found = only(watched, "bottleneck")
    assert (found.subject, found.component) == ("search", "web")
    assert found.evidence == "90 % of the time of all operations over 5m: 9 calls of 400 ms"
    assert found.gain == 0.0


def test_of_two_equal_operations_both_are_bottlenecks_and_of_six_none_is() -> None:
    watched = Watched()
    watched.call("one", 0.1)
    watched.call("two", 0.1)
    watched.tick()
    assert {one.subject for one in of_kind(watched, "bottleneck")} == {"one", "two"}
    for name in ("three", "four", "five", "six"):
        watched.call(name, 0.1)
    watched.tick()
    assert of_kind(watched, "bottleneck") == []


def test_a_single_operation_is_no_bottleneck() -> None:
    watched = Watched()
    watched.call("only", 3.0)
    watched.tick()
    assert of_kind(watched, "bottleneck") == []


def test_what_speed_costs_is_gained_by_share() -> None:
    watched = Watched(health_model="pipeline")
    watched.call("slow", 27.0, times=5)
    watched.call("quick", 3.0, times=5)
    watched.tick()
    [speed] = [one for one in watched.monitor.health().factors if one.factor == "speed"]
    assert speed.value == pytest.approx(15.0)
    assert speed.points_lost == pytest.approx(50 * 12 / 27)
    assert only(watched, "bottleneck").gain == pytest.approx(0.9 * speed.points_lost)


def test_the_five_slowest_operations() -> None:
    watched = Watched()
    for number in range(7):
        watched.call(f"op{number}", 0.1 * (number + 1), times=2)
    watched.tick()
    found = of_kind(watched, "slow_operation")
    assert [one.subject for one in found] == ["op6", "op5", "op4", "op3", "op2"]
    assert found[0].evidence == "number 1 of the slowest over 5m: 2 calls of 700 ms"


def test_an_operation_that_fails_gains_what_its_errors_cost() -> None:
    watched = Watched()
    watched.call("pay", 0.1, times=30, error=TimeoutError(), component="payments")
    watched.call("pay", 0.1, times=20, component="payments")
    watched.call("browse", 0.1, times=10, error=KeyError())
    watched.call("browse", 0.1, times=40)
    watched.tick()
    health = watched.monitor.health()
    pay, browse = of_kind(watched, "failing_operation")
    assert (pay.subject, pay.component) == ("pay", "payments")
    assert pay.evidence == "30 of 50 calls failed over 5m"
    # They are all that is known, and stand for all points.
    assert pay.gain == pytest.approx(30.0)
    assert browse.gain == pytest.approx(10.0)
    assert pay.gain + browse.gain == pytest.approx(100 - (health.score or 0))


def test_one_error_in_hundreds_is_not_mentioned() -> None:
    watched = Watched()
    watched.call("pay", 0.1, error=KeyError())
    watched.call("pay", 0.1, times=199)
    watched.tick()
    assert of_kind(watched, "failing_operation") == []


def test_a_factor_about_some_series_alone_promises_nothing() -> None:
    watched = Watched()
    factor = {"name": "errors", "signal": "error_ratio", "full": 0, "zero": 1, "weight": 1}
    watched.monitor.rules.set_health(factors=[{**factor, "where": {"operation": "browse"}}])
    watched.call("pay", 0.1, times=9, error=KeyError())
    watched.call("browse", 0.1, times=9, error=KeyError())
    watched.tick()
    assert watched.monitor.health().score == 0
    assert [one.gain for one in of_kind(watched, "failing_operation")] == [0.0, 0.0]


def test_a_cold_cache() -> None:
    watched = Watched(health_model="pipeline")
    pages = watched.monitor.cache("pages", component="web")
    warm = watched.monitor.cache("warm")
    for _ in range(30):
        pages.miss()
    for _ in range(10):
        pages.hit()
        warm.hit()
    watched.tick()
    found = only(watched, "cold_cache")
    assert (found.subject, found.component) == ("pages", "web")
    assert found.evidence == "25 % of 40 look-ups over 5m found their entry"
    # 20 of 50 were found; were half of the misses not, it would be 35 of 50, which is enough.
    assert found.gain == pytest.approx(100 - (watched.monitor.health().score or 0))


def test_of_few_look_ups_nothing_is_said() -> None:
    watched = Watched()
    for _ in range(19):
        watched.monitor.cache("pages").miss()
    watched.tick()
    assert of_kind(watched, "cold_cache") == []


class Machine:
    """A process whose memory is what the test says."""

    def __init__(self, watched: Watched, left: float = 1e9) -> None:
        registry: CollectorRegistry = watched.registry
        self.resident = Gauge("process_resident_memory_bytes", "Memory.", registry=registry)
        left_over = Gauge("system_memory_available_bytes", "Memory.", registry=registry)
        left_over.set(left)
        self.watched = watched

    def grow(self, start: float, each_tick: float, ticks: int) -> None:
        for tick in range(ticks):
            self.resident.set(start + tick * each_tick)
            self.watched.tick()


def test_memory_that_leaks() -> None:
    watched = Watched()
    assert watched.monitor.health.recommendations() == []
    machine = Machine(watched)
    machine.grow(1e8, 1e5, int(1800 / TICK))
    found = only(watched, "memory_leak")
    assert (found.subject, found.component) == ("process", None)
    # 100 kB each 5 s are 72 MB an hour.
    assert "grows by 68.66 MiB/h over 29m50s" in found.evidence
    assert "vitalspan.memory.track()" in found.suggestion
    assert "953.7 MiB are left, which is enough for 13h53m20s" in found.evidence


@pytest.mark.parametrize(
    ("start", "each_tick", "ticks", "left"),
    [
        (1e8, 0.0, 360, 1e9),
        (1e8, -1e4, 360, 1e9),
        # Not long enough, so little that it is noise, and enough for weeks.
        (1e8, 1e5, 100, 1e9),
        (1e9, 1e4, 360, 1e9),
        (1e8, 1e4, 360, 1e11),
    ],
)
def test_memory_that_does_not_leak(start: float, each_tick: float, ticks: int, left: float) -> None:
    watched = Watched()
    Machine(watched, left).grow(start, each_tick, ticks)
    assert of_kind(watched, "memory_leak") == []


def test_what_memory_was_is_forgotten() -> None:
    watched = Watched()
    machine = Machine(watched)
    machine.grow(1e8, 1e5, 360)
    watched.monitor.reset()
    machine.grow(1e8, 1e5, 100)
    assert of_kind(watched, "memory_leak") == []


def test_the_recommended_concurrency_is_by_littles_law() -> None:
    watched = Watched()
    # 40 calls of 0.5 s in 5 s: four are inside on average, 4 / 0.7 is 5.7.
    watched.call("work", 0.5, times=40, component="web")
    watched.tick()
    [web] = watched.monitor.health().components
    assert web.recommended_concurrency == 6
    assert watched.sample("component_recommended_concurrency", component="web") == 6
    assert watched.read("concurrency", window="5s") == pytest.approx(4.0)
    # Without calls nothing is recommended, and nothing exported.
    watched.tick(int(300 / TICK) + 1)
    [web] = watched.monitor.health().components
    assert web.recommended_concurrency is None
    assert watched.sample("component_recommended_concurrency", component="web") is None


def test_a_component_with_more_inside_than_there_is_room_for() -> None:
    watched = Watched()
    watched.call("work", 0.1, times=5, component="web")
    inside = [watched.monitor.operation("work", component="web") for _ in range(3)]
    for one in inside:
        one.__enter__()
    watched.tick()
    found = only(watched, "saturation")
    assert (found.subject, found.component) == ("web", "web")
    assert found.evidence == (
        "3 calls are in progress, and those that ended lately make 0.1 on average: calls pile up"
    )
    assert found.suggestion.startswith("let at most 1 call run at once")
    for one in inside:
        one.__exit__(None, None, None)
    watched.tick()
    assert of_kind(watched, "saturation") == []


def test_a_machine_that_is_full() -> None:
    watched = Watched()
    registry = watched.registry
    Gauge("system_memory_size_bytes", "Memory.", registry=registry).set(100)
    Gauge("system_memory_available_bytes", "Memory.", registry=registry).set(15)
    watched.tick(2)
    found = only(watched, "saturation")
    assert found.evidence == "resource utilization is 85 %"
    assert found.gain == pytest.approx(50.0)


def fire(watched: Watched, **fields: Any) -> None:
    watched.monitor.rules.add(alert="Busy", signal="rate", above=0, **fields)
    watched.call("work", 0.1, component="web")
    watched.tick()


def test_an_alert_that_fires() -> None:
    watched = Watched()
    fire(watched, severity="critical", by=["component"])
    found = only(watched, "alert")
    assert (found.subject, found.component) == ("Busy", "web")
    assert found.evidence.startswith("rate of web is 0.00333333/s, above 0/s")
    assert found.gain == pytest.approx(100 / 3)
    assert found.suggestion == "fix its cause; the alert then resolves by itself"


def test_an_alert_with_a_runbook() -> None:
    watched = Watched()
    fire(watched, annotations={"runbook_url": "https://wiki.example/Busy"})
    assert only(watched, "alert").suggestion == "follow https://wiki.example/Busy"


def test_a_deduction_is_gained_back() -> None:
    watched = Watched(health_model="pipeline")
    watched.call("work", 0.1, times=20)
    fire(watched, severity="error")
    assert watched.monitor.health().score == pytest.approx(95.0)
    assert only(watched, "alert").gain == pytest.approx(5.0)


def test_an_alert_on_the_score_is_not_recommended_to_be_mended() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Low", signal="health_score", below=100)
    watched.call("work", 0.1, times=20, error=KeyError())
    watched.tick(2)
    assert watched.states()["Low"] == ("warning", "firing")
    assert of_kind(watched, "alert") == []


def test_a_score_that_falls() -> None:
    watched = Watched(health_snapshot_interval=0)
    for failing in range(6):
        watched.call("work", 0.1, times=20 - failing)
        if failing:
            watched.call("work", 0.1, times=failing, error=KeyError())
        watched.tick()
    found = only(watched, "falling_score")
    assert "points an hour" in found.evidence
    assert found.suggestion.startswith("look at what costs the most points: error ratio")


def test_recommendations_are_what_gains_most_first() -> None:
    watched = Watched()
    fire(watched, severity="warning")
    watched.call("pay", 0.1, times=20, error=KeyError())
    gains = [one.gain for one in watched.monitor.health.recommendations()]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0


def test_without_a_model_there_is_evidence_but_no_gain() -> None:
    watched = Watched(health_model="off")
    watched.call("pay", 0.1, times=20, error=KeyError())
    watched.tick()
    assert only(watched, "failing_operation").gain == 0.0
