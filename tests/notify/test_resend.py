"""What an Alertmanager is sent, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from support import notify_plans
from support.notify_alerts import START, firing, graded, resolved
from support.notify_plans import ChangingAlerts, outcomes
from vitalspan.notify.plans.resend import BATCH, Batch, ResendPlan, SilenceChange
from vitalspan.notify.receiver import Outcome
from vitalspan.notify.receivers.alertmanager import postable, postable_silence
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.alert import Alert
from vitalspan.rules.alert_state import RESOLVED_RETENTION
from vitalspan.rules.silences import Silence

RESEND = 60.0


def step(
    plan: ResendPlan, alerts: Sequence[Alert], now: float, outcome: Outcome | None = "sent"
) -> list[Alert]:
    """What is sent in one tick."""
    batches = notify_plans.step(plan, alerts, now, outcome)
    return [alert for batch in batches if isinstance(batch, Batch) for alert in batch.alerts]


@pytest.fixture
def plan() -> ResendPlan:
    return ResendPlan(RESEND)


def test_an_alert_is_sent_at_once_and_again_each_minute(plan: ResendPlan) -> None:
    alert = firing()
    sent = [now for now in range(0, 200, 5) if step(plan, [alert], START + now)]
    assert sent == [0, 60, 120, 180]


def test_an_end_is_sent_at_once_and_again_for_a_quarter_of_an_hour(plan: ResendPlan) -> None:
    alert = firing()
    step(plan, [alert], START)
    over = resolved(alert, START + 7)
    sent = [now for now in range(10, 2000, 10) if step(plan, [over], START + now)]
    assert sent == list(range(10, 10 + 900, 60))


def test_an_old_end_is_not_sent(plan: ResendPlan) -> None:
    over = resolved(firing(), START)
    assert step(plan, [over], START + RESOLVED_RETENTION + 1) == []


@pytest.mark.parametrize(("interval", "lives"), [(5.0, 240.0), (60.0, 240.0), (90.0, 360.0)])
def test_an_alert_outlives_two_that_are_lost(
    plan: ResendPlan, interval: float, lives: float
) -> None:
    plan.observe([firing()], START)
    (batch,) = plan.due(START, interval)
    assert isinstance(batch, Batch)
    assert batch.valid_until == START + lives
    assert batch.group == ""


def test_a_change_of_severity_ends_the_old_labels(plan: ResendPlan) -> None:
    warning = firing()
    critical = graded(warning, "critical")
    step(plan, [warning], START)
    sent = step(plan, [critical], START + 5)
    assert sent == [resolved(warning, START + 5), critical]
    # And back: the old labels fire again, and their end is no longer sent.
    sent = step(plan, [warning], START + 10)
    assert sent == [warning, resolved(critical, START + 10)]
    assert step(plan, [warning], START + 15) == []
    assert step(plan, [warning], START + 70) == [warning, resolved(critical, START + 10)]


def test_an_alert_that_is_missing_is_over(plan: ResendPlan) -> None:
    step(plan, [firing()], START)
    assert step(plan, [], START + 5) == [resolved(firing(), START + 5)]
    assert step(plan, [], START + 65) == [resolved(firing(), START + 5)]
    assert step(plan, [], START + 910) == []


def test_another_alert_with_the_same_labels_replaces_the_end(plan: ResendPlan) -> None:
    old = firing(known_as="a")
    step(plan, [old], START)
    step(plan, [resolved(old, START + 5)], START + 5)
    new = firing(known_as="b", at=START + 10)
    assert step(plan, [resolved(old, START + 5), new], START + 10) == [new]


def test_what_is_silenced_goes_on_being_sent(plan: ResendPlan) -> None:
    """Alertmanager keeps it quiet by its own silence; without news it would call it resolved."""
    alert = firing()
    step(plan, [alert], START)
    quiet = replace(alert, silenced_until=START + 100)
    assert step(plan, [quiet], START + 65) == [quiet]
    worse = graded(quiet, "critical")
    assert worse in step(plan, [worse], START + 70)


SILENCE = Silence(1, (Matcher("alertname", "=", "CheckoutSlow"),), START + 100, "a release")


def changes(
    plan: ResendPlan, silences: Sequence[Silence], now: float, outcome: Outcome | None = "sent"
) -> list[tuple[int, bool]]:
    """The silences that are made or ended in one tick."""
    plan.observe([], now, silences)
    messages = [one for one in plan.due(now, 5.0) if isinstance(one, SilenceChange)]
    if outcome is not None:
        for message in messages:
            plan.settle(message, outcome)
    return [(message.silence.id, message.ended) for message in messages]


def test_a_silence_is_made_once_and_ended_when_it_was_ended_early(plan: ResendPlan) -> None:
    assert changes(plan, [SILENCE], START) == [(1, False)]
    assert changes(plan, [SILENCE], START + 5) == []
    assert changes(plan, [], START + 10) == [(1, True)]
    assert changes(plan, [], START + 15) == []


def test_a_silence_comes_before_the_alerts_that_it_is_of(plan: ResendPlan) -> None:
    plan.observe([firing()], START, [SILENCE])
    silence, batch = plan.due(START, 5.0)
    assert isinstance(silence, SilenceChange)
    assert silence.group == "silence 1"
    assert isinstance(batch, Batch)


def test_a_silence_that_runs_out_ends_by_itself(plan: ResendPlan) -> None:
    changes(plan, [SILENCE], START)
    assert changes(plan, [], START + 100) == []
    assert changes(plan, [SILENCE], START + 105) == [(1, False)]


@pytest.mark.parametrize("outcome", ["failed", "unsent"])
def test_a_silence_that_was_lost_is_made_again(plan: ResendPlan, outcome: Outcome) -> None:
    assert changes(plan, [SILENCE], START, outcome) == [(1, False)]
    assert changes(plan, [SILENCE], START + 5) == [(1, False)]


def test_a_silence_that_was_never_made_is_not_ended(plan: ResendPlan) -> None:
    changes(plan, [SILENCE], START, "failed")
    assert changes(plan, [], START + 5) == []


def test_a_silence_that_is_refused_is_not_made_again(plan: ResendPlan) -> None:
    changes(plan, [SILENCE], START, "rejected")
    assert changes(plan, [SILENCE], START + 5) == []


def test_a_silence_that_ends_while_it_is_made_is_ended_afterwards(plan: ResendPlan) -> None:
    plan.observe([], START, [SILENCE])
    (making,) = plan.due(START, 5.0)
    assert changes(plan, [], START + 5) == []
    plan.settle(making, "sent")
    assert changes(plan, [], START + 10) == [(1, True)]


@pytest.mark.parametrize("outcome", ["failed", "unsent"])
def test_what_was_lost_is_sent_again_as_it_is_then(plan: ResendPlan, outcome: Outcome) -> None:
    alert = firing()
    step(plan, [alert], START, outcome)
    assert step(plan, [alert], START + 5, outcome) == [alert]
    over = resolved(alert, START + 10)
    assert step(plan, [over], START + 10, outcome) == [over]
    assert step(plan, [over], START + 15) == [over]
    assert step(plan, [over], START + 20) == []


def test_what_was_refused_waits_its_turn(plan: ResendPlan) -> None:
    step(plan, [firing()], START, "rejected")
    assert step(plan, [firing()], START + 55) == []
    assert step(plan, [firing()], START + 60) == [firing()]


def test_a_batch_that_waits_is_not_made_again(plan: ResendPlan) -> None:
    assert step(plan, [firing()], START, None)
    assert step(plan, [firing()], START + 5, None) == []


def test_a_clock_that_was_set_back_keeps_nothing_from_being_sent(plan: ResendPlan) -> None:
    step(plan, [firing()], START)
    assert step(plan, [firing()], START - 3600) == [firing()]


def test_many_alerts_are_many_batches(plan: ResendPlan) -> None:
    alerts = [firing(labels={"n": str(number)}) for number in range(2 * BATCH + 1)]
    plan.observe(alerts, START)
    sent = [len(one.alerts) for one in plan.due(START, 5.0) if isinstance(one, Batch)]
    assert sent == [BATCH, BATCH, 1]


def test_what_is_kept_is_bounded(plan: ResendPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitalspan.notify.alert_identity.MAX_REMEMBERED", 10)
    alerts = [firing(labels={"n": str(number)}) for number in range(10)]
    assert plan.observe(alerts, START) == 0
    over = [resolved(alert, START + number) for number, alert in enumerate(alerts)]
    assert plan.observe([*over, firing("Other")], START + 20) == 1
    (batch,) = plan.due(START + 20, 5.0)
    assert isinstance(batch, Batch)
    assert "0" not in [alert.labels.get("n") for alert in batch.alerts]


# --- the form of it


def test_what_is_posted() -> None:
    alert = firing(labels={"operation": "checkout", "empty": ""})
    assert postable(alert, START + 240, "https://shop.example/") == {
        "labels": {
            "alertname": "CheckoutSlow",
            "severity": "warning",
            "operation": "checkout",
        },
        "annotations": {"summary": "Checkout is slow"},
        "startsAt": "2023-11-14T22:13:20.000Z",
        "endsAt": "2023-11-14T22:17:20.000Z",
        "generatorURL": "https://shop.example/",
    }
    own = replace(alert, generator_url="https://shop.example/rule")
    assert postable(own, START, "https://shop.example/")["generatorURL"].endswith("/rule")
    assert "generatorURL" not in postable(alert, START, "")
    over = postable(resolved(alert, START + 1.5), START + 240, "")
    assert over["endsAt"] == "2023-11-14T22:13:21.500Z"


def test_external_labels_are_added_where_an_alert_has_none_of_the_name() -> None:
    alert = firing(labels={"job": "mine", "empty": ""})
    labels = postable(alert, START, "", {"job": "shop", "instance": "a:1", "empty": "x"})["labels"]
    assert labels["job"] == "mine"
    assert labels["instance"] == "a:1"


def test_a_silence_is_of_the_alerts_of_this_process() -> None:
    matchers = (
        Matcher("alertname", "=~", "Checkout.*"),
        Matcher("team", "!=", "shop"),
        Matcher("job", "!~", "x"),
    )
    silence = Silence(1, matchers, START + 60, "a release")
    assert postable_silence(silence, START, {"job": "shop", "instance": "a:1"}) == {
        "matchers": [
            {"name": "alertname", "value": "Checkout.*", "isRegex": True, "isEqual": True},
            {"name": "team", "value": "shop", "isRegex": False, "isEqual": False},
            {"name": "job", "value": "x", "isRegex": True, "isEqual": False},
            {"name": "instance", "value": "a:1", "isRegex": False, "isEqual": True},
        ],
        "startsAt": "2023-11-14T22:13:20.000Z",
        "endsAt": "2023-11-14T22:14:20.000Z",
        "createdBy": "vitalspan",
        "comment": "a release",
    }


def test_an_alert_never_ends_before_it_begins() -> None:
    over = postable(resolved(firing(), START - 5), START + 240, "")
    assert over["startsAt"] == over["endsAt"]
    waiting = replace(firing(), fired_at=None)
    assert postable(waiting, START, "")["startsAt"] == "2023-11-14T22:12:20.000Z"


# --- any sequence


class ResendMachine(ChangingAlerts):
    """Alerts change, batches get through, late or not at all, to a model of an Alertmanager.

    That keeps when each set of labels ends. What has got through or runs out makes it agree with
    what is.
    """

    @initialize()
    def begin(self) -> None:
        self.plan = ResendPlan(RESEND)
        self.under_way: list[Batch] = []
        self.ends: dict[tuple[str, str], float] = {}

    @rule(seconds=st.sampled_from([5.0, 30.0, 61.0]))
    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.plan.observe(list(self.alerts.values()), self.now)
        self.under_way += [one for one in self.plan.due(self.now, 5.0) if isinstance(one, Batch)]

    @precondition(lambda self: self.under_way)
    @rule(outcome=outcomes)
    def settle(self, outcome: Outcome) -> None:
        self.come_to(self.under_way.pop(0), outcome)

    @rule()
    def get_everything_through(self) -> None:
        while self.under_way:
            self.settle("sent")
        # What was refused is sent again within `RESEND`.
        for _ in range(2):
            self.tick(61.0)
            while self.under_way:
                self.settle("sent")
        held = {pair for pair, ends in self.ends.items() if ends > self.now}
        assert held == {
            (key, alert.severity) for key, alert in self.alerts.items() if alert.state == "firing"
        }

    def come_to(self, batch: Batch, outcome: Outcome) -> None:
        self.plan.settle(batch, outcome)
        if outcome != "sent":
            return
        for alert in batch.alerts:
            ends = batch.valid_until if alert.resolved_at is None else alert.resolved_at
            self.ends[alert.labels["key"], alert.severity] = ends


TestResendMachine = ResendMachine.TestCase
