"""Service level objectives: judged call by call, burnt in several windows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.served import Served
from support.watched import Watched
from vitalspan.rules.burn_rate_alerts import (
    BURN_WINDOWS,
    burn_group,
    burn_windows,
    capped,
    too_short,
)
from vitalspan.rules.file.load import build_slo
from vitalspan.rules.model import Slo
from vitalspan.units import duration_text

HOUR, DAY = 3600.0, 86400.0


def windows(**fields: Any) -> list[tuple[float, float, float, str]]:
    """Burn rate, long and short window in seconds, and severity of each alert of an SLO."""
    rules = burn_group(build_slo({"name": "s", **fields})).rules
    return [
        (
            round(rule.levels[0].threshold, 3),
            rule.query.window,
            rule.query.short or 0.0,
            rule.levels[0].severity,
        )
        for rule in rules
    ]


def test_the_windows_of_the_workbook() -> None:
    assert windows(objective="99.9%", window="30d") == [
        (14.4, HOUR, 300, "critical"),
        (6, 6 * HOUR, 1800, "critical"),
        (3, DAY, 2 * HOUR, "warning"),
        (1, 3 * DAY, 6 * HOUR, "warning"),
    ]
    budgets = [round(window.budget(30 * DAY), 3) for window in BURN_WINDOWS]
    assert budgets == [0.02, 0.05, 0.1, 0.1]


def test_windows_scale_with_that_of_the_slo() -> None:
    assert windows(objective="99.9%", window="7d") == [
        (14.4, 14 * 60, 70, "critical"),
        (6, 84 * 60, 7 * 60, "critical"),
        (3, 5.6 * HOUR, 28 * 60, "warning"),
        (1, 16.8 * HOUR, 84 * 60, "warning"),
    ]
    # Nothing is measured within less than a minute.
    assert windows(objective="99.9%", window="1d") == [
        (14.4, 120, 60, "critical"),
        (6, 12 * 60, 60, "critical"),
        (3, 48 * 60, 4 * 60, "warning"),
        (1, 2.4 * HOUR, 12 * 60, "warning"),
    ]
    # Of two alerts of one severity and length, the more sensitive one says it all.
    assert windows(objective="99.9%", window="1h") == [
        (6, 120, 60, "critical"),
        (3, 120, 60, "warning"),
        (1, 360, 60, "warning"),
    ]
    # Nobody remembers more than a month.
    assert windows(objective="99.9%", window="365d")[-1] == (1, 30 * DAY, 2.5 * DAY, "warning")


@given(
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.floats(24 * 60, 400 * DAY),
)
@example(0.9, 30 * DAY)
@example(0.5, DAY)
@example(5e-324, DAY)
@example(1 - 2**-53, 24 * 60)
def test_every_alert_fires_in_an_outage_and_none_while_the_budget_lasts(
    objective: float, window: float
) -> None:
    assert too_short(window) == ""
    rules = burn_group(Slo("s", objective, window=window)).rules
    assert {rule.levels[0].severity for rule in rules} == {"critical", "warning"} or (
        rules == () and objective < 1e-8
    )
    for rule in rules:
        threshold, short = rule.levels[0].threshold, rule.query.short or 0.0
        outage, pace = 1.0 / (1.0 - objective), (1.0 - objective) / (1.0 - objective)
        assert pace < threshold < outage
        assert 60 <= short < rule.query.window <= max(window, 30 * DAY)
        # By the time that it fires, enough of the budget is left to do something.
        assert threshold * rule.query.window / window <= 0.5 + 1e-9


def test_thresholds_that_no_burn_rate_comes_to_are_lowered_and_said() -> None:
    assert [burn for burn, *_ in windows(objective="90%")] == [9.1, 6, 3, 1]
    assert [burn for burn, *_ in windows(objective="70%")] == [3.1, 3.1, 3, 1]
    assert [burn for burn, *_ in windows(objective="50%")] == [1.9, 1.9, 1.9, 1]
    assert list(capped(build_slo({"name": "s", "objective": "90%"}))) == [
        (
            "with an objective of 90 %, no burn rate is above 10: its critical alert over 1h fires "
            "above 9.1 instead of 14.4"
        )
    ]
    assert list(capped(build_slo({"name": "s", "objective": "99%"}))) == []
    assert list(capped(Slo("s", 1e-12))) == [
        "with an objective of 1e-10 %, no burn rate is above 1: it has no alerts"
    ]


def alerts(**fields: Any) -> list[tuple[str, str, dict[str, str]]]:
    """Name, severity and labels of each alert of an SLO."""
    rules = burn_group(build_slo({"name": "s", "objective": 0.999, **fields})).rules
    return [(rule.alert, rule.levels[0].severity, dict(rule.labels)) for rule in rules]


def test_alerts_have_the_name_and_labels_that_are_asked_for() -> None:
    raised = alerts(
        alert="CheckoutFailing",
        labels={"team": "shop", "tier": "1"},
        alerts={"page": {"labels": {"tier": "0"}}, "ticket": {"severity": "info"}},
    )
    assert {name for name, *_ in raised} == {"CheckoutFailing"}
    assert [severity for _, severity, _ in raised] == ["critical"] * 2 + ["info"] * 2
    assert raised[0][2] == {"team": "shop", "tier": "0", "slo": "s", "long_window": "1h"}
    assert raised[2][2] == {"team": "shop", "tier": "1", "slo": "s", "long_window": "1d"}
    [rule, *_, last] = burn_group(
        build_slo(
            {
                "name": "s",
                "objective": 0.999,
                "annotations": {"summary": "a"},
                "alerts": {"warning": {"annotations": {"summary": "b"}}},
            }
        )
    ).rules
    assert (dict(rule.annotations)["summary"], dict(last.annotations)["summary"]) == ("a", "b")


def test_alerts_are_switched_off_by_severity() -> None:
    assert [severity for _, severity, _ in alerts(alerts={"page": False})] == ["warning"] * 2
    assert [severity for _, severity, _ in alerts(alerts={"warning": "off"})] == ["critical"] * 2
    assert alerts(alerts=False) == []
    assert len(alerts(alerts=True)) == len(alerts(alerts={"page": "on"})) == 4
    # What is off has no threshold to speak of.
    off = {"name": "s", "objective": 0.9, "alerts": {"critical": False}}
    assert list(capped(build_slo(off))) == []


def test_of_two_alerts_with_one_set_of_labels_the_more_sensitive_one_stays() -> None:
    same = {"window": "1h", "alerts": {"warning": {"severity": "critical"}}}
    assert [labels["long_window"] for *_, labels in alerts(**same)] == ["2m", "6m"]
    assert [burn for burn, *_ in windows(objective=0.999, **same)] == [3, 1]


@given(st.integers(1, 999), st.sampled_from([HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 90 * DAY]))
@settings(max_examples=20)
def test_a_process_alerts_in_an_outage_and_never_while_the_budget_lasts(
    allowed: int, window: float
) -> None:
    served = Served(1 - allowed / 1000, window)
    slo = served.watched.monitor.rules.in_force.slos[0]
    ticks, seconds = 40, max(each.long for each in burn_windows(slo)) / 30
    assert served.serve(1000, allowed, ticks=ticks, seconds=seconds) == set()
    assert served.serve(1000, 1000, ticks=ticks, seconds=seconds) == {
        duration_text(each.long) for each in burn_windows(slo)
    }


def test_an_slo_over_a_week_is_quiet_at_half_of_what_is_allowed() -> None:
    served = Served(0.999, 7 * DAY)
    assert served.serve(2000, 1, ticks=250, seconds=300) == set()


@given(st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=40), st.floats(0.01, 1.9))
@settings(max_examples=50)
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
    [slo] = watched.monitor.rules.slos()
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
    [slo] = watched.monitor.rules.slos()
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


def test_without_events_nothing_is_spent() -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="available", objective=0.9)
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.budget_remaining, slo.burn_rate, slo.exhausted_in) == (1.0, None, None)
    assert watched.sample("slo_error_budget_remaining_ratio", slo="available") == 1.0
    assert watched.sample("slo_events_total", slo="available") == 0


def test_time_until_the_budget_is_exhausted() -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="available", objective=0.9, window="30d")
    for _ in range(10):
        watched.call(times=95)
        watched.call(error=ValueError(), times=5)
        watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert slo.burn_rate == pytest.approx(0.5)
    assert slo.budget_remaining == pytest.approx(0.5)
    assert slo.exhausted_in == pytest.approx(30 * 86400.0)
    watched.call(times=10)
    watched.tick(900)
    [later] = watched.monitor.rules.slos()
    assert later.burn_rate is None


def test_a_burnt_budget_fires_and_clears() -> None:
    served = Served(0.99, 30 * DAY, labels={"team": "shop"})
    watched = served.watched
    assert served.serve(300, 0, ticks=288, seconds=300) == set()
    assert served.serve(300, 300, ticks=12, seconds=300) == {"1h", "6h", "1d", "3d"}
    firing = watched.monitor.alerts.active(state="firing")
    assert {one.labels["team"] for one in firing} == {"shop"}
    assert {one.severity for one in firing} == {"critical", "warning"}
    hour, six = sorted(firing, key=lambda one: one.value or 0.0, reverse=True)[:2]
    assert (hour.labels["long_window"], six.labels["long_window"]) == ("1h", "6h")
    assert hour.annotations["summary"].startswith("s spends its error budget 100 times too fast")
    assert six.value == pytest.approx(100 / 6)
    # Five minutes later the short window has none of it; half an hour later the next has not.
    assert served.serve(300, 0, ticks=1, seconds=301) == {"6h", "1d", "3d"}
    assert served.serve(300, 0, ticks=6, seconds=300) == {"1d", "3d"}


def test_the_first_call_that_fails_alerts_nobody() -> None:
    served = Served(0.999, 30 * DAY)
    assert served.serve(1, 1, ticks=1, seconds=5) == set()
    # Neither alone, nor with some good ones after it.
    assert served.serve(0, 0, ticks=100, seconds=5) == set()
    assert served.serve(2, 0, ticks=200, seconds=5) == set()


def test_long_windows_count_by_the_share_that_there_is_history_of() -> None:
    served = Served(0.999, 30 * DAY)
    # As if nothing had been bad before, 2 % of the budget go within 52 s of a total outage.
    assert served.serve(5, 5, ticks=10, seconds=5) == set()
    assert served.serve(5, 5, ticks=1, seconds=5) == {"1h"}
    [alert] = served.watched.monitor.alerts.active(state="firing")
    assert alert.value == pytest.approx(1000 * 55 / 3600)
    assert served.serve(5, 5, ticks=41, seconds=5) == {"1h", "6h", "1d", "3d"}


def test_an_slo_that_is_added_later_has_no_history_of_before() -> None:
    watched = Watched(health_model="off")
    watched.call(times=50)
    watched.tick(times=720)
    watched.monitor.rules.add_slo(name="s", objective="99.9%")
    for _ in range(10):
        watched.call(error=ValueError(), times=5)
        watched.tick()
    assert watched.monitor.alerts.active() == []
    watched.call(error=ValueError(), times=5)
    watched.tick()
    assert [alert.labels["long_window"] for alert in watched.monitor.alerts.active()] == ["1h"]


@pytest.mark.parametrize(("min_count", "fires"), [(1, True), (12, True), (13, False)])
def test_an_alert_waits_for_as_many_calls_as_are_asked_for(min_count: int, fires: bool) -> None:
    served = Served(0.999, 30 * DAY, min_count=min_count)
    served.serve(1, 1, ticks=12, seconds=5)
    assert served.serve(0, 0, ticks=1, seconds=5) == ({"1h"} if fires else set())


def test_a_single_failure_alerts_nobody_and_an_outage_of_a_quiet_service_does() -> None:
    # Thirty calls an hour: one failure in an hour is a burn rate of 33.
    served = Served(0.999, 30 * DAY)
    assert served.serve(1, 0, ticks=60, seconds=120) == set()
    assert served.serve(1, 1, ticks=1, seconds=120) == set()
    assert served.serve(1, 0, ticks=1, seconds=120) == set()
    assert served.serve(1, 1, ticks=1, seconds=120) >= {"1h", "6h"}
    # One call a day: the second failure in a row is within three days of the first.
    daily = Served(0.999, 30 * DAY)
    assert daily.serve(1, 0, ticks=5, seconds=DAY) == set()
    assert daily.serve(1, 1, ticks=1, seconds=DAY) == set()
    assert daily.serve(1, 1, ticks=1, seconds=DAY) == {"3d"}
    # Six hours later nothing says that it still goes on.
    assert daily.serve(0, 0, ticks=1, seconds=6 * HOUR + 1) == set()


@pytest.mark.parametrize(("min_bad", "fires"), [(0, True), (1, True), (2, False)])
def test_who_wants_to_hear_of_every_failure_says_so(min_bad: int, fires: bool) -> None:
    served = Served(0.999, 30 * DAY, min_bad=min_bad)
    served.serve(1, 0, ticks=60, seconds=60)
    assert served.serve(1, 1, ticks=1, seconds=60) == ({"1h"} if fires else set())


def test_the_short_window_needs_no_more_than_one_bad_event() -> None:
    served = Served(0.999, 30 * DAY, min_bad=3)
    served.serve(1, 0, ticks=60, seconds=60)
    assert served.serve(2, 2, ticks=1, seconds=600) == set()
    assert "1h" in served.serve(1, 1, ticks=1, seconds=600)


def test_an_objective_that_changes_begins_anew_and_one_that_stays_goes_on() -> None:
    watched = Watched()
    rules = watched.monitor.rules
    rules.add_slo(name="a", objective=0.9)
    rules.add_slo(name="b", objective=0.9)
    watched.call(times=10)
    watched.tick()
    rules.add_slo(name="b", objective=0.99, labels={"team": "shop"})
    assert [(slo.events, slo.objective) for slo in watched.monitor.rules.slos()] == [
        (10, 0.9),
        (10, 0.99),
    ]
    assert watched.sample("slo_objective_ratio", slo="b") == 0.99
    rules.add_slo(name="b", objective=0.99, under="1s")
    assert {slo.name: slo.events for slo in watched.monitor.rules.slos()} == {"a": 10, "b": 0}
    watched.call(times=5)
    watched.tick()
    assert {slo.name: slo.events for slo in watched.monitor.rules.slos()} == {"a": 15, "b": 5}
    assert rules.remove("a")
    watched.tick()
    assert [slo.name for slo in watched.monitor.rules.slos()] == ["b"]
    assert watched.sample("slo_events_total", slo="a") is None
    assert watched.sample("alert_state", alertname="ABudgetBurn", severity="critical") is None


def test_new_operations_are_judged_too() -> None:
    watched = Watched(max_series=2)
    watched.monitor.rules.add_slo(name="all", objective=0.9)
    for name in "abcd":
        watched.call(name, times=2)
    watched.tick()
    assert watched.monitor.rules.slos()[0].events == 8
    watched.monitor.reset()
    assert watched.monitor.rules.slos()[0].events == 0


@pytest.mark.parametrize(
    "judged", [{"bad": {"where": {"status": "=~5.."}}}, {"good": {"where": {"status": "!~5.."}}}]
)
def test_calls_are_judged_by_labels_that_are_known_at_their_end(judged: dict[str, Any]) -> None:
    watched = Watched()
    watched.monitor.rules.add_slo(name="s", objective=0.9, **judged)
    statuses = ["200"] * 7 + ["404", "500", "503"]
    for status in statuses:
        with watched.monitor.operation("get") as call:
            call.set_label("status", status)
    # What was raised says nothing here, and cancelled calls are not judged.
    watched.call("get", error=ValueError(), labels={"status": "200"})
    watched.call("get", error=asyncio.CancelledError(), labels={"status": "500"})
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.events, slo.bad) == (11, 2)
    # What it counts stays, unless other calls are good.
    watched.monitor.rules.add_slo(name="s", objective=0.99, **judged)
    assert watched.monitor.rules.slos()[0].events == 11
    watched.monitor.rules.add_slo(name="s", objective=0.99)
    assert watched.monitor.rules.slos()[0].events == 0


def test_an_slo_by_operation_has_a_budget_and_alerts_for_each() -> None:
    watched = Watched(health_model="off")
    watched.monitor.rules.add_slo(
        name="s",
        objective=0.99,
        by=["operation"],
        min_count=1,
        annotations={"summary": "{{ $labels.operation }} fails"},
    )
    watched.call("search", times=100)
    for _ in range(120):
        watched.call("search", times=10)
        watched.call("pay", times=5, error=ValueError())
        watched.tick()
    stand = {slo.labels["operation"]: slo for slo in watched.monitor.rules.slos()}
    assert stand["search"].budget_remaining == 1.0
    assert stand["pay"].budget_remaining == pytest.approx(-99)
    assert watched.sample("slo_events_total", slo="s", operation="search") == 1300
    assert watched.sample("slo_bad_events_total", slo="s", operation="pay") == 600
    assert watched.sample("slo_objective_ratio", slo="s") == 0.99
    left = watched.sample("slo_error_budget_remaining_ratio", slo="s", operation="pay")
    assert left == pytest.approx(-99)
    [alert] = watched.monitor.alerts.active(state="firing")
    assert (alert.labels["operation"], alert.labels["long_window"]) == ("pay", "1h")
    assert alert.annotations["summary"] == "pay fails"
    watched.monitor.reset()
    assert all(slo.events == 0 for slo in watched.monitor.rules.slos())
    # Another way to tell them apart begins anew.
    watched.monitor.rules.add_slo(name="s", objective=0.99, by=["component"])
    watched.call("pay")
    watched.tick()
    [slo] = watched.monitor.rules.slos()
    assert (slo.labels, slo.events) == ({"component": "default"}, 1)
