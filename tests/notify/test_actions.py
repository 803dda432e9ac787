"""What is done when an alert begins to fire: when, how often, and in which thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable as Function
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from support.notify_alerts import START, firing, graded, resolved
from support.waiting import wait_until
from vitalspan.clock import ManualClock
from vitalspan.errors import ConfigurationError
from vitalspan.notify import ActionRecord, Actions
from vitalspan.notify.actions.action_queue import RESULTS
from vitalspan.notify.actions.triggered_action import TriggeredAction
from vitalspan.rules.alert import Alert

PATIENCE = 120.0


@pytest.fixture
def actions(clock: ManualClock) -> Iterator[Actions]:
    made = Actions(clock, queue=5, records=20)
    yield made
    made.close(PATIENCE)
    assert [one for one in threading.enumerate() if one.name == "vitalspan-actions"] == []


def results(actions: Actions) -> dict[str, int]:
    """What came of actions, without the zeros."""
    return {result: number for result, number in actions.counts().items() if number}


def settled(actions: Actions, **counts: int) -> None:
    wait_until(lambda: results(actions) == counts)


# --- when


def test_it_runs_when_an_alert_begins_to_fire(actions: Actions, clock: ManualClock) -> None:
    ran: list[tuple[Alert, str]] = []

    def restart(alert: Alert) -> None:
        ran.append((alert, threading.current_thread().name))
        clock.advance(1.5)

    actions.add("CheckoutSlow", restart)
    alert = firing()
    waiting = replace(firing("CheckoutSlow", known_as="p"), state="pending")
    actions.tick([waiting, resolved(firing(labels={"n": "1"}), START)], START)
    for number in range(3):
        actions.tick([alert, firing("Other")], START + number)
    settled(actions, run=1)
    assert ran == [(alert, "vitalspan-actions")]
    (record,) = actions.records()
    assert record == ActionRecord(
        alert_id=alert.id,
        alertname="CheckoutSlow",
        action=restart.__qualname__,
        started=START,
        duration=1.5,
        outcome="ok",
    )
    assert actions.counts() == {**dict.fromkeys(RESULTS, 0), "run": 1}


def test_it_runs_when_the_severity_rises(actions: Actions) -> None:
    ran: list[str] = []
    actions.add({}, lambda alert: ran.append(alert.severity), cooldown=0)
    alert = firing(severity="warning")
    for severity in ("warning", "critical", "warning", "error", "info"):
        actions.tick([graded(alert, severity)], START)
    settled(actions, run=3)
    assert ran == ["warning", "critical", "error"]


def test_it_runs_when_the_alert_is_another_one(actions: Actions) -> None:
    ran: list[str] = []
    actions.add({}, lambda alert: ran.append(alert.id), cooldown=0)
    first, second = firing(known_as="a"), firing(known_as="b", at=START + 5)
    actions.tick([first], START)
    actions.tick([second, resolved(first, START + 4)], START + 5)
    # Two rules with the same labels are taken for one.
    actions.tick([first, second], START + 10)
    actions.tick([], START + 15)
    actions.tick([second], START + 20)
    settled(actions, run=3)
    assert ran == ["a", "b", "b"]


def test_silence_does_not_keep_it_from_running(actions: Actions) -> None:
    actions.add({}, lambda alert: None, name="mend")
    actions.tick([firing(silenced_until=START + 1000)], START)
    settled(actions, run=1)
    assert actions.records()[0].action == "mend"


def test_an_alert_that_fires_already_does_not_begin(actions: Actions) -> None:
    ran: list[str] = []
    actions.tick([firing()], START)
    actions.add({}, lambda alert: ran.append(alert.id))
    actions.tick([firing(), firing("Second")], START + 5)
    settled(actions, run=1)
    assert ran == ["Second"]


# --- which


ALERT = firing("Slow", "error", labels={"operation": "checkout", "component": "payments"})


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ("Slow", True),
        ("Slo", False),
        ("=~Slo.*", True),
        ("!=Slow", False),
        ({}, True),
        ({"operation": "checkout"}, True),
        ({"operation": "checkout", "component": "=~pay.*"}, True),
        ({"operation": "checkout", "component": "!~pay.*"}, False),
        ({"alertname": "Slow", "severity": "=~error|critical", "type": "latency_p95"}, True),
        ({"team": ""}, True),
        ({"team": "payments"}, False),
        (lambda alert: alert.value > 0.5, True),
        (lambda alert: alert.value > 1, False),
    ],
)
def test_matching(match: Any, matches: bool) -> None:
    triggered = TriggeredAction(match, print, cooldown=0, max_per_hour=None, name=None)
    assert triggered.matches(ALERT) == matches


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"match": 7}, "match=7: use the name of an alert"),
        ({"match": "=~("}, "match: alertname: '=~\\('"),
        ({"match": {"operation": "=~(?=a)"}}, "not possible in Prometheus"),
        ({"match": {"operation": 5}}, "'operation': 5: labels and"),
        ({"match": {5: "a"}}, "5: 'a': labels and"),
        ({"action": None}, "action None cannot be called"),
        ({"cooldown": -1}, "cooldown=-1: give seconds"),
        ({"cooldown": float("nan")}, "cooldown=nan"),
        ({"cooldown": "5m"}, "cooldown='5m'"),
        ({"cooldown": True}, "cooldown=True"),
        ({"max_per_hour": 0}, "max_per_hour=0: use a whole number"),
        ({"max_per_hour": 1.5}, "max_per_hour=1.5"),
        ({"max_per_hour": True}, "max_per_hour=True"),
    ],
)
def test_what_cannot_be(actions: Actions, changes: dict[str, Any], message: str) -> None:
    options = {"match": "A", "action": print, **changes}
    with pytest.raises(ConfigurationError, match=message):
        actions.add(options.pop("match"), options.pop("action"), **options)


@pytest.mark.parametrize("option", ["queue", "records", "timeout"])
def test_sizes_that_cannot_be(option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}=0"):
        Actions(**{option: 0})
    with pytest.raises(ConfigurationError, match=f"{option}=True"):
        Actions(**{option: True})


def test_actions_come_and_go(actions: Actions) -> None:
    ran: list[str] = []

    class Mender:
        def mend(self, alert: Alert) -> None:
            ran.append("mended")

    mender = Mender()
    actions.add({}, mender.mend)
    actions.add("Other", mender.mend)
    actions.add({}, lambda alert: ran.append("other"))
    actions.remove(mender.mend)
    actions.tick([firing()], START)
    settled(actions, run=1)
    assert ran == ["other"]
    with pytest.raises(ConfigurationError, match="is not among the actions"):
        actions.remove(mender.mend)


# --- how often


def test_a_cooldown_is_of_one_alert(actions: Actions) -> None:
    actions.add({}, lambda alert: None, cooldown=60, name="mend")
    one, two = firing(labels={"n": "1"}), firing(labels={"n": "2"})
    actions.tick([one], START)
    actions.tick([graded(one, "critical"), two], START + 30)
    settled(actions, run=2, cooldown=1)
    actions.tick([], START + 59)
    actions.tick([one], START + 60)
    settled(actions, run=3, cooldown=1)
    skipped = actions.records()[1]
    assert (skipped.outcome, skipped.error) == ("skipped", "it ran 30 s ago for this alert")
    assert skipped.alert_id == one.id


def test_a_clock_that_was_set_back_ends_a_cooldown(actions: Actions) -> None:
    actions.add({}, lambda alert: None, cooldown=60, max_per_hour=1)
    actions.tick([firing(known_as="a")], START)
    actions.tick([firing(known_as="b", at=START + 1)], START - 3600)
    settled(actions, run=2)


def test_an_hour_has_so_many(actions: Actions) -> None:
    actions.add({}, lambda alert: None, cooldown=0, max_per_hour=2)
    for number in range(4):
        actions.tick([firing(labels={"n": str(number)})], START + 600 * number)
        wait_until(lambda n=number: sum(actions.counts().values()) == n + 1)  # type: ignore[misc]
    assert results(actions) == {"run": 2, "rate_limited": 2}
    assert actions.records()[-1].error == "it ran 2 times within an hour"
    actions.tick([firing(labels={"n": "later"})], START + 3600)
    settled(actions, run=3, rate_limited=2)


class ReactionMachine(RuleBasedStateMachine):
    """How often an action may run, against all that was run before."""

    COOLDOWN = 100.0

    @initialize(most=st.sampled_from([None, 1, 3]))
    def begin(self, most: int | None) -> None:
        self.most = most
        self.triggered = TriggeredAction(
            {}, print, cooldown=self.COOLDOWN, max_per_hour=most, name=None
        )
        self.now = START
        self.runs: list[tuple[str, float]] = []

    @rule(key=st.sampled_from("abc"), seconds=st.sampled_from([0.0, 50.0, 100.0, 1800.0]))
    def ask(self, key: str, seconds: float) -> None:
        self.now += seconds
        refused = self.triggered.refusal(firing(labels={"key": key}), self.now)
        times = [then for ran, then in self.runs if ran == key]
        hour = [then for _, then in self.runs if self.now - then < 3600]
        if times and self.now - times[-1] < self.COOLDOWN:
            expected = "cooldown"
        elif self.most is not None and len(hour) >= self.most:
            expected = "rate_limited"
        else:
            assert refused is None
            self.runs.append((key, self.now))
            return
        assert refused is not None
        assert refused[0] == expected


TestReactionMachine = ReactionMachine.TestCase


def test_cooldowns_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitalspan.notify.actions.triggered_action._MAX_COOLING", 10)
    triggered = TriggeredAction({}, print, cooldown=100, max_per_hour=None, name=None)
    for number in range(15):
        assert triggered.refusal(firing(labels={"n": str(number)}), START) is None
    assert triggered.refusal(firing(labels={"n": "0"}), START) is None
    assert triggered.refusal(firing(labels={"n": "14"}), START) is not None


# --- in its own thread


def test_a_coroutine(actions: Actions) -> None:
    loops = []

    async def mend(alert: Alert) -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    actions.add({}, mend)
    actions.tick([firing("A"), firing("B")], START)
    settled(actions, run=2)
    assert loops[0] is loops[1]


def test_a_coroutine_that_takes_too_long(clock: ManualClock) -> None:
    actions = Actions(clock, timeout=0.01)
    actions.add({}, lambda alert: asyncio.sleep(PATIENCE))
    actions.tick([firing()], START)
    settled(actions, failed=1)
    assert actions.records()[0].error == "TimeoutError: it took longer than 0.01 s"
    actions.close(PATIENCE)


@pytest.mark.parametrize(
    "error",
    [ValueError("x" * 1000), SystemExit(1), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
def test_what_it_raises_is_recorded(
    actions: Actions, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def fail(alert: Alert) -> None:
        raise error

    actions.add({}, fail, cooldown=60)
    actions.add({}, lambda alert: None)
    actions.tick([firing()], START)
    settled(actions, failed=1, run=1)
    failed, _ = actions.records()
    assert failed.outcome == "error"
    assert failed.error.startswith(type(error).__name__)
    assert len(failed.error) <= 500 + len("ValueError: ")
    assert "failed" in caplog.text
    # It was begun, and so it cools down.
    actions.tick([graded(firing(), "critical")], START + 5)
    settled(actions, failed=1, run=1, cooldown=2)


def test_a_match_or_a_log_filter_that_raises(actions: Actions) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError

    logger = logging.getLogger("vitalspan")
    logger.addFilter(refuse)
    try:
        actions.add(lambda alert: 1 / 0 > 0, lambda alert: None)
        actions.tick([firing()], START)
        settled(actions, failed=1)
    finally:
        logger.removeFilter(refuse)
    assert actions.records()[0].error.startswith("ZeroDivisionError")


def stuck_action() -> tuple[Function[[Alert], None], threading.Event, threading.Event]:
    begun, let_go = threading.Event(), threading.Event()

    def action(alert: Alert) -> None:
        begun.set()
        assert let_go.wait(PATIENCE)

    return action, begun, let_go


def test_one_that_hangs_does_not_delay_the_caller(actions: Actions) -> None:
    action, begun, let_go = stuck_action()
    actions.add({}, action)
    actions.tick([firing("First")], START)
    assert begun.wait(PATIENCE)
    alerts = [firing(f"A{number}") for number in range(9)]
    for number in range(len(alerts)):
        actions.tick([firing("First"), *alerts[: number + 1]], START + number)
    assert results(actions) == {"dropped": 4}
    let_go.set()
    settled(actions, dropped=4, run=6)
    names = [record.alertname for record in actions.records()]
    assert names == ["First", "A4", "A5", "A6", "A7", "A8"]


def test_records_are_bounded(clock: ManualClock) -> None:
    actions = Actions(clock, records=3)
    actions.add({}, lambda alert: None)
    actions.tick([firing(f"A{number}") for number in range(9)], START)
    settled(actions, run=9)
    assert [record.alertname for record in actions.records()] == ["A6", "A7", "A8"]
    actions.close(PATIENCE)


# --- the end


def test_closing_runs_nothing_more() -> None:
    action, begun, let_go = stuck_action()
    actions = Actions()
    actions.add({}, action)
    actions.add({}, action, name="second")
    actions.tick([firing("A"), firing("B")], START)
    assert begun.wait(PATIENCE)
    actions.close(0.0)
    let_go.set()
    actions.close(PATIENCE)
    assert results(actions) == {"run": 1, "dropped": 1}
    actions.tick([firing("C")], START)
    assert results(actions) == {"run": 1, "dropped": 1}


def test_closing_cancels_a_coroutine() -> None:
    begun = threading.Event()

    async def mend(alert: Alert) -> None:
        begun.set()
        await asyncio.sleep(PATIENCE)

    actions = Actions()
    actions.add({}, mend)
    actions.tick([firing()], START)
    assert begun.wait(PATIENCE)
    actions.close(0.0)
    settled(actions, failed=1)
    actions.close(PATIENCE)
    assert actions.records()[0].error.startswith("CancelledError")


def test_an_action_may_close_and_add(actions: Actions) -> None:
    done = threading.Event()

    def action(alert: Alert) -> None:
        actions.add("Other", print)
        actions.close(PATIENCE)
        done.set()

    actions.add({}, action)
    actions.tick([firing()], START)
    assert done.wait(PATIENCE)


def test_beginning_anew(actions: Actions) -> None:
    actions.add({}, lambda alert: None, cooldown=1000)
    actions.tick([firing()], START)
    settled(actions, run=1)
    actions.reset()
    assert results(actions) == {}
    assert actions.records() == []
    actions.tick([firing()], START)
    settled(actions, run=1)
    actions.close(PATIENCE)
    actions.reset()
    actions.tick([firing()], START)
    assert results(actions) == {}
