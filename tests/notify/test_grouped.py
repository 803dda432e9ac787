"""What receivers of grouped messages are told, and that it is no more and no less."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from support.notify_alerts import START, firing, graded, resolved
from support.notify_plans import NAMES, ChangingAlerts, keys, outcomes, step
from vitalspan.errors import ConfigurationError
from vitalspan.notify.plans.grouped import GroupPlan, GroupTiming, Notification, group_timing
from vitalspan.notify.receiver import Outcome


def plan(
    reminder: float | None = None,
    *,
    group_wait: float = 0,
    group_interval: float = 0,
    send_resolved: bool = True,
) -> GroupPlan:
    timing = GroupTiming(group_wait, group_interval, reminder)
    return GroupPlan(timing, send_resolved=send_resolved)


def test_each_change_is_told_once() -> None:
    told, alert = plan(), firing()
    (message,) = step(told, [alert], START)
    assert (message.alertname, message.status, message.reminder) == (
        "CheckoutSlow",
        "firing",
        False,
    )
    assert message.alerts == message.changed == (alert,)
    assert message.at == START
    assert message.group == "CheckoutSlow"
    assert step(told, [alert], START + 5) == []
    critical = graded(alert, "critical")
    (message,) = step(told, [critical], START + 10)
    assert message.changed == (critical,)
    assert step(told, [critical], START + 15) == []
    (message,) = step(told, [graded(alert, "warning")], START + 20)
    assert message.changed[0].severity == "warning"
    over = resolved(alert, START + 25)
    (message,) = step(told, [over], START + 25)
    assert (message.status, message.alerts) == ("resolved", (over,))
    assert step(told, [over], START + 30) == []
    assert step(told, [], START + 2000) == []


def test_alerts_of_one_name_share_a_message() -> None:
    told = plan()
    shop, back = firing(labels={"operation": "shop"}), firing(labels={"operation": "back"})
    other = firing("QueueLong")
    first = step(told, [shop, back, other], START)
    assert [(message.alertname, len(message.alerts)) for message in first] == [
        ("CheckoutSlow", 2),
        ("QueueLong", 1),
    ]
    over = resolved(back, START + 5)
    (message,) = step(told, [shop, over, other], START + 5)
    assert message.status == "firing"
    assert message.alerts == (shop, over)
    assert message.changed == (over,)
    (message,) = step(told, [resolved(shop, START + 10), over, other], START + 10)
    assert (message.status, len(message.alerts)) == ("resolved", 1)


def test_an_alert_that_is_missing_is_over() -> None:
    told, alert = plan(), firing()
    step(told, [alert], START)
    (message,) = step(told, [], START + 5)
    assert message.alerts == (resolved(alert, START + 5),)
    assert step(told, [], START + 10) == []


def test_an_alert_that_was_over_before_it_was_seen_is_not_told() -> None:
    assert step(plan(), [resolved(firing(), START)], START) == []


def test_an_alert_that_fires_again_between_two_messages_is_not_told_again() -> None:
    told, alert = plan(), firing(known_as="a")
    step(told, [alert], START)
    again = replace(alert, id="b", fired_at=START + 5)
    assert step(told, [resolved(alert, START + 4), again], START + 5) == []
    (message,) = step(told, [resolved(again, START + 9), resolved(alert, START + 4)], START + 9)
    assert message.alerts[0].id == "b"


# --- the waits of groups


def test_a_group_waits_for_alerts_that_begin_with_its_first_one() -> None:
    told = plan(group_wait=30, group_interval=300)
    first, second = firing(labels={"n": "1"}), firing(labels={"n": "2"}, at=START + 20)
    assert step(told, [first], START) == []
    assert step(told, [first, second], START + 25) == []
    (message,) = step(told, [first, second], START + 30)
    assert message.alerts == (first, second)
    third = firing(labels={"n": "3"}, at=START + 40)
    assert step(told, [first, second, third], START + 40) == []
    over = resolved(first, START + 200)
    assert step(told, [over, second, third], START + 325) == []
    (message,) = step(told, [over, second, third], START + 330)
    assert message.changed == (third, over)


def test_an_alert_that_has_fired_for_long_is_told_at_once() -> None:
    """One that a restarted process or a new receiver sees, as Alertmanager does it."""
    told = plan(group_wait=30, group_interval=300)
    assert len(step(told, [firing(at=START - 31)], START)) == 1


def test_an_alert_that_ends_within_the_wait_is_never_told() -> None:
    told = plan(group_wait=30, group_interval=300)
    alert = firing()
    step(told, [alert], START)
    over = resolved(alert, START + 20)
    assert [step(told, [over], START + second) for second in range(20, 900, 5)] == [[]] * 176


def test_a_flapping_alert_is_a_message_an_interval() -> None:
    told = plan(group_wait=30, group_interval=300)
    messages = []
    for second in range(0, 600, 5):
        began = START + second // 10 * 10
        alert = firing(known_as=str(began), at=began)
        now = START + second
        seen = alert if second % 10 == 0 else resolved(alert, now)
        messages += step(told, [seen], now)
    assert len(messages) <= 2


def test_what_failed_is_tried_again_without_the_wait() -> None:
    told = plan(group_wait=30, group_interval=300)
    alert = firing(at=START - 60)
    assert len(step(told, [alert], START, "failed")) == 1
    assert len(step(told, [alert], START + 5, "sent")) == 1
    assert step(told, [resolved(alert, START + 6)], START + 10) == []


def test_what_was_not_tried_is_tried_again_without_the_wait() -> None:
    told = plan(group_wait=30, group_interval=300)
    alert = firing(at=START - 60)
    assert len(step(told, [alert], START, "unsent")) == 1
    assert len(step(told, [alert], START + 5, "sent")) == 1


def test_the_last_chance_waits_for_nothing() -> None:
    told = plan(group_wait=30, group_interval=300)
    told.observe([firing()], START)
    assert len(told.due(START, math.inf)) == 1


@pytest.mark.parametrize("name", ["group_wait", "group_interval", "reminder"])
@pytest.mark.parametrize("value", [-1, True, "5m", math.nan])
def test_timing_that_cannot_be(name: str, value: Any) -> None:
    given = {"group_wait": 0, "group_interval": 0, "reminder": None, name: value}
    with pytest.raises(ConfigurationError, match=f"Log: {name}="):
        group_timing("Log", **given)


def test_of_two_rules_with_the_same_labels_it_is_always_the_same_one() -> None:
    told, one, two = plan(), firing(known_as="a"), firing(known_as="b")
    assert len(step(told, [one, two], START)) == 1
    assert step(told, [two, one], START + 5) == []


def test_the_end_may_be_kept_from_a_receiver() -> None:
    told, alert = plan(send_resolved=False), firing()
    step(told, [alert], START)
    assert step(told, [resolved(alert, START + 5)], START + 5) == []
    assert len(step(told, [replace(alert, id="again")], START + 10)) == 1


# --- silence, acknowledgement, reminders


def test_what_is_silenced_is_told_when_silence_ends() -> None:
    told = plan()
    alert = firing(silenced_until=START + 100)
    assert step(told, [alert], START) == []
    assert step(told, [alert], START + 99) == []
    assert len(step(told, [alert], START + 100)) == 1


def test_an_end_during_silence_is_told_afterwards() -> None:
    told, alert = plan(), firing()
    step(told, [alert], START)
    over = replace(resolved(alert, START + 10), silenced_until=START + 100)
    assert step(told, [over], START + 10) == []
    assert step(told, [], START + 99) == []
    (message,) = step(told, [], START + 100)
    assert message.alerts == (over,)


def test_an_alert_that_is_silenced_all_its_life_is_never_told() -> None:
    told = plan()
    alert = firing(silenced_until=START + 100)
    step(told, [alert], START)
    assert step(told, [resolved(alert, START + 50)], START + 200) == []


def test_silence_hides_an_alert_from_messages_about_others() -> None:
    told = plan()
    loud, quiet = firing(labels={"operation": "a"}), firing(labels={"operation": "b"})
    step(told, [loud, quiet], START)
    quiet = replace(quiet, silenced_until=START + 100)
    (message,) = step(told, [graded(loud, "critical"), quiet], START + 5)
    assert [alert.labels["operation"] for alert in message.alerts] == ["a"]


def test_reminders() -> None:
    told, alert = plan(reminder=60), firing()
    step(told, [alert], START)
    assert step(told, [alert], START + 59) == []
    (message,) = step(told, [alert], START + 60)
    assert message.reminder
    assert message.changed == (alert,)
    assert step(told, [alert], START + 119) == []
    assert step(told, [replace(alert, acknowledged=True)], START + 120) == []
    (message,) = step(told, [alert], START + 130)
    assert message.reminder
    # A clock that was set back.
    (message,) = step(told, [alert], START - 3600)
    assert message.reminder
    (message,) = step(told, [resolved(alert, START)], START - 3590)
    assert not message.reminder


def test_no_reminder_while_a_message_is_under_way() -> None:
    told, alert = plan(reminder=60), firing()
    assert step(told, [alert], START, None)
    assert step(told, [alert], START + 100) == []


# --- messages that do not get through


def test_what_failed_is_told_again_as_it_is_then() -> None:
    told, alert = plan(), firing()
    step(told, [alert], START, "failed")
    assert len(step(told, [alert], START + 5, "failed")) == 1
    (message,) = step(told, [graded(alert, "error")], START + 10, "failed")
    over = resolved(alert, START + 15)
    (message,) = step(told, [over], START + 15, "failed")
    assert message.status == "resolved"
    assert len(step(told, [over], START + 20)) == 1
    assert step(told, [over], START + 25) == []


def test_what_was_refused_is_told_again_after_a_while() -> None:
    told, alert = plan(reminder=10), firing()
    step(told, [alert], START, "rejected")
    assert step(told, [alert], START + 59) == []
    (message,) = step(told, [alert], START + 60)
    assert not message.reminder


def test_the_end_of_what_could_not_be_told_is_told() -> None:
    told, alert = plan(), firing()
    told.observe([alert], START)
    (message,) = step(told, [resolved(alert, START + 5)], START + 5)
    assert message.status == "resolved"


def test_a_message_that_waits_is_not_made_again() -> None:
    told, alert = plan(), firing()
    (first,) = step(told, [alert], START, None)
    assert step(told, [alert], START + 5, None) == []
    (second,) = step(told, [resolved(alert, START + 6)], START + 6, None)
    told.settle(first, "unsent")
    assert step(told, [resolved(alert, START + 6)], START + 7, None) == []
    told.settle(second, "unsent")
    (third,) = step(told, [resolved(alert, START + 6)], START + 8, None)
    told.settle(third, "sent")
    told.settle(third, "sent")
    assert step(told, [], START + 10) == []


def test_a_late_end_does_not_hide_what_came_after_it() -> None:
    told, alert = plan(), firing()
    over = resolved(alert, START + 5)
    messages = [
        step(told, [seen], START + 5 * number, None)[0]
        for number, seen in enumerate((alert, over, alert, over))
    ]
    for message, outcome in zip(messages, ("sent", "sent", "failed", "failed"), strict=True):
        told.settle(message, outcome)  # type: ignore[arg-type]
    assert len(step(told, [over], START + 20)) == 1


def test_what_failed_before_goes_last() -> None:
    told = plan()
    bad, good = firing("Bad"), firing("Good")
    step(told, [bad], START, "failed")
    messages = step(told, [bad, good], START + 5)
    assert [message.alertname for message in messages] == ["Good", "Bad"]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitalspan.notify.alert_identity.MAX_REMEMBERED", 10)
    told = plan()
    alerts = [firing(labels={"n": str(number)}) for number in range(10)]
    assert told.observe(alerts, START) == 0
    more = [firing(labels={"n": str(number)}) for number in range(10, 15)]
    over = [resolved(alert, START + 5 + number) for number, alert in enumerate(alerts)]
    assert told.observe([*over, *more], START + 20) == 5
    (message,) = told.due(START + 20, 5.0)
    assert len(message.alerts) == 10
    assert {alert.labels["n"] for alert in message.alerts} == set(map(str, range(5, 15)))


# --- any sequence


class GroupMachine(ChangingAlerts):
    """Alerts change, ticks pass, messages get through, late or not at all.

    The receiver is a table of what it was told last. It agrees with what is when everything has
    got through; and it has never been told more often than something changed.
    """

    @initialize()
    def begin(self) -> None:
        self.told = plan()
        self.under_way: list[Notification] = []
        self.receiver: dict[str, str] = {}
        self.messages = dict.fromkeys(NAMES.values(), 0)
        self.lost = 0

    @rule(key=keys, seconds=st.sampled_from([0.0, 7.0, 1000.0]))
    def silence(self, key: str, seconds: float) -> None:
        if key in self.alerts:
            self.alerts[key] = replace(self.alerts[key], silenced_until=self.now + seconds)

    @rule()
    def tick(self) -> None:
        self.now += 5.0
        self.told.observe(list(self.alerts.values()), self.now)
        for message in self.told.due(self.now, 5.0):
            self.under_way.append(message)
            self.messages[message.alertname] += 1
            for alert in message.alerts:
                assert alert.silenced_until <= self.now

    @rule()
    def observe_only(self) -> None:
        """A tick while the circuit is open."""
        self.now += 5.0
        self.told.observe(list(self.alerts.values()), self.now)

    @precondition(lambda self: self.under_way)
    @rule(outcome=outcomes)
    def settle(self, outcome: Outcome) -> None:
        message = self.under_way.pop(0)
        self.told.settle(message, outcome)
        if outcome == "sent":
            self.receive(message)
        else:
            self.lost += 1

    @rule()
    def get_everything_through(self) -> None:
        self.now += 2000.0
        while self.under_way:
            message = self.under_way.pop(0)
            self.told.settle(message, "sent")
            self.receive(message)
        self.tick()
        for message in self.under_way:
            self.told.settle(message, "sent")
            self.receive(message)
        self.under_way.clear()
        expected = {
            key: alert.severity
            for key, alert in self.alerts.items()
            if alert.state == "firing" and alert.silenced_until <= self.now
        }
        assert self.receiver == expected
        self.tick()
        assert self.under_way == []

    def receive(self, message: Notification) -> None:
        for alert in message.alerts:
            key = alert.labels["key"]
            if alert.state == "firing":
                self.receiver[key] = alert.severity
            else:
                self.receiver.pop(key, None)

    def teardown(self) -> None:
        for name, number in self.messages.items():
            assert number <= self.changes[name] + self.lost


class WaitingGroupMachine(GroupMachine):
    """The same with the waits of groups: no two messages of a group come within an interval."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.told = plan(group_wait=10, group_interval=60)
        self.made_at: dict[str, float] = {}

    @rule()
    def tick(self) -> None:
        before = len(self.under_way)
        super().tick()
        for message in self.under_way[before:]:
            name = message.alertname
            if not self.lost:
                assert self.now - self.made_at.get(name, -60.0) >= 60
            self.made_at[name] = self.now
            if message.status == "resolved":
                # The group is over; a later alert begins another one.
                del self.made_at[name]


TestGroupMachine = GroupMachine.TestCase
TestWaitingGroupMachine = WaitingGroupMachine.TestCase
