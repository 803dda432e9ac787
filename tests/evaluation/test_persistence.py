"""Restarts: a process goes on where the one before it ended."""

from __future__ import annotations

import dataclasses

import pytest

from support.stored import WALL, call, fail, service, sqlite_url
from vitalspan.notify import Callback


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path)


class Service:
    """Processes of one service, one after the other."""

    def __init__(self, url, told):
        self.url = url
        self.told = told
        self.begin(WALL, 1000.0)

    def begin(self, wall, start):
        self.clock, self.monitor = service(self.url, wall=wall, start=start)
        rules = self.monitor.rules
        rules.add(alert="Errors", signal="error_ratio", window="5m", above=0.1, severity="critical")
        rules.add(alert="Lasting", signal="error_ratio", window="5m", above=0.1, for_="20m")
        rules.add(alert="Brief", signal="error_ratio", window="5m", above=0.1, for_="2m")
        rules.add_slo(name="works", objective=0.9, window="30d")
        self.monitor.receivers.add(Callback(self.told, group_wait=0, group_interval=0))
        self.monitor.tick()

    def run(self, seconds, *, failing):
        for _ in range(int(seconds // 5)):
            call(self.monitor, self.clock, [0.5])
            if failing:
                fail(self.monitor)
            self.clock.advance(4.5)
            self.monitor.tick()

    def restart(self, outage, *, close=True):
        if close:
            self.monitor.close()
        else:
            # As after a kill, nothing is said at the end.
            self.monitor.evaluation.persistence._writer.store._let_lock_go()
        self.begin(self.clock.wall() + outage, 17.0)

    def alert(self, name):
        alerts = [one for one in self.monitor.alerts.active() if one.alertname == name]
        return alerts[0] if alerts else None

    def close(self):
        self.monitor.close()


@pytest.fixture
def told():
    return []


@pytest.fixture
def shop(url, told):
    made = Service(url, told.append)
    yield made
    made.close()


def states(shop):
    return {one.alertname: one.state for one in shop.monitor.alerts.active()}


@pytest.mark.parametrize("close", [True, False])
def test_what_fires_goes_on_firing(shop, told, close):
    shop.run(600, failing=True)
    before = shop.alert("Errors")
    assert before.state == "firing"
    said = len(told)
    shop.restart(60, close=close)
    after = shop.alert("Errors")
    assert (after.id, after.state) == (before.id, "firing")
    assert after.active_at == pytest.approx(before.active_at, abs=0.01)
    assert after.fired_at == pytest.approx(before.fired_at, abs=0.01)
    shop.run(30, failing=True)
    assert shop.alert("Errors").id == before.id
    shop.run(600, failing=False)
    assert shop.alert("Errors").state == "resolved"
    shop.monitor.close()
    after = [one for one in told[said:] if one.alertname == "Errors"]
    assert [one.status for one in after] == ["resolved"]


def test_a_pending_alert_has_waited_already(shop):
    shop.run(300, failing=True)
    before = shop.alert("Lasting")
    assert before.state == "pending"
    assert shop.alert("Brief").state == "firing"
    shop.restart(200)
    # It had 15 minutes of its 20 to go, and the outage does not count.
    assert shop.alert("Lasting").active_at == pytest.approx(before.active_at + 200, abs=6)
    shop.run(880, failing=True)
    assert shop.alert("Lasting").state == "pending"
    shop.run(40, failing=True)
    assert shop.alert("Lasting").state == "firing"


def test_after_a_long_outage_alerts_begin_anew(shop):
    shop.run(600, failing=True)
    shop.restart(3700)
    assert states(shop) == {}
    assert [one.alertname for one in shop.monitor.alerts.history()]


def test_silences_and_budgets_and_past_alerts_survive(shop):
    silence = shop.monitor.alerts.silence({"alertname": "Brief"}, 7200, "known")
    shop.run(600, failing=True)
    budget = shop.monitor.rules.slos()[0]
    past = shop.monitor.alerts.history()
    shop.restart(60)
    assert shop.monitor.alerts.silences() == [silence]
    assert shop.monitor.alerts.silence({"alertname": "Other"}, 60).id == silence.id + 1
    assert shop.monitor.alerts.history() == past
    again = shop.monitor.rules.slos()[0]
    assert (again.events, again.bad) == (budget.events, budget.bad)
    assert again.budget_remaining == pytest.approx(budget.budget_remaining)
    shop.run(300, failing=False)
    assert shop.monitor.rules.slos()[0].events == budget.events + 60


def test_budgets_remember_weeks(shop):
    shop.run(300, failing=True)
    for days in (1, 3, 9, 10):
        shop.restart(days * 86_400)
        shop.run(60, failing=False)
    status = shop.monitor.rules.slos()[0]
    assert (status.events, status.bad) == (120 + 4 * 12, 60)
    shop.restart(9 * 86_400)
    shop.run(60, failing=False)
    # The failures are more than thirty days ago now.
    assert shop.monitor.rules.slos()[0].bad == 0


def test_statistics_of_before_the_restart(shop):
    shop.run(600, failing=True)
    shop.restart(60)
    statistics = shop.monitor.statistics
    assert statistics.operation("pay").count == 0
    before = statistics.operation("pay", window=900)
    assert (before.count, before.errors) == (240, 120)
    assert before.p95 == pytest.approx(0.5, rel=0.05)
    assert before.max == pytest.approx(0.5)
    shop.run(7200, failing=False)
    assert statistics.operation("pay", window=600, offset=7260).errors == 120
    day = statistics.operation("pay", window=86_400)
    assert (day.count, day.errors) == (240 + 1440, 120)
    assert statistics.component("till", window=86_400).count == day.count
    assert [one.operation for one in statistics.operations(window=86_400)] == ["pay"]
    assert day.seconds == pytest.approx(86_400, abs=60)


def test_restored_series_are_no_metrics(shop):
    shop.run(60, failing=True)
    shop.restart(60)
    assert b'operation="pay"' not in shop.monitor.generate_latest()
    shop.run(5, failing=False)
    assert b'operation_duration_seconds_count{component="till",operation="pay"} 1' in (
        shop.monitor.generate_latest()
    )


def test_promql_alerts_go_on_while_samples_are_few(url, tmp_path):
    clock, monitor = service(url)
    pytest.importorskip("promql_parser")
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "groups: [{name: g, rules: [{alert: Failing, expr: "
        "'increase(operation_errors_total[5m]) > 3'}]}]"
    )

    def process(clock, monitor):
        monitor.rules.load(rules)
        monitor.tick()

    process(clock, monitor)
    for _ in range(30):
        fail(monitor)
        clock.advance(5)
        monitor.tick()
    (before,) = monitor.alerts.active()
    assert before.state == "firing"
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 20, start=5.0)
    process(clock, monitor)
    fail(monitor)
    clock.advance(5)
    monitor.tick()
    (after,) = monitor.alerts.active()
    assert (after.id, after.state) == (before.id, "firing")
    for _ in range(70):
        clock.advance(5)
        monitor.tick()
    (ended,) = monitor.alerts.active()
    assert ended.state == "resolved"
    monitor.close()


