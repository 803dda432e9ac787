"""Service level objectives: judged call by call, burnt in several windows."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.rules.model import Slo
from vitalspan.rules.slos import BURN_WINDOWS, burn_group, burn_rate
from watched import Watched


def test_the_burn_rates_of_the_workbook() -> None:
    slo = Slo("s", 0.999)
    assert [burn_rate(slo, window) for window in BURN_WINDOWS] == pytest.approx([14.4, 6, 3, 1])
    # The short window is a twelfth of the long one.
    assert {window.long / window.short for window in BURN_WINDOWS} == {12.0}


def test_a_window_longer_than_the_objectives_is_left_out() -> None:
    group = burn_group(Slo("short-one", 0.99, window=86400.0))
    assert [rule.query.window for rule in group.rules] == [3600.0, 21600.0, 86400.0]
    assert {rule.alert for rule in group.rules} == {"ShortOneBudgetBurn"}
    assert [rule.levels[0].severity for rule in group.rules] == ["critical", "critical", "warning"]
    assert group.rules[0].levels[0].threshold == pytest.approx(0.02 * 24)


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=40), st.floats(0.01, 1.9))
@settings(max_examples=50, deadline=None)
def test_latency_is_judged_exactly(calls: list[tuple[float, bool]], under: float) -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="fast", objective=0.9, under=under, window="7d")
    took = []
    for seconds, fails in calls:
        error = ValueError() if fails else None
        before = watched.clock.now()
        watched.call(seconds=seconds, error=error)
        took.append(before + seconds - before)
    watched.tick()
    [slo] = watched.monitor.slos()
    assert slo.events == len(calls)
    assert slo.bad == sum(1 for seconds in took if seconds > under)


def test_availability_counts_errors_and_leaves_cancelled_calls_out() -> None:
    watched = Watched()
    watched.call("checkout", times=3)
    watched.monitor.rules.add_slo(
        name="available", objective="90%", where={"operation": "checkout"}, window="30d"
    )
    watched.call("checkout", times=16)
    watched.call("checkout", error=ValueError(), times=4)
    watched.call("checkout", error=asyncio.CancelledError(), times=5)
    watched.call("other", error=ValueError(), times=9)
    watched.tick()
    [slo] = watched.monitor.slos()
    # Calls of before the objective that were not counted yet are judged as well.
    assert (slo.events, slo.bad) == (23, 4)
    assert slo.budget_remaining == pytest.approx(1 - 4 / 2.3)
    assert slo.exhausted_in == 0.0
    assert not slo.complete
    assert slo.covered == 5.0
    assert watched.sample("slo_events_total", slo="available") == 23
    assert watched.sample("slo_bad_events_total", slo="available") == 4
    assert watched.sample("slo_objective_ratio", slo="available") == 0.9
    remaining = watched.sample("slo_error_budget_remaining_ratio", slo="available")
    assert remaining == slo.budget_remaining


def test_without_events_nothing_is_known() -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="available", objective=0.9)
    watched.tick()
    [slo] = watched.monitor.slos()
    assert (slo.budget_remaining, slo.burn_rate, slo.exhausted_in) == (None, None, None)
    assert watched.sample("slo_error_budget_remaining_ratio", slo="available") is None
    assert watched.sample("slo_events_total", slo="available") == 0


def test_time_until_the_budget_is_exhausted() -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="available", objective=0.9, window="30d")
    for _ in range(10):
        watched.call(times=95)
        watched.call(error=ValueError(), times=5)
        watched.tick()
    [slo] = watched.monitor.slos()
    assert slo.burn_rate == pytest.approx(0.5)
    assert slo.budget_remaining == pytest.approx(0.5)
    assert slo.exhausted_in == pytest.approx(30 * 86400.0)
    watched.call(times=10)
    watched.tick(900)
    [later] = watched.monitor.slos()
    assert later.burn_rate is None


def test_a_burnt_budget_fires_and_clears() -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(
        name="available", objective=0.99, window="30d", labels={"team": "shop"}
    )
    watched.call(times=100)
    watched.tick()
    watched.call(error=ValueError(), times=50)
    watched.tick()
    firing = watched.monitor.alerts(state="firing")
    assert {one.labels["long_window"] for one in firing} == {"1h", "6h", "1d", "3d"}
    assert {one.labels["team"] for one in firing} == {"shop"}
    assert {one.severity for one in firing} == {"critical", "warning"}
    assert firing[0].annotations["summary"].startswith("available spends its error budget 33.3")
    # Five minutes later the short window has none of it; half an hour later the next has not.
    watched.call(times=10)
    watched.tick(61)
    watched.call(times=10)
    watched.tick()
    firing = watched.monitor.alerts(state="firing")
    assert {one.labels["long_window"] for one in firing} == {"6h", "1d", "3d"}


def test_an_objective_that_changes_begins_anew_and_one_that_stays_goes_on() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.add_slo(name="a", objective=0.9)
    rules.add_slo(name="b", objective=0.9)
    watched.call(times=10)
    watched.tick()
    rules.add_slo(name="b", objective=0.99, labels={"team": "shop"})
    assert [(slo.events, slo.objective) for slo in watched.monitor.slos()] == [
        (10, 0.9),
        (10, 0.99),
    ]
    assert watched.sample("slo_objective_ratio", slo="b") == 0.99
    rules.add_slo(name="b", objective=0.99, under="1s")
    assert {slo.name: slo.events for slo in watched.monitor.slos()} == {"a": 10, "b": 0}
    watched.call(times=5)
    watched.tick()
    assert {slo.name: slo.events for slo in watched.monitor.slos()} == {"a": 15, "b": 5}
    assert rules.remove("a")
    watched.tick()
    assert [slo.name for slo in watched.monitor.slos()] == ["b"]
    assert watched.sample("slo_events_total", slo="a") is None
    assert watched.sample("alert_state", alertname="ABudgetBurn", severity="critical") is None


def test_new_operations_are_judged_too() -> None:
    watched = Watched(max_series=2)
    watched.monitor.rules.add_slo(name="all", objective=0.9)
    for name in "abcd":
        watched.call(name, times=2)
    watched.tick()
    assert watched.monitor.slos()[0].events == 8
    watched.monitor.reset()
    assert watched.monitor.slos()[0].events == 0