def test_health_has_its_trend_again(url):
    clock, monitor = service(url)
    for _ in range(60):
        call(monitor, clock, [0.5])
        clock.advance(9.5)
        monitor.tick()
    before = monitor.health().trend.snapshots
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 5, start=3.0)
    clock.advance(1)
    monitor.tick()
    assert len(before) > 3
    assert monitor.health().trend.snapshots[: len(before)] == before
    monitor.close()


def test_without_a_store_nothing_of_this_is_there(monitor):
    monitor.tick()
    assert b"vitalspan_store" not in monitor.generate_latest()


def test_sessions_of_before_the_restart(shop):
    def film(seconds):
        with shop.monitor.session("film") as session:
            call(shop.monitor, shop.clock, [seconds] * 20)
            fail(shop.monitor)
            session.count("scenes", 3)
            shop.monitor.cache("prices").hit()
            shop.monitor.api("bank").record(model="large", input_tokens=7, cost=0.5)
        shop.clock.advance(1)
        shop.monitor.tick()

    film(0.25)
    (before,) = shop.monitor.sessions.history("film")
    shop.restart(60)
    (again,) = shop.monitor.sessions.history("film")
    assert again == dataclasses.replace(before, sums=again.sums)
    assert again.to_dict() == before.to_dict()
    film(0.5)
    first, second = shop.monitor.sessions.history()
    change = shop.monitor.sessions.compare(first, second).operation("pay")
    assert change.durations.significant
    assert change.changes["mean"].ratio == pytest.approx(2)
    shop.restart(60)
    assert [one.start for one in shop.monitor.sessions.history()] == [first.start, second.start]
